"""After the last step: all faults end, everything comes to rest, and the end is judged."""

from random import Random

from simulation.checkers import (
    BOUND_SECONDS,
    COMES_TO_REST,
    COMMANDS_END,
    CONVERGES,
    IDEMPOTENT,
    NOTHING_LOST,
    GuaranteeBroken,
)
from simulation.schedule import Step
from simulation.subscriber import Subscriber
from simulation.truth import Change, customer_item, status_of
from simulation.world import World

ROUNDS_MAX = 3000
LOCK_EXPIRED_SECONDS = 140.0
ROW_TELLS = ("status", "previous_status", "sequence", "sequence_source", "occurred_at", "event_id")


def judge_end(world: World) -> None:
    """Raises: GuaranteeBroken."""
    dice = Random(len(world.truth.by_record))
    world.calls.outages.clear()
    _wait_out_poison(world, dice)
    world.topic.cursed.clear()
    world.operators.send(keep=False)
    world.log("all faults end")
    run_until_idle(world, dice)
    if world.setting.commands:
        finish_commands(world, dice)
        run_until_idle(world, dice)
    _check_all_accounted(world)
    _bring_back(world, dice)
    run_until_idle(world, dice)
    _check_all_accounted(world)
    _check_rows(world, repaired=False)
    world.mapping.make_anew()
    world.log("the stream is read once more, which publishes what was refused in passing")
    run_until_idle(world, dice)
    _repair(world, dice)
    run_until_idle(world, dice)
    _check_rows(world, repaired=True)
    before = _states(world)
    world.topic.deliver_everything_again(dice)
    world.mapping.make_anew()
    world.log("everything is delivered once more")
    run_until_idle(world, dice)
    if _states(world) != before and not world.truth.unraised_generations:
        raise GuaranteeBroken(IDEMPOTENT, "a row changed when everything was delivered once more")


def run_until_idle(world: World, dice: Random) -> None:
    """Let everything happen that is due, and wait for what will be."""
    for _ in range(ROUNDS_MAX):
        if _work(world, dice):
            continue
        times = [world.mapping.due_at(world.clock.seconds)]
        times += [one.queue.next_visible_at() for one in world.subscribers]
        due_at = min((at for at in times if at is not None), default=None)
        if due_at is None:
            return
        world.clock.seconds = max(world.clock.seconds, due_at)
    raise GuaranteeBroken(COMES_TO_REST, "messages or records keep coming back without a fault")


def finish_commands(world: World, dice: Random) -> None:
    """What was begun and died is gone on with, to its end; then all failures are recovered."""
    for _ in range(len(world.commands.begun) * 2):
        if not world.commands.begun:
            break
        _command(world, dice, "resume")
        run_until_idle(world, dice)
    _command(world, dice, "recover")


# Private functions


def _wait_out_poison(world: World, dice: Random) -> None:
    """The stream is read without a pause, for longer than poison may hold anybody up."""
    if not world.topic.cursed:
        return
    bound = world.workers.bound
    bound.forget()
    bound.is_watching = True
    until = world.clock.seconds + 1.5 * BOUND_SECONDS
    while world.clock.seconds < until:
        if not _work(world, dice):
            due_at = world.mapping.due_at(world.clock.seconds)
            if due_at is None:
                break
            world.clock.seconds = max(world.clock.seconds, due_at)
    bound.is_watching = False


def _command(world: World, dice: Random, what: str) -> None:
    """One that has to end by itself, since nothing fails any more: at most it waits for a lock."""
    for _ in range(3):
        if world.commands.run(Step(do="command", what=what, dice=dice.getrandbits(30))):
            return
        world.clock.seconds += LOCK_EXPIRED_SECONDS
    if what != "resume":
        raise GuaranteeBroken(COMMANDS_END, f"{what} does not come to its end without a fault")


def _work(world: World, dice: Random) -> bool:
    worked = world.workers.publish(Step(do="publish", dice=dice.getrandbits(30)))
    worked |= world.topic.deliver(dice, 50, in_order=False) > 0
    for subscriber in world.subscribers:
        step = Step(do="consume", dice=dice.getrandbits(30))
        worked |= world.workers.consume(step, subscriber)
    return worked


def _check_all_accounted(world: World) -> None:
    for subscriber in world.subscribers:
        dead = {one.body for one in subscriber.dlq.messages.values()}
        facts = [fact for body in dead if (fact := world.truth.fact_of(body)) is not None]
        parked = {(fact.customer, fact.index) for fact in facts if fact.change is not None}
        for customer, changes in world.truth.changes.items():
            row = subscriber.fact_of_row(customer, world.truth)
            reached = row.index if row else 0
            for change in changes[reached:]:
                if not _is_accounted(world, subscriber, change, parked):
                    raise GuaranteeBroken(
                        NOTHING_LOST,
                        f"{change} is nowhere to be found; {subscriber.name}'s row holds "
                        f"{row or 'nothing'}",
                    )


def _is_accounted(
    world: World, subscriber: Subscriber, change: Change, parked: set[tuple[str, int]]
) -> bool:
    wanted = any(subscriber.wants(change, major) for major in world.setting.majors)
    return (
        (not wanted and not change.why_not)
        or (change.customer, change.index) in parked
        or _is_held_back(world, change)
        or bool(world.truth.unraised_generations)
    )


def _is_held_back(world: World, change: Change) -> bool:
    """In the failure store, or trimmed, by any of the streams that carried it."""
    return any(
        one.record.body["eventID"] in world.bucket.held or one.record.number in world.truth.trimmed
        for one in (change, *change.copies)
    )


def _check_rows(world: World, *, repaired: bool) -> None:
    """Every row says what is true; before reconcile, save where AWS or the publisher held back."""
    for subscriber in world.subscribers:
        for customer in world.truth.changes:
            if repaired and subscriber is world.subscribers[0]:
                true = _item_says(world, customer)
            else:
                true = _events_say(world, subscriber, customer)
            row = subscriber.rows.get(customer)
            says = row["status"]["S"] if row else "REMOVED" if repaired else None
            if true is not None and says != true:
                raise GuaranteeBroken(
                    CONVERGES,
                    f"{subscriber.name}'s row of {customer} says {says} at the end, not {true}",
                )


def _item_says(world: World, customer: str) -> str | None:
    """None where the item has no known status."""
    item = customer_item(world.accounts.items.get(customer))
    return "REMOVED" if item is None else status_of(item)


def _events_say(world: World, subscriber: Subscriber, customer: str) -> str | None:
    """None where no event, or not every event of the customer, could reach the subscriber."""
    changes = world.truth.changes[customer]
    if any(_is_held_back(world, one) for one in changes) or world.truth.unraised_generations:
        return None
    majors = world.setting.majors
    wanted = [one for one in changes if any(subscriber.wants(one, major) for major in majors)]
    return wanted[-1].status if wanted else None


def _bring_back(world: World, dice: Random) -> None:
    if not world.setting.commands:
        for subscriber in world.subscribers:
            subscriber.dlq.move_all_to(subscriber.queue)
        world.log("dead messages are moved back")
        return
    for through in ("queue", "consumer"):
        for index in range(len(world.subscribers)):
            _command(world, dice, f"replay {through} {index}")
        run_until_idle(world, dice)


def _repair(world: World, dice: Random) -> None:
    """Reconcile: every row of the first subscriber that differs from its item is repaired."""
    world.clock.seconds += 60
    if world.setting.commands:
        _command(world, dice, "reconcile")
        return
    count = 0
    for customer in world.truth.changes:
        count += world.operators.read_repair(world.subscribers[0], customer)
    world.operators.send(keep=False)
    world.log(f"reconcile repairs {count} rows")


def _states(world: World) -> dict[str, dict[str, tuple[object, ...]]]:
    return {
        one.name: {
            customer: tuple(str(row.get(name)) for name in ROW_TELLS)
            for customer, row in sorted(one.rows.items())
        }
        for one in world.subscribers
    }
