"""Choices on a rig in campaigns, in what is made of them, and as axes of Bluesky's plans."""

import io
import json
import tomllib
from importlib.resources import files
from typing import Any

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import pytest
from bluesky.utils import FailedStatus

from reactune.analysis.report.scan import scan_of
from reactune.analysis.storage.catalogue import Catalogue
from reactune.devices import load, open_rig
from reactune.devices.rig.flow_rig import ConditionsError, LedgerError
from reactune.plans.cli import main
from reactune.plans.comparing import stored_rig
from reactune.plans.errors import UserError
from reactune.plans.making.service import check_ledger, product_of
from reactune.plans.session import magics
from reactune.plans.startup import Workspace
from tests.plans.catalysts import TWO, tables


@pytest.mark.parametrize("way", ["valve", "streams"])
def test_a_campaign_chooses_through_bytes_to_its_end(bench, capsys, way):
    bench(tables(way))
    where = ["--rig", "rig.toml", "--catalogue", "runs", "--seed", "1", "--budget", "5"]
    assert main(["optimise", "problem.toml", *where]) == 0
    assert "5 of 5 experiments done" in capsys.readouterr().out
    with Catalogue("runs") as catalogue:
        facts = list(catalogue[-1].events("primary"))
        decisions = list(catalogue[-1].events("decision"))
        file = catalogue[-1].start["rig"]["file"]
    assert {fact["catalyst"] for fact in facts} == {"C1", "C6"}
    for fact, decision in zip(facts, decisions, strict=True):
        assert fact["catalyst"] == fact["asked_catalyst"]
        assert decision["valid"] == 1
        loading = 100 * 12.5 * fact["flow_catalyst"] / (500 * fact["flow_a"])
        assert decision["TON" if "TON" in decision else "goal"] == pytest.approx(
            100 * decision["R"] / loading, rel=0.02
        )
    assert file["choices"]["catalyst"]["line_volume"] == (40 if way == "valve" else 60)
    assert main(["replay", "last", "--catalogue", "runs"]) == 0
    assert "5 of 5" in capsys.readouterr().out


def test_what_was_chosen_is_made_as_far_as_its_coil_lasts(bench, capsys, monkeypatch):
    bench(tables(), TWO.replace("R >= 0.6", "R >= 0.01"))
    where = ["--catalogue", "runs", "--seed", "1"]
    assert main(["optimise", "problem.toml", "--rig", "rig.toml", "--budget", "2", *where]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("\n\n"))
    capsys.readouterr()
    assert main(["make", "last", "--volume", "1mL", *where]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "At catalyst C" in shown
    assert "Collected 1 mL of 1 mL" in shown
    assert "temperature - " not in shown
    with Catalogue("runs") as catalogue:
        product = product_of(catalogue, catalogue[-2].uid, load("rig.toml"))
    config = tables(volume=9500)
    config["choices"]["catalyst"]["filled"] = {product.conditions["catalyst"]: 300}
    bench(config)
    with pytest.raises(
        UserError, match=r"catalyst C\d: making 1 mL, .* its coil has 0\.30 mL left"
    ):
        check_ledger(product, load("rig.toml"), 1000.0)


@pytest.mark.parametrize("way", ["valve", "streams"])
def test_a_choice_may_have_any_name(bench, capsys, way):
    words = {"C1": "Pd/C 5.0%", "C6": "0.1 M L.A."}
    rig = tables(way)
    place = "positions" if way == "valve" else "streams"
    of = rig["choices"]["catalyst"][place]
    rig["choices"]["catalyst"][place] = {words[name]: of[name] for name in words}
    file = files("reactune.devices") / "reactions" / "catalysts.toml"
    reaction = tomllib.loads(file.read_text("utf-8"))
    kinetics = reaction["choices"]["catalyst"]
    reaction["choices"]["catalyst"] = {words[name]: kinetics[name] for name in words}
    rig["emulation"]["reaction"] = reaction
    problem = TWO
    for name, word in words.items():
        problem = problem.replace(f'"{name}"', f'"{word}"')
    bench(rig, problem)
    where = ["--catalogue", "runs", "--seed", "1"]
    assert main(["optimise", "problem.toml", "--rig", "rig.toml", "--budget", "3", *where]) == 0
    with Catalogue("runs") as catalogue:
        run = catalogue[-1]
        assert {fact["catalyst"] for fact in run.events("primary")} <= {*words.values()}
        assert stored_rig(run).choices == load("rig.toml").choices
        assert stored_rig(run).emulation.reaction.choices["catalyst"].keys() == {*words.values()}
    for again in (["replay", "last"], ["show", "last"], ["export", "last", "-o", "runs.xlsx"]):
        assert main([*again, "--catalogue", "runs"]) == 0
    assert main(["optimise", "--resume", "last", "--budget", "4", "--catalogue", "runs"]) == 0
    assert "4 of 4 experiments done" in capsys.readouterr().out


def test_connect_greets_the_selector_valve(bench, capsys):
    bench(tables())
    assert main(["check", "--connect", "--rig", "rig.toml", "--record", "lines.jsonl"]) == 0
    said = capsys.readouterr().out
    assert "choices.catalyst.valve, vici" in said
    assert "position 1" in said
    with open("lines.jsonl") as file:
        sent = [json.loads(line) for line in file]
    mine = [row["sent"] for row in sent if row["instrument"] == "choices.catalyst.valve"]
    assert mine[:2] == ["AM\r", "IFM0\r"]
    assert not any(row.startswith("GO") for row in mine)


LISTED = r'a choice has no distances\. .*bp\.list_scan\(\[hplc\], rig\.catalyst, \["C1", "C2"\]\)'


def _nested(plan: Any) -> Any:
    yield from plan


def test_a_choice_is_an_axis_of_blueskys_plans(bench, tmp_path):
    bench(tables())
    with (
        open_rig(load("rig.toml"), seed=1) as rig,
        Catalogue(tmp_path / "runs", writing=True, store="journal") as catalogue,
    ):
        session = Workspace(rig, catalogue)
        RE, hplc = session.RE, session.hplc
        session.bec.disable_table()
        where = [
            value
            for flow in ("a", "b", "catalyst")
            for value in (rig.axes.named[f"flow_{flow}"], 60)
        ]
        with pytest.raises(FailedStatus) as failed:
            RE(bps.mv(rig.temperature, 60, *where))
        assert "rig.catalyst" in str(failed.value.args[0].exception())
        RE(bps.mv(rig.temperature, 60, *where, rig.catalyst, "C6"))
        assert rig.catalyst.position == "C6"
        RE(bp.list_grid_scan([hplc], rig.catalyst, ["C1", "C6"], rig.temperature, [60, 70]))
        run = session.last()
        made = [
            (facts["rig_catalyst"], facts["catalyst_position"]) for facts in run.events("primary")
        ]
        assert made == [("C1", 1), ("C1", 1), ("C6", 6), ("C6", 6)]
        assert "at rig_catalyst C1, rig_temperature 70 degC" in scan_of(run).to_text()
        assert magics._row(rig.catalyst).split()[:2] == ["rig.catalyst", "C6"]
        for plan, told in (
            (bp.list_scan([hplc], rig.catalyst, ["C1", "C9"]), "'C9' is not carried by this rig"),
            (bp.rel_list_scan([hplc], rig.catalyst, ["C1"]), "no steps between them"),
            (bps.mv(rig.catalyst, 6), "catalyst = 6 is not carried"),
            (bp.scan([hplc], rig.catalyst, "C1", "C6", 2), LISTED),
            (bp.scan([hplc], rig.catalyst, 1, 6, 2), LISTED),
            (bp.scan([hplc], rig.temperature, 60, 70, rig.catalyst, "C1", "C6", 2), LISTED),
            (bp.grid_scan([hplc], rig.temperature, 60, 70, 2, rig.catalyst, 1, 6, 2), LISTED),
            (bp.grid_scan([hplc], rig.catalyst, "C1", "C6", 2, rig.temperature, 60, 70, 2), LISTED),
            (bp.rel_scan([hplc], rig.catalyst, "C1", "C6", 2), LISTED),
            (bp.log_scan([hplc], rig.catalyst, "C1", "C6", 2), LISTED),
            (bp.adaptive_scan([hplc], "R", rig.catalyst, "C1", "C6", 1, 2, 1, False), LISTED),
            (_nested(bp.scan([hplc], rig.catalyst, "C1", "C6", 2)), LISTED),
            (bps.mvr(rig.catalyst, 1), LISTED),
            (bp.list_scan([hplc], rig.catalyst, "C1"), r"'C1' is one position: give a list"),
        ):
            with pytest.raises(ConditionsError, match=told):
                RE(plan)
        with pytest.raises(
            LedgerError,
            match=r"its coil holds \d+\.\d mL of catalyst C1, .* last for sample \d+ of",
        ):
            RE(bp.list_scan([hplc], rig.catalyst, ["C6", *["C1"] * 60]))
        assert len(catalogue) == 1


def test_a_choice_called_as_a_part_of_the_rig_leaves_that_where_it_is(bench):
    rig = tables()
    choices = rig["choices"]
    choices["heater"] = choices.pop("catalyst")
    bench(rig)
    with open_rig(load("rig.toml"), seed=1) as opened:
        assert opened.heater.setpoint is not None
        assert opened.axes.named["heater"].position == ""
