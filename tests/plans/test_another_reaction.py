"""Another laboratory's reaction: three streams, other peaks, through real bytes."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, ClassVar, Self

import numpy as np
import pytest
import tomli_w
from bluesky import RunEngine
from numpy.typing import ArrayLike

from reactune.analysis.problem.model import Problem
from reactune.devices import load, open_rig
from reactune.devices.emulation import REACTIONS, Composition, parameters
from reactune.devices.emulation.reactions import names
from reactune.devices.rigfile import RigError
from reactune.plans.campaign import optimise
from reactune.plans.cli import main

STOCKS = {"amine": 4.0, "ester": 8.0, "catalyst": 1.0}  # [mM]

PROBLEM = """\
maximise    = "amide"
measured    = ["amine", "amide", "imide"]
constraints = ["imide <= 0.05 +/- 0.02"]
budget      = 4
[variables]
temperature   = { range = [40, 100], unit = "degC" }
flow_amine    = { range = [20, 200], unit = "uL/min" }
flow_ester    = { range = [20, 200], unit = "uL/min" }
flow_catalyst = { range = [5, 50],   unit = "uL/min" }
[limits]
ester   = { of = "flow_ester / flow_amine", within = [0.5, 2] }
loading = { of = "flow_catalyst / flow_amine", within = [0.1, 0.5] }
"""


@dataclass(frozen=True)
class Rates:
    """At 60 degC [1/(mM min)], and their common activation energy [kJ/mol]."""

    first: float = 0.8
    second: float = 0.05
    E: float = 60.0


@dataclass(frozen=True)
class Coupling:
    """Amine -> amide -> imide, each step as fast as there is catalyst, the ester in excess."""

    rates: Rates = Rates()

    reagents: ClassVar[tuple[str, ...]] = ("amine", "catalyst")  # the ester does not count
    products: ClassVar[tuple[str, ...]] = ("amine", "amide", "imide")

    @classmethod
    def of(cls, kinetics: Mapping[str, float]) -> Self:
        return cls(parameters(Rates, kinetics))

    def composition(
        self,
        feed: ArrayLike,
        residence_time: ArrayLike,
        temperature: ArrayLike,
        extent: ArrayLike = 1.0,
    ) -> Composition:
        amine, catalyst = np.moveaxis(np.asarray(feed, float), -1, 0)
        x = (1 / (np.asarray(temperature, float) + 273.15) - 1 / 333.15) / 8.314e-3
        done = np.exp(-self.rates.E * x) * catalyst * np.asarray(residence_time) * extent
        one, two = self.rates.first, self.rates.second
        left = np.exp(-one * done)
        between = one / (two - one) * (left - np.exp(-two * done))
        return Composition(amine, np.stack([left, between, 1 - left - between], axis=-1))


@pytest.fixture
def coupling(monkeypatch):
    monkeypatch.setitem(REACTIONS, "coupling", Coupling.of)


def rig_tables(transport: str = "pty", **emulation: Any) -> dict[str, Any]:
    """Give the paper's rig with three streams and three peaks of other names."""
    tables = tomllib.loads((files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8"))
    syringe = tables["streams"]["c60"]
    tables["title"] = "Amide coupling"
    tables["streams"] = {
        name: syringe | {"address": address, "stock": stock, "limits": [5, 200]}
        for address, (name, stock) in enumerate(STOCKS.items())
    }
    shapes = tables["chromatogram"]["peaks"]
    tables["chromatogram"]["peaks"] = [
        shape | {"name": name}
        for name, shape in zip(("amide", "imide", "amine"), shapes, strict=False)
    ]
    tables["emulation"] |= {"transport": transport, "reaction": "coupling", **emulation}
    return tables


def written(tmp_path, **changes: Any) -> str:
    path = tmp_path / "rig.toml"
    path.write_text(tomli_w.dumps(rig_tables(**changes)), "utf-8")
    return str(path)


@pytest.mark.parametrize("transport", ["pty", "tcp"])
def test_it_drives_the_emulated_rig(coupling, tmp_path, transport):
    file = written(tmp_path, transport=transport, noise=False, kinetics={"first": 1.2})
    documents = []
    with open_rig(load(file)) as rig:
        RE = RunEngine({}, context_managers=[])
        RE.waiting_hook = rig.clock.waiting
        RE.subscribe(lambda name, doc: documents.append((name, doc)))
        RE(optimise(Problem.load(tomllib.loads(PROBLEM)), rig))
    events = [doc["data"] for name, doc in documents if name == "event"]
    facts = [e for e in events if "trace" in e]
    decisions = [e for e in events if "amide" in e]
    assert len(facts) == len(decisions) == 4
    reaction = Coupling(Rates(first=1.2))
    for fact, decision in zip(facts, decisions, strict=True):
        flows = {name: fact[f"flow_{name}"] for name in STOCKS}
        total = sum(flows.values())
        feed = [STOCKS[name] * flows[name] / total for name in reaction.reagents]
        true = reaction.composition(feed, 931 / total, fact["temperature"]).fractions
        found = [decision[name] for name in reaction.products]
        assert found == pytest.approx(true, abs=0.002)
    assert np.ptp([decision["amide"] for decision in decisions]) > 0.1  # it has something to find


def test_the_check_knows_it(coupling, tmp_path, capsys):
    problem = tmp_path / "problem.toml"
    problem.write_text(PROBLEM)
    assert main(["check", str(problem), "--rig", written(tmp_path)]) == 0
    assert "Fits the rig: Amide coupling." in capsys.readouterr().out


@pytest.mark.parametrize("command", ["check", "optimise"])
def test_a_rig_of_other_streams_and_peaks_is_refused(tmp_path, capsys, command):
    """Not after the first experiments, for want of peaks."""
    problem = tmp_path / "problem.toml"
    problem.write_text(PROBLEM)
    rig = written(tmp_path, reaction="walker2017")
    where = ["--catalogue", str(tmp_path / "runs")] if command == "optimise" else []
    assert main([command, str(problem), "--rig", rig, *where]) == 2
    said = capsys.readouterr().err
    assert (
        "emulation.reaction = 'walker2017' does not flow from the streams amine, ester, catalyst, "
        "it needs c60, sultine: name the streams so, or give the reaction that they feed "
        f"(known: {names()}; or a reaction file of your own)\n"
        "emulation.reaction = 'walker2017' gives the peaks X0, X1, X2, X3, but chromatogram.peaks "
        "are amide, imide, amine: name the peaks so, or give the reaction that makes them "
        f"(known: {names()}; or a reaction file of your own)\n"
    ) in said
    with pytest.raises(RigError, match="does not flow from the streams amine, ester, catalyst"):
        open_rig(load(rig))
