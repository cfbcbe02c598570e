"""What a comparison finds: a rule of the reader that a writer's document may fail."""

from dataclasses import dataclass
from typing import Any, Final


class _Unshown:
    def __repr__(self) -> str:
        return "UNSHOWN"


UNSHOWN: Final = _Unshown()
"""In place of a witness: none was found, so the gap is undecided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A rule that the reader has and the writer need not keep.

    Attributes:
        path: Where in the document, as in JSONPath.
        rule: The reader's keyword.
        values: Where the writer has constants, those that the reader refuses.
        witness: A value that the writer may publish and the reader refuses, or UNSHOWN.
    """

    path: str
    rule: str
    values: tuple[Any, ...] = ()
    witness: Any = UNSHOWN

    @property
    def is_shown(self) -> bool:
        """Whether a witness was found."""
        return self.witness is not UNSHOWN
