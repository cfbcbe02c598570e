"""Take the event's document out of whatever a transport wrapped around it.

Raw delivery puts the document itself in the body; SNS without raw delivery wraps it in a
Notification; an EventBridge rule without an input path wraps it in an EventBridge event. They nest
(a bus rule may target a topic), so they are opened layer by layer.
"""

from typing import Any

from customer_events.decoder import parse_json
from customer_events.errors import UnknownEnvelope

_LAYERS_MAX = 3


def unwrap(body: str) -> dict[str, Any]:
    """Find the CloudEvents document in a message body.

    Raises:
        NotJson: the body, or an SNS `Message` in it, is no JSON text.
        UnknownEnvelope: JSON, but neither a CloudEvent nor an SNS or EventBridge envelope.
    """
    content: Any = parse_json(body)
    for _ in range(_LAYERS_MAX):
        if not isinstance(content, dict):
            break
        if "specversion" in content:
            return content
        if content.get("Type") == "Notification" and isinstance(content.get("Message"), str):
            content = parse_json(content["Message"])
        elif "detail-type" in content and "detail" in content:
            content = content["detail"]
        else:
            break
    raise UnknownEnvelope("expected a CloudEvent, raw or in an SNS or EventBridge envelope")
