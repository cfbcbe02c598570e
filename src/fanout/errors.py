"""What a command says and how it exits when it can't do its work."""

from sentinel.errors import CommandError, ExitCode, Refused, WrongUse

__all__ = ["CommandError", "ExitCode", "Found", "Refused", "WrongUse"]


class Found(CommandError):
    """The command worked and found what it looks for: drift, a breaking change, failures left."""

    exit_code = ExitCode.FOUND
