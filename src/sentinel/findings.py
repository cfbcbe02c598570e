"""What is wrong: one shape, whoever finds it."""

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, dataclass, field
from enum import StrEnum
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

T = TypeVar("T")


class Severity(StrEnum):
    """How bad a finding is; in the order in which they are shown."""

    WRONG = "wrong"  # something is lost, late or will be: act
    WARNING = "warning"  # it works, but one more fault would hurt
    NOTE = "note"  # nothing is wrong; a person should know


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person should know about a subject: the publisher, a subscriber, an alarm.

    `what` is one sentence; `harm` follows from it ("": the sentence says so); `fix`: what to do.
    """

    severity: Severity
    subject: str
    what: str
    _: KW_ONLY
    harm: str = ""
    fix: str = ""


@dataclass(slots=True)
class Asking:
    """Asks AWS, and notes what it refuses to say, so that one refusal hides nothing else."""

    _unread: dict[str, str] = field(default_factory=dict)

    def ask(self, what: str, call: Callable[[], T]) -> T | None:
        """The answer; None where AWS refuses. `what` is the subject of a sentence."""
        try:
            return call()
        except (BotoCoreError, ClientError) as error:
            why, fix = type(error).__name__, "Check the network and the credentials."
            if isinstance(error, ClientError):
                code = str(error.response.get("Error", {}).get("Code"))
                why, fix = f"{error.operation_name}: {code}", "Give your role that permission."
                if "NotFound" in code or "NoSuch" in code:
                    fix = "It does not exist: deploy it again."
            self._unread[f"{what} can't be read ({why})."] = fix
            return None

    def findings(self) -> list[Finding]:
        """What was not seen may be wrong, so it is no good news."""
        unread = self._unread.items()
        return [Finding(Severity.WRONG, "this command", what, fix=fix) for what, fix in unread]


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first, else in their order."""
    order = list(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))
