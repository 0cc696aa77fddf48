"""A rig of three streams, other peaks and any detector on a reaction file, as users have it."""

import json
import signal
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices import open_rig
from reactune.devices.emulation import emulate
from reactune.devices.emulation.layout import Noise, noise_of
from reactune.devices.emulation.reactions.mechanism import Mechanism
from reactune.devices.opening import emulated
from reactune.devices.reactionfile import load_reaction
from reactune.devices.rigfile import load
from reactune.plans.cli import main

pytestmark = pytest.mark.usefixtures("drawn")

REACTION = """\
title       = "A and B to P, which B consumes"
temperature = 80
species     = ["A", "B", "cat", "P", "byproduct"]
steps = [
  { equation = "A + B -> P", k = 1.5, unit = "1/(M^1.5 min)", energy = 60, orders = { cat = 0.5 } },
  { equation = "P + B -> byproduct", k = 0.01, unit = "1/(M min)", energy = 85 },
]
[streams]
a        = { A = 500 }
b        = { B = 1000 }
catalyst = { cat = 50 }
[peaks]
A         = { of = "A" }
P         = { of = "P" }
byproduct = { of = "byproduct" }
"""

PROBLEM = """\
title       = "Three streams: A + B + catalyst to P"
maximise    = "P"
measured    = ["A", "P", "byproduct"]
constraints = ["byproduct <= 0.05 +/- 0.02"]
budget      = 4
batch       = 4
[variables]
temperature   = { range = [40, 120], unit = "degC" }
flow_a        = { range = [20, 500], unit = "uL/min" }
flow_b        = { range = [20, 500], unit = "uL/min" }
flow_catalyst = { range = [5, 100],  unit = "uL/min" }
[fixed]
volume = 2000
[limits]
residence = { of = "volume / (flow_a + flow_b + flow_catalyst)", within = [2, 30], unit = "min" }
equiv_b   = { of = "flow_b / flow_a", within = [1, 3] }
loading   = { of = "100 * flow_catalyst / flow_a", within = [1, 20], unit = "mol%" }
"""


def rig_tables() -> dict[str, Any]:
    """The paper's instruments with three large pumps and three peaks."""
    text = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
    tables = tomllib.loads(text)
    pump = tables["streams"]["c60"] | {
        "diameter": 23.0, "syringe_volume": 25000, "limits": [20, 500], "flask_volume": 500000,
    }  # fmt: skip
    tables["title"] = "Three streams"
    tables["streams"] = {
        "a": pump | {"address": 0, "stock": 500},
        "b": pump | {"address": 1, "stock": 1000},
        "catalyst": pump | {"address": 2, "stock": 50, "limits": [5, 100]},
    }
    tables["reactor"] |= {"heated_volume": 2000, "total_volume": 2500}
    shapes = tables["chromatogram"]["peaks"]
    tables["chromatogram"]["peaks"] = [
        shape | {"name": name} for name, shape in zip(("A", "P", "byproduct"), shapes, strict=False)
    ]
    tables["emulation"] |= {"reaction": "ours.toml"}
    return tables


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Write rig, reaction and problem, changed at places such as ``streams.a.stock``."""
    monkeypatch.chdir(tmp_path)

    def write(reaction: str = REACTION, **changes: Any) -> None:
        tables = rig_tables()
        for place, value in changes.items():
            *path, key = place.split("__")
            table = tables
            for part in path:
                table = table[part]
            table[key] = value
        (tmp_path / "rig.toml").write_text(tomli_w.dumps(tables), "utf-8")
        (tmp_path / "ours.toml").write_text(reaction, "utf-8")
        (tmp_path / "problem.toml").write_text(PROBLEM, "utf-8")

    return write


def check(capsys) -> tuple[int, str]:
    code = main(["check", "problem.toml", "--rig", "rig.toml"])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_the_check_is_content(bench, capsys):
    bench()
    code, said = check(capsys)
    assert code == 0, said
    assert "Fits the rig: Three streams." in said


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"emulation__reaction": "walker2017"},
         "emulation.reaction = 'walker2017' does not flow from the streams a, b, catalyst, it "
         "needs c60, sultine: name the streams so, or give the reaction that they feed"),
        ({"emulation__reaction": "snar"},
         "does not flow from the streams a, b, catalyst, it needs dfnb, pyrrolidine"),
        ({"emulation__reaction": "our.toml"},
         "rig.toml: emulation.reaction: reaction file our.toml cannot be read (No such file or "
         "directory): check its path"),
        ({"emulation__reaction": 7},
         "rig.toml: emulation.reaction: 7 is no reaction: give the name of one, or a .toml file"),
        ({"streams__a__stock": 400},
         "streams.a.stock = 400 mM, but its reaction has 500 mM of A in it: make them agree"),
        ({"reaction": REACTION.replace("catalyst = {", "pd = {")},
         "it needs a, b, pd: name the streams so"),
        ({"reaction": REACTION.replace("catalyst = { cat = 50 }", "").replace(
            "b        = { B = 1000 }", "b = { B = 1000, cat = 5 }")},
         "streams.catalyst is none of the streams of its reaction, a, b: add it there, with what "
         "is in it, or {} for a solvent"),
        ({"reaction": REACTION.replace("[peaks]", "ethanol = {}\n[peaks]")},
         "streams: the solvent ethanol of its reaction is no stream of the rig: add it"),
        ({"reaction": REACTION.replace("P         =", "Q         =")},
         "emulation.reaction = 'A and B to P, which B consumes' gives the peaks A, Q, byproduct, "
         "but chromatogram.peaks are A, P, byproduct: name the peaks so"),
        ({"reaction": REACTION.replace("k = 1.5", "k = 1e308")},
         "emulation.reaction: its mechanism cannot be integrated to 44.4444 min at 150 degC: look "
         "at its rate constants, activation energies and their units"),
        ({"reaction": REACTION.replace("A + B -> P", "A + C -> P")},
         "rig.toml: emulation.reaction: ours.toml: step 1: 'C' is none of the species A, B, cat, "
         "P, byproduct: add it to species"),
        ({"emulation__kinetics": {"k3": 1}},
         "emulation.kinetics of A and B to P, which B consumes: k3 = 1 is no parameter of this "
         "reaction: it has k1, E1, k2, E2"),
    ],
)  # fmt: skip
def test_the_check_says_at_once_what_cannot_be(bench, capsys, changes, told):
    bench(**changes)
    code, said = check(capsys)
    assert code == 2
    assert told in said
    assert "Traceback" not in said


@pytest.mark.parametrize(("lamp", "meter"), [(0.095, 0.1), (20.0, 100)], ids=["0.1 V", "100 V"])
def test_a_campaign_measures_what_the_mechanism_makes(bench, capsys, lamp, meter):
    exactly = f"{REACTION}[noise]\nextent = 0\nfraction = 0\nrelative = 0\n"
    bench(exactly, chromatogram__lamp=lamp, detector__range=meter)
    where = ["--catalogue", "runs", "--seed", "3", "--budget", "2"]
    assert main(["optimise", "problem.toml", "--rig", "rig.toml", "--json", *where]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["n"], result["failed"]) == (2, {})
    conditions = result["best"]["conditions"]
    flows = [conditions[f"flow_{name}"] for name in ("a", "b", "catalyst")]
    made = Mechanism(load_reaction("ours.toml"))
    feed = [stock * flow / sum(flows) for stock, flow in zip((500, 1000, 50), flows, strict=True)]
    true = made.composition(feed, 2000 / sum(flows), conditions["temperature"]).fractions
    assert result["best"]["measured"]["P"] == pytest.approx(true[1], abs=0.003)


def test_a_run_goes_on_without_the_file(bench, tmp_path, capsys):
    bench()
    where = ["--catalogue", "runs"]
    begun = ["optimise", "problem.toml", "--rig", "rig.toml", "--seed", "3", "--budget", "2"]
    assert main([*begun, *where]) == 0
    (tmp_path / "ours.toml").unlink()
    assert main(["optimise", "--resume", "last", "--budget", "3", *where]) == 0
    assert "3 experiments" in capsys.readouterr().out


def test_peaks_may_be_other_than_the_method_believes(bench):
    bench(REACTION.replace('{ of = "P" }', '{ of = "P", time = 5.5, response = 0.005 }'))
    emulation, clock, _ = emulate(load("rig.toml"))
    with emulation:
        (peak,) = (p for p in emulation.world.layout.peaks if p.response == 0.005)
        assert (peak.position, peak.width) == (5.5, 0.11)  # the width as the method has it
    clock.close()


def test_the_noise_of_an_experiment_is_the_files(bench):
    bench(f"{REACTION}[noise]\nextent = 0.2\n")
    spec = load("rig.toml").emulation
    assert noise_of(spec) == Noise(extent=0.2)
    assert noise_of(spec.model_copy(update={"noise": False})) is None
    assert noise_of(load("walker").emulation) == Noise()


def test_the_demo_of_a_reaction(tmp_path, capsys):
    where = ["--catalogue", str(tmp_path), "--json"]
    assert main(["demo", "--reaction", "snar", "--budget", "2", *where]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["n"], result["n_failed"], result["simulated"]) == (2, 0, True)
    assert result["title"].startswith("SnAr")
    with pytest.raises(SystemExit) as end:
        main(["demo", "--reaction", "amide"])
    assert end.value.code == 2
    assert "invalid choice: 'amide'" in capsys.readouterr().err


def test_a_rig_of_hardware_is_rehearsed_on_a_reaction_of_its_own(bench, capsys):
    bench()
    rig = load("rig.toml")
    ports = {k: p.model_copy(update={"url": f"/dev/{k}"}) for k, p in rig.transports.items()}
    hardware = rig.model_copy(update={"emulation": None, "transports": ports})
    with emulated(hardware, reaction="ours.toml") as served, open_rig(served) as opened:
        assert sorted(opened.pumps) == ["a", "b", "catalyst"]
        assert served.emulation is None
    assert main(["emulate", "--rig", "walker", "--reaction", "ours.toml"]) == 2
    assert "does not flow from the streams c60, sultine" in capsys.readouterr().err
    assert main(["emulate", "--reaction", "none.toml"]) == 2
    assert capsys.readouterr().err == (
        "emulation.reaction: reaction file none.toml cannot be read (No such file or directory): "
        "check its path\n"
    )
    # else this process, an IPython session say, would never hear of a Ctrl-C again
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize(
    ("amounts", "standard", "responses"),
    [("mM", False, (0.0004, 0.0005)), ("M", False, (0.4, 0.5)), ("mM", True, (0.2, 0.25))],
)
def test_amounts_are_rehearsed_in_their_unit_and_against_a_standard(
    bench, capsys, amounts, standard, responses
):
    """What A has become adds up to what was fed of it, by flows and stocks."""
    peaks = rig_tables()["chromatogram"]["peaks"]
    last = tomllib.loads((files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8"))
    peaks.append(last["chromatogram"]["peaks"][3] | {"name": "cat", "response": 0.01})
    for peak, response in zip(peaks, (*responses, responses[0]), strict=False):
        peak["response"] = response
    method = rig_tables()["chromatogram"] | {"peaks": peaks, "amounts": amounts}
    if standard:
        method["standard"] = {"peak": "cat", "amount": 3.0}
    else:
        peaks.pop()
    reaction = REACTION + ('cat = { of = "cat" }\n' if standard else "")
    bench(reaction, chromatogram=method, emulation__noise=False)
    problem = PROBLEM.replace("budget      = 4", 'budget = 1\nkind = "positive"')
    Path("problem.toml").write_text(problem, "utf-8")
    where = ["--rig", "rig.toml", "--catalogue", "runs", "--seed", "1", "--json"]
    assert main(["optimise", "problem.toml", *where]) == 0
    with Catalogue("runs") as catalogue:
        (facts,), (decided,) = (list(catalogue[-1].events(s)) for s in ("primary", "decision"))
    flows = {name: facts[f"flow_{name}"] for name in ("a", "b", "catalyst")}
    fed, cat = (
        stock * flows[name] / sum(flows.values()) for name, stock in (("a", 500), ("catalyst", 50))
    )
    seen = sum(decided[name] for name in ("A", "P", "byproduct"))
    told = fed * 3.0 / cat if standard else fed * {"mM": 1, "M": 1e-3}[amounts]
    assert seen == pytest.approx(told, rel=0.01)


@pytest.mark.parametrize(
    ("titles", "refusal"),
    [
        ("A [M],P [M],byproduct [mM],P_sd", ""),
        ("A [mM],P [M],byproduct [mM],P_sd [M]", ""),
        ("A [mM],P [%],byproduct [mM],P_sd", "has P in %, the rig in mM: '%' is a plain number"),
        ("A [mM],P [g],byproduct,P_sd", "has P in g, the rig in mM: 'g' is mass"),
    ],
)
def test_a_table_of_old_results_may_have_other_units_than_the_rig(bench, capsys, titles, refusal):
    method = rig_tables()["chromatogram"]
    for peak, response in zip(method["peaks"], (0.0004, 0.0005, 0.0004), strict=True):
        peak["response"] = response
    bench(chromatogram=method | {"amounts": "mM"})
    asked = PROBLEM.replace("0.05 +/- 0.02", "2 +/- 1").replace("budget      = 4", "budget = 1")
    Path("problem.toml").write_text(asked, "utf-8")
    a = "0.1" if titles.startswith("A [M]") else "100"
    rows = f"temperature,flow_a,flow_b,flow_catalyst,{titles}\n80,100,150,10,{a},0.08,2.5,0.001\n"
    Path("old.csv").write_text(rows)
    how = ["--rig", "rig.toml", "--catalogue", "runs", "--seed", "1", "--json"]
    code = main(["optimise", "problem.toml", "--from", "old.csv", *how])
    if refusal:
        assert code == 2
        assert refusal in " ".join(capsys.readouterr().err.split())
        return
    assert code == 0
    with Catalogue("runs") as catalogue:
        (known,) = catalogue[-1].start["known"]["experiments"]
    assert known["measurement"]["values"] == {"A": 100, "P": 80, "byproduct": 2.5}
    assert known["measurement"]["sd"]["P"] == 1


def test_prices_of_amounts_are_in_the_unit_of_the_method(bench, capsys):
    method = rig_tables()["chromatogram"]
    for peak, response in zip(method["peaks"], (0.0004, 0.0005, 0.0004), strict=True):
        peak["response"] = response
    bench(chromatogram=method | {"amounts": "mM"})
    asked = PROBLEM.replace("0.05 +/- 0.02", "2 +/- 1").replace("budget      = 4", "budget = 7")
    Path("problem.toml").write_text(asked, "utf-8")
    where = ["--catalogue", "runs", "--json"]
    assert main(["optimise", "problem.toml", "--rig", "rig.toml", "--seed", "1", *where]) == 0
    capsys.readouterr()
    assert main(["rescore", "last", "--problem", "problem.toml", *where]) == 0
    (price,) = json.loads(capsys.readouterr().out)["prices"]
    assert (price["goal_unit"], price["edge_unit"]) == ("mM", "mM")
    method["peaks"][0]["response"] = 1.0
    Path("fractions.toml").write_text(tomli_w.dumps(method), "utf-8")
    again = ["--problem", "problem.toml", "--method", "fractions.toml"]
    assert main(["rescore", "last", *again, *where]) == 0
    (price,) = json.loads(capsys.readouterr().out)["prices"]
    assert (price["goal_unit"], price["edge_unit"]) == ("", "")  # mole fractions by that method


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("b        = { B = 1000 }", "b        = {}",
         "step 1, 'A + B -> P', never takes place: B is in no stream and made by no step"),
        ('of = "byproduct" }', 'of = "Q" }',
         "peaks.byproduct never shows: Q is in no stream and made by no step"),
    ],
)  # fmt: skip
def test_what_can_never_happen_is_said_beforehand(bench, capsys, good, bad, told):
    assert good in REACTION
    bench(
        REACTION.replace(good, bad).replace(
            '"byproduct"]', '"byproduct", "Q"]' if "Q" in bad else '"byproduct"]'
        )
    )
    code, said = check(capsys)
    assert code == 2
    assert told in " ".join(said.split())
