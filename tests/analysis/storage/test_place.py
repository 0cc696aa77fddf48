"""Where a catalogue is: what is a folder, what a server, and what is refused in a sentence."""

import http.server
import threading
from pathlib import Path

import pytest

from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.place import place_of
from reactune.analysis.storage.stores.server import NoCatalogue, Server, ServerTrouble, api_key
from reactune.analysis.storage.stores.store import Unreachable
from reactune.plans.cli import main


@pytest.mark.parametrize(
    ("url", "base", "node"),
    [
        ("http://lab:8000", "http://lab:8000", ""),
        ("HTTP://Lab:8000/", "http://lab:8000", ""),
        ("https://lab:443/tiled/", "https://lab/tiled", ""),
        ("http://lab/ui/browse/5f0c", "http://lab", ""),
        ("http://lab/api/v1", "http://lab", ""),
        ("http://lab/api/v1/metadata/raw/runs/", "http://lab", "/raw/runs"),
        ("http://[::1]:8000", "http://[::1]:8000", ""),
    ],
)
def test_one_server_has_one_address(url, base, node):
    assert Server.at(url) == Server(base, node)
    assert place_of(url).folder == place_of(str(Server.at(url))).folder


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("http://lab?api_key=5ecret", "key does not belong into it"),
        ("https://anna:5ecret@lab", "key does not belong into it"),
        ("http://anna:5ecret@lab:port", "http://HOST:PORT, not http://***@lab:port"),
        ("http://", "http://HOST:PORT, not http://."),
        ("http://lab one", "http://HOST:PORT"),
        ("ftp://lab/runs", "not ftp:"),
        ("postgresql://lab/runs", "not postgresql:"),
        ("file:///tmp/runs", "not file:"),
        (Path("http://lab"), "as text, not as a Path"),
        ("lab:8000", "if it is a server: http://lab:8000"),
    ],
)
def test_what_is_no_catalogue_is_refused_in_a_sentence_without_a_key(given, said):
    with pytest.raises(NoCatalogue) as refused:
        place_of(given)
    assert said in str(refused.value)
    assert "5ecret" not in str(refused.value)


def test_a_folder_is_what_looks_like_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("lab:8000").mkdir()
    for folder in ("lab:8000", "runs", "a b", "C:/runs"):
        assert place_of(folder).folder == tmp_path / folder
        assert place_of(folder).server is None
    monkeypatch.setenv("REACTUNE_CATALOGUE", "http://lab:8000")
    assert place_of().server == Server("http://lab:8000")


@pytest.mark.parametrize(
    "command",
    [
        ("runs",),
        ("show", "last"),
        ("optimise", "walker-ii", "--budget", "1"),
        ("optimise", "--resume", "last"),
        ("replay", "last"),
        ("rescore", "last", "--problem", "walker-iii"),
        ("redesign", "last"),
        ("rediscover", "last"),
        ("export", "last", "-o", "runs.csv"),
        ("ask", "snar", "results.csv"),
        ("catalogue", "repair"),
        ("shell",),
    ],
)
def test_a_server_that_does_not_answer_makes_no_folder_and_ends_with_2(
    command, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REACTUNE_CATALOGUE", "")  # a shell sets it for what it starts
    for url, said in (
        ("http://127.0.0.1:1", "http://127.0.0.1:1 does not answer"),
        ("ftp://127.0.0.1/runs", "not ftp:"),
    ):
        assert main([*command, "--catalogue", url]) == 2
        (told,) = capsys.readouterr().err.splitlines()
        assert said in told
    assert {path.name for path in tmp_path.iterdir()} <= {"results.csv"}


@pytest.fixture
def answering():
    """What answers like any web server."""

    class Silent(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *what):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_answers_and_is_no_tiled_is_said(answering):
    with pytest.raises(ServerTrouble, match=r"What answers at http.* is no Tiled server"):
        Catalogue(answering)


def test_what_was_recorded_for_a_server_is_found_while_it_does_not_answer():
    place = place_of("http://127.0.0.1:1")
    place.folder.mkdir(parents=True)
    with pytest.raises(Unreachable, match=f"is in {place.folder}"):
        Catalogue("http://127.0.0.1:1")


def test_the_key_is_from_the_environment_or_a_file(tmp_path, monkeypatch):
    monkeypatch.delenv("TILED_API_KEY", raising=False)
    assert api_key() is None
    file = tmp_path / "key"
    monkeypatch.setenv("TILED_API_KEY_FILE", str(file))
    with pytest.raises(ServerTrouble, match="is not read: No such file"):
        api_key()
    file.write_text("\n")
    with pytest.raises(ServerTrouble, match="is empty: it holds no key"):
        api_key()
    file.write_text("5ecret\nand more\n")
    with pytest.raises(ServerTrouble, match="is no key: a key is one word") as refused:
        api_key()
    assert "5ecret" not in str(refused.value)
    file.write_text("5ecret\n")
    assert api_key() == "5ecret"
    monkeypatch.setenv("TILED_API_KEY", "0ther")
    assert api_key() == "0ther"
