"""Two emulated reactors, two queue servers, one catalogue on PostgreSQL."""

import contextlib
import itertools
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from reactune.analysis.storage.catalogue import Catalogue

from .running import REACTUNE, Queue, Tiled, postgresql, redis

PROBLEMS = ("walker-ii", "walker-iii")


@dataclass
class Lab:
    """What a lab with two reactors runs."""

    tiled: Tiled
    queues: tuple[Queue, Queue]
    environment: dict[str, str]

    def reactune(self, *command: str, **environment: str) -> tuple[int, str]:
        """Run a command as somebody of the lab; its exit code and what it said."""
        done = subprocess.run(
            [*REACTUNE, *command],
            env={**os.environ, **self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@contextlib.contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """Start everything; both queues keep their journals in one folder, as on one computer.

    Raises
    ------
    MissingError
        If something is not installed.
    """
    with (
        postgresql() as database,
        redis(folder / "redis") as queue_store,
        Tiled(folder / "server", database.uri) as tiled,
        contextlib.ExitStack() as stack,
    ):
        environment = {**tiled.environment, "XDG_STATE_HOME": str(folder / "state")}
        queues = [Queue(name, queue_store, tiled.url, environment) for name in ("one", "two")]
        for queue in queues:
            stack.enter_context(queue)
        yield Lab(tiled, (queues[0], queues[1]), environment)


def campaigns(lab: Lab, budget: int, killed_after: float | None = None, down: float = 0.0) -> None:
    """Have both reactors tune at once, and see that nothing is lost.

    Parameters
    ----------
    lab : Lab
    budget : int
        Experiments of each.
    killed_after : float, optional
        When the catalogue's server is killed [s from the start].
    down : float
        How long it stays down [s].

    Raises
    ------
    AssertionError
        If something is lost, doubled or other than it was recorded.
    """
    for queue in lab.queues:
        queue.ask("environment_open")
    for queue, problem in zip(lab.queues, PROBLEMS, strict=True):
        queue.wait(manager_state="idle", worker_environment_exists=True)
        queue.add(problem, seed=1, budget=budget)
    for queue in lab.queues:
        queue.ask("queue_start")
    if killed_after is not None:
        _pause(killed_after)
        states = [queue.ask("status")["manager_state"] for queue in lab.queues]
        assert states == ["executing_queue"] * 2, "it was to be killed while campaigns run"
        lab.tiled.kill()
        _pause(down)
        lab.tiled.start()
    for queue in lab.queues:
        queue.wait(manager_state="idle", items_in_queue=0)
        (result,) = queue.results()
        assert result["exit_status"] == "completed", result["traceback"]
    for command in ("verify",) if killed_after is None else ("publish", "verify"):
        code, told = lab.reactune("catalogue", command, "--catalogue", lab.tiled.url)
        assert code == 0, told
    assert "2 runs with" in told, told
    _complete(lab, budget)


def _complete(lab: Lab, budget: int) -> None:
    """See that both campaigns are whole in the catalogue, and were made at the same time."""
    before = {name: os.environ.get(name) for name in lab.environment}
    os.environ.update(lab.environment, XDG_STATE_HOME="/nowhere")  # as on another computer
    try:
        with Catalogue(lab.tiled.url) as catalogue:
            runs = catalogue.runs(plan_name="optimise")
            assert [run.exit_status for run in runs] == ["success", "success"]
            times = [
                [(time, run.uid) for time in catalogue[run.uid].table()["time"]] for run in runs
            ]
            for run, events in zip(runs, times, strict=True):  # some need fewer than they may make
                assert len(events) == run.events, run
                assert run.events == budget or "budget" not in run.reason, run
                print(f"  {run.uid[:8]}  {run.events} experiments  {run.reason}", flush=True)
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
    order = [uid for _, uid in sorted(itertools.chain(*times))]
    turns = sum(one != other for one, other in itertools.pairwise(order))
    assert turns > 1, "one campaign was over before the other began"


def refused(lab: Lab) -> None:
    """See that a wrong key is refused before anything moves."""
    code, told = lab.reactune(
        "optimise", "walker-ii", "--catalogue", lab.tiled.url, TILED_API_KEY="0123456789abcdef"
    )
    assert code == 2, told
    assert "does not let the key in $TILED_API_KEY read" in told, told


def _pause(seconds: float) -> None:
    until = time.monotonic() + seconds
    threading.Event().wait(max(0.0, until - time.monotonic()))
