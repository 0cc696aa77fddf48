"""What somebody else has stored does nothing to a terminal or a page but stand there."""

import tarfile
from pathlib import Path

import pytest

from reactune.plans.cli import main

pytestmark = pytest.mark.usefixtures("drawn")

STORED = Path(__file__).parent / "stored" / "version-0.1.0.tar.xz"
UID = "31c1799c"
MARKS = "\x1b]0;x\x07\x1b[2J\u202e\u2066\x9b"


@pytest.fixture
def folder(tmp_path):
    """A catalogue whose titles, units and reasons hold control and bidi characters."""
    with tarfile.open(STORED) as archive:
        archive.extractall(tmp_path, filter="data")
    (path,) = (tmp_path / "reactune/journal").glob(f"*{UID}*")
    harm = MARKS.encode("unicode_escape").decode().replace("\\x", "\\u00")
    text = path.read_text("utf-8")
    for said in ('"title": "', '"unit": "', '"reason": "', '"why": "'):
        assert said in text
        text = text.replace(said, said + harm + "\\u8a66")  # and a letter that our fonts lack
    path.write_text(text, "utf-8")
    return tmp_path / "reactune"


def test_stored_titles_reach_no_terminal_and_no_page(folder, capsys):
    for arguments in (["runs"], ["show", UID]):
        assert main([*arguments, "--catalogue", str(folder)]) == 0
        out, err = capsys.readouterr()
        assert "\\x1b" in out
        assert not set(MARKS) & set(out + err) - set("x0;[2J]")
    page = (folder / "reports" / f"{UID}.html").read_text("utf-8")
    assert "\\x1b" in page
    assert not set(MARKS) & set(page) - set("x0;[2J]")
