"""What is left of the reagents is known to the next process, and a difference is asked about."""

import json
from pathlib import Path

import pytest
from bluesky import RunEngine

from reactune.devices import load, open_rig
from reactune.devices.opening import emulated
from reactune.devices.rig.hardware import Bench
from reactune.devices.rigfile import RigError
from reactune.plans import cli, reagents, supervisor
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


def leave(rig, syringe, flask, title=None, **further):
    """As a campaign leaves it."""
    further["rig"] = title or rig.title
    book = ReagentBook.of(rig)
    book.path.parent.mkdir(parents=True, exist_ok=True)
    left = {name: {"syringe": syringe, "flask": flask} for name in rig.streams}
    book.path.write_text(json.dumps({"time": "2026-11-29 02:10", "streams": left, **further}))


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


def at(rig, port):
    """The rig with its pumps at another port, or at the same one in other words."""
    pumps = rig.transports["pumps"].model_copy(update={"url": port})
    return rig.model_copy(update={"transports": {**rig.transports, "pumps": pumps}})


def test_another_pump_is_another_ledger(rig):
    leave(rig, 3120.0, 0.0, title="Another rig of these streams")
    plugged = at(rig, "/dev/ttyUSB7")
    assert reconciled(plugged, None) == (plugged, ReagentBook.of(plugged))


def test_a_rig_whose_ports_are_called_otherwise_is_asked_about_too(rig, tmp_path):
    """Nobody knows whether it is the same one: a port was renamed, or this is its sister."""
    leave(rig, 3120.0, 21000.0, ports=["/dev/ttyUSB0"])
    old, moved = ReagentBook.of(rig).path, at(rig, "/dev/serial/by-id/pumps")
    with pytest.raises(UserError) as told:
        reconciled(moved, None)
    for part in (
        "stream c60: the rig file has 10000 uL in the syringe, but 3120 uL were left",
        "by the rig of this title on /dev/ttyUSB0, not on /dev/serial/by-id/pumps. Look",
        "if they have been filled since or this is another rig, --reagents rig-file",
    ):
        assert part in str(told.value)
    told, sister = reconciled(moved, "rig-file")
    assert (told, sister.moved_from) == (moved, None)

    told, book = reconciled(moved, "stored")
    assert held(told) == {(3120.0, 21000.0)}
    assert old.exists()  # until there is another
    with open_rig(load("walker")) as opened:
        book.note(opened)
    assert book.path.exists()
    assert not old.exists()  # by its old name it is asked about again
    assert ReagentBook.of(rig).moved(rig).moved_from == book.path


def test_an_emulated_rig_is_filled_each_time_it_is_served(rig):
    with emulated(load("walker")) as first, open_rig(reconciled(first, None)[0]) as opened:
        book = ReagentBook.of(first)
        opened.pumps["c60"].ledger._content = 3120.0
        book.note(opened, last=True)
    with emulated(load("walker")) as again:
        at_its_ports = again.model_copy(update={"transports": first.transports})
        for served in (again, at_its_ports):
            assert reconciled(served, None) == (served, ReagentBook.of(served))
    with pytest.raises(UserError, match="3120 uL were left"):
        reconciled(first, None)  # these have been used
    assert reconciled(rig, None)[0] == rig  # nobody has rehearsed with its reagents
    leave(rig, 4000.0, 21000.0)
    assert reconciled(again, None)[0] == again
    with pytest.raises(UserError, match="by the rig of this title at other ports"):
        reconciled(at(rig, "/dev/ttyUSB7"), None)


def test_the_file_of_an_emulated_rig_is_none_of_hardware(monkeypatch):
    with emulated(load("walker")) as served:
        monkeypatch.setattr(Bench, "simulated", False)
        with pytest.raises(RigError, match="these instruments are not emulated: name the rig file"):
            open_rig(served)


def test_what_nobody_was_asked_about_stays_with_the_sister_that_it_may_be_of(rig):
    leave(rig, 9950.0, rig.streams["c60"].flask_volume)  # as good as full
    sister = reconciled(at(rig, "/dev/ttyUSB7"), None)[1]
    with open_rig(load("walker")) as opened:
        sister.note(opened)
    assert ReagentBook.of(rig).path.exists()


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
        left = opened.pumps["c60"].ledger.content
    assert syringe(book, "c60") == pytest.approx(left, abs=0.1)
    assert book.read().volumes["sultine"]["flask"] == rig.streams["sultine"].flask_volume
    assert reconciled(rig, "stored")[0].streams["c60"].filled == syringe(book, "c60")


def test_a_refill_is_noted_while_it_lasts_and_when_it_is_cut_off(tmp_path):
    """By kill -9 too, after which nobody knows to the drop."""
    book = ReagentBook(tmp_path / "book.json")
    with open_rig(load("walker")) as rig:
        pump, clock = rig.pumps["c60"], rig.clock
        clock.wait(pump.set(200.0), timeout=10)
        clock.wait(clock.timer(1500.0), timeout=10)
        pump.refill()
        clock.wait(clock.timer(130.0), timeout=10)
        book.note(rig, last=True)
        killed = book.read()
        rig.close()
        book.note(rig, last=True)
        level = rig.emulation.world.pump(0)[2]
    assert killed.refilling == ("c60",)
    assert killed.volumes["c60"]["syringe"] > 8900.0
    assert killed.volumes["c60"]["flask"] < 246100.0
    assert book.read().refilling == ()
    assert syringe(book, "c60") == pytest.approx(level, abs=0.1)
    assert book.read().volumes["c60"]["flask"] == pytest.approx(255000.0 - level, abs=0.2)


def test_a_refill_that_was_killed_is_asked_about_though_the_volumes_agree(rig):
    leave(rig, 9990.0, rig.streams["c60"].flask_volume, refilling=["c60"])
    with pytest.raises(UserError, match="stream c60 was being refilled when its process was kille"):
        reconciled(rig, None)
    assert reconciled(rig, "stored")[0].streams["c60"].filled == 9990.0


def test_what_cannot_be_written_for_a_while_is_written_then(tmp_path, monkeypatch, caplog):
    """Said when it begins, when it is over, and at the end if it still is so."""
    monkeypatch.setattr(supervisor, "_BEAT", 0.01)
    monkeypatch.setattr(reagents, "_OFTEN", 0.0)
    book = ReagentBook(tmp_path / "reagents" / "book.json")

    def use_some():
        pump.ledger._content -= 500.0

    with open_rig(load("walker")) as rig:
        pump = rig.pumps["c60"]
        with Supervisor(RunEngine({}, context_managers=[]), rig, None, book):
            until(book.path.exists)
            for ends in (False, True):
                book.path.unlink()
                book.path.parent.rmdir()
                book.path.parent.touch()
                use_some()
                until(lambda: "it is tried again; check that folder ($XDG_STATE" in caplog.text)
                use_some()
                if not ends:
                    book.path.parent.unlink()
                    until(lambda: "is written down again" in caplog.text)
                    assert syringe(book, "c60") == pytest.approx(pump.ledger.content, abs=0.1)
                    assert len(caplog.records) == 2
                    caplog.clear()
    assert [record.getMessage() for record in caplog.records[1:]] == [
        f"what is left of the reagents cannot be written to {book.path} (File exists): look into "
        "syringes and flasks before the rig is used again"
    ]


def test_what_is_half_written_is_not_left_behind(tmp_path, monkeypatch):
    book = ReagentBook(tmp_path / "book.json")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with open_rig(load("walker")) as rig, pytest.raises(OSError, match="full"):
        book.note(rig)
    assert not list(tmp_path.iterdir())


def syringe(book, stream):
    return book.read().volumes[stream]["syringe"]
