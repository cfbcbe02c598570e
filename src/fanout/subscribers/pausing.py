"""Pause a subscriber on purpose: nothing is consumed, its alarms are mute, and everybody sees it.

The mark is in SSM. It is written first and deleted last, so that what a crash leaves is seen.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil

from customer_events.instants import to_wire
from fanout.aws import AwsTarget
from fanout.errors import WrongUse
from fanout.sqs.queue import QueueFacts, read_oldest_age
from fanout.sqs.subscription import of_subscriber
from sentinel.discovery import (
    Pause,
    find_subscriber,
    is_embedded,
    list_alarms,
    list_subscribers,
    paused,
)

PAUSE_MIN, PAUSE_MAX = timedelta(minutes=1), timedelta(days=15)
"""For how long alarms can be muted, and how many by one rule: API_PutAlarmMuteRule."""
MUTED_ALARMS_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A subscriber and what is to be done with it.

    `alarms` are its own, None where there are none to be had; `pause` is what is wanted, None to
    resume.
    """

    name: str
    mapping_id: str
    queue: QueueFacts
    alarms: tuple[str, ...] | None
    pause: Pause | None = None


def plan_resume(target: AwsTarget, name: str) -> Plan:
    """What there is to resume; changes nothing.

    Raises: WrongUse: no such subscriber, or one whose consumer's mapping is not known.
    """
    subscriber = find_subscriber(target, name)
    if subscriber.mapping_id is None:
        raise WrongUse(
            f"{name} has no event source mapping here: pause its consumer where it runs."
        )
    alarms = None
    if not is_embedded(target):
        others = [each.name for each in list_subscribers(target)]
        alarms = tuple(each["AlarmName"] for each in list_alarms(target, [name], others=others))
    queue = of_subscriber(target, subscriber).queue.facts()
    return Plan(name=name, mapping_id=subscriber.mapping_id, queue=queue, alarms=alarms)


def plan_pause(
    target: AwsTarget, name: str, *, length: timedelta, because: str, now: datetime
) -> Plan:
    """What a pause would do; changes nothing.

    Raises:
        WrongUse: see `plan_resume`; or the pause is too short, or so long that the queue would
            lose messages.
    """
    if length < PAUSE_MIN:
        raise WrongUse("--for: a pause takes a minute or more.")
    plan = plan_resume(target, name)
    oldest_seconds = read_oldest_age(target.client("cloudwatch"), plan.queue.arn, now) or 0
    loses_at = now + timedelta(seconds=max(0, plan.queue.retention_seconds - oldest_seconds))
    earlier = paused(target).get(name)
    if earlier is not None:  # what came since then is older than CloudWatch may know
        loses_at = min(loses_at, earlier.loses_at)
    if now + length >= loses_at or length > PAUSE_MAX:
        raise WrongUse(
            f"--for: the queue of {name} starts to lose messages at {to_wire(loses_at)[:19]}Z, and "
            f"alarms can be muted for {PAUSE_MAX.days} days: choose a shorter pause."
        )
    pause = Pause(since=now, until=now + length, loses_at=loses_at, because=because)
    return replace(plan, pause=pause)


def carry_out(target: AwsTarget, plan: Plan) -> None:
    """Pause or resume; may be repeated."""
    ssm, functions = target.client("ssm"), target.client("lambda")
    mark = f"/{target.prefix}/paused/{plan.name}"
    if plan.pause is not None:
        text = json.dumps(plan.pause.to_document())
        ssm.put_parameter(Name=mark, Type="String", Value=text, Overwrite=True)
        _mute(target, plan, plan.pause)
        functions.update_event_source_mapping(UUID=plan.mapping_id, Enabled=False)
        return
    functions.update_event_source_mapping(UUID=plan.mapping_id, Enabled=True)
    if plan.alarms:
        target.client("cloudwatch").delete_alarm_mute_rule(AlarmMuteRuleName=_rule(target, plan))
    ssm.delete_parameters(Names=[mark])


# Private functions


def _mute(target: AwsTarget, plan: Plan, pause: Pause) -> None:
    """From the next minute on, as a rule's schedule knows no seconds."""
    if not plan.alarms:
        return
    start = pause.since.replace(second=0, microsecond=0) + timedelta(minutes=1)
    minutes = max(1, ceil((pause.until - start) / timedelta(minutes=1)))
    schedule = {"Expression": f"at({start:%Y-%m-%dT%H:%M})", "Duration": f"PT{minutes}M"}
    target.client("cloudwatch").put_alarm_mute_rule(
        Name=_rule(target, plan),
        Description=f"fanout subscribers pause: {pause.because}"[:1024],
        Rule={"Schedule": schedule},
        MuteTargets={"AlarmNames": list(plan.alarms[:MUTED_ALARMS_MAX])},
    )


def _rule(target: AwsTarget, plan: Plan) -> str:
    return f"{target.prefix}-{plan.name}-paused"
