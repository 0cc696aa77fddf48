"""What `python -m tests.soak` shows of a long campaign, as far as seconds can show it."""

import contextlib
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reactune.analysis.campaign.agent import Agent
from reactune.plans.service import Listener, run
from tests.benchmarks.lab import HPLC, Lab
from tests.soak import Meter, complaints, endless, open_now, soak


def cost(known: int, more: int = 5) -> float:
    """CPU [s] of all that an agent does about an experiment, when so many are known.

    The least of some: what else the machine does only adds to it.
    """
    agent, lab = Agent(endless("walker-ii", known + more), HPLC, seed=1), Lab(1)
    x = np.random.default_rng(0).uniform(agent.space.lower, agent.space.upper, (known, 3))
    agent.ingest(lab.measure(agent.register_suggestions(agent.space.to_conditions(x))))
    took = []
    for _ in range(more):
        start = time.process_time()
        agent.ingest(lab.measure(agent.suggest(1)))
        agent.decision()
        assert not agent.should_stop()[0] or len(agent.evaluations) == known + more
        took.append(time.process_time() - start)
    return min(took)


def test_an_experiment_costs_the_agent_no_more_when_many_are_known() -> None:
    cost(20, 1)  # first calls
    assert cost(900) < 1.4 * cost(150)


def test_a_campaign_leaves_nothing_open(tmp_path: Path) -> None:
    before = open_now()
    meter, reason = soak("walker-ii", 2, 1, tmp_path, "journal")
    assert reason == "budget: 2 of 2 experiments done"
    assert len(meter.cpu) == 1 + 2
    assert complaints(meter, 2, open_now() - before) == []


class Button(Listener):
    """Ends a campaign after its first experiment, from another thread."""

    def __call__(self, RE: Any, rig: Any) -> contextlib.AbstractContextManager[None]:
        self.RE = RE
        return contextlib.nullcontext()

    def document(self, name: str, doc: Mapping[str, Any]) -> None:
        if name == "event":
            self.press = threading.Thread(target=self.RE.abort, args=("enough",))
            self.press.start()
            self.document = super().document  # type: ignore[method-assign]  # once is enough


def test_nor_does_one_that_is_ended_from_outside(tmp_path: Path) -> None:
    before, button = open_now(), Button()
    outcome = run("walker-ii", catalogue=tmp_path, seed=1, listener=button, interrupters=[button])
    button.press.join()
    assert outcome.interrupted
    assert outcome.reason == "enough"
    assert open_now() - before == set()


@pytest.mark.parametrize(
    ("cpu", "memory", "left", "text"),
    [
        ([0.0, 1, 2, 3, 4.2], [9.0, 100, 104, 100, 102], set(), None),
        ([0.0, 1, 2, 3, 4.4], [9.0, 100, 104, 100, 102], set(), "became 1.40 times as slow"),
        ([0.0, 1, 2, 3, 4.2], [9.0, 100, 104, 106, 102], set(), "memory grew 1.060 times"),
        ([0.0, 1, 2, 3, 4.2], [9.0, 100, 104, 100, 102], {"thread it"}, "left open: thread it"),
        ([0.0, 1, 2, 3], [9.0, 100, 104, 100], set(), "only 3 of 4 experiments were done"),
    ],
)
def test_the_soak_complains_of_growth_and_of_what_is_left_open(
    cpu: list[float], memory: list[float], left: set[str], text: str | None
) -> None:
    found = complaints(Meter(cpu, memory, span=1), 4, left)
    assert len(found) == (text is not None)
    assert (text or "") in "".join(found)


def test_memory_is_looked_at_after_every_experiment_and_one_reading_is_none() -> None:
    flat, once, between = [100.0] * 401, [100.0] * 401, [100.0] * 401
    once[250] = 200.0
    between[230:260] = [106.0] * 30  # between the lines that are printed
    meters = [Meter([float(i) for i in range(401)], memory) for memory in (flat, once, between)]
    assert [len(complaints(meter, 400, set())) for meter in meters] == [0, 0, 1]
