"""The machine's clock."""

import time
from datetime import UTC, datetime


class Clock:
    """Time, and waiting; a test has its own."""

    def now(self) -> datetime:
        """The instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever rise; they go on while the environment is frozen."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
