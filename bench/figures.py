"""Every figure: what is measured, how, and the goal that it is held against."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

from bench import packages
from bench.running import ROOT, Aws, aws, work
from bench.sides import CONSUMER, IDEMPOTENT, NAIVE, OURS, PUBLISHER

Show = Callable[[str], None]
Profiles = dict[tuple[str, str], dict[str, float]]
"""Microseconds of a record or message, by function and side, and by layer."""
CONSTANT = 1.05
"""Memory that does not grow with the work, but for the interpreter's own pools and caches."""
_STREAM_BATCH = 100
_QUEUE_BATCH = 10
_MIB = 2**20
_RECORD, _MESSAGE = "publisher, CPU per record", "consumer, CPU per message"
_FOUR = {"per_customer": 4}
_CPU: tuple[tuple[str, str, str, dict[str, Any], float | None], ...] = (
    (_RECORD, PUBLISHER, NAIVE, {"batch_size": 1}, None),
    (_RECORD, PUBLISHER, NAIVE, {"batch_size": 10}, None),
    (_RECORD, PUBLISHER, NAIVE, {"batch_size": 100}, 0.11),
    (f"{_RECORD}, on all processors", PUBLISHER, NAIVE, {"batch_size": 100, "bound": False}, 0.11),
    (f"{_RECORD}, beside an idempotent one", PUBLISHER, IDEMPOTENT, {"batch_size": 100}, 0.04),
    (
        f"{_RECORD} that changes no status",
        PUBLISHER,
        NAIVE,
        {"batch_size": 100, "quiet": True},
        None,
    ),
    (f"{_MESSAGE}, distinct customers", CONSUMER, NAIVE, {"batch_size": 1}, None),
    (f"{_MESSAGE}, distinct customers", CONSUMER, NAIVE, {"batch_size": 10}, 0.07),
    (f"{_MESSAGE}, distinct customers", CONSUMER, NAIVE, {"batch_size": 100}, 0.04),
    (f"{_MESSAGE}, four events a customer", CONSUMER, NAIVE, {"batch_size": 10} | _FOUR, 0.055),
    (f"{_MESSAGE}, four events a customer", CONSUMER, NAIVE, {"batch_size": 100} | _FOUR, 0.025),
)
"""Name, function, what it is compared with, the job and the goal."""
_COLD = ((PUBLISHER, 1, None), (PUBLISHER, 100, 0.50), (CONSUMER, 1, None), (CONSUMER, 10, 0.58))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much work each figure takes. `memory` and `messages`: how many records, and how many
    messages or customers of a command, few and many. `tls`: how workers reach AWS; else by plain
    HTTP, which no function does.
    """

    records: int = 2_000
    rounds: int = 5
    memory: tuple[int, int] = (10_000, 100_000)
    messages: tuple[int, int] = (1_000, 100_000)
    slow_records: int = 1_000
    slow_messages: int = 100
    changes_alone: int = 50
    changes_at_once: int = 1_000
    profiled: int = 20_000
    tls: bool = True


SMALL = Sizes(
    records=200,
    rounds=1,
    memory=(200, 400),
    messages=(20, 40),
    slow_records=40,
    slow_messages=20,
    changes_alone=3,
    changes_at_once=20,
    profiled=2_000,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row. `ours` and `baseline` are medians over the rounds, in `unit`; None where one side
    alone is measured. `spread` is the lowest and the highest ratio of a round.
    """

    name: str
    unit: str
    ours: float
    baseline: float | None = None
    spread: tuple[float, float] | None = None
    goal: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours to the baseline; below 1 ours is the cheaper one."""
        return self.ours / self.baseline if self.baseline else None

    @property
    def is_reached(self) -> bool:
        """Whether the ratio is what a careful version should reach."""
        return self.goal is None or self.ratio is None or self.ratio <= self.goal

    @classmethod
    def of_rounds(
        cls, name: str, unit: str, sides: Iterable[Sequence[float]], goal: float | None
    ) -> Self:
        """Of our side and the other one, each with a value for each round."""
        ours, other = sides
        ratios = [one / two for one, two in zip(ours, other, strict=True)]
        return cls(
            name=name,
            unit=unit,
            ours=median(ours),
            baseline=median(other),
            spread=(min(ratios), max(ratios)),
            goal=goal,
        )

    def to_document(self) -> dict[str, Any]:
        """One JSON object."""
        document = asdict(self)
        spread, goal = document.pop("spread"), document.pop("goal")
        return {**document, "ratio": self.ratio, "ratio_spread": spread, "ratio_goal": goal}


def figures(sizes: Sizes, show: Show) -> Iterator[Figure]:
    """Measure one after the other; `show` gets the name of each before it."""
    with (
        tempfile.TemporaryDirectory(prefix="fanout-bench-") as folder,
        aws(tls=sizes.tls) as stub,
    ):
        bench = _Bench(sizes, stub, Path(folder), show)
        yield from bench.cpu()
        yield from bench.wall()
        yield from bench.cold()
        yield from bench.sizes_of_packages()
        yield from bench.memory()
        yield bench.calls()


def profiles(sizes: Sizes, show: Show) -> Profiles:
    """Where the CPU time goes in batches of 100; a tenth of the work shows it of the naive side."""
    found: Profiles = {}
    with aws(tls=sizes.tls) as stub:
        for which in (PUBLISHER, CONSUMER):
            for side in (OURS, NAIVE):
                show(f"profile of {which}, {side}")
                records = sizes.profiled if side == OURS else sizes.profiled // 10
                job = {"which": which, "side": side, "records": records, "batch_size": 100}
                done = work(stub, **job, profile=True)
                each = done["cpu_seconds"] / records * 1e6 / sum(done["samples"].values())
                found[which, side] = {name: n * each for name, n in done["samples"].items()}
    return found


# Private functions


class _Bench:
    def __init__(self, sizes: Sizes, stub: Aws, folder: Path, show: Show) -> None:
        self._sizes = sizes
        self._stub = stub
        self._folder = folder
        self._show = show

    def cpu(self) -> Iterator[Figure]:
        records = self._sizes.records
        for name, which, other, job, goal in _CPU:
            yield self._pair(
                f"{name}, batches of {job['batch_size']}",
                (which, OURS, other),
                {"records": records, **job},
                lambda found: found["cpu_seconds"] / records * 1e6,
                unit="µs",
                goal=goal,
            )

    def wall(self) -> Iterator[Figure]:
        for name, which, delay_ms, records, goal in (
            ("publisher, wall time, 15 ms a call", PUBLISHER, 15, self._sizes.slow_records, 0.009),
            ("consumer, wall time, 5 ms a call", CONSUMER, 5, self._sizes.slow_messages, 0.012),
        ):
            with aws(delay_ms=delay_ms, tls=self._sizes.tls) as stub:
                yield self._pair(
                    f"{name}, {records:,} at once",
                    (which, OURS, NAIVE),
                    {"records": records, "batch_size": records},
                    lambda found: found["wall_seconds"],
                    unit="s",
                    goal=goal,
                    stub=stub,
                )

    def cold(self) -> Iterator[Figure]:
        naive = [ROOT, ROOT / "src", packages.site_packages()]
        for which, batch_size, goal in _COLD:
            yield self._pair(
                f"{which}, cold start to the end of a first batch of {batch_size}, CPU",
                (which, OURS, NAIVE),
                {"records": batch_size, "batch_size": batch_size, "warm": False},
                lambda found: found["cpu_seconds_since_start"] * 1e3,
                unit="ms",
                goal=goal,
                paths={OURS: [self._unpacked(which), ROOT], NAIVE: naive},
            )

    def sizes_of_packages(self) -> Iterator[Figure]:
        self._show("package sizes")
        naive = packages.baseline_size_bytes(self._folder) / _MIB
        for which in (PUBLISHER, CONSUMER):
            ours = packages.build(which, self._folder).stat().st_size / _MIB
            name = f"{which}, package"
            goal = 0.20 if which == PUBLISHER else 0.36
            yield Figure(name=name, unit="MiB", ours=ours, baseline=naive, goal=goal)

    def memory(self) -> Iterator[Figure]:
        few, many = self._sizes.memory
        for which, size in ((PUBLISHER, _STREAM_BATCH), (CONSUMER, _QUEUE_BATCH)):
            job = {"which": which, "batch_size": size}
            self._show(f"{which}, memory")
            found = {
                (side, count): work(self._stub, side=side, records=count, **job)["peak_bytes"]
                / _MIB
                for side, count in ((OURS, few), (OURS, many), (NAIVE, few))
            }
            name = f"{which}, most memory"
            yield Figure(
                name=f"{name}, {few:,} records",
                unit="MiB",
                ours=found[OURS, few],
                baseline=found[NAIVE, few],
                goal=1.0,
            )
            yield Figure(
                name=f"{name}, {many:,} records beside {few:,}",
                unit="MiB",
                ours=found[OURS, many],
                baseline=found[OURS, few],
                goal=CONSTANT,
            )

    def calls(self) -> Figure:
        """Counted by what answers them; an own stub, as the others have been called already."""
        self._show("calls")
        records = self._sizes.records
        with aws(tls=self._sizes.tls) as stub:
            job = {"which": PUBLISHER, "side": OURS, "batch_size": _STREAM_BATCH, "warm": False}
            work(stub, records=records, **job)
            made = stub.counts()["PublishBatch"]
        name = f"PublishBatch calls for {records:,} events"
        return Figure(name=name, unit="calls", ours=made, baseline=-(-records // 10), goal=1.0)

    # Private functions

    def _unpacked(self, which: str) -> Path:
        import zipfile

        target = self._folder / f"{which}-unpacked"
        with zipfile.ZipFile(packages.build(which, self._folder)) as archive:
            archive.extractall(target)
        return target

    def _pair(
        self,
        name: str,
        sides: tuple[str, str, str],
        job: dict[str, Any],
        value: Callable[[dict[str, Any]], float],
        *,
        unit: str,
        goal: float | None,
        stub: Aws | None = None,
        paths: dict[str, list[Path]] | None = None,
    ) -> Figure:
        """Both sides in turn, each in a fresh process, so that a slow minute meets both."""
        which, *both = sides
        found: dict[str, list[float]] = {side: [] for side in both}
        for number in range(self._sizes.rounds):
            self._show(f"{name} ({number + 1} of {self._sizes.rounds})")
            for side, values in found.items():
                done = work(
                    stub or self._stub, which=which, side=side, paths=(paths or {}).get(side), **job
                )
                values.append(value(done))
        return Figure.of_rounds(name, unit, found.values(), goal)
