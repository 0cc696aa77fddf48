"""Nobody reads along any more while a product is made, or the catalogue is none."""

import io
import os
import shlex
import subprocess
import sys

import pytest

from reactune.analysis.report.made import made_of
from reactune.analysis.storage.catalogue import Catalogue
from reactune.plans.cli import main
from reactune.plans.making.attending import AtTerminal
from reactune.plans.making.service import make_product
from reactune.plans.outcome import Listener
from tests.plans.making.test_collection import Nobody, collecting, written


@pytest.fixture
def place(walker_found, placed):
    return placed(walker_found)


class Broken(Listener):
    """A front end that is gone, as its pipe or its page may be."""

    def opening(self):
        raise OSError("the page is gone")

    def document(self, name, doc):
        raise OSError("the page is gone")

    def over(self, fault, safe_state):
        raise SystemExit(1)  # what rich makes of a broken pipe


def test_a_listener_that_fails_ends_no_making(place):
    outcome = make_product("last", 500.0, collecting(), attendant=Nobody(), listener=Broken())
    assert outcome.well
    assert outcome.made.collected == pytest.approx(0.5, rel=0.03)


def made_into_a_broken_pipe(rig: str) -> int:
    """Make with a reader that goes away after one line, and somebody who says yes to all."""
    ours = shlex.join([sys.executable, "-m", "reactune.plans.cli", "make", "last", "--rig", rig])
    pipe = f"yes '' | {ours} --volume 1mL --seed 4 2>&1 | head -1; exit ${{PIPESTATUS[1]}}"
    done = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, timeout=200)
    assert done.stdout.startswith("SIMULATED")
    return done.returncode


@pytest.mark.parametrize("valve", [True, False])
def test_without_a_reader_it_is_made_all_the_same(place, valve):
    assert made_into_a_broken_pipe(written(collecting()) if valve else "walker") == 0
    with Catalogue(place) as catalogue:
        made = made_of(catalogue["last"])
    assert made.ended_well
    assert made.collected == pytest.approx(1.0, rel=0.03)


def test_a_prompt_that_nobody_reads_ends_nothing(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr("sys.stdin", io.StringIO("\nstop\n"))
    with os.fdopen(writer, "w", buffering=1) as gone:
        monkeypatch.setattr("sys.stderr", gone)
        assert AtTerminal().flask(1.0, 10.0)
        assert not AtTerminal().flask(1.0, 10.0)
        monkeypatch.undo()


@pytest.mark.parametrize(
    ("catalogue", "sentence"),
    [
        ("a-file", "a-file is a file, and a catalogue is a folder: name one"),
        (
            "ftp://x",
            "A catalogue is a folder or a Tiled server, http://... or https://..., not ftp:",
        ),
        ("no-such:8000", "There is no folder no-such:8000; if it is a server: http://no-such:8000"),
    ],
)
def test_what_is_no_catalogue_is_the_users_input(
    tmp_path, monkeypatch, capsys, catalogue, sentence
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").touch()
    assert main(["make", "last", "--volume", "1mL", "--catalogue", catalogue]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err


def test_what_goes_wrong_in_the_run_is_not_the_users_input(place):
    class Gone(Nobody):
        def flask(self, volume, minutes):
            raise OSError("a mistake of ours")

    with pytest.raises(OSError, match="a mistake of ours"):
        make_product("last", 500.0, attendant=Gone())
