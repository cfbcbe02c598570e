"""Why something can't be done, in a sentence, and how a command exits then."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Documented in `docs/reference/cli.md`; scripts branch on them."""

    DONE = 0
    FOUND = 1
    WRONG_USE = 2
    REFUSED = 3
    INTERRUPTED = 130


class CommandError(Exception):
    """A sentence (what is at fault, what was expected, what to do), and the exit code."""

    exit_code = ExitCode.WRONG_USE


class WrongUse(CommandError):
    """The call itself is wrong: a bad file, an unknown name, a contradiction."""


class NotComparable(WrongUse):
    """Its owner chose so: nobody can say which rows there should be."""


class Refused(CommandError):
    """AWS (or the machine) said no, or could not be reached."""

    exit_code = ExitCode.REFUSED
