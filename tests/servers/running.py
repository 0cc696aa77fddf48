"""Starts real servers on free ports of this computer, each in a folder of its own, and ends them.

What is not installed is named in a `MissingError`; ``REACTUNE_SERVERS=required``, as in CI, says
that nothing may be missing.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REACTUNE = (sys.executable, "-m", "reactune.plans.cli")
_LOGS: "dict[subprocess.Popen[str], Path]" = {}
PATIENCE = 110.0  # s that a server has to answer


class MissingError(RuntimeError):
    """Something is not installed; the text says what."""


def program(name: str, package: str) -> str:
    """Find a program of a Debian package."""
    beside = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(beside[-1]) if beside else shutil.which(name)
    if found is None:
        raise MissingError(f"{name} is not installed (Debian: apt install {package})")
    return found


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    """Wait until a server answers; what it said instead if it ended."""
    until = time.monotonic() + PATIENCE
    while not answers(port):
        if process.poll() is not None or time.monotonic() > until:
            said = ended(process, signal.SIGKILL)
            raise RuntimeError(f"{process.args} did not start: {said}")
        threading.Event().wait(0.05)


def ended(process: subprocess.Popen[str], how: int = signal.SIGTERM) -> str:
    """End a process and give what it said."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if log := _LOGS.pop(process, None):
        said = log.read_text("utf-8", "replace")
        log.unlink()
        return said
    return ""


def start(command: Sequence[str], **environment: str) -> "subprocess.Popen[str]":
    """Start a server; what it says is kept in a file, for a pipe would fill."""
    with tempfile.NamedTemporaryFile("w", prefix="reactune-", delete=False) as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, text=True, env={**os.environ, **environment}
        )
    _LOGS[process] = Path(log.name)
    return process


@dataclass
class Database:
    """A database that is not there until somebody makes it.

    Attributes
    ----------
    uri : str
    process : subprocess.Popen
        Of its server.
    folder : Path
        Of everything that the server holds.
    """

    uri: str
    process: "subprocess.Popen[str]"
    folder: Path

    def size(self) -> int:
        """Bytes of its server's tables on the disk, all databases of it."""
        return sum(path.stat().st_size for path in (self.folder / "base").rglob("*"))


@contextlib.contextmanager
def postgresql() -> Iterator[Database]:
    """Start PostgreSQL with a cluster of its own."""
    initdb, postgres = program("initdb", "postgresql"), program("postgres", "postgresql")
    become: list[str] = []
    if os.geteuid() == 0:  # which PostgreSQL refuses
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    place = Path(subprocess.check_output([*become, "mktemp", "-d"], text=True, cwd="/").strip())
    try:
        made = [*become, initdb, "-D", place / "data", "-A", "trust", "-U", "reactune", "-N"]
        subprocess.run(made, check=True, capture_output=True, cwd="/")
        port = free_port()
        options = ["-p", str(port), "-k", str(place), "-c", "listen_addresses=127.0.0.1"]
        server = start([*become, postgres, "-D", str(place / "data"), *options])
        try:
            wait_for(port, server)
            yield Database(f"postgresql://reactune@127.0.0.1:{port}/lab", server, place / "data")
        finally:
            ended(server, signal.SIGINT)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Start Redis; give its address."""
    if importlib.util.find_spec("bluesky_queueserver") is None:
        raise MissingError("bluesky-queueserver is not installed (pip install '.[server]')")
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    command = [program("redis-server", "redis-server"), "--port", str(port), "--dir", str(folder)]
    server = start([*command, "--bind", "127.0.0.1"])
    try:
        wait_for(port, server)
        yield f"127.0.0.1:{port}"
    finally:
        ended(server)


@dataclass
class Tiled:
    """``reactune serve catalogue``, which can be killed and started again where it was."""

    folder: Path
    database: str | None
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[str] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key_file(self) -> Path:
        return self.folder / "api-key"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a client needs."""
        return {"TILED_API_KEY_FILE": str(self.key_file)}

    def start(self) -> None:
        command = [*REACTUNE, "serve", "catalogue", "--folder", str(self.folder)]
        command += ["--port", str(self.port)]
        if self.database:
            command += ["--database", self.database]
        # a key of its own, whatever clients in this process have
        self.process = start(command, TILED_API_KEY="", TILED_API_KEY_FILE="")
        wait_for(self.port, self.process)

    def kill(self) -> None:
        assert self.process
        ended(self.process, signal.SIGKILL)

    def __enter__(self) -> "Tiled":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process:
            ended(self.process)


@dataclass
class Queue:
    """``reactune serve queue`` for an emulated rig."""

    name: str
    redis: str
    catalogue: str
    environment: Mapping[str, str]
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[str] | None" = None

    def ask(self, method: str, **what: object) -> dict[str, Any]:
        """Ask the manager; it has to agree."""
        import zmq

        with zmq.Context() as context, context.socket(zmq.REQ) as line:
            line.linger = 0
            line.rcvtimeo = line.sndtimeo = 20_000  # ms
            line.connect(f"tcp://127.0.0.1:{self.port}")
            line.send_json({"method": method, "params": what})
            answer = line.recv_json()
        if not answer.get("success", True):
            raise RuntimeError(f"queue {self.name}, {method}: {answer.get('msg')}")
        return dict(answer)

    def wait(self, **wanted: object) -> dict[str, Any]:
        """Wait until its status is so."""
        until = time.monotonic() + PATIENCE
        while True:
            status = self.ask("status")
            if all(status[name] == value for name, value in wanted.items()):
                return status
            if time.monotonic() > until:
                raise RuntimeError(f"queue {self.name} is not {wanted}, but {status}")
            threading.Event().wait(0.1)

    def add(self, *args: object, **kwargs: object) -> None:
        """Put a campaign into the queue."""
        item = {"item_type": "plan", "name": "optimise", "args": args, "kwargs": kwargs}
        self.ask("queue_item_add", item=item, user="lab", user_group="primary")

    def results(self) -> list[dict[str, Any]]:
        """How what was in the queue came out."""
        return [item["result"] for item in self.ask("history_get")["items"]]

    def __enter__(self) -> "Queue":
        command = [*REACTUNE, "serve", "queue", "--name", self.name, "--redis", self.redis]
        command += ["--catalogue", self.catalogue, "--port", str(self.port)]
        self.process = start(command, **self.environment)
        wait_for(self.port, self.process)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process
        with contextlib.suppress(RuntimeError):
            self.ask("environment_close")
            self.wait(manager_state="idle", worker_environment_exists=False)
        ended(self.process)
