"""What a check of a filter answers with."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: a stable `rule`, the key in the filter, and a sentence.

    `warning`: the filter may stay, but its author should know.
    """

    rule: str
    path: str = ""
    sentence: str
    warning: bool = False
