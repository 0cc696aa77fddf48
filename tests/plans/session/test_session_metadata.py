"""What a session keeps for the next one, and what it shows of ordinary plans."""

import bluesky.plans as bp
import pytest

from reactune.analysis.storage.catalogue import Catalogue
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


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "md.json").write_text(text)
    with pytest.raises(ValueError, match=r"md\.json does not hold the metadata"):
        Metadata(tmp_path / "md.json")
