"""A problem in the chemist's own words: what `check` makes of it, and what a campaign stores."""

import pytest

from reactune.analysis.problem.model import Problem
from reactune.devices import load
from reactune.plans.campaign import optimise
from reactune.plans.cli import main
from reactune.plans.compatibility import incompatibilities
from reactune.plans.fitting import fitted

ADDUCTS = """\
schema      = 1
title       = "Größtmögliche Ausbeute bei 150 °C"
minimise    = "X3"
measured    = ["X0", "X1", "X2", "X3"]
constraints = ["X1 + X2 in [0.9, 1.0] +/- 0.3", "X1 / X2 >= 4 +/- 0.3"]
budget      = 4
batch       = 4
[variables]
temperature  = { range = [100, 150], unit = "degC" }
flow_c60     = { range = [10, 207],  unit = "uL/min" }
flow_sultine = { range = [10, 207],  unit = "uL/min" }
[fixed]
volume = 931
[limits]
ratio     = { of = "flow_sultine / flow_c60", within = [0.5, 2.0] }
residence = { of = "volume / (flow_c60 + flow_sultine)", within = [3, 31], unit = "min" }
"""
HEAT = 'temperature  = { range = [100, 150], unit = "degC" }'
C60 = 'flow_c60     = { range = [10, 207],  unit = "uL/min" }'
RATIO = ADDUCTS[: ADDUCTS.index("[limits]")].replace(
    ADDUCTS[ADDUCTS.index("flow_c60") : ADDUCTS.index("[fixed]")],
    'residence_time = { range = [3, 31], unit = "min" }\n'
    'ratio = { range = [0.5, 2.0], of = "flow_sultine / flow_c60" }\n',
)


def checked(tmp_path, capsys, text):
    """What `reactune check` says, and how it ends."""
    path = tmp_path / "adducts.toml"
    path.write_text(text, encoding="utf-8")
    code = main(["check", str(path)])
    out, err = capsys.readouterr()
    return code, out, " ".join(err.split())


def of(*changes):
    text = ADDUCTS
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


GOAL, WINDOW = 'minimise    = "X3"', '"X1 / X2 >= 4 +/- 0.3"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        *(
            (of((GOAL, f'minimise = "{goal}"')), f"Minimise {goal}, measuring")
            for goal in ("(X1 - 0.5)**2", "(X1 - 0.5)^2", "log(X3 + 0.001)", "abs(X1 - 0.5)")
        ),
        (of((GOAL, 'minimise = "X1 / residence"')), "Minimise X1 / residence"),
        (of((GOAL, 'minimise = ["X3", "X1 / X2"]')),
         "Minimise X3 and minimise X1 / X2, measuring X0, X1, X2, X3.\nTwo goals: what is sought"),
        (of((GOAL, 'minimise = ["X3"]\nmaximise = [{ of = "X1", name = "first adduct" }]')),
         "Minimise X3 and maximise first adduct"),
        *(
            (of((WINDOW, f'"X1 / X2 {relation}"')), f"X1 / X2 {said} 4; values down to 3.7")
            for relation, said in {
                "= 4 +/- 0.3": "equal to", "== 4 +/- 0.3": "equal to", "= 4 ± 0.3": "equal to",
                "≥ 4 +/- 0.3": "at least", "> 4 +/- 0.3": "at least",
            }.items()
        ),
        (of((WINDOW, '"X1 >= 80% +/- 5%"')), "X1 at least 0.8; values down to 0.75"),
        (of((WINDOW, '"0.9 <= X1 + X2 <= 1 +/- 0.3"')), "X1 + X2 from 0.9 to 1"),
        (of((WINDOW, '"residence <= 10 +/- 1"')), "residence at most 10 min; values up to 11 min"),
        (of(("degC", "°C")), "temperature   100 to 150 °C"),
        (of((C60, C60.replace("uL", "µL"))), "flow_c60      10 to 207 µL/min"),
        (of((C60, C60.replace("[10, 207]", "[0.01, 0.207]").replace("uL", "mL"))),
         "flow_c60      0.01 to 0.207 mL/min"),
        (of((HEAT, HEAT.replace("[100, 150]", "[373.15, 423.15]").replace("degC", "K"))),
         "temperature   373.15 to 423.15 K"),
        (of(("[3, 31], unit = \"min\"", "[180, 1860], unit = \"s\"")),
         "this leaves flow_c60 + flow_sultine from 30.0 to 310.3 uL/min"),
        (of((HEAT, "temperature = { values = [100, 120, 150] }")), "100, 120, 150"),
        (of((HEAT, "temperature = { range = [100, 150], step = 10 }")), "in steps of 10"),
        (of((HEAT, "temperature = { range = [100, 150], resolution = 10 }")), "in multiples of 10"),
        (RATIO, "flow_sultine from 10.0 to 206.9 uL/min"),
    ],
)  # fmt: skip
def test_understood(tmp_path, capsys, text, said):
    code, out, err = checked(tmp_path, capsys, text)
    assert (code, err) == (0, "")
    assert said in out
    assert "Fits the rig" in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (of((HEAT, HEAT.replace("degC", "K"))),
         "variables.temperature.range: 100 K is -173 degC, outside what the rig allows, 25 to 150"),
        (of((C60, C60.replace("uL/min", "mL"))),
         "variables.flow_c60.unit: 'mL' is a volume, not a flow as 'uL/min' is"),
        (of(("[3, 31]", "[300, 310]")), "flow_sultine) runs from 2.25 to 46.6 min"),
        (of((GOAL, 'minimise = ["X3", "X1 / X2", "X0"]')), "no more than two can be traded off"),
        (RATIO.replace(', of = "flow_sultine / flow_c60"', ""),
         "variables.ratio: the rig has no such variable"),
        (of((HEAT, 'temperature = { choices = ["hot", "cold"] }')),
         "variables.temperature: the rig does not carry hot or cold; say under [choices.temp"),
        (of(("[variables]", 'shared = ["flow_c60"]\n[variables]')),
         "shared: flow_c60 is tied to others by limits or by the rig, and cannot be held"),
    ],
)  # fmt: skip
def test_refused(tmp_path, capsys, text, said):
    code, _, err = checked(tmp_path, capsys, text)
    assert code == 2
    assert said in err


# ---- without a rig -------------------------------------------------------------------------------

SNAR = {
    "maximise": "STY",
    "measured": ["product", "sm", "bis"],
    "constraints": ["product >= 0.9 +/- 0.05", "bis <= 0.02 +/- 0.01"],
    "variables": {"tau": {"range": (0.5, 10), "unit": "min"}, "equiv": (1, 5)},
    "fixed": {"c_sm": 0.5},
}


def test_a_goal_that_is_defined():
    with pytest.raises(ValueError, match=r"STY' is not known here; .* \[define\] STY = "):
        Problem(**SNAR)
    p = Problem(**SNAR | {"define": {"STY": {"of": "60 * product * c_sm / tau", "unit": "mM/min"}}})
    found = p.properties({"product": 0.8, "sm": 0.2, "bis": 0}, conditions={"tau": 2, "equiv": 1})
    assert (found.f, p.goal.text, p.aims[0].unit) == (-12, "STY", "mM/min")


# ---- campaigns -----------------------------------------------------------------------------------


def stated(text, tmp_path, **more):
    path = tmp_path / "adducts.toml"
    path.write_text(text, encoding="utf-8")
    return Problem.load(Problem.load(path).to_dict() | more)


def test_what_is_asked_is_stored_in_the_users_variables_and_set_in_the_rigs(lab, tmp_path):
    lab.RE(optimise(stated(RATIO, tmp_path), lab.rig, seed=1))
    facts = lab.events("primary")
    assert len(facts) == 4
    for fact in facts:
        c60, sultine = fact["flow_c60_setpoint"], fact["flow_sultine_setpoint"]
        assert sultine / c60 == pytest.approx(fact["asked_ratio"], rel=1e-4)
        assert 931 / (c60 + sultine) == pytest.approx(fact["asked_residence_time"], rel=1e-4)
        assert "asked_flow_c60" not in fact
    start = lab.only("start")
    assert Problem.load(start["problem"]).settings(
        {"temperature": 120, "residence_time": 9.31, "ratio": 1}
    ) == pytest.approx({"temperature": 120, "flow_c60": 50, "flow_sultine": 50})
    assert lab.only("stop")["exit_status"] == "success"


def test_units_are_converted_for_the_rig_alone_and_steps_are_kept(lab, tmp_path):
    text = of(
        (HEAT, 'temperature = { values = [373.15, 393.15, 413.15], unit = "K" }'),
        (C60, 'flow_c60 = { range = [0.01, 0.207], step = 0.01, unit = "mL/min" }'),
        (WINDOW, '"residence <= 10 +/- 1"'),
    )
    lab.RE(optimise(stated(text, tmp_path, budget=5, batch=5), lab.rig, seed=1))
    facts = lab.events("primary")
    assert {fact["asked_temperature"] for fact in facts} <= {373.15, 393.15, 413.15}
    for fact in facts:
        assert fact["temperature_setpoint"] == pytest.approx(fact["asked_temperature"] - 273.15)
        assert fact["flow_c60_setpoint"] == pytest.approx(1000 * fact["asked_flow_c60"])
        assert fact["flow_c60_setpoint"] % 10 == pytest.approx(0, abs=1e-6)


def test_a_campaign_does_not_go_on_with_other_pumps(tmp_path):
    rig = load("walker")
    problem = fitted(stated(RATIO, tmp_path), rig)
    assert not incompatibilities(problem, rig)
    streams = rig.streams | {"c60": rig.streams["c60"].model_copy(update={"limits": (10.0, 100.0)})}
    (told,) = incompatibilities(problem, rig.model_copy(update={"streams": streams}))
    assert told.startswith("streams.c60.limits: [10, 100] uL/min, but the campaign so far")


def test_without_windows_there_is_one_best_wherever_it_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path / "runs"))
    text = of(('["X1 + X2 in [0.9, 1.0] +/- 0.3", "X1 / X2 >= 4 +/- 0.3"]', "[]"))
    (tmp_path / "adducts.toml").write_text(text, encoding="utf-8")
    assert main(["optimise", "adducts.toml", "--seed", "1", "--budget", "2"]) == 0
    progress = capsys.readouterr().err
    assert main(["runs"]) == 0
    listed = capsys.readouterr().out
    assert main(["rescore", "last", "--problem", "adducts.toml", "--method", "walker"]) == 0
    rescored = capsys.readouterr().out.split("=" * 80)[1].partition("\n")[2].partition("\n")[2]
    (head,) = [line for line in progress.splitlines() if "feasibility" in line]
    assert head.split()[-2:] == ["X3", "best"]
    assert progress.count("(no. ") == 2
    for said in (listed, rescored):
        assert "expected of" in said.lower()
        assert "feasible" not in said.partition("--------")[2]
        assert "by merit" not in said
