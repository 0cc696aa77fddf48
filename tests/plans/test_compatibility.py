"""Problems that are legal but unusual, and what a rig makes of them."""

from importlib.resources import files

import pytest

from reactune.analysis.problem.model import Problem
from reactune.devices.rig.flow_rig import load
from reactune.plans.campaign import CampaignError, optimise
from reactune.plans.cli import main
from reactune.plans.comparing import differing
from reactune.plans.compatibility import incompatibilities

PLAIN = """\
minimise = "X3"
measured = ["X0", "X1", "X2", "X3"]
budget = 3
[fixed]
volume = 931
[limits]
ratio     = { of = "flow_sultine / flow_c60", within = [0.5, 2.0] }
residence = { of = "volume / (flow_c60 + flow_sultine)", within = [3, 31], unit = "min" }
[variables]
temperature  = { range = [100, 150], unit = "degC" }
flow_c60     = { range = [10, 207],  unit = "uL/min" }
flow_sultine = { range = [10, 207],  unit = "uL/min" }
"""


@pytest.mark.parametrize("command", ["check", "optimise"])
@pytest.mark.parametrize(
    ("good", "bad", "text"),
    [
        (
            '"flow_sultine / flow_c60", within = [0.5, 2.0]',
            '"flow_sultine * flow_c60", within = [200, 4000]',
            "is not a ratio of sums",
        ),
        ("[fixed]", '[optimiser]\nmodel = "cubic"\n[fixed]', "cubic"),
        (
            'unit = "degC"',
            'unit = "K"',
            "variables.temperature.range: 100 K is -173 degC, outside what the rig allows, 25 to "
            "150 degC",
        ),
        (
            '207],  unit = "uL/min" }\nflow_s',
            '207],  unit = "mL" }\nflow_s',
            "variables.flow_c60.unit: 'mL' is a volume, not a flow",
        ),
        ("temperature  = {", "temperatur  = {", "the rig has no such variable"),
    ],
)
def test_what_only_space_optimiser_or_rig_can_refuse_is_the_users_input(
    tmp_path, capsys, command, good, bad, text
):
    assert good in PLAIN
    file = tmp_path / "a problem.toml"
    file.write_text(PLAIN.replace(good, bad))
    where = ["--catalogue", str(tmp_path / "runs")] if command == "optimise" else []
    assert main([command, str(file), *where]) == 2
    assert text in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("seed", ["-1", "one", "1.5"])
def test_a_seed_that_is_none_is_refused(capsys, seed):
    with pytest.raises(SystemExit, match="2"):
        main(["demo", f"--seed={seed}"])
    assert f"a seed is a whole number from 0, not {seed}" in capsys.readouterr().err


def test_volumes_that_differ_are_not_written_alike():
    rig = load("walker")
    was, now = (
        rig.model_copy(update={"reactor": rig.reactor.model_copy(update={"heated_volume": volume})})
        for volume in (1234567.0, 1234568.0)
    )
    assert [*differing(was, now)] == ["reactor.heated_volume = 1234568 was 1234567"]


def held_at(temperature):
    """Run II at one temperature, as the message about equal bounds tells a user to state it."""
    stated = Problem.load("walker-ii").to_dict()
    del stated["variables"]["temperature"]
    stated["fixed"]["temperature"] = temperature
    return Problem.load(stated | {"budget": 2})


def test_a_variable_of_the_rig_can_be_held_fixed(lab):
    problem = held_at(120)
    lab.RE(optimise(problem, lab.rig))
    facts = lab.events("primary")
    assert [fact["temperature_setpoint"] for fact in facts] == [120, 120]
    assert all("asked_temperature" not in fact for fact in facts)
    assert lab.only("stop")["exit_status"] == "success"


def test_a_fixed_variable_must_be_within_what_the_rig_allows():
    (wrong,) = incompatibilities(held_at(180), load("walker"))
    assert wrong == "fixed.temperature: 180 is beyond what the rig allows, [25, 150] degC"


def test_a_syringe_too_small_for_one_experiment_is_said_before_the_first():
    rig = load("walker")
    streams = rig.streams | {
        "c60": rig.streams["c60"].model_copy(update={"syringe_volume": 1200.0})
    }
    (wrong,) = incompatibilities(
        Problem.load("walker-ii"), rig.model_copy(update={"streams": streams})
    )
    assert wrong.startswith("variables: one experiment may need 1.2")
    assert "c60, but its syringe delivers 1.10 mL in one stroke" in wrong


def test_reagents_that_run_out_end_the_campaign_with_their_sentence(lab):
    agent = lab.agent(budget=20)
    evaluate = agent.evaluate

    def spill(data):
        lab.rig.pumps["c60"].ledger._flask = 0.0
        return evaluate(data)

    agent.evaluate = spill
    with pytest.raises(CampaignError, match="c60"):
        lab.campaign(agent)
    assert 1 <= len(lab.events("primary")) < 20
    assert all(fact["valid"] for fact in lab.events("primary"))
    assert "c60" in lab.only("stop")["reason"]
    lab.assert_safe()


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("duration      = 780", "duration = 720",
         "the window of 'X0' ends at 12.6 min, but the trace at 12 min (duration = 720 s)"),
        ("time = 4.40,  window = [3.60, 4.87]", "time = 264, window = [216, 292]",
         "the window of 'X3' ends at 292 min, but the trace at 13 min"),
        ("duration      = 780", "duration = 750", ""),  # it lacks less than the analysis forgives
    ],
)  # fmt: skip
def test_a_peak_that_no_trace_is_long_enough_for_is_refused_beforehand(
    tmp_path, capsys, good, bad, told
):
    text = (files("reactune.devices") / "rigs" / "walker.toml").read_text("utf-8")
    assert good in text
    rig = tmp_path / "rig.toml"
    rig.write_text(text.replace(good, bad), "utf-8")
    assert main(["check", "walker-ii", "--rig", str(rig)]) == (2 if told else 0)
    assert told in " ".join(capsys.readouterr().err.split())
