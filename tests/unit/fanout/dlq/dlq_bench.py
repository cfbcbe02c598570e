"""A DLQ, a queue and runs on them in memory, and processes that end at a line of the journal."""

from contextlib import ExitStack
from types import SimpleNamespace

from customer_events.decoder import from_document
from fanout.dlq import replay as replay_module
from fanout.dlq.replay import DlqReplay, Replay
from fanout.dlq.selection import Selection
from fanout.dlq.steps import ThroughConsumer, ThroughQueue
from fanout.runs.journal import Journal
from fanout.runs.operation import Selecting, Work
from fanout.runs.report import make_report
from fanout.runs.store import Operator, RunStore
from fanout.sqs.scan import Sweep
from fanout.sqs.subscription import Subscription
from sentinel.pace import Pace
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
        self.holding = ExitStack()
        self._selected_with = None
        self.keep_time(monkeypatch)

    def fill(self, *messages, fifo=False):
        self.dlq = FakeQueue(messages, clock=self.clock, fifo=fifo)
        self.queue = FakeQueue(clock=self.clock, fifo=fifo)

    @property
    def operation(self):
        """The one that made the selection, as long as its process lives; else a new one."""
        if self._selected_with is not None:
            return self._selected_with
        subscription = Subscription(
            subscriber=SimpleNamespace(name="payments"),
            queue=self.queue,
            dlq=self.dlq,
            folder=None,
            reader=from_document,
        )
        return DlqReplay(None, subscription)

    def plan(self, selection=None, *, limit=None, even_if_unreadable=True, **how):
        """Freeze a selection, by the options `how`; what works on it next is the same process."""
        options = {
            "selection": (selection or Selection()).to_document(),
            "limit": limit,
            "hold_seconds": HOLD,
            "failure_rate_max": 1.0,
            "even_if_unreadable": even_if_unreadable,
            **how,
        }
        with self.store.create("dlq replay", subject={}, options=options, operator=WHO) as run:
            self._selected_with = self.operation
            self.operation.select(run, Selecting(holding=self.holding))
            return run.run_id

    def replay(self, run, *, rate=None, stop=None, mover=None):
        """A stretch of work on a run that is open."""
        return Replay(
            operation=self.operation,
            run=run,
            work=Work(
                stopping=SimpleNamespace(asked=stop or (lambda: False)),
                keep_lock=lambda: None,
                pace=Pace(rate, wait=self.clock.sleep, monotonic=self.clock),
                progress=lambda _done, _failed: None,
                say=lambda _sentence: None,
            ),
            mover=(mover or self._mover)(run),
            fifo=self.dlq.fifo,
        )

    def work(self, run_id, *, most=None, failures=1.0, **how):
        """Open the run, work on it, and let go of it, as a process does; the finished `Replay`."""
        with self.store.open(run_id) as run, self.holding:
            run.start(WHO)
            run.options["failure_rate_max"] = failures
            replay = self.replay(run, **how)
            if replay.move(most=most):
                replay.end_missing()
            self._selected_with = None
            return replay

    def fates(self, run_id):
        return dict(make_report(self.store.find(run_id).path)["fates"])

    def sent_ids(self):
        return [one.message_id for one in self.queue.sent]

    def _mover(self, run):
        if self.consumer:
            return ThroughConsumer(run, self.consumer)
        return ThroughQueue(run, self.queue, self.queue.facts())

    def after_the_kill(self, monkeypatch, *, seconds=HOLD):
        """A new process, by default once what the killed one hid shows up again."""
        monkeypatch.undo()
        self.holding, self._selected_with = ExitStack(), None
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
    append = Journal.append

    def counted(journal, *entries):
        nonlocal count
        count += 1
        if count == number and place == "before":
            journal.close()
            raise Killed
        written = append(journal, *entries)
        if count == number:
            journal.close()
            raise Killed
        return written

    monkeypatch.setattr(Journal, "append", counted)
    monkeypatch.setattr(Sweep, "__exit__", lambda self, *_: self.held.close())
