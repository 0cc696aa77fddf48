"""Choices on a rig, by a selector valve or a stream each: checked, rinsed, counted, tuned."""

from importlib.resources import files
from typing import Any

import pytest

from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices import load, open_rig
from reactune.devices.instruments.interlock import RigFaultError
from reactune.devices.instruments.ledger import LedgerError
from reactune.devices.instruments.valve import ValveError
from reactune.devices.protocols.errors import InstrumentError
from reactune.devices.protocols.roles import PumpError
from reactune.plans.cli import main
from reactune.plans.errors import UserError
from reactune.plans.reagents import ReagentBook, reconciled
from tests.plans.catalysts import PROBLEM, TWO, tables


def check(capsys) -> tuple[int, str]:
    code = main(["check", "problem.toml", "--rig", "rig.toml"])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_the_check_says_what_each_choice_is_set_to(bench, capsys):
    bench(tables())
    code, said = check(capsys)
    assert code == 0, said
    assert "catalyst = C6: position 6 of its valve, and flow_catalyst through it" in said
    assert "after a change 40 uL of flow_catalyst rinse the line" in said
    assert "C2" not in said
    assert "catalyst from" not in said.replace("flow_catalyst from", "")
    bench(tables("streams"))
    code, said = check(capsys)
    assert code == 0, said
    assert "catalyst = C6: flow_catalyst by stream ni, the others stand still" in said
    assert "flow_catalyst from 10.0 to 375" in said  # what both pumps can do


@pytest.mark.parametrize(
    ("rig", "problem", "told"),
    [
        (tables("streams"), PROBLEM,
         "variables.catalyst: the rig does not carry C2, C3, C4, C5, C7, C8; its choices.catalyst "
         "are C1, C6"),
        (tables("streams") | {"choices": {}}, TWO, "the rig does not carry C1 or C6; say"),
        (tables(), TWO.replace('catalyst       = { choices = ["C1", "C6"] }', ""),
         "variables: the rig also needs catalyst; give it choices, or choices.catalyst.default"),
        (tables(volume=300), TWO, "of C1, but its coil holds 0.30 mL; narrow the ranges or take a"),
        (tables(volume=2000), TWO, "of what catalyst chooses, but its coils hold 4.0 mL; lower"),
        (tables(positions={"C1": 1, "C9": 2}), TWO, "and not C9: name them so, or add them there"),
        (tables(positions={"C1": 1, "C6": 1}), TWO, "C1 and C6 are both 1: give each its own"),
        (tables(valve={"transport": "selector", "protocol": "rheodyne"}), TWO,
         "no selector that speaks 'rheodyne' is known; known are vici: name one of these"),
        (tables("streams", streams={"C1": "pd", "C6": "cu"}), TWO,
         "choices.catalyst: 'cu' is none of the streams a, b, pd, ni"),
        (tables("streams", default="C2"), TWO, "default = 'C2' is none of C1, C6: name one"),
        (tables("streams", positions={"C1": 1}), TWO, "positions: only with valve"),
    ],
)  # fmt: skip
def test_what_a_rig_cannot_choose_is_refused_by_name(bench, capsys, rig, problem, told):
    bench(rig, problem)
    code, said = check(capsys)
    assert code == 2
    assert told in " ".join(said.split())
    assert "Traceback" not in said


def test_streams_that_are_chosen_from_are_one_to_the_reaction(bench, capsys, tmp_path):
    rig = tables("streams")
    reaction = (files("reactune.devices") / "reactions" / "catalysts.toml").read_text("utf-8")
    assert "\ncatalyst = {" in reaction
    apart = reaction.replace("\ncatalyst = {", "\nni = { cat = 12.5 }\npd = {")
    (tmp_path / "own.toml").write_text(apart, "utf-8")
    rig["emulation"]["reaction"] = "own.toml"
    bench(rig)
    code, said = check(capsys)
    assert code == 2
    assert (
        "choices.catalyst: its streams are one stream catalyst in a reaction file, which has pd, "
        "ni: give it catalyst in their place" in " ".join(said.split())
    )


def test_a_rig_chooses_its_default_where_a_problem_does_not_ask(bench, capsys):
    bench(
        tables(default="C6", volume=60000),
        TWO.replace('catalyst       = { choices = ["C1", "C6"] }', ""),
    )
    code, said = check(capsys)
    assert code == 0, said
    assert "catalyst = C6: position 6 of its valve" in said


def own_stocks() -> dict[str, Any]:
    """That rig with another stock of one of two, which are a pump each."""
    rig = tables("streams")
    rig["streams"]["ni"]["stock"] = 25.0
    return rig


def test_each_may_have_a_stock_of_its_own_where_nothing_is_computed_from_it(bench, capsys):
    flows = "".join(f'flow_{name} = {{ range = [20, 100], unit = "uL/min" }}\n'
                    for name in ("a", "b", "catalyst"))  # fmt: skip
    in_flows = (
        'maximise = "R"\nmeasured = ["A", "R"]\nkind = "positive"\nbudget = 5\n[variables]\n'
        'catalyst = { choices = ["C1", "C6"] }\n'
        f'temperature = {{ range = [40, 100], unit = "degC" }}\n{flows}'
    )
    bench(own_stocks(), in_flows)
    code, said = check(capsys)
    assert code == 0, said
    bench(own_stocks())
    code, said = check(capsys)
    assert code == 2
    assert (
        "stock_catalyst is no one number: the rig has 12.5 mM of C1, 25 mM of C6; make these "
        "stocks agree, choose among those that do, or say it in flows, without stock_catalyst"
    ) in " ".join(said.split())


def test_the_stock_of_what_a_problem_offers_counts(bench, capsys):
    rig = own_stocks()
    rig["streams"]["cu"] = rig["streams"]["ni"] | {"address": 4}
    rig["choices"]["catalyst"]["streams"]["C2"] = "cu"
    bench(rig, TWO.replace('["C1", "C6"]', '["C6", "C2"]'))
    code, said = check(capsys)
    assert code == 0, said
    where = ["--rig", "rig.toml", "--catalogue", "runs", "--seed", "1", "--budget", "2"]
    assert main(["optimise", "problem.toml", *where]) == 0
    with Catalogue("runs") as catalogue:
        facts, decisions = (list(catalogue[-1].events(s)) for s in ("primary", "decision"))
    for fact, decision in zip(facts, decisions, strict=True):
        loading = 100 * 25 * fact["flow_catalyst"] / (500 * fact["flow_a"])
        assert decision["goal"] == pytest.approx(100 * decision["R"] / loading, rel=0.02)


def test_what_flows_has_the_stock_of_what_was_chosen(bench):
    bench(own_stocks())
    with open_rig(load("rig.toml"), seed=1) as rig:
        for option, stock in (("C1", 12.5), ("C6", 25.0)):
            feed = sample(rig, option)["sample"].feed
            assert feed[2] == pytest.approx(stock * 20 / 140)


def go(rig, status):
    rig.clock.wait(status, timeout=20)


FLOWS = {"temperature": 60.0, "flow_a": 60.0, "flow_b": 60.0, "flow_catalyst": 20.0}


def sample(rig, option: str) -> dict[str, Any]:
    """Measure there; give the event's data, and what was in the loop as the world has it."""
    began = rig.clock.now()
    go(rig, rig.set({**FLOWS, "catalyst": option}))
    settled = rig.clock.now() - began
    go(rig, rig.fill_loop())
    go(rig, rig.inject())
    go(rig, rig.trigger())
    data = {key: reading["value"] for key, reading in rig.read().items()}
    return data | {"settled": settled, "sample": rig.emulation.world.last_sample}


@pytest.mark.parametrize("transport", ["pty", "tcp"])
@pytest.mark.parametrize("way", ["valve", "streams"])
def test_after_a_change_the_shared_line_is_rinsed_before_a_steady_state_counts(
    bench, way, transport
):
    config = tables(way, line_volume=60)
    config["emulation"]["transport"] = transport
    config["chromatogram"]["duration"] = 300
    bench(config)
    with open_rig(load("rig.toml"), seed=1) as rig:
        first, other, same = (sample(rig, option) for option in ("C1", "C6", "C6"))
        assert [each["catalyst"] for each in (first, other, same)] == ["C1", "C6", "C6"]
        steady = 60 * 2 * 1000 / 140
        assert other["settled"] == pytest.approx(60 * 60 / 20 + steady, abs=1)
        assert same["settled"] == 0
        for each in (first, other):
            assert each["sample"].chosen == (("catalyst", each["catalyst"]),)
            assert each["sample"].feed[2] == pytest.approx(12.5 * 20 / 140)
            assert each["flow_catalyst"] == pytest.approx(20)
        if way == "valve":
            assert (first["catalyst_position"], other["catalyst_position"]) == (1, 6)
            left = rig.feed.choices["catalyst"].left
            assert left["C2"] == 25000
            used = sum(25000 - volume for volume in left.values())
            assert used == pytest.approx(rig.pumps["catalyst"].ledger.infused)
            assert 0 < 25000 - left["C1"] < used
        else:
            assert rig.pumps["pd"].flow.get() == 0
            assert rig.pumps["ni"].flow_setpoint.get() == 20


def test_without_the_rinse_the_world_would_show_it(bench):
    """A line that the rig file forgets is there all the same, and the emulation shows it."""
    config = tables(line_volume=0)
    bench(config)
    forgetful = load("rig.toml")
    with open_rig(forgetful, seed=1) as rig:
        line = rig.emulation.world._mixer._lines["catalyst"]
        line._volume = 400.0
        assert sample(rig, "C1")["sample"].chosen == ()  # solvent of the beginning
        assert sample(rig, "C6")["sample"].chosen == (("catalyst", "C1"),)


def test_a_valve_that_somebody_turns_is_a_fault_and_the_rig_is_safe(bench):
    bench(tables())
    with open_rig(load("rig.toml"), seed=1) as rig:
        go(rig, rig.set({**FLOWS, "catalyst": "C1"}))
        rig.emulation.world.select("catalyst", 3)
        with pytest.raises(
            ValveError, match="is at C3, but was turned to C1: something else flows"
        ):
            go(rig, rig.fill_loop())
        assert "selector valve of catalyst" in rig.fault
        assert rig.emulation.world.flow() == (0, 0, 0)
        assert rig.last_report.confirmed
        with pytest.raises(RigFaultError, match="until it is acknowledged"):
            rig.set({**FLOWS, "catalyst": "C6"})
        assert rig.emulation.world.selected == {"catalyst": 3}  # it stays where it is
        rig.acknowledge()
        assert sample(rig, "C6")["sample"].chosen == (("catalyst", "C6"),)


def test_a_pump_that_should_stand_still_and_flows_is_a_fault(bench):
    bench(tables("streams"))
    with open_rig(load("rig.toml"), seed=1) as rig:
        go(rig, rig.set({**FLOWS, "catalyst": "C1"}))
        rig.emulation.world.start(3, 50.0)
        with pytest.raises(PumpError, match="stream ni should stand still, but flows"):
            go(rig, rig.fill_loop())
        assert rig.emulation.world.flow() == (0, 0, 0, 0)


def test_a_valve_with_too_few_positions_or_of_two_is_refused(bench):
    for wrong, told in (
        ({"positions": 6}, "has 6 positions, and none 7 for C7"),
        ({"mode": "1"}, "is set to mode AM1, of two positions: send it AM3"),
    ):
        config = tables()
        config["emulation"]["selector"] = wrong
        bench(config)
        with pytest.raises(InstrumentError, match=told):
            open_rig(load("rig.toml"))


def test_a_coil_that_cannot_finish_an_experiment_refuses_it_before_anything_moves(bench):
    bench(tables(volume=700))
    with open_rig(load("rig.toml"), seed=1) as rig:
        sample(rig, "C1")
        with pytest.raises(
            LedgerError, match=r"catalyst C1 needs .* uL, but its coil has .* uL left"
        ):
            rig.set({**FLOWS, "temperature": 70.0, "catalyst": "C1"})
        sample(rig, "C6")  # another is full


def test_what_is_left_in_coils_is_known_to_the_next_process(bench, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    bench(tables())
    with open_rig(load("rig.toml"), seed=1) as rig:
        sample(rig, "C1")
        hardware = rig.config.model_copy(update={"emulation": None})
        book = ReagentBook.of(hardware)
        book.note(rig, last=True)
        left = rig.feed.choices["catalyst"].left["C1"]
    with pytest.raises(UserError, match="25000 uL of C1 in its coil, but"):
        reconciled(hardware, None)
    known, _ = reconciled(hardware, "stored")
    assert known.choices["catalyst"].content("C1") == pytest.approx(left, abs=0.1)
    # a coil that was not there then is as the rig file has it
    spec = hardware.choices["catalyst"]
    spec = spec.model_copy(
        update={"positions": {**spec.positions, "C9": 9}, "filled": {"C9": 500.0}}
    )
    known, _ = reconciled(hardware.model_copy(update={"choices": {"catalyst": spec}}), "stored")
    assert known.choices["catalyst"].content("C9") == 500
    assert known.choices["catalyst"].content("C1") == pytest.approx(left, abs=0.1)
