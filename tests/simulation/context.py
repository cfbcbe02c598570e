"""What Lambda hands a function beside the event."""

from dataclasses import dataclass

from simulation.clock import VirtualClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """As much of Lambda's context object as the functions use."""

    ends_at: float
    clock: VirtualClock
    aws_request_id: str = "request"

    def get_remaining_time_in_millis(self) -> int:
        return int((self.ends_at - self.clock.seconds) * 1000)
