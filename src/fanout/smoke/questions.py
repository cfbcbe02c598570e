"""What AWS's documentation leaves open, and what can be asked of a deployment by trying.

The system rests on none of these; an answer that differs from `expected` is worth a look, not a
failure. `docs/howto/smoke-test-aws.md` lists them all.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fanout.smoke import asking
from fanout.smoke.site import NotInTime, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Something to find out. `ask` is None where a deployment can't tell; `why_not` says why."""

    question: str
    expected: str
    ask: Callable[[Site], str] | None = None
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a run found out. `answer` is None where nothing was; `remark` says why."""

    question: str
    expected: str
    answer: str | None
    remark: str

    def to_document(self) -> dict[str, Any]:
        """One JSON object."""
        return asdict(self)


EMULATED = "the embedded AWS's answer, not AWS's"

QUESTIONS = (
    Question(
        question="Is a later change of one item numbered higher in the stream?",
        expected="yes; promised within a shard, nowhere across a split",
        ask=asking.later_changes_are_numbered_higher,
    ),
    Question(
        question="Does an UpdateItem that changes nothing write a stream record?",
        expected="no",
        ask=asking.records_of_an_idle_update,
    ),
    Question(
        question="May a FIFO queue subscribe to a standard topic?",
        expected="refused",
        ask=asking.fifo_queue_on_a_standard_topic,
    ),
    Question(
        question="Does a message with 11 attributes arrive by raw delivery?",
        expected="no, and nothing tells",
        ask=asking.eleven_attributes,
    ),
    Question(
        question="Does a redrive by SQS reset a message's count of receives?",
        expected="yes",
        ask=asking.receives_after_a_redrive,
    ),
    Question(
        question="Is order kept per item when a stream shard has several batches at a time?",
        expected="yes",
        why_not="needs a load that keeps one shard busy; the consumers' order guard covers it",
    ),
    Question(
        question="Do stream filters see eventName and userIdentity?",
        expected="sources disagree",
        why_not="the mapping has no filter, on purpose; a second reader would slow the stream",
    ),
    Question(
        question="Does a bulk put write stream records?",
        expected="unknown",
        why_not="no API of it in the SDK that is locked here",
    ),
    Question(
        question="What are a TTL delete on a replica and MRSC streams like?",
        expected="unknown",
        why_not="needs a global table in two more regions",
    ),
    Question(
        question="What does EventBridge send along in a replay, and how late is it?",
        expected="replay-name; no promise of latency",
        why_not="the stack has an SNS topic; deploy the example eventbridge_fanout to try",
    ),
    Question(
        question="What is in the DLQ of a pipe?",
        expected="metadata only",
        why_not="the stack has no pipe; deploy the example pipes_fanout to try",
    ),
)


def ask_all(site: Site, tell: Callable[[str], None]) -> list[Answer]:
    """Ask what can be asked here."""
    return [_ask(site, one, tell) for one in QUESTIONS]


# Private functions


def _ask(site: Site, one: Question, tell: Callable[[str], None]) -> Answer:
    if one.ask is None:
        return Answer(question=one.question, expected=one.expected, answer=None, remark=one.why_not)
    tell(f"question: {one.question}")
    try:
        answer, remark = one.ask(site), EMULATED if site.local else ""
    except (NotInTime, ClientError, BotoCoreError) as error:
        return Answer(
            question=one.question, expected=one.expected, answer=None, remark=f"failed: {error}"
        )
    return Answer(question=one.question, expected=one.expected, answer=answer, remark=remark)
