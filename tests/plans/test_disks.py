"""A campaign whose disk is full, gone or damaged: it goes on, and says where its documents are."""

import json
import shutil

import numpy as np
import pytest

from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals.spill import Spill
from reactune.plans.cli import main
from reactune.plans.service import Listener, run
from tests.crash import dropping, faults
from tests.crash.campaigns import campaign, facts, surroundings


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Every document of a campaign of four, and what it asked and measured."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with surroundings(folder, "journal"):
        outcome, pairs = campaign(folder / "runs", 4, budget=4)
    with Catalogue(folder / "runs", store="journal") as catalogue:
        return pairs, facts(catalogue[outcome.uid].events("primary")), folder / "runs"


class Vandal(Listener):
    """Takes the catalogue's folder away in mid-run."""

    def __init__(self, folder):
        self.folder = folder

    def document(self, name, doc):
        if name == "event" and doc["data"].get("number") == 2:
            shutil.rmtree(self.folder, ignore_errors=True)


def test_a_folder_that_vanishes_in_mid_run_ends_no_campaign(tmp_path, undisturbed, caplog):
    _, expected, _ = undisturbed
    folder = tmp_path / "gone"
    outcome = run("walker-ii", catalogue=folder, seed=4, budget=4, listener=Vandal(folder))
    assert (outcome.finished, outcome.stored, outcome.well) == (True, False, False)
    assert outcome.summary.n == 4  # from memory
    assert "IS NOT BEING SAVED IN ITS CATALOGUE" in caplog.text
    assert not folder.exists()
    with Catalogue(Spill(folder).folder) as catalogue:
        assert facts(catalogue[outcome.uid].events("primary")) == expected
    with Catalogue(folder, writing=True) as catalogue:
        assert "was brought home" in catalogue.problems[0]
        assert facts(catalogue[-1].events("primary")) == expected


def damaged(undisturbed, tmp_path, *lines, keep=None):
    """The stored campaign with some of its lines damaged; its uid."""
    folder = shutil.copytree(undisturbed[2], tmp_path / "damaged")
    (path,) = (folder / "journal").glob("*.jsonl")
    content = path.read_bytes().split(b"\n")
    for number in lines:
        content[number - 1] = content[number - 1][:99] + b"\x01" + content[number - 1][100:]
    path.write_bytes(b"\n".join([*content[: keep or -1], b""]))
    return str(folder), path.stem.split("_")[1]


FACT, DECISION = 9, 10  # lines of the third experiment


def test_a_lost_experiment_is_told_from_its_decision_and_going_on_asks_the_same(
    undisturbed, tmp_path, capsys, caplog
):
    folder, uid = damaged(undisturbed, tmp_path, FACT, keep=DECISION)
    assert main(["replay", uid, "--catalogue", folder]) == 0
    assert capsys.readouterr().out == "3 of 3 asks identical\n"
    assert "Line 9 of the journal" in caplog.text
    assert main(["show", uid, "--json", "--catalogue", folder]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 3
    assert main(["optimise", "--resume", uid, "--json", "--catalogue", folder]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 4
    with Catalogue(folder) as catalogue:
        (last,) = facts(catalogue[-1].events("primary"))
    assert last[:4] == undisturbed[1][3][:4]  # what it asks; the emulated noise is another's


def test_what_is_lost_with_its_decision_is_said_and_never_silently_asked_again(
    undisturbed, tmp_path, capsys, caplog
):
    folder, uid = damaged(undisturbed, tmp_path, FACT, DECISION)
    assert main(["replay", uid, "--catalogue", folder]) == 1
    assert "2 of 2 asks identical\nexperiment 3 is lost" in capsys.readouterr().out
    assert main(["optimise", "--resume", uid, "--catalogue", folder]) == 2
    err = capsys.readouterr().err
    assert "cannot be resumed: experiment 3 is lost" in err
    assert f"reactune rediscover {uid}" in err
    assert main(["show", uid, "--json", "--catalogue", folder]) == 0
    assert main(["rediscover", uid, "--budget", "1", "--json", "--catalogue", folder]) == 0


def test_a_lost_start_document_is_said(undisturbed, tmp_path, capsys):
    folder, uid = damaged(undisturbed, tmp_path, 2)
    assert main(["runs", "--catalogue", folder]) == 0
    assert uid[:8] in capsys.readouterr().out
    assert main(["show", uid, "--catalogue", folder]) == 2
    assert "has lost the start document" in capsys.readouterr().err
    assert main(["catalogue", "repair", "--catalogue", folder]) == 1
    assert "Line 2 of the journal" in capsys.readouterr().out


def test_a_sound_catalogue_needs_no_repair(undisturbed, tmp_path, capsys):
    folder, _ = damaged(undisturbed, tmp_path)
    assert main(["catalogue", "repair", "--catalogue", folder]) == 0
    assert capsys.readouterr().out == f"The catalogue in {folder} is whole.\n"
    assert main(["catalogue", "repair", "--catalogue", f"{folder}/none"]) == 2
    assert "There is no catalogue in" in capsys.readouterr().err


# --- a fixed part of what `python -m tests.crash` tries ---


@pytest.mark.parametrize("number", range(9, 30, 3))
@pytest.mark.parametrize("for_good", [False, True])
def test_a_call_that_fails_loses_nothing(undisturbed, tmp_path, number, for_good):
    disk = faults.Disk(tmp_path / "runs", number, faults.ERRORS[number % 3], for_good)
    faults.recorded(tmp_path / "runs", "journal", undisturbed[0], disk)
    assert disk.calls >= number


def test_a_power_cut_loses_nothing_that_was_acknowledged(undisturbed, tmp_path):
    rng = np.random.default_rng(0)
    taken = dropping.moments(tmp_path / "moments", undisturbed[0])
    for n, at in enumerate(rng.integers(len(taken), size=25)):
        dropping.cut(tmp_path / str(n), taken[at], undisturbed[0], rng)
