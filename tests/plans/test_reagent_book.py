"""What is left of the reagents is known to the next process, and a difference is asked about."""

import json

import pytest
from bluesky import RunEngine

from reactune.devices import load, open_rig
from reactune.plans import cli
from reactune.plans.errors import UserError
from reactune.plans.reagents import Precautions, ReagentBook, reconciled
from reactune.plans.supervisor import Supervisor
from tests.plans.test_guard import hardware, until


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture
def rig(tmp_path):
    with hardware(tmp_path) as (_, file):
        yield load(file)


def leave(rig, syringe, flask):
    """As a campaign leaves it."""
    book = ReagentBook.of(rig)
    book.path.parent.mkdir(parents=True, exist_ok=True)
    left = {name: {"syringe": syringe, "flask": flask} for name in rig.streams}
    book.path.write_text(json.dumps({"time": "2026-11-29 02:10", "streams": left}))


def held(rig):
    return {(s.filled, s.flask_volume) for s in rig.streams.values()}


def test_nothing_stored_nothing_asked(rig):
    assert reconciled(rig, None) == (rig, ReagentBook.of(rig))
    assert reconciled(load("walker"), None) == (load("walker"), None)  # filled each time


def test_a_difference_is_asked_about_and_either_may_be_true(rig):
    leave(rig, 3120.0, 21000.0)
    with pytest.raises(UserError) as told:
        reconciled(rig, None)
    assert "stream c60: the rig file has 10000 uL in the syringe, but 3120 uL were left" in str(
        told.value
    )
    assert "--reagents stored, or, if they have been filled since, --reagents rig-file" in str(
        told.value
    )
    assert "REACTUNE_REAGENTS=stored" in str(told.value)
    assert held(reconciled(rig, "stored")[0]) == {(3120.0, 21000.0)}
    assert reconciled(rig, "rig-file")[0] == rig


def test_what_agrees_is_taken_as_it_was_left(rig):
    flask = rig.streams["c60"].flask_volume
    leave(rig, 9950.0, flask)
    assert held(reconciled(rig, None)[0]) == {(9950.0, flask)}


def test_another_pump_is_another_ledger(rig):
    leave(rig, 3120.0, 0.0)
    transports = {**rig.transports, "pumps": rig.transports["pumps"].model_copy(
        update={"url": "/dev/ttyUSB7"})}  # fmt: skip
    assert reconciled(rig.model_copy(update={"transports": transports}), None)[1] is not None


def test_one_that_cannot_be_read_is_named(rig):
    leave(rig, 1.0, 1.0)
    ReagentBook.of(rig).path.write_text("{")
    with pytest.raises(UserError, match=r"look into the syringes, .* then say --reagents rig-f"):
        reconciled(rig, None)
    told, book = reconciled(rig, "rig-file")  # somebody has looked
    assert told == rig
    assert book is not None


@pytest.mark.parametrize("volume", [99999.0, -5.0, float("nan")])
def test_what_no_syringe_holds_is_refused(rig, volume):
    leave(rig, volume, 100.0)
    with pytest.raises(UserError, match="left in a syringe of 10000 uL"):
        reconciled(rig, "stored")
    assert reconciled(rig, "rig-file")[0] == rig


def test_a_state_folder_that_is_none_is_named(rig, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "rig.toml"))
    with pytest.raises(UserError, match=r"check that folder \(\$XDG_STATE_HOME\)"):
        reconciled(rig, None)


def test_a_shell_asks_before_it_begins(rig, tmp_path, monkeypatch, capsys):
    leave(rig, 5000.0, 100.0)
    monkeypatch.setenv("REACTUNE_RIG", "")  # set again by the command
    assert cli.main(["shell", "--rig", str(tmp_path / "rig.toml")]) == 2
    assert "REACTUNE_REAGENTS=stored" in capsys.readouterr().err


def test_no_third_truth():
    with pytest.raises(UserError, match="'stored' or 'rig-file'"):
        Precautions(reagents="guess")


def test_a_command_asks_before_anything_is_opened(rig, tmp_path, capsys):
    leave(rig, 5000.0, 100.0)
    command = ["optimise", "walker-ii", "--rig", str(tmp_path / "rig.toml")]
    assert cli.main([*command, "--catalogue", str(tmp_path / "runs")]) == 2
    assert "--reagents stored" in capsys.readouterr().err
    assert not (tmp_path / "runs" / "guard.log").exists()


def test_what_flows_is_noted(rig):
    book = ReagentBook.of(rig)
    with open_rig(rig) as opened:
        with Supervisor(RunEngine({}, context_managers=[]), opened, None, book):
            opened.flow({"temperature": 100.0, "flow_c60": 200.0, "flow_sultine": 200.0})
            until(lambda: book.path.exists() and syringe(book, "c60") < 9999.0)
        left = opened.pumps["c60"].content
    assert syringe(book, "c60") == pytest.approx(left, abs=0.1)
    assert book.read()[1]["sultine"]["flask"] == rig.streams["sultine"].flask_volume
    assert reconciled(rig, "stored")[0].streams["c60"].filled == syringe(book, "c60")


def syringe(book, stream):
    return book.read()[1][stream]["syringe"]
