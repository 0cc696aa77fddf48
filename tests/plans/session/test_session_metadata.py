"""What a session keeps for the next one, and what it shows of ordinary plans."""

import subprocess
import sys
import threading

import bluesky.plan_stubs as bps
import bluesky.plans as bp
import bluesky.preprocessors as bpp
import pytest
from bluesky import RunEngine

from reactune.analysis.storage.catalogue import Catalogue
from reactune.plans import startup
from reactune.plans.campaign import optimise
from reactune.plans.cli import main
from reactune.plans.session.metadata import Metadata
from reactune.plans.startup import Workspace


def test_metadata_and_scan_id_go_on_in_the_next_session_whatever_the_rig_was(lab, tmp_path, capsys):
    for _ in range(2):
        with Catalogue(tmp_path, writing=True, store="journal") as catalogue:
            workspace = Workspace(lab.rig, catalogue)
            workspace.RE.md.setdefault("operator", "anna")
            workspace.RE(bp.count([lab.rig.heater]))
            start = workspace.last().runs[-1].start
            workspace.RE.md["simulated"] = False  # of hardware, so to speak
    assert (start["scan_id"], start["operator"], start["simulated"]) == (2, "anna", True)
    assert "heater_temperature" in capsys.readouterr().out


def test_a_session_shows_a_campaign_once(lab, tmp_path, capsys):
    with Catalogue(tmp_path, writing=True, store="journal") as catalogue:
        workspace = Workspace(lab.rig, catalogue)
        workspace.RE(workspace.optimise("walker-ii", budget=1))
    shown = capsys.readouterr().out
    assert "1/1" in shown
    assert "Transient Scan ID" not in shown


def test_two_sessions_give_no_scan_id_twice(tmp_path):
    one, other = (Metadata(tmp_path / "md.json") for _ in range(2))
    one["scan_id"] = one.next_scan_id()
    assert other.next_scan_id() == 2


def test_two_sessions_keep_what_each_has_changed(tmp_path):
    path = tmp_path / "md.json"
    Metadata(path).update({"operator": "anna", "flask": {"volume": 1}, "old": 1})
    one, other = Metadata(path), Metadata(path)
    one["sample"] = "batch 7"
    one["operator"] = "bert"
    del one["old"]
    other["flask"]["volume"] = 5  # in place: the next assignment takes note
    other["scan_id"] = other.next_scan_id()
    kept = {"sample": "batch 7", "operator": "bert", "flask": {"volume": 5}, "scan_id": 1}
    assert dict(Metadata(path)) == kept
    assert "sample" not in other  # which would state it of its own runs
    other["operator"] = "anna"  # said anew
    assert Metadata(path)["operator"] == "anna"


def test_what_the_file_did_not_take_is_kept_with_the_next_change(tmp_path, caplog):
    path = tmp_path / "later" / "md.json"
    md = Metadata(path)
    md["operator"] = "anna"
    path.parent.mkdir()
    path.write_text("{")
    md["sample"] = 7
    assert path.read_text() == "{"  # somebody else's, to be mended
    assert "does not hold the metadata of a session" in caplog.text
    path.unlink()
    md["flask"] = 2
    assert dict(Metadata(path)) == {"operator": "anna", "sample": 7, "flask": 2}


def test_sessions_that_write_at_once_lose_nothing(tmp_path):
    path = tmp_path / "md.json"
    write = (
        "import sys; from pathlib import Path; "
        "from reactune.plans.session.metadata import Metadata\n"
        "md = Metadata(Path(sys.argv[1]))\n"
        "for i in range(20): md[sys.argv[2] + str(i)] = i; print(md.next_scan_id())\n"
    )
    command = [sys.executable, "-c", write, str(path)]
    writers = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in ("a", "b")
    ]
    given = [int(number) for each in writers for number in each.communicate(timeout=60)[0].split()]
    assert sorted(given) == [*range(1, 41)]
    kept = dict(Metadata(path))
    assert kept.pop("scan_id") == 40
    assert kept == {f"{name}{i}": i for name in ("a", "b") for i in range(20)}


def test_metadata_that_cannot_be_written_are_held(tmp_path, caplog):
    md = Metadata(tmp_path / "gone" / "md.json")
    md["operator"] = "anna"
    assert md["operator"] == "anna"
    assert "not kept for the next session" in caplog.text


def test_what_cannot_be_kept_is_refused_by_name(tmp_path):
    md = Metadata(tmp_path / "md.json")
    with pytest.raises(TypeError, match=r"RE.md\['flask'\] .* cannot be kept"):
        md["flask"] = {1, 2}
    assert "flask" not in md


@pytest.mark.parametrize("value", ["x", -1, 1.5, True, None])
def test_a_scan_id_that_counts_nothing_is_refused_where_it_is_said(tmp_path, value):
    md = Metadata(tmp_path / "md.json")
    with pytest.raises(ValueError, match=r"RE.md\['scan_id'\] = .* is no number to count runs"):
        md["scan_id"] = value
    with pytest.raises(ValueError, match="is no number"):
        md |= {"scan_id": value}
    with pytest.raises(ValueError, match=r"RE\.md has title = 5, but a title is text"):
        md["title"] = 5
    md |= {"scan_id": 6}
    assert Metadata(tmp_path / "md.json").next_scan_id() == 7


def test_a_file_with_such_a_scan_id_is_begun_anew_and_said(lab, tmp_path, caplog):
    (tmp_path / "md.json").write_text('{"scan_id": "x", "operator": "anna"}')
    with Catalogue(tmp_path, writing=True, store="journal") as catalogue:
        workspace = Workspace(lab.rig, catalogue)
        for _ in range(2):
            workspace.RE(bp.count([]))
        starts = [catalogue[i].start for i in (1, 2)]
    assert {start["operator"] for start in starts} == {"anna"}
    assert "scan_id = 'x'" in caplog.text
    assert "begins anew at 1" in caplog.text


def test_what_was_changed_in_place_into_what_cannot_be_kept_ends_no_run(workspace, caplog):
    workspace.RE.md["flask"] = [1]
    workspace.RE.md["flask"].append({2})
    workspace.RE(bp.count([]))
    assert len(workspace.cat) == 1
    assert "RE.md is not kept for the next session" in caplog.text


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "md.json").write_text(text)
    with pytest.raises(ValueError, match=r"md\.json does not hold the metadata"):
        Metadata(tmp_path / "md.json")


@pytest.fixture
def workspace(lab, tmp_path):
    with Catalogue(tmp_path, writing=True, store="journal") as catalogue:
        yield Workspace(lab.rig, catalogue)


def test_no_metadata_make_a_simulated_run_a_real_one(workspace):
    with pytest.raises(ValueError, match="the call of RE has simulated = False, but"):
        workspace.RE(bp.count([]), simulated=False)
    workspace.RE.md["simulated"] = False
    workspace.RE(bp.count([]))
    workspace.RE(workspace.optimise("walker-ii", budget=1))
    assert [run.simulated for run in workspace.cat.runs()] == [True, True]


@pytest.mark.parametrize(
    ("kept", "in_call", "md", "said"),
    [
        ({"rig": "left"}, {}, {}, "RE.md has rig = 'left', but 'rig' is what the run states"),
        ({"known": "no"}, {}, {}, "RE.md has known = 'no'"),
        ({}, {"rig": "left"}, {}, "the call of RE has rig = 'left'"),
        ({}, {"method": "C18"}, {}, "the call of RE has method = 'C18'"),
        ({}, {}, {"method": "C18"}, "md has method = 'C18', but 'method' is .*: call it otherwise"),
        ({}, {}, {"seed": "x"}, "md has seed = 'x'"),
    ],
)
def test_metadata_that_gainsay_a_campaign_are_refused_before_it(workspace, kept, in_call, md, said):
    workspace.RE.md.update(kept)
    with pytest.raises(ValueError, match=said):
        workspace.RE(workspace.optimise("walker-ii", budget=1, md=md), **in_call)
    levels = {"temperature": 120, "flow_c60": 100, "flow_sultine": 100}
    with pytest.raises(ValueError, match=said):
        workspace.RE(workspace.grid("walker-ii", levels, md=md), **in_call)
    assert not workspace.cat.runs()


@pytest.mark.parametrize(
    "md",
    [
        {"resumes": "abc"},
        {"analytics": {}},
        {"lost": 3},
        {"makes": "x"},
        {"problem": "x"},
        {"rig": 1},
        {"simulated": False},
    ],
    ids=lambda md: next(iter(md)),
)
def test_metadata_that_gainsay_another_plans_run_are_refused_before_it(workspace, md):
    ((key, value),) = md.items()
    refused = f"^md has {key} = {value!r}, but {key!r} is what the run states of itself"
    with pytest.raises(ValueError, match=refused):
        workspace.RE(bp.count([workspace.rig.heater], md=md))
    for plan in (bp.count([]), workspace.optimise("walker-ii", budget=1)):
        with pytest.raises(ValueError, match=refused):
            workspace.RE(bpp.inject_md_wrapper(bpp.inject_md_wrapper(plan, md), {"flask": 3}))
    assert not workspace.cat.runs()


@pytest.mark.parametrize(
    ("md", "said"),
    [
        ({"lot.nr": 1}, " has the key 'lot.nr', which no document can hold: call it otherwise"),
        ({"flask": {"in/out": 1}}, r"\['flask'\] has the key 'in/out'"),
        ({"flask": {1: "a"}}, r"\['flask'\] has the key 1, "),
        ({"": "a"}, " has the key '', "),
    ],
)
def test_keys_that_no_document_can_hold_are_refused_before_a_run(workspace, md, said):
    for plan in (
        bp.count([workspace.rig.heater], md=md),
        bpp.inject_md_wrapper(bp.count([]), md),
        bpp.inject_md_wrapper(workspace.optimise("walker-ii", budget=1), md),
    ):
        with pytest.raises(ValueError, match=f"^md{said}"):
            workspace.RE(plan)
    with pytest.raises(ValueError, match=f"^md{said}"):
        workspace.RE(workspace.optimise("walker-ii", budget=1, md=md))
    with pytest.raises(ValueError, match=rf"^RE\.md{said}"):
        workspace.RE.md.update(md)
    workspace.RE(bp.count([]))  # nothing of it is kept
    assert len(workspace.cat) == 1


def test_such_a_key_of_an_earlier_session_is_named(lab, tmp_path):
    (tmp_path / "md.json").write_text('{"lot.nr": 1}')
    with Catalogue(tmp_path, writing=True, store="journal") as catalogue:
        workspace = Workspace(lab.rig, catalogue)
        with pytest.raises(ValueError, match=r"RE\.md has the key 'lot\.nr'"):
            workspace.RE(bp.count([]))
        del workspace.RE.md["lot.nr"]
        workspace.RE(bp.count([]))


def test_a_plan_of_ours_under_another_name_is_one_of_ours(workspace):
    with pytest.raises(ValueError, match="the call of RE has method = 'C18'"):
        workspace.RE(optimise("walker-v", workspace.rig, md={"plan_name": "night"}), method="C18")


@pytest.mark.parametrize("key", ["title", "plan_name"])
def test_what_lists_of_runs_show_is_text(workspace, key):
    for call, kept, where in (
        (lambda: workspace.RE(bp.count([]), **{key: 3}), {}, "the call of RE"),
        (lambda: workspace.RE(bp.count([], md={key: 3})), {}, "md"),
        (lambda: workspace.RE(bps.open_run()), {key: 3}, "RE.md"),
    ):
        workspace.RE.md.data.update(kept)  # as a file of before may have it
        with pytest.raises(ValueError, match=f"^{where} has {key} = 3, but a {key} is text"):
            call()
    with pytest.raises(ValueError, match=r"^md has title = \['a'\], but a title is text"):
        workspace.RE(workspace.optimise("walker-ii", budget=1, md={"title": ["a"]}))
    assert not workspace.cat.runs()


def test_metadata_of_a_lab_are_kept_as_they_are(workspace):
    workspace.RE.md |= {"operator": "anna", "method": "C18", "volume": "two flasks"}
    workspace.RE(bp.count([workspace.rig.heater]), title="before lunch", first=True)
    workspace.RE(workspace.optimise("walker-ii", budget=1, md={"flask": 3}), title="after lunch")
    one, other = (workspace.cat[i].start for i in (1, 2))
    assert (one["method"], one["volume"], one["first"]) == ("C18", "two flasks", True)
    assert (one["title"], other["title"]) == ("before lunch", "after lunch")
    assert (other["operator"], other["flask"], other["volume"]) == ("anna", 3, "two flasks")
    assert other["method"]["peaks"]


def test_runs_of_others_that_call_their_own_things_so_are_listed_and_shown(lab, tmp_path, capsys):
    RE = RunEngine({})
    with Catalogue(tmp_path, writing=True, store="journal") as catalogue:
        RE.subscribe(catalogue.record)
        RE(bp.count([]), title=["count"], plan_name=3, known={"sources": 5}, resumes=["a"])
        RE(bp.count([]), problem="drift", known="no", scan="calibration", resumes=5)
        RE(bp.count([lab.rig.heater]), title="count", resumes="abc", analytics={}, versions=3)
        RE(bp.count([]), lost=3)
        lost, odd, newest, older = catalogue.runs()
        assert newest.begins == "resumes 5"
        assert (older.title, older.plan_name) == ("['count']", "3")
        with pytest.raises(ValueError, match=f"run {lost.uid[:8]} has lost 3"):
            Workspace(lab.rig, catalogue).summary()
    table = ["export", odd.uid, "-o", str(tmp_path / "count.csv")]
    for command in (["runs"], *(["show", run.uid] for run in (odd, newest, older)), table):
        assert main([*command, "--catalogue", str(tmp_path)]) == 0
        out, err = capsys.readouterr()
        assert "cannot be listed" not in err
        assert "count" in out


def test_a_workspace_that_is_closed_leaves_no_thread_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path))
    before = None
    for _ in range(2):
        startup.open_workspace()
        startup.close()
        before = before or set(threading.enumerate())
    assert set(threading.enumerate()) <= before
