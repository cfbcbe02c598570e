"""Where an exception was raised, for a log that holds no payload: files and lines, never a text."""

from pathlib import PurePath
from traceback import walk_tb

FRAMES_MAX = 5


def frames(error: BaseException) -> list[str]:
    """The innermost frames, outermost first, such as `payments_consumer/standing.py:17`."""
    calls = [
        ("/".join(PurePath(frame.f_code.co_filename).parts[-2:]), line)
        for frame, line in walk_tb(error.__traceback__)
    ]
    return [f"{file}:{line}" for file, line in calls[-FRAMES_MAX:]]


def where_raised(error: BaseException) -> str:
    """Type and lines, innermost first: `KeyError at publisher/a.py:41 < publisher/b.py:118`."""
    return " at ".join(filter(None, (type(error).__name__, " < ".join(frames(error)[::-1]))))
