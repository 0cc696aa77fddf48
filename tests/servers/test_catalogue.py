"""A catalogue in a Tiled server on PostgreSQL: nothing is lost, whatever happens to it."""

import asyncio
import shutil

import pytest
import tiled.client.utils
from databroker.queries import Key

from reactune.analysis.storage.catalogue import Catalogue
from reactune.analysis.storage.comparing import differences
from reactune.analysis.storage.lock import CatalogueBusy
from reactune.analysis.storage.stores.serving import Service
from reactune.plans.cli import main
from tests.analysis.storage.samples import assert_same, documents, interleaved, record
from tests.servers.conftest import absent
from tests.servers.running import MissingError, Tiled, postgresql

pytestmark = pytest.mark.timeout(300)  # servers start slowly where much else runs

FIRST, SECOND, THIRD, FOURTH, FIFTH, SIXTH = (
    f"{n}0000000-5f0c-4000-8000-000000000000" for n in "123456"
)


@pytest.fixture
def hasty(monkeypatch):
    """Have Tiled's client try again for a second, not for most of a minute."""
    monkeypatch.setattr(tiled.client.utils, "TILED_RETRY_TIMEOUT", 1.0)


def said(capsys, *command) -> tuple[int, str]:
    code = main([*command])
    out = capsys.readouterr()
    return code, out.out + out.err


def test_nothing_is_lost_doubled_or_let_in(server, hasty, monkeypatch, tmp_path, capsys):
    # a wrong key, and none
    with monkeypatch.context() as patch:
        patch.setenv("TILED_API_KEY", "0123456789abcdef")
        for command in ("runs",), ("optimise", "walker-ii"), ("catalogue", "publish"):
            code, told = said(capsys, *command, "--catalogue", server.url)
            assert code == 2
            assert "does not let the key in $TILED_API_KEY" in told
            assert "0123456789abcdef" not in told
        patch.delenv("TILED_API_KEY")
        patch.delenv("TILED_API_KEY_FILE")
        assert "wants a key to read" in said(capsys, "runs", "--catalogue", server.url)[1]
    assert server.key_file.stat().st_mode & 0o077 == 0

    # two sessions record at once
    with (
        Catalogue(server.url, writing=True) as one,
        Catalogue(server.url, writing=True) as other,
    ):
        runs = {FIRST: documents(uid=FIRST), SECOND: documents(uid=SECOND, simulated=True)}
        emitted = {uid: list(pairs) for uid, pairs in runs.items()}
        for name, doc in interleaved(*emitted.values()):
            mine = doc.get("uid") == FIRST or doc in [each for _, each in emitted[FIRST]]
            (one if mine else other).record(name, doc)
        assert one.problems == other.problems == []
        assert {run.uid for run in other.search(Key("plan_name") == "optimise")} == set(emitted)
        journals = one.folder

    # the server is killed in mid-run: said, and the run goes on
    pairs = emitted[THIRD] = list(documents(events=6, uid=THIRD))
    with Catalogue(server.url, writing=True) as catalogue:
        for number, (name, doc) in enumerate(pairs):
            if number == 6:
                assert catalogue.flush()
                server.kill()
            catalogue.record(name, doc)
        problem, later = catalogue.problems  # said once, also where the run is read
        assert "the catalogue did not take a document of kind event" in problem
        assert f"reactune catalogue publish --catalogue {server.url}" in later
        assert catalogue.stored(THIRD)
        assert_same(catalogue[THIRD].documents(), pairs)
        assert len(catalogue.problems) == 2
    assert said(capsys, "runs", "--catalogue", server.url)[0] == 2
    server.start()
    code, told = said(capsys, "catalogue", "publish", "--catalogue", server.url)
    assert (code, told.splitlines()[-1]) == (
        0,
        f"1 run sent to {server.url}, 2 there before.",
    )
    assert "0 runs sent" in said(capsys, "catalogue", "publish", "--catalogue", server.url)[1]

    # a name that PostgreSQL takes for no column
    pairs = list(documents(uid=FIFTH))
    long = "the yield of the product that is wanted, over both steps, after washing"
    for _, doc in pairs:
        for part in ("data_keys", "data", "timestamps"):
            if "x" in doc.get(part, {}):
                doc[part][long] = doc[part].pop("x")
    emitted[FIFTH] = pairs
    with Catalogue(server.url, writing=True) as catalogue:
        record(catalogue, pairs)
        assert catalogue.problems == []

    # killed and started again in mid-run: sent when the run ends
    pairs = emitted[FOURTH] = list(documents(events=4, uid=FOURTH))
    with Catalogue(server.url, writing=True) as catalogue:
        for number, (name, doc) in enumerate(pairs):
            if number == 4:
                assert catalogue.flush()
                server.kill()
            if number == 6:
                assert catalogue.flush()
                server.start()
            catalogue.record(name, doc)
        assert len(catalogue.problems) == 1
    code, told = said(capsys, "catalogue", "verify", "--catalogue", server.url)
    assert (code, "5 runs with 58 documents compared" in told) == (0, True), told

    # another computer reads the same
    with monkeypatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
        with Catalogue(server.url) as catalogue:
            assert [run.uid for run in catalogue.runs()] == [FOURTH, FIFTH, THIRD, SECOND, FIRST]
            for uid, expected in emitted.items():
                assert differences(expected, catalogue[uid].documents()) == []
            assert catalogue.problems == []
        assert not (tmp_path / "elsewhere").exists()

    # what was changed there is named and mended, what was deleted is sent
    with Catalogue(server.url) as catalogue:
        broker = catalogue.broker
        broker[FIRST].update_metadata({"start": {**emitted[FIRST][0][1], "title": "forged"}})
        broker.delete_contents(SECOND, recursive=True, external_only=False)
    code, told = said(capsys, "catalogue", "verify", "--catalogue", server.url)
    assert code == 1
    assert "the start document: title is there and was not recorded" in told
    assert f"Run {SECOND[:8]} is not there." in told
    assert said(capsys, "catalogue", "repair", "--catalogue", server.url)[0] == 0
    assert said(capsys, "catalogue", "verify", "--catalogue", server.url)[0] == 0

    # a folder's runs are sent to a server, and the key is nowhere
    shutil.copytree(journals, tmp_path / "folder")
    with Catalogue(tmp_path / "folder", writing=True, store="journal") as catalogue:
        record(catalogue, documents())
    command = ("publish", server.url, "--catalogue", str(tmp_path / "folder"))
    assert "1 run sent" in said(capsys, "catalogue", *command)[1]
    with monkeypatch.context() as patch:  # a computer that has recorded nothing
        patch.setenv("XDG_STATE_HOME", str(tmp_path / "nobody"))
        code, told = said(capsys, "catalogue", "verify", "--catalogue", server.url)
    assert code == 0
    assert "Nothing was compared" in told
    assert "as they were recorded" not in told
    compare = f"reactune catalogue verify {server.url} --catalogue"
    assert compare in told
    folder = ("verify", server.url, "--catalogue", str(tmp_path / "folder"))
    assert "all as they were recorded" in said(capsys, "catalogue", *folder)[1]
    key = server.key_file.read_text().strip().encode()
    kept = [path for path in (*journals.rglob("*"), *tmp_path.rglob("*")) if path.is_file()]
    assert [path for path in kept if key in path.read_bytes()] == [server.key_file]

    # what this computer records, or was cut off in, no other goes on with
    with Catalogue(server.url, writing=True) as catalogue:
        record(catalogue, list(documents(uid=SIXTH))[:-1])
        assert catalogue.flush()
        with monkeypatch.context() as patch:
            patch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
            with Catalogue(server.url, writing=True) as other:
                told = "its journal is on another computer"
                with pytest.raises(CatalogueBusy, match=told), other.claim(SIXTH):
                    pass
                with other.claim(FIRST):
                    pass


def test_what_was_cut_off_while_it_was_made_is_made_to_the_end(tmp_path):
    """Also in a folder whose name would mean something else in a URI."""
    folder = tmp_path / "runs.db? of lab #1, 50 %"
    folder.mkdir()
    (folder / "runs.new").write_bytes(b"SQLite format 3\0, and no more")
    with Tiled(folder, None) as tiled, pytest.MonkeyPatch.context() as patched:
        patched.setenv("TILED_API_KEY_FILE", str(tiled.key_file))
        with Catalogue(tiled.url, writing=True) as catalogue:
            emitted = record(catalogue, documents(uid=FIRST))
            assert catalogue.problems == []
            assert [run.uid for run in catalogue.runs()] == [FIRST]
            there = catalogue.broker[FIRST]["primary"].read()
            assert there.sizes["time"] == sum(name == "event" for name, _ in emitted) - 3
    assert {path.name for path in folder.iterdir()} >= {"runs.db", "tables.db", "files"}


def test_a_database_that_was_cut_off_while_it_was_made_is_made_to_the_end(tmp_path, monkeypatch):
    asyncpg = pytest.importorskip("asyncpg")
    connect, starting = asyncpg.connect, iter([asyncpg.CannotConnectNowError("starting up")])

    async def patient(*where, **options):
        for error in starting:  # as it answers at first when both are started at once
            raise error
        return await connect(*where, **options)

    monkeypatch.setattr(asyncpg, "connect", patient)

    async def told(uri: str, command: str):
        connection = await asyncpg.connect(uri)
        try:
            return await connection.fetchval(command)
        finally:
            await connection.close()

    try:
        with postgresql() as database:
            service = Service.prepared(tmp_path, database.uri)
            version = asyncio.run(told(database.uri, "SELECT version_num FROM alembic_version"))
            asyncio.run(told(database.uri, "DROP TABLE alembic_version"))
            assert Service.prepared(tmp_path, database.uri) == service
            again = asyncio.run(told(database.uri, "SELECT version_num FROM alembic_version"))
            assert again == version
    except MissingError as error:
        absent(error)
