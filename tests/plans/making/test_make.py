"""Now make it: a flask of what a campaign has found, on the emulated rig."""

import contextlib
import io
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w

from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals.encoding import loads, seal
from reactune.devices import load, open_rig
from reactune.devices.rig.setpoints import needed, setpoints_of
from reactune.plans.cli import main
from reactune.plans.errors import UserError
from reactune.plans.making.attending import AtTerminal
from reactune.plans.making.service import (
    check_ledger,
    check_mark,
    make_product,
    product_of,
    volume_of,
)
from reactune.plans.service import run
from reactune.plans.startup import Workspace
from tests.devices.rig.driving import exchanges


@pytest.fixture
def place(walker_found, placed):
    return placed(walker_found)


class There:
    """Somebody who is at the rig, or not."""

    def __init__(self, flask: bool = True, doubtful: bool = False) -> None:
        self._answers, self.asked = {"flask": flask, "doubtful": doubtful}, []

    def there(self):
        return True

    def flask(self, volume, minutes):
        self.asked.append("flask")
        return self._answers["flask"]

    def doubtful(self, told):
        self.asked.append(told)
        return self._answers["doubtful"]


@pytest.mark.parametrize("transport", ["pty", "tcp"])
def test_it_is_made_checked_twice_and_told(place, capsys, monkeypatch, transport):
    rig = Path("rig.toml")
    emulated = load("walker").emulating(transport=transport)
    plain = emulated.model_dump(mode="json", by_alias=True, exclude_none=True)
    rig.write_text(tomli_w.dumps(plain))
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    ask = ["make", "last", "--volume", "2mL", "--seed", "4", "--rig", str(rig), "--json"]
    assert main(ask) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["collected"] == pytest.approx(2.0, rel=0.02)
    assert [check["passed"] for check in told["checks"]] == [True, True]
    assert set(told["checks"][0]["told"]) == {"X0", "X1", "X2", "X3", "X1 + X2", "X1 / X2"}
    assert told["simulated"] is True
    assert "SIMULATED" in err
    assert "Put the flask under the outlet now, for 2 mL" in err
    assert "valve in load" in err
    assert main(["show", "last", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == told
    assert main(["show", "last"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "Check     before, as promised" in shown
    assert main(["runs"]) == 0
    listed = capsys.readouterr().out
    assert f"makes {told['makes'][:8]}" in listed
    assert "2 checks" in listed
    assert main(["replay", told["uid"]]) == 2  # it is no campaign
    refused = f"is not a campaign: it made what run {told['makes'][:8]} had found; name that one"
    assert refused in capsys.readouterr().err
    assert main(["rescore", told["uid"], "--problem", "walker-ii"]) == 2
    assert refused in " ".join(capsys.readouterr().err.split())


def test_a_product_that_is_not_what_was_promised_is_refused_with_nobody_there(
    place, capsys, monkeypatch
):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    drifted = load("walker").emulating(kinetics={"ks": 0.9})
    outcome = make_product("last", 2000.0, drifted, attendant=There(doubtful=False))
    assert not outcome.well
    assert outcome.made.collected == 0
    (check,) = outcome.made.checks
    assert not check.passed
    assert "was promised" in outcome.fault
    assert outcome.safe_state.confirmed
    assert not outcome.made.ended_well


def test_somebody_may_say_to_make_it_all_the_same(place):
    drifted = load("walker").emulating(kinetics={"ks": 0.9})
    there = There(doubtful=True)
    outcome = make_product("last", 1000.0, drifted, attendant=there)
    assert outcome.made.collected == pytest.approx(1.0, rel=0.03)
    assert len(outcome.made.checks) == 2
    assert there.asked[-1] == "flask"
    assert not outcome.well  # it is not what was promised, whoever wants it


def test_with_nobody_to_put_the_flask_nothing_flows_into_it(place, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("what?\n"))
    assert main(["make", "last", "--volume", "2mL", "--seed", "4"]) == 1
    out, err = capsys.readouterr()
    assert "nobody answers: the input has ended" in err
    assert "nobody has put the flask there" in out
    assert "fault" not in err
    assert "Collected 0 mL of 2 mL" in " ".join(out.split())


@contextlib.contextmanager
def pipe(text):
    """An input of the system's that ends after a text."""
    reader, writer = os.pipe()
    os.write(writer, text)
    os.close(writer)
    with os.fdopen(reader) as end:
        yield end


@pytest.mark.parametrize(
    ("end", "there"),
    [
        (lambda: contextlib.nullcontext(None), False),
        (lambda: contextlib.nullcontext(io.StringIO("")), False),
        (Path(os.devnull).open, False),
        (lambda: pipe(b""), False),
        (lambda: pipe(b"\n"), True),
    ],
)
def test_whether_anybody_can_be_asked_shows_beforehand(monkeypatch, end, there):
    with end() as given:
        monkeypatch.setattr("sys.stdin", given)
        assert AtTerminal().there() is there
        assert AtTerminal().there() is there  # looking has taken nothing


@pytest.mark.parametrize("answers", [0, 1, 2])
def test_answers_behind_a_line_that_was_read_before_are_there(monkeypatch, answers):
    with pipe(b"last\n" + b"\n" * answers) as given:
        monkeypatch.setattr("sys.stdin", given)
        assert input() == "last"  # and all that follows has left the pipe
        for _ in range(2):  # looking has taken nothing
            assert AtTerminal().there() is bool(answers)
        asked = [AtTerminal().flask(1.0, 10.0) for _ in range(3)]
        assert asked == [True] * answers + [False] * (3 - answers)


def test_nobody_is_asked_at_an_input_that_has_yet_to_say_something(monkeypatch):
    reader, writer = os.pipe()
    with os.fdopen(reader) as given, os.fdopen(writer, "w"):
        monkeypatch.setattr("sys.stdin", given)
        assert AtTerminal().there()


def test_without_a_valve_nothing_moves_for_nobody(place, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["make", "last", "--volume", "2mL", "--seed", "4"]) == 2
    refused = "nobody can be asked to put a flask under the outlet"
    assert refused in " ".join(capsys.readouterr().err.split())
    with open_rig(load("walker")) as rig, Catalogue(place, writing=True, store="journal") as runs:
        workspace, before = Workspace(rig, runs), exchanges(rig)
        with pytest.raises(UserError, match=refused):
            workspace.RE(workspace.make(runs[-1].uid, "1mL"))
        assert exchanges(rig) == before
        assert [run.plan_name for run in runs.runs()] == ["optimise"]


@pytest.mark.parametrize(("last", "made"), [("\n", 0.8), ("stop\n", 0.0)])
def test_an_answer_that_says_neither_is_asked_again(place, capsys, monkeypatch, last, made):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"ok\ny\n{last}"))
    code = main(["make", "last", "--volume", "800uL", "--seed", "4", "--json"])
    out, err = capsys.readouterr()
    assert code == (0 if made else 1)
    assert json.loads(out)["collected"] == pytest.approx(made, rel=0.03)
    assert "'ok'? Enter alone goes on, stop ends it: 'y'? Enter" in err


@pytest.mark.parametrize(
    ("volume", "sentence"),
    [
        ("5", "of what? write 5mL or 5uL"),
        ("5min", "'min' is a time, not a volume as 'uL' is"),
        ("2,5 mL", "write a number with a point and nothing else, as 2.5mL"),
        ("much", "write a number and a unit, as 5mL"),
        ("-1mL", "a volume to be made is above 0"),
        ("-.5 mL", "a volume to be made is above 0"),
        ("1e400 mL", "--volume 1e400 mL: no flask holds so much"),
        ("20mL", "one filling of its syringe delivers 9.90 mL; make"),
    ],
)
def test_volumes_that_cannot_be_made_are_refused_before_anything_moves(
    place, capsys, volume, sentence
):
    assert main(["make", "last", "--volume", volume]) == 2
    out, err = capsys.readouterr()
    assert sentence in " ".join(err.split())
    assert out == ""


def test_units_of_a_volume():
    assert volume_of("5mL") == pytest.approx(5000)
    assert volume_of("5 mL") == pytest.approx(5000)
    assert volume_of("800uL") == pytest.approx(800)
    assert volume_of("1e-3 L") == pytest.approx(1000)
    assert volume_of("2cm^3") == pytest.approx(2000)


def test_a_volume_that_is_proposed_can_be_made(place):
    rig = load("walker")
    with Catalogue(place) as catalogue:
        product = product_of(catalogue, "last", rig)
    for c60, sultine in ((100, 100), (103, 100), (107, 100), (100, 9000)):
        dead = {"c60": c60, "sultine": sultine}
        streams = {
            name: stream.model_copy(update={"dead_volume": float(dead[name])})
            for name, stream in rig.streams.items()
        }
        changed = rig.model_copy(update={"streams": streams})
        with pytest.raises(UserError, match="at a time") as refused:
            check_ledger(product, changed, 30000.0)
        proposed = float(re.search(r"make ([\d.]+) mL at a time", str(refused.value))[1])
        assert proposed > 0
        check_ledger(product, changed, proposed * 1000)
        with pytest.raises(UserError, match=f"make {proposed:.2f} mL at a time"):
            check_ledger(product, changed, proposed * 1000 + 11)


def test_what_the_syringes_do_not_hold_is_refused(place):
    with Catalogue(place) as catalogue:
        product = product_of(catalogue, "last", load("walker"))
    rig = load("walker")
    streams = {
        name: stream.model_copy(update={"filled": 3000.0, "flask_volume": 0.0})
        for name, stream in rig.streams.items()
    }
    with pytest.raises(
        UserError, match=r"making 5 mL, with both checks, needs .* 2\.90 mL are left"
    ):
        check_ledger(product, rig.model_copy(update={"streams": streams}), 5000.0)
    check_ledger(product, rig, 5000.0)


def test_what_fills_an_empty_syringe_to_its_dead_volume_is_not_promised(place):
    rig = load("walker")
    empty = {"filled": 0.0, "dead_volume": 500.0, "flask_volume": 4000.0}
    streams = {name: stream.model_copy(update=empty) for name, stream in rig.streams.items()}
    with Catalogue(place) as catalogue:
        product = product_of(catalogue, "last", rig)
    with pytest.raises(UserError, match=r"needs 3\.\d\d mL, and 3\.50 mL are left: refill"):
        check_ledger(product, rig.model_copy(update={"streams": streams}), 1800.0)


def test_a_run_without_a_feasible_point_has_nothing_to_make(place, capsys):
    assert run("walker-iv", catalogue=place, seed=1, budget=3).summary.best_feasible is None
    assert main(["make", "last", "--volume", "1mL"]) == 2
    assert "so there is nothing to make; go on with it" in " ".join(capsys.readouterr().err.split())


def test_simulated_and_real_never_meet(place, capsys):
    with Catalogue(place) as catalogue:
        run = catalogue["last"]
        with pytest.raises(UserError, match="was simulated, this rig is on real hardware"):
            check_mark(run, simulated=False)  # as told once it is open
    (journal,) = (place / "journal").iterdir()
    lines = journal.read_bytes().splitlines(keepends=True)
    item = loads(lines[1])
    item.pop("crc")
    item["doc"]["simulated"] = False
    journal.write_bytes(b"".join((lines[0], seal(item), *lines[2:])))
    assert main(["make", "last", "--volume", "1mL", "--rig", "walker"]) == 2
    assert "was on real hardware, this rig is simulated" in capsys.readouterr().err


def test_another_rig_is_refused_by_what_differs(place, capsys):
    rig = load("walker")
    streams = rig.streams | {"c60": rig.streams["c60"].model_copy(update={"stock": 5.0})}
    with Catalogue(place) as catalogue, pytest.raises(UserError, match=r"streams\.c60\.stock = 5"):
        product_of(catalogue, "last", rig.model_copy(update={"streams": streams}))


def test_what_is_to_be_collected_counts_in_the_ledger():
    rig = load("walker")
    there = setpoints_of({"temperature": 120, "flow_c60": 50, "flow_sultine": 100}, rig)
    plain, more = needed(there, rig), needed(replace(there, collect=3000.0), rig)
    assert more["c60"] - plain["c60"] == pytest.approx(1000)
    assert more["sultine"] - plain["sultine"] == pytest.approx(2000)
    with open_rig(rig) as opened:
        assert opened.setpoints(replace(there, collect=3000.0)).collect == 3000.0
