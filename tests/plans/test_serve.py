"""What `reactune serve` refuses before anything is started, and what a worker leaves behind."""

import inspect
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from reactune.plans.cli import main
from reactune.plans.queueing import STARTUP
from reactune.plans.startup import Workspace

LEAVING = """
import multiprocessing, sys
from reactune.plans import startup

def work():
    startup._opened.callback(lambda: print(*workspace.rig.last_report.lines))  # last of all
    workspace = startup.open_workspace()
    assert workspace.rig.last_report is None

worker = multiprocessing.get_context("fork").Process(target=work)
worker.start()
worker.join()
sys.exit(worker.exitcode)
"""

CONTAINED = """
import os, subprocess, sys
from pathlib import Path
from reactune.analysis.storage.place import Place
from reactune.plans.queueing import Queue

server = "import os, signal, subprocess, sys; guard = [sys.executable, '-c', sys.argv[1]];" \
    "subprocess.Popen(guard, start_new_session=True); print('serves', flush=True);" \
    "os.kill(os.getppid(), signal.SIGTERM); signal.pause()"
guard = "import sys, threading; threading.Event().wait(1); print('safe')"
command = [sys.executable, "-c", server, guard]
assert os.getpid() == 1
sys.exit(Queue("a rig", Place(Path("runs")), "here", command, os.environ).serve())
"""
"""A server whose worker had a guard, in a container that is stopped."""


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("catalogue", "--database", "postgresql://a:5ecret@lab/x"), "put it into ~/.pgpass"),
        (("catalogue", "--database", "mysql://lab/x"), "postgresql://USER@HOST:PORT/NAME"),
        (("catalogue", "--database", "postgresql://a@127.0.0.1:1/x"), "x at 127.0.0.1 cannot be"),
        (("queue", "--redis", "127.0.0.1:1"), "Redis does not answer at 127.0.0.1:1"),
        (("queue", "--redis", "nowhere"), "Redis is at HOST:PORT, not nowhere"),
        (("queue", "--rig", "nowhere.toml"), "nowhere.toml"),
        (("queue", "--name", "a b"), "not a b"),
        (("queue", "--catalogue", "http://127.0.0.1:1"), "http://127.0.0.1:1 does not answer"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_sentence(command, said, tmp_path, monkeypatch, capsys):
    pytest.importorskip("bluesky_queueserver")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert main(["serve", *command]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert said in told
    assert "5ecret" not in told


@pytest.fixture
def taken():
    """A port that something answers at."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def test_ports_are_as_many_as_a_server_needs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TILED_API_KEY", "short")  # ends it before it begins
    for port in ("0", "65535"):
        assert main(["serve", "catalogue", "--folder", str(tmp_path), "--port", port]) == 2
        assert "16 letters" in capsys.readouterr().err
    for server, port, most in (
        ("catalogue", "65536", "0 to 65535"),
        ("queue", "65530", "1 to 65525"),
        ("queue", "0", "1 to 65525"),
    ):
        with pytest.raises(SystemExit):
            main(["serve", server, "--port", port])
        assert f"a port is from {most}, not {port}" in capsys.readouterr().err


@pytest.mark.parametrize("server", ["catalogue", "queue"])
def test_a_port_in_use_is_named_with_what_to_do(server, taken, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = tmp_path / "reactune" / "server"
    folder.mkdir(parents=True)
    (folder / "runs.db").touch()  # no tables are made
    assert main(["serve", server, "--port", str(taken)]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert f"Port {taken} of 127.0.0.1 is in use: end what answers there, or give another" in told
    assert main(["serve", server, "--host", "10.255.1.1", "--port", str(taken)]) == 2
    assert "10.255.1.1 is no address of this computer" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["http://lab:8000", "ftp://lab/x", "lab:8000"])
def test_no_folder_is_made_of_an_address(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TILED_API_KEY", "short")  # ends it before it begins
    assert main(["serve", "catalogue", "--folder", folder]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert folder.partition("/")[0] in told
    assert not list(tmp_path.iterdir())


def test_a_server_takes_no_folder_that_sessions_write(tmp_path, capsys):
    (tmp_path / "catalog.id").write_text("")
    assert main(["serve", "catalogue", "--folder", str(tmp_path)]) == 2
    assert "give the server a folder of its own" in capsys.readouterr().err


def test_a_weak_key_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TILED_API_KEY", "5ecret")
    assert main(["serve", "catalogue", "--folder", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert "at least 16 letters and digits" in told
    assert "5ecret" not in told


def test_the_startup_folder_says_who_may_run_what_and_which_plans_there_are():
    """As bluesky-queueserver reads it, without its seconds of opening the rig."""
    yaml = pytest.importorskip("yaml")
    permitted = yaml.safe_load((STARTUP / "user_group_permissions.yaml").read_text())
    assert {"root", "primary"} <= set(permitted["user_groups"])
    listed = yaml.safe_load((STARTUP / "existing_plans_and_devices.yaml").read_text())
    mine = {
        name: method
        for name, method in inspect.getmembers(Workspace, inspect.isgeneratorfunction)
        if not name.startswith("_")
    }
    assert set(mine) <= set(listed["existing_plans"])
    for name, method in mine.items():
        expected = [each for each in inspect.signature(method).parameters if each != "self"]
        found = [each["name"] for each in listed["existing_plans"][name]["parameters"]]
        assert found == expected, "write it anew with qserver-list-plans-devices"


def test_a_worker_that_ends_leaves_the_rig_safe(tmp_path, monkeypatch):
    """A queue server's worker is a process of multiprocessing, which ends without `atexit`."""
    monkeypatch.setenv("REACTUNE_CATALOGUE", str(tmp_path))
    program = tmp_path / "leaving.py"
    program.write_text(LEAVING)
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "heater setpoint 25 degC" in done.stdout


def test_a_container_does_not_end_before_the_guard_of_its_rig():
    contained = ["unshare", "--user", "--map-root-user", "--pid", "--fork"]
    if not shutil.which("unshare") or subprocess.run([*contained, "true"], check=False).returncode:
        pytest.skip("no process here can be the first of its own")
    done = subprocess.run(
        [*contained, sys.executable, "-c", CONTAINED],
        capture_output=True, text=True, timeout=60, check=False, start_new_session=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout.split()) == (0, ["serves", "safe"]), done.stderr


def test_the_compose_file_starts_what_the_page_says():
    yaml = pytest.importorskip("yaml")
    folder = Path(__file__).parents[2] / "docs" / "how-to" / "servers"
    services = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
    for name in ("catalogue", "queue"):
        service = services[name]
        assert service["build"]["dockerfile"] == "docs/how-to/servers/Dockerfile"
        program, *arguments = service["command"]
        assert program == "reactune"
        with pytest.raises(SystemExit) as ended:  # the parser takes it
            main([*arguments, "--help"])
        assert ended.value.code == 0
