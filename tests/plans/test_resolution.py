"""What a heater's display or a pump's digits cannot say is refused, not set to something else."""

import re
import tomllib
from functools import partial
from importlib.resources import files

import pytest

from reactune.analysis import Problem
from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices import load
from reactune.plans import compatibility, resolution
from reactune.plans.cli import main
from reactune.plans.making.service import product_of
from reactune.plans.resolution import unsettable
from reactune.plans.service import UserError, rediscover, resume, run

PROBLEM = """
minimise = "X3"
budget = 3
measured = ["X0", "X1", "X2", "X3"]
[variables]
flow_c60 = { range = [10, 207] }
flow_sultine = { range = [10, 207] }
"""


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        (
            "temperature = { values = [100, 120.05, 149.999] }",
            "variables.temperature.values: 120.05, 149.999 degC cannot be set on this rig; the "
            "nearest that can: 120, 150",
        ),
        (
            "temperature = { range = [100, 150], step = 0.003 }",
            "variables.temperature.step: 100.003, 149.995, 149.998 degC cannot be set on this rig",
        ),
        (
            "temperature = { range = [100, 150], resolution = 0.25 }",
            "variables.temperature.resolution: 100.25, 149.75 degC cannot be set",
        ),
        (
            "temperature = { range = [120, 120.04] }",
            "variables.temperature.range: 120, 120.04 degC are one setpoint to this rig: put them "
            "farther apart",
        ),
        (
            'temperature = { range = [373.15, 393.15], step = 0.003, unit = "K" }',
            "variables.temperature.step: 373.15, 373.153, 393.145, 393.148 K are one setpoint",
        ),
        (
            "flow_c60 = { values = [50.00004, 60] }\ntemperature = { range = [100, 150] }",
            "variables.flow_c60.values: 50.00004 uL/min cannot be set on this rig; the nearest "
            "that can: 50",
        ),
        (
            'flow_c60 = { range = [1, 1.0003], step = 1e-6, unit = "mL/h" }\n'
            "temperature = { range = [100, 150] }",
            "variables.flow_c60.step: 1, 1.000001, 1.000299, 1.0003 mL/h are one setpoint to this "
            "rig: put them farther apart",
        ),
    ],
)
def test_what_no_instrument_can_be_set_to_is_refused(tmp_path, capsys, stated, told):
    problem = tmp_path / "problem.toml"
    text = PROBLEM.replace("flow_c60 = { range = [10, 207] }", "") if "flow" in stated else PROBLEM
    problem.write_text(text + stated, "utf-8")
    assert main(["check", str(problem), "--rig", "walker"]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    "stated",
    [
        "{ values = [100, 120.1, 149.9] }",
        "{ range = [100, 150], step = 0.1 }",
        "{ range = [100.03, 149.97] }",
        '{ range = [380, 400], step = 5, unit = "K" }',  # 106.85 degC: no integer could be said
    ],
)
def test_what_can_be_set_is_not(tmp_path, stated):
    problem = tmp_path / "problem.toml"
    problem.write_text(PROBLEM + f"temperature = {stated}", "utf-8")
    assert main(["check", str(problem), "--rig", "walker"]) == 0


FLOW = PROBLEM.replace("flow_c60 = { range = [10, 207] }", "temperature = { range = [100, 150] }")


@pytest.mark.parametrize("protocol", ["harvard11", "ne1000"])
@pytest.mark.parametrize(
    "stated",
    [
        '{ values = [1, 2, 5], unit = "mL/h" }',  # 16.6667 uL/min, as the pump takes it
        '{ range = [1, 5], step = 0.1, unit = "mL/h" }',
        '{ values = [1000, 2000.5], unit = "uL/h" }',
        '{ range = [0.05, 0.1], resolution = 0.01, unit = "mL/min" }',
    ],
)
def test_flows_in_other_units_are_what_the_pump_takes_for_the_same(stated, protocol):
    rig = load("walker")
    pump = rig.streams["c60"].model_copy(update={"protocol": protocol})
    rig = rig.model_copy(update={"streams": rig.streams | {"c60": pump}})
    problem = Problem.load(tomllib.loads(f"{FLOW}flow_c60 = {stated}"))
    assert list(unsettable(problem, rig)) == []


def test_a_flow_that_no_pump_takes_has_a_cure_that_one_can_type():
    rig = load("walker")
    slow = rig.streams["c60"].model_copy(update={"limits": (0.001, 1.0)})
    rig = rig.model_copy(update={"streams": rig.streams | {"c60": slow}})
    stated = '{ values = [0.0010, 0.01], unit = "mL/h" }'
    wrong = list(unsettable(Problem.load(tomllib.loads(f"{FLOW}flow_c60 = {stated}")), rig))
    assert wrong == [
        "variables.flow_c60.values: 0.001 mL/h cannot be set on this rig; the nearest that can: "
        "0.001002"
    ]


@pytest.mark.parametrize(("decimals", "code"), [(0, 2), (1, 0)])
def test_a_controller_that_shows_less_than_is_usual_is_told_once_it_is_open(
    tmp_path, capsys, decimals, code
):
    text = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
    rig, problem = tmp_path / "rig.toml", tmp_path / "problem.toml"
    rig.write_text(f"{text}\n[emulation.heater]\ndecimals = {decimals}\n", "utf-8")
    problem.write_text(PROBLEM + "temperature = { values = [100.5, 120] }", "utf-8")
    where = ["--rig", str(rig), "--catalogue", str(tmp_path / "runs"), "--seed", "1"]
    assert main(["optimise", str(problem), *where, "--budget", "1"]) == code
    told = "variables.temperature.values: 100.5 degC cannot be set on this rig; the nearest that"
    assert (told in capsys.readouterr().err) == bool(code)


@pytest.fixture(scope="module")
def stored_before(tmp_path_factory):
    """A campaign of a time when nobody minded what a display can say."""
    folder = tmp_path_factory.mktemp("before")
    asked = Problem.load("walker-ii").to_dict()
    windows = ["X1 + X2 in [0.9, 1.0] +/- 0.3", "X1 / X2 >= 0.01 +/- 0.01"]
    heat = asked["variables"]["temperature"] | {"resolution": 0.25}
    asked |= {"constraints": windows, "variables": asked["variables"] | {"temperature": heat}}
    with pytest.MonkeyPatch.context() as patched:
        for module in (compatibility, resolution):
            patched.setattr(module, "unsettable", lambda *_: iter(()))
        with Catalogue(folder, writing=True, store="journal") as catalogue:
            outcome = run(asked, catalogue=catalogue, seed=3, budget=12)
            assert outcome.summary.best_feasible is not None
    return folder


UNSETTABLE = "variables.temperature.resolution: 100.25, 149.75 degC cannot be set on this rig"


def test_what_a_stored_campaign_asked_is_judged_as_it_was_then(stored_before, placed):
    with Catalogue(placed(stored_before)) as catalogue:
        (uid,) = catalogue
        found = product_of(catalogue, uid, load("walker")).conditions
    assert found["temperature"] % 0.25 == 0
    assert main(["rediscover", "last", "--budget", "1"]) == 0
    assert main(["optimise", "--resume", uid, "--budget", "13"]) == 0


def test_what_it_is_asked_now_is_judged_as_new_problems_are(stored_before, placed):
    folder = placed(stored_before)
    with Catalogue(folder) as catalogue:
        (uid,) = catalogue
        asked = catalogue[uid].start["problem"]
    for again in (
        partial(resume, uid, budget=13, problem=asked),
        partial(rediscover, uid, budget=1, problem=asked),
        partial(run, asked, known=uid, budget=1),
    ):
        with pytest.raises(UserError, match=re.escape(UNSETTABLE)):
            again(catalogue=folder)
