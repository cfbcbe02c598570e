"""Chaos on the deployed system: faults and load together, then calm, then the checkers."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.checks import judge
from chaos.faults import Fault, Weather
from chaos.load import changes
from chaos.proxy import CALLS, KILLS, UNANSWERED, FaultProxy
from chaos.settling import Settling
from chaos.workers import Pauses, kill_caller
from fanout.demo.witnesses import Counts, Watch
from fanout.local import runtime
from fanout.local.deployment import LocalDeployment
from fanout.local.state_folder import RecordedProcess
from long_run import Report

Show = Callable[[str, Counts], None]
"""Told what is being done, and how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a run is to be.

    Attributes:
        seed: decides load, faults and pauses.
        chaos_seconds: how long load and faults last.
        rate: writes a second.
        customers: how many customers are written.
        pause_every_seconds: how often the emulator is paused, on average.
        visibility_timeout_seconds: of the queue. Below the consumer's timeout, so that a message
            also comes to a second worker while the first still has it.
    """

    seed: int
    chaos_seconds: float
    rate: float = 110
    customers: int = 2_000
    pause_every_seconds: float = 25
    visibility_timeout_seconds: int = 15


def run(settings: Settings, folder: Path, show: Show) -> Report:
    """Deploy, make chaos, let it settle, and judge.

    Args:
        folder: an empty one for state and journals.
    """
    with runtime.running(folder / "state") as deployment:
        state = runtime.look(folder / "state")
        assert state is not None
        assert state.emulator is not None
        return _run(settings, deployment, state.emulator, folder, show)


# Private functions


def _run(
    settings: Settings,
    deployment: LocalDeployment,
    emulator: RecordedProcess,
    folder: Path,
    show: Show,
) -> Report:
    weather = Weather(settings.seed)

    def kill(caller_port: int, proxy_port: int) -> bool:
        return kill_caller(emulator, caller_port=caller_port, proxy_port=proxy_port)

    proxy = FaultProxy(deployment.endpoint_url, weather, kill)
    with proxy.serving():
        _point_functions_at(proxy.url, deployment)
        deployment.client("sqs").set_queue_attributes(
            QueueUrl=deployment.queue_url,
            Attributes={"VisibilityTimeout": str(settings.visibility_timeout_seconds)},
        )
        watch = Watch(deployment, to_write=round(settings.rate * settings.chaos_seconds))
        pauses = Pauses(emulator, seed=settings.seed, every_seconds=settings.pause_every_seconds)
        weather.begin()
        with pauses.coming():
            chaos_seconds = _play(settings, watch, show)
        weather.calm()
        began = time.monotonic()
        settling = Settling(deployment, watch, folder)
        account = settling.settle(lambda: show("settling", watch.counts()))
        calm_seconds = time.monotonic() - began
        ends, broken = judge(deployment, watch, account, settling.left())
    figures = {
        "seconds of chaos": chaos_seconds,
        "seconds until all was calm": calm_seconds,
        **_faults(proxy, pauses),
        **ends,
        **settling.restored(),
    }
    figures = {name: round(figure) for name, figure in figures.items()}
    return Report(title=f"Chaos, seed {settings.seed}", figures=figures, broken=broken)


def _point_functions_at(url: str, deployment: LocalDeployment) -> None:
    """Let both functions talk to AWS by way of the proxy."""
    client = deployment.client("lambda")
    for name in (deployment.publisher_function, deployment.payments_function):
        found: dict[str, Any] = client.get_function_configuration(FunctionName=name)
        variables = found["Environment"]["Variables"] | {"AWS_ENDPOINT_URL": url}
        client.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )


def _play(settings: Settings, watch: Watch, show: Show) -> float:
    """Write until the time is over, and watch meanwhile; how many seconds it took."""
    began = time.monotonic()
    load = changes(
        settings.seed, customers=settings.customers, until=began + settings.chaos_seconds
    )
    watch.play(load, rate=settings.rate, show=lambda counts: show("chaos", counts))
    return time.monotonic() - began


def _faults(proxy: FaultProxy, pauses: Pauses) -> dict[str, float]:
    by_kind = Counter(dict.fromkeys(Fault, 0))
    for (_, fault), count in proxy.faults.items():
        by_kind[fault] += count
    return {
        "calls of the functions": proxy.counts[CALLS],
        **{f"  {fault.value}": count for fault, count in by_kind.items()},
        "  not answered by the emulator": proxy.counts[UNANSWERED],
        "workers killed": proxy.counts[KILLS],
        "pauses of the emulator": pauses.count,
        "  seconds in all": pauses.seconds,
    }
