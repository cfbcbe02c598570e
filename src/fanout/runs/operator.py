"""Who is at work: the person on this machine, and whom AWS takes them for."""

import getpass
import os
import socket
from dataclasses import asdict, dataclass

from botocore.exceptions import BotoCoreError, ClientError

from fanout.aws import AwsTarget

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """`identity` is the ARN that AWS knows them by, or `unknown` where AWS doesn't say."""

    user: str
    host: str
    pid: int
    identity: str
    account: str

    def to_document(self) -> dict[str, str | int]:
        """One JSON object with every field."""
        return asdict(self)

    def __str__(self) -> str:
        """`jo@laptop (arn:aws:sts::…)`, for a sentence."""
        return f"{self.user}@{self.host} ({self.identity})"


def find_operator(target: AwsTarget) -> Operator:
    """Ask AWS and this machine. Not being told is no error: a run needs no right to ask."""
    try:
        caller = target.client("sts").get_caller_identity()
        identity, account = caller["Arn"], caller["Account"]
    except (BotoCoreError, ClientError):
        identity = account = UNKNOWN
    return Operator(
        user=_user(),
        host=socket.gethostname(),
        pid=os.getpid(),
        identity=identity,
        account=account,
    )


# Private functions


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return UNKNOWN
