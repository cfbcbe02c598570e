"""A DLQ, a queue and runs on them in memory, and processes that end at a line of the journal."""

from functools import partial

from customer_events.decoder import from_document
from fanout.dlq import replay as replay_module
from fanout.dlq.replay import Replay, freeze
from fanout.dlq.selection import Selection
from fanout.dlq.steps import Limits, ThroughConsumer, ThroughQueue
from fanout.runs.pace import Pace
from fanout.runs.report import make_report
from fanout.runs.store import Operator, RunStore
from fanout.sqs.scan import Sweep
from unit.fanout.dlq.dlq_fakes import Clock, FakeQueue

WHO = Operator(user="jo", host="here", pid=1, identity="arn", account="1")
HOLD = 45


class Killed(BaseException):
    """The process is gone."""


class Bench:
    """A DLQ, a queue, and runs on them; time passes only where somebody waits."""

    def __init__(self, folder, monkeypatch):
        self.clock = Clock()
        self.store = RunStore(folder)
        self.queue = FakeQueue(clock=self.clock)
        self.dlq = FakeQueue(clock=self.clock)
        self.consumer = None
        self.keep_time(monkeypatch)

    def fill(self, *messages, fifo=False):
        self.dlq = FakeQueue(messages, clock=self.clock, fifo=fifo)
        self.queue = FakeQueue(clock=self.clock, fifo=fifo)

    def plan(self, selection=None, *, limit=None, unreadable_end=""):
        wanted = selection or Selection()
        run = self.store.create("dlq replay", subject={}, options={"limit": limit}, operator=WHO)
        freeze(
            self.dlq,
            wanted,
            run,
            reader=from_document,
            limit=limit,
            hold_seconds=HOLD,
            stop=lambda: False,
            unreadable_end=unreadable_end,
        )
        run.close()
        return run.run_id

    def work(
        self,
        run_id,
        *,
        most=None,
        selection=None,
        failures=1.0,
        rate=None,
        stop=None,
        mover=None,
        notes=None,
    ):
        """Open the run, work on it, and let go of it, as a process does; the finished `Replay`."""
        with self.store.open(run_id) as run:
            run.start(WHO)
            replay = Replay(
                run=run,
                dlq=self.dlq,
                fifo=self.dlq.fifo,
                selection=selection or Selection(),
                reader=from_document,
                mover=partial(mover or self._mover, run),
                pace=Pace(rate, wait=self.clock.sleep, monotonic=self.clock),
                limits=Limits(failure_rate_max=failures, hold_seconds=HOLD),
                keep_lock=lambda: None,
                stop=stop or (lambda: False),
                notes=notes,
            )
            if replay.work(most=most):
                replay.end_missing()
            return replay

    def fates(self, run_id):
        return dict(make_report(self.store.records(run_id)).fates)

    def sent_ids(self):
        return [one.message_id for one in self.queue.sent]

    def _mover(self, run, deleting):
        if self.consumer:
            return ThroughConsumer(run, self.consumer, deleting)
        return ThroughQueue(run, self.queue, self.queue.facts(), deleting)

    def after_the_kill(self, monkeypatch, *, seconds=HOLD):
        """A new process, by default once what the killed one hid shows up again."""
        monkeypatch.undo()
        self.clock.seconds += seconds
        self.keep_time(monkeypatch)

    def keep_time(self, monkeypatch):
        clock = self.clock

        def sweep(queue, **settings):
            return Sweep(queue, monotonic=clock, sleep=clock.sleep, **settings)

        monkeypatch.setattr(replay_module, "Sweep", sweep)


def kill_at(monkeypatch, number, place):
    """End the process at an append to the journal; nothing is shown again, nothing closed well."""
    count = 0
    append = replay_module.Run.record

    def record(run, *entries):
        nonlocal count
        count += 1
        if count == number and place == "before":
            run._journal.close()
            raise Killed
        append(run, *entries)
        if count == number:
            run._journal.close()
            raise Killed

    monkeypatch.setattr(replay_module.Run, "record", record)
    monkeypatch.setattr(Sweep, "__exit__", lambda self, *_: self._held.close())
