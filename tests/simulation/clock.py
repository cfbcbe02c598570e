"""Time that passes only when the world says so."""

from datetime import UTC, datetime

START_SECONDS = 1_795_435_200.0
"""2026-11-23T12:00:00Z, in epoch seconds; a run never asks for the real time."""


class VirtualClock:
    """Implements the publisher's port `Clock`; to sleep is to move on."""

    def __init__(self) -> None:
        self.seconds = START_SECONDS

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
