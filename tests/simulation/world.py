"""The whole path in memory: what each step of a schedule does to it."""

from collections.abc import Callable
from random import Random

from simulation.accounts import Accounts
from simulation.bucket import BucketClient
from simulation.bus import EventBus, FilterPolicy, Subscription, Topic
from simulation.calls import Calls
from simulation.checkers import Checkers, CommandChecks
from simulation.clock import START_SECONDS, VirtualClock
from simulation.commands import Commands
from simulation.faults import Setting
from simulation.operators import Operators
from simulation.queues import Queue, QueuedMessage
from simulation.queues_client import QueuesClient
from simulation.schedule import Step
from simulation.stream_mapping import StreamMapping
from simulation.subscriber import FROM_OR_TO_ACTIVE, PATTERN_FROM_OR_TO_ACTIVE, Subscriber
from simulation.system import System
from simulation.tables import RowsClient
from simulation.truth import Truth
from simulation.workers import Workers
from simulation.writers import Writers

HOUR_SECONDS = 3600.0
POISON = (
    '{"hello',
    '{"detail": 1}',
    '{"specversion":"1.0","type":"novapay.accounts.CustomerStatusChanged.v9"}',
    '{"specversion":"1.0","type":"novapay.accounts.CustomerStatusChanged.v2","data":{}}',
)


class World:
    """Made anew for each run. `lines` is the log, if there is to be one."""

    make_checkers = Checkers
    make_workers = Workers

    def __init__(self, setting: Setting, system: System, *, with_log: bool = False) -> None:
        self.setting = setting
        self.system = system
        self.lines: list[str] = []
        self._with_log = with_log
        self._depth = 0
        self.clock = VirtualClock()
        self.truth = Truth()
        self.calls = Calls(self.clock)
        self.calls.run_step = self.do
        self.accounts = Accounts(self.clock)
        self.bucket = BucketClient(self.calls)
        self.checkers = self.make_checkers(self.truth, setting, self.bucket)
        self.bucket.watch = self.checkers.parked_record
        self.command_checks = CommandChecks(self.truth, setting)
        self.bucket.watch_gone = self.command_checks.failures_gone
        self.writers = Writers(self.accounts, self.truth, setting)
        self.mapping = StreamMapping(self.accounts, setting)
        self.topic = _make_bus(self)
        self.subscribers = [_make_subscriber(self, "payments")]
        if setting.second_subscriber:
            policy = PATTERN_FROM_OR_TO_ACTIVE if setting.eventbridge else FROM_OR_TO_ACTIVE
            self.subscribers.append(_make_subscriber(self, "cards", policy=policy, raw=False))
        self.checkers.subscribers = self.subscribers
        queues = [queue for one in self.subscribers for queue in (one.queue, one.dlq)]
        self.queues = QueuesClient(self.calls, queues, self.clock)
        self.operators = Operators(self)
        self.workers = self.make_workers(self)
        self.commands = Commands(self)
        self._steps: dict[str, Callable[[Step, Random], object]] = {
            "write": self._write,
            "publish": lambda step, _: self.workers.publish(step),
            "deliver": self._deliver,
            "consume": self._consume,
            "wait": lambda _, __: None,
            "poison": self._poison,
            "deliver again": self._deliver_again,
            "end shard": self._end_shard,
            "make mapping anew": self._make_mapping_anew,
            "mapping off": self._mapping_off,
            "outage": self._outage,
            "curse": self._curse,
            "restart": self._restart,
            "fail over": self._fail_over,
            "read snapshot": self._read_snapshot,
            "read repair": self._read_repair,
            "send snapshots": self._send_snapshots,
            "redrive": self._redrive,
            "deploy": self._deploy,
            "bury": self._bury,
            "live change": self._live_change,
            "command": lambda step, _: self.commands.run(step),
        }

    def close(self) -> None:
        self.commands.close()

    def log(self, sentence: str) -> None:
        if self._with_log:
            at = self.clock.seconds - START_SECONDS
            self.lines.append(f"{at:10.1f} s  {'    ' * self._depth}{sentence}")

    def do(self, step: Step) -> None:
        """One step, and whatever happens in the middle of it."""
        self.clock.seconds += step.after
        self._depth = self.calls.depth
        self._steps[step.do](step, Random(step.dice))
        self._depth = self.calls.depth

    def idle(self) -> None:
        """A command waits: meanwhile everybody else works for a while."""
        if self.calls.depth > 1:
            return
        dice = self.calls.current.random
        for do in ("publish", "deliver", *["consume"] * len(self.subscribers)):
            self.do(Step(do=do, dice=dice.getrandbits(30)))

    def customer(self, dice: Random) -> str:
        return f"c-{dice.randint(1, self.setting.customers)}"

    # Private functions

    def _write(self, step: Step, dice: Random) -> None:
        self.log(f"write: {self.writers.write(self.customer(dice), step.what, dice)}")

    def _live_change(self, step: Step, dice: Random) -> None:
        """A change goes all its way at once."""
        self._write(Step(do="write", what=step.what), dice)
        self.workers.publish(Step(do="publish", dice=dice.getrandbits(30)))
        self.topic.deliver(dice, 20, in_order=False)
        for subscriber in self.subscribers:
            self.workers.consume(Step(do="consume", dice=dice.getrandbits(30)), subscriber)

    def _deliver(self, step: Step, dice: Random) -> None:
        count = self.topic.deliver(dice, dice.randint(1, 6), in_order=step.what == "in order")
        if count:
            self.log(f"{count} messages reach their queues")

    def _consume(self, step: Step, dice: Random) -> None:
        self.workers.consume(step, dice.choice(self.subscribers))

    def _deliver_again(self, _: Step, dice: Random) -> None:
        if dice.random() < 0.5:
            self.topic.deliver_again(dice)
            self.log("the topic delivers something once more")
        elif dice.choice(self.subscribers).queue.deliver_again(dice) is not None:
            self.log("a queue hands out something that was deleted")

    def _end_shard(self, _: Step, dice: Random) -> None:
        self.accounts.end_shard(dice)
        self.log("a shard ends")

    def _make_mapping_anew(self, _: Step, __: Random) -> None:
        self.mapping.make_anew()
        self.log("the mapping is made anew: the stream is read from its trim horizon")

    def _mapping_off(self, step: Step, _: Random) -> None:
        hours = float(step.what)
        self.mapping.forget()
        self.clock.seconds += hours * HOUR_SECONDS
        self.trim()
        self.log(f"the mapping was off for {hours:g} hours")

    def trim(self) -> None:
        self.truth.trimmed |= {one.number for one in self.accounts.trim()}

    def _restart(self, step: Step, dice: Random) -> None:
        """The table is restored, once the publisher has read all of the old stream."""
        self.calls.outages.clear()
        self.topic.cursed.clear()
        for _ in range(200):
            if not self.workers.publish(Step(do="publish", dice=dice.getrandbits(30))):
                due_at = self.mapping.due_at(self.clock.seconds)
                if due_at is None:
                    break
                self.clock.seconds = max(self.clock.seconds, due_at)
        self.clock.seconds += HOUR_SECONDS
        self.writers.restore()
        self.mapping.make_anew()
        if step.what == "raised":
            self.writers.epoch += 1
            self.workers.start_anew()
        else:
            self.truth.unraised_generations.add(self.accounts.generation)
        self.log(f"the table is restored from a backup; the epoch is {step.what}")

    def _fail_over(self, _: Step, dice: Random) -> None:
        """What is still in queues, or was not read yet, stays where it is: nobody waits."""
        lag_seconds = dice.choice((0.0, 0.0, 1.0, 3.0))
        self.clock.seconds += lag_seconds
        self.writers.fail_over(lag_seconds)
        self.mapping.make_anew()
        self.workers.start_anew()
        self.log(
            "another replica's stream is read from its trim horizon, under the next epoch; "
            f"it dates changes {lag_seconds:g} s later"
        )

    def _read_snapshot(self, _: Step, dice: Random) -> None:
        customer = self.customer(dice)
        if self.operators.read_snapshot(self.subscribers[0], customer):
            self.log(f"an operator reads {customer} to seed payments")

    def _read_repair(self, _: Step, dice: Random) -> None:
        customer = self.customer(dice)
        if self.operators.read_repair(self.subscribers[0], customer):
            self.log(f"an operator finds {customer} drifted in payments")

    def _send_snapshots(self, _: Step, dice: Random) -> None:
        count = self.operators.send(keep=dice.random() < 0.3)
        if count:
            self.log(f"an operator sends {count} snapshots")

    def _redrive(self, _: Step, dice: Random) -> None:
        subscriber = dice.choice(self.subscribers)
        count = subscriber.dlq.move_all_to(subscriber.queue)
        if count:
            self.log(f"an operator moves {count} dead messages of {subscriber.name} back")

    def _deploy(self, _: Step, __: Random) -> None:
        self.workers.start_anew()
        self.log("a deployment: every environment starts anew")

    def _poison(self, _: Step, dice: Random) -> None:
        subscriber = dice.choice(self.subscribers)
        group = self.customer(dice) if self.setting.fifo else None
        body, dedup_id = dice.choice(POISON), str(dice.random())
        subscriber.queue.send(body, {}, origin="stranger", group=group, dedup_id=dedup_id)
        self.log(f"somebody sends poison to {subscriber.name}")

    def _outage(self, step: Step, dice: Random) -> None:
        service = dice.choice(["topic", "failure store", "table payments", "queue payments-dlq"])
        seconds = float(step.what) * HOUR_SECONDS
        self.calls.outages[service] = self.clock.seconds + seconds
        self.log(f"{service} is down for {step.what} hours")

    def _curse(self, _: Step, dice: Random) -> None:
        customer = self.customer(dice)
        self.topic.cursed.add(customer)
        self.checkers.refusals_expected = True
        self.log(f"the topic begins to fail on events of {customer}")

    def _bury(self, _: Step, dice: Random) -> None:
        subscriber = dice.choice(self.subscribers)
        message = subscriber.queue.bury(dice)
        if message is not None:
            name = self.checkers.name(message.body)
            self.log(f"{subscriber.name}'s function was throttled too often for {name}: it is dead")


# Private functions


def _make_bus(world: World) -> Topic:
    published = world.checkers.published
    if world.setting.eventbridge:
        return EventBus(world.calls, world.clock, watch=published)
    return Topic(world.calls, world.clock, fifo=world.setting.fifo, watch=published)


def _make_subscriber(
    world: World, name: str, *, policy: FilterPolicy | None = None, raw: bool = True
) -> Subscriber:
    setting, clock = world.setting, world.clock
    suffix = ".fifo" if setting.fifo else ""
    queue = Queue(name + suffix, clock, fifo=setting.fifo)
    dlq = Queue(f"{name}-dlq{suffix}", clock, fifo=setting.fifo)
    queue.dlq, queue.receives_max = dlq, setting.receives_max
    subscriber = Subscriber(
        name=name,
        queue=queue,
        dlq=dlq,
        client=RowsClient(world.calls, name, lambda _, before, after: wrote(before, after)),
        policy=policy,
        raw=raw,
    )

    def wrote(before: object, after: object) -> None:
        world.checkers.wrote(subscriber, before, after)

    def arrived(message: QueuedMessage) -> None:
        world.checkers.arrived(subscriber, message)
        world.command_checks.arrived(subscriber, message)

    def died(message: QueuedMessage) -> None:
        world.command_checks.died(subscriber, message)
        if message.origin == "consumer":
            world.checkers.parked_message(message, queue.messages)

    queue.watch = arrived
    dlq.watch = died
    for each in (queue, dlq):
        each.watch_deleted = lambda message: world.checkers.acknowledged(subscriber, message)
    world.topic.subscriptions.append(Subscription(name=name, queue=queue, policy=policy, raw=raw))
    return subscriber
