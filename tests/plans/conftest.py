"""Campaigns on the emulated rig, for the tests of plans and of the command line."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from bluesky import RunEngine

from reactune.analysis.campaign.agent import Agent
from reactune.analysis.problem.model import Problem
from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices import FlowRig, load, open_rig
from reactune.plans.campaign import optimise
from reactune.plans.compatibility import analytics_of
from reactune.plans.service import run
from tests.plans.by_hand import PROBLEM
from tests.plans.catalysts import TWO


def rig_file(transport: str = "pty", **emulation: Any) -> Any:
    """The paper's rig, emulated on pty or tcp, with another emulation where one is given."""
    config = load("walker")
    spec = config.emulation.model_copy(update={"transport": transport, **emulation})
    return config.model_copy(update={"emulation": spec})


class Lab:
    """An open emulated rig, a RunEngine, and every document it emitted."""

    def __init__(self, rig: FlowRig) -> None:
        self.rig, self.world = rig, rig.emulation.world
        self.RE = RunEngine({}, context_managers=[])
        self.RE.waiting_hook = rig.clock.waiting
        self.documents: list[tuple[str, dict[str, Any]]] = []
        self.RE.subscribe(lambda name, doc: self.documents.append((name, doc)))

    def agent(self, problem: str = "walker-ii", budget: int = 8, seed: int = 1) -> Agent:
        stated = Problem.load(problem).to_dict() | {"budget": budget}
        return Agent(Problem.load(stated), analytics_of(self.rig.config), seed=seed)

    def campaign(self, agent: Agent | None = None) -> None:
        agent = agent or self.agent()
        self.RE(optimise(agent.problem, self.rig, agent=agent))

    def events(self, stream: str) -> list[dict[str, Any]]:
        """Data of the events of a stream, in order."""
        streams = {d["uid"]: d["name"] for name, d in self.documents if name == "descriptor"}
        events = [d for name, d in self.documents if name == "event"]
        return [e["data"] for e in events if streams[e["descriptor"]] == stream]

    def only(self, kind: str) -> dict[str, Any]:
        (document,) = [d for name, d in self.documents if name == kind]
        return document

    def assert_safe(self) -> None:
        """As the world itself has it, not as the devices say."""
        assert self.world.flow() == (0.0, 0.0)
        assert self.rig.last_report.confirmed
        assert self.rig.heater.poll().setpoint == 25.0
        assert self.rig.valve.poll() == "load"


@contextmanager
def opened(transport: str = "pty", **emulation: Any) -> Iterator[Lab]:
    with open_rig(rig_file(transport, **emulation)) as rig:
        yield Lab(rig)


@pytest.fixture
def open_lab() -> Any:
    """Open a lab: `with open_lab("tcp", seed=2) as lab`."""
    return opened


@pytest.fixture
def lab() -> Iterator[Lab]:
    with opened(seed=1) as it:
        yield it


@pytest.fixture
def placed(tmp_path, monkeypatch):
    """Copy a catalogue to where commands of the test find it, and go there."""

    def copy(stored: Path) -> Path:
        shutil.copytree(stored, tmp_path / "runs")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "runs"))
        return tmp_path / "runs"

    return copy


@pytest.fixture(scope="session")
def walker_found(tmp_path_factory):
    """A catalogue, journals only, with a campaign that has found something to make."""
    folder = tmp_path_factory.mktemp("found")
    with Catalogue(folder, writing=True, store="journal") as catalogue:
        windows = ["X1 + X2 in [0.9, 1.0] +/- 0.3", "X1 / X2 >= 0.01 +/- 0.01"]
        asked = Problem.load("walker-ii").to_dict() | {"constraints": windows}
        outcome = run(asked, catalogue=catalogue, seed=3, budget=12)
        assert outcome.summary.best_feasible is not None
    return folder


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Write `rig.toml` and `problem.toml` where the test then is."""
    monkeypatch.chdir(tmp_path)

    def write(rig: dict[str, Any], problem: str = TWO) -> None:
        (tmp_path / "rig.toml").write_text(tomli_w.dumps(rig), "utf-8")
        (tmp_path / "problem.toml").write_text(problem, "utf-8")

    return write


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a problem for a campaign by hand, where the process is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "runs"))
    Path("snar.toml").write_text(PROBLEM)
    return tmp_path
