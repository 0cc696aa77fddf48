"""bluesky-queueserver for one rig: what it is started with.

The server is theirs; the startup folder, which opens the rig, is the profile of ``reactune shell``.
"""

import importlib.util
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

import reactune.devices
from reactune.analysis.storage.place import Place, place_of
from reactune.analysis.storage.stores.listening import listening
from reactune.analysis.storage.stores.server import NoCatalogue

from .errors import UserError, told
from .preparation import load_rig
from .reagents import reconciled, truth_of_session

STARTUP = Path(reactune.devices.__file__).parents[1] / "profile" / "profile_reactune" / "startup"
"""The startup folder: it opens the rig of $REACTUNE_RIG, and says who may run what."""

_START = "from bluesky_queueserver.manager.start_manager import start_manager; start_manager()"
_LISTED = "existing_plans_and_devices.yaml"
_PATIENCE = 5.0  # s that Redis has to answer


@dataclass(frozen=True)
class Queue:
    """A queue server, ready to be started.

    Attributes
    ----------
    title : str
        Of the rig.
    place : Place
        Where its runs go.
    control, info : str
        Addresses for clients, and for who listens to what it says.
    command : list of str
        What starts it.
    environment : mapping of str
        What it is started with.
    """

    title: str
    place: Place
    control: str
    command: list[str]
    environment: Mapping[str, str]

    example = shlex.quote(
        '{"name": "optimise", "args": ["walker-ii"], "kwargs": {"seed": 1, "budget": 20}}'
    )

    @classmethod
    def prepared(
        cls, *, name: str, rig: str | None, catalogue: str | None, redis: str, host: str, port: int
    ) -> "Queue":
        """See that rig, catalogue and Redis can be used: in a worker nobody would hear of it.

        Parameters
        ----------
        name : str
            Of the queue in Redis.
        rig, catalogue : str, optional
            As of a session.
        redis : str
            ``HOST:PORT``.
        host : str
        port : int

        Raises
        ------
        UserError
            If one cannot be, or bluesky-queueserver is not installed.
        """
        if importlib.util.find_spec("bluesky_queueserver") is None:
            raise UserError("serve queue: needs bluesky-queueserver: pip install reactune[server]")
        if not re.fullmatch(r"[A-Za-z][\w-]*", name):
            raise UserError(f"serve queue: a name is letters, digits, - and _, not {name}")
        chosen = rig or os.environ.get("REACTUNE_RIG", "walker")
        config = load_rig(chosen)
        reconciled(config, truth_of_session())
        with told(NoCatalogue, OSError):
            place = place_of(catalogue)
            place.check(writing=True)
            _see_to_ports(host, port, port + 10)
        _see_to(redis)
        beside = platformdirs.user_state_path("reactune", appauthor=False) / "queues" / name
        with told(OSError):
            beside.mkdir(parents=True, exist_ok=True)
            known = beside / _LISTED
            if not known.exists():  # until the rig has been opened for the first time
                shutil.copyfile(STARTUP / _LISTED, known)
        control, info = (f"tcp://{host}:{each}" for each in (port, port + 10))
        command = [sys.executable, "-c", _START]
        command += ["--startup-dir", str(STARTUP), "--existing-plans-devices", str(beside)]
        command += ["--redis-addr", redis, "--redis-name-prefix", f"reactune_{name}"]
        command += ["--zmq-control-addr", control, "--zmq-info-addr", info]
        command += ["--zmq-publish-console", "ON"]
        environment = {
            **os.environ,
            "REACTUNE_RIG": str(Path(chosen).resolve()) if Path(chosen).exists() else chosen,
            "REACTUNE_CATALOGUE": str(place),
        }
        shown = control.replace("0.0.0.0", "localhost").replace("*", "localhost")
        return cls(config.title, place, shown, command, environment)

    def serve(self) -> int:
        """Become the server; as the first process of a container, run it and see it out.

        With a container's first process everything in it is killed, and the guard that is making
        the rig of a lost worker safe would be, too.

        Returns
        -------
        int
            Once its guards have ended as well: the server's exit code, 0 if it was told to end.
        """
        if os.getpid() != 1:
            os.execve(self.command[0], self.command, self.environment)
        server = subprocess.Popen(self.command, env=self.environment)
        ended = False

        def end(*_: object) -> None:
            nonlocal ended
            ended = True
            server.terminate()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, end)
        code = server.wait()
        with suppress(ChildProcessError):  # nobody is left
            while True:
                os.wait()
        return 0 if ended else code


def _see_to_ports(host: str, *ports: int) -> None:
    """See that ports are free; not of an interface, which ZeroMQ knows by its name."""
    host = "0.0.0.0" if host == "*" else host
    if host == "localhost" or re.fullmatch(r"[\d.]+", host):
        for port in ports:
            with listening(host, port):
                pass


def _see_to(redis: str) -> None:
    """See that Redis answers."""
    host, _, port = redis.partition("/")[0].rpartition(":")
    if not host or not port.isdecimal():
        raise UserError(f"serve queue: Redis is at HOST:PORT, not {redis}")
    try:
        with socket.create_connection((host, int(port)), _PATIENCE) as line:
            line.sendall(b"PING\r\n")
            answer = line.recv(64)
    except (OSError, OverflowError) as error:
        raise UserError(f"serve queue: Redis does not answer at {redis} ({error})") from error
    if not answer.startswith((b"+PONG", b"-NOAUTH", b"-ERR")):
        raise UserError(f"serve queue: what answers at {redis} is not Redis")
