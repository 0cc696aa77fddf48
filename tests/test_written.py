"""What people write is read, or refused in one sentence that says what it is and what to do."""

import os
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import tomli_w

from reactune.analysis import written
from reactune.analysis.problem.model import Problem, ProblemError
from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.journals import reading
from reactune.devices.rigfile import RigError, load
from tests.analysis.storage.samples import assert_same
from tests.fuzzing.sources import PROBLEM, RIG, recorded_journal

ROOT = Path(__file__).parents[1]
READERS = {"problem": (Problem.load, PROBLEM, ProblemError), "rig": (load, RIG, RigError)}


@pytest.fixture(params=READERS)
def kind(request):
    return READERS[request.param]


def test_both_packages_read_by_the_same_module():
    assert (ROOT / "analysis/written.py").read_text() == (ROOT / "devices/written.py").read_text()


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_mark_and_line_ends(tmp_path, kind, mark, end):
    read, text, _ = kind
    path = tmp_path / "x.toml"
    path.write_bytes((mark + text.replace("\n", end)).encode())
    plain = tmp_path / "y.toml"
    plain.write_text(text, "utf-8")
    assert read(path) == read(plain)


@pytest.mark.parametrize(
    ("encoding", "sentence"),
    [
        ("utf-16", "is UTF-16 text; save it as UTF-8"),
        ("utf-16-le", "is UTF-16 text; save it as UTF-8"),
        ("utf-16-be", "is UTF-16 text; save it as UTF-8"),
        ("utf-32", "is UTF-32 text; save it as UTF-8"),
        ("utf-32-be", "is UTF-32 text; save it as UTF-8"),
        ("latin-1", "line 1 holds the byte 0xb5, in Latin-1 or Windows-1252 'µ'; save it as UTF-8"),
        ("cp1252", "is not UTF-8 text: line 1 holds the byte 0xb5"),
    ],
)
def test_another_encoding_is_named_with_the_cure(tmp_path, kind, encoding, sentence):
    read, text, refused = kind
    path = tmp_path / "x.toml"
    path.write_bytes(f"# µL\n{text}".encode(encoding))
    with pytest.raises(refused) as told:
        read(path)
    assert sentence in str(told.value)


NESTED = "is nested too deeply"
ABSURD = [
    (b"a = 1\0", "is no text: line 1 holds a byte 0; name the right file"),
    (b"x" + 5000 * b".a" + b" = 1", NESTED),
    (b"x = {b" + 5000 * b".a" + b" = 1}", NESTED),
    (b"[x" + 5000 * b".a" + b"]", NESTED),
    (b"x = " + 100 * b"[" + 100 * b"]", NESTED),
    (b"x = 1" + 400 * b"0", "has at x an integer beyond 9.2e18, the largest of TOML"),
    (b"x = 0x" + 9000 * b"f", "has at x an integer beyond 9.2e18, the largest of TOML"),
    (b"x = 1" + 9000 * b"0", "has an integer of thousands of digits"),
    (b'title = "' + 90_000 * b"x" + b'"', "has 90000 characters; 500 are allowed"),
    (b'title = "' + 10_000_000 * b"x" + b'"', "has 10.0 MB, and never needs more than 0.1 MB"),
    (b'title = "' + 90_000 * b"x", "Unterminated string"),
    ('title = "a\u202eb"'.encode(), "has control characters"),
]


@pytest.mark.parametrize(("raw", "sentence"), ABSURD, ids=range(len(ABSURD)))
def test_absurd_files_are_refused_soon_and_shortly(tmp_path, kind, raw, sentence):
    read, _, refused = kind
    path = tmp_path / "x.toml"
    path.write_bytes(raw)
    start = time.process_time()
    with pytest.raises(refused) as told:
        read(path)
    assert time.process_time() - start < 1.0
    assert sentence in str(told.value)
    assert len(str(told.value)) < 1500


def test_what_is_no_file_is_not_waited_for(tmp_path, kind):
    read, _, refused = kind
    pipe, folder = tmp_path / "pipe.toml", tmp_path / "folder.toml"
    os.mkfifo(pipe)
    folder.mkdir()
    (tmp_path / "endless.toml").symlink_to("/dev/zero")
    for path, sentence in (
        (pipe, "is no file but a pipe or a device"),
        (tmp_path / "endless.toml", "is no file but a pipe or a device"),
        (folder, "is a folder; name a file in it"),
    ):
        with pytest.raises(refused, match=sentence):
            read(path)


def test_a_journal_that_went_through_an_editor_is_read(tmp_path):
    name = f"20270115T080000.000000_{'f' * 36}.jsonl"
    plain, edited = tmp_path / name, tmp_path / "edited" / name
    edited.parent.mkdir()
    plain.write_bytes(recorded_journal())
    edited.write_bytes(b"\xef\xbb\xbf" + recorded_journal().replace(b"\n", b"\r\n"))
    assert_same(reading.read(edited).documents, reading.read(plain).documents)


def test_a_pipe_among_the_journals_is_not_waited_for(tmp_path):
    (tmp_path / "journal").mkdir()
    os.mkfifo(tmp_path / "journal" / "20270115T080000.000000_x.jsonl")
    with Catalogue(tmp_path, store="journal") as catalogue:
        assert catalogue.runs() == []


def test_a_name_that_none_can_have(kind):
    read, _, refused = kind
    with pytest.raises(refused, match="no name of one holds a byte 0"):
        read(Path("a\0.toml"))


def test_dots_in_texts_and_comments_nest_nothing():
    text = f'# {60 * "a."}\ntitle = "{60 * "b."}"\n'
    assert written.parse_toml(text) == {"title": 60 * "b."}


@pytest.mark.parametrize(
    ("number", "text"),
    [(100.0, "100"), (100.0000001, "100.0000001"), (1e22, "1e+22"), (12345678.0, "12345678"),
     (0.1, "0.1"), (-5, "-5")],
)  # fmt: skip
def test_numbers_are_told_as_they_were_written(number, text):
    assert written.exact(number) == text


def test_bounds_that_differ_late_are_told_apart():
    stated = Problem.load("walker-ii").to_dict()
    stated["variables"]["temperature"]["range"] = [100.0000001, 100]
    with pytest.raises(ProblemError, match=r"lower 100\.0000001 is above upper 100; did you mean"):
        Problem.load(stated)


@pytest.mark.parametrize("number", [10**400, 10**5000, 1e101, -1e308], ids=range(4))
def test_numbers_that_nobody_can_compute_with_are_refused(number):
    stated = Problem.load("walker-ii").to_dict()
    for table, value in (
        ("fixed", {"volume": number}),
        ("constraints", [{"of": "X1", "within": [number, None], "tolerance": 1}]),
        ("constraints", [{"of": "X1", "within": [0, 1], "tolerance": abs(number)}]),
    ):
        with pytest.raises(ProblemError, match=r"is beyond 1e\+100, where nobody can compute"):
            Problem.load(stated | {table: value})


@pytest.mark.parametrize("text", ["90\u00a0% Ausbeute", "C₆₀ → µ", "\U0001f9ea"])
def test_titles_may_have_any_letters(text):
    assert written.check_text(text) == text


@pytest.mark.parametrize(
    "mark", ["\x1b[2J", "\u202e", "\u2066", "\x9b", "\u2028", "\x07", "\udcff"]
)
def test_nothing_printed_does_anything(mark):
    shown = written.printable(f"a{mark}b\nc\td")
    assert shown.startswith("a\\")
    assert shown.endswith("b\nc\td")
    assert shown.encode("utf-8")


COMMANDS = (
    ["--help"],
    ["check", "walker-ii"],
    ["check", "letters.toml"],
    ["check", "µ\u202e.toml"],
    ["runs", "--catalogue", "none"],
    ["show", "µ", "--catalogue", "none"],
    ["frob\x1b[2Jnicate"],
    ["check", "walker-ii", "--frob\x1b[2J"],
    ["optimise", "walker-ii", "--seed", 5000 * "9"],
)


@pytest.mark.parametrize("encoding", ["ascii", "utf-16"])
def test_every_terminal_gets_every_command(tmp_path, encoding):
    """One process for all of them: each would import the same for seconds."""
    stated = Problem.load("walker-ii").to_dict() | {"title": "C₆₀ → Ausbeute"}
    (tmp_path / "letters.toml").write_text(tomli_w.dumps(stated), "utf-8")
    code = (
        "import sys\nfrom reactune.plans.cli import main\n"
        f"for arguments in {COMMANDS!r}:\n"
        "    try:\n        code = main(arguments)\n"
        "    except SystemExit as end:\n        code = end.code\n"
        "    print(f'<{code}>')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONIOENCODING": encoding},
        capture_output=True,
        cwd=tmp_path,
        check=False,
    )
    out, err = (stream.decode(encoding) for stream in (done.stdout, done.stderr))
    assert [line for line in out.splitlines() if line.startswith("<")] == [
        f"<{code}>" for code in (0, 0, 0, 2, 0, 2, 2, 2, 2)
    ], err
    assert ("C₆₀ → Ausbeute" if encoding == "utf-16" else "C?? ? Ausbeute") in out
    assert "Traceback" not in err
    assert "\x1b" not in out + err
    assert "\u202e" not in out + err
    assert "a seed has 18 digits at most" in err


def test_tables_are_quoted_as_toml_has_them():
    told = {"a": {"of": "A"}, "Pd/C": [True, {}], "deep": {"b": {"c": {"d": 1}}}}
    assert written.quoted(told) == (
        "{ a = { of = 'A' }, 'Pd/C' = [true, {}], deep = { b = { c = { d = 1 } } } }"
    )


def test_a_table_that_stands_twice_is_named_as_toml_has_it():
    with pytest.raises(tomllib.TOMLDecodeError, match=r"Cannot declare a\.b twice"):
        written.parse_toml("[a.b]\n[a.b]\n")
