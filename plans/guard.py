"""The guard: a small process beside a campaign's, which makes the rig safe when that is gone.

It hears a byte every half second, written by the supervisor's thread. When the pipe breaks, or
nothing comes for too long although something may be moving, it ends the campaign's process, opens
the lines itself, and makes the rig safe until every instrument has confirmed.
"""

import json
import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from reactune.devices.rigfile import STORED, RigFile

from .errors import RigTroubleError

# -P: a signal.py in the folder where the campaign was started is not the guard's
_COMMAND = [sys.executable, "-P", "-m", "reactune.plans.cli", "guard"]
_READY = b"+"
_MOVING, _RESTING, _OVER, _LEFT = b"M", b"R", b"E", b"L"
_START = 30.0  # s that the guard may take to start
_ENDING = 5.0  # s that it may take to end
_SILENCE = 15.0  # s without a byte after which a process counts as hung
_AGAIN = 2.0  # s between attempts to make the rig safe
_PERSISTENCE = 600.0  # s for which it is attempted


class Guard:
    """The guard of this process, as a process of its own.

    Parameters
    ----------
    rig : RigFile
        What to make safe; hardware.
    log : Path
        Where it writes down what it has done.

    Raises
    ------
    RigTroubleError
        If it does not start.
    """

    def __init__(self, rig: RigFile, log: Path) -> None:
        self._moving = False
        # a session of its own: what ends the campaign's terminal, or its group, spares it
        self._process = subprocess.Popen(
            _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        stated = rig.model_dump(mode="json", by_alias=True)
        orders = {"rig": stated, "log": str(log.resolve()), "pid": os.getpid(), "silence": _SILENCE}
        self._pipe, answers = _fileno(self._process.stdin), _fileno(self._process.stdout)
        try:
            os.write(self._pipe, json.dumps(orders).encode() + b"\n")
            ready = select.select([answers], [], [], _START)[0] and os.read(answers, 1)
        except OSError:
            ready = b""
        if ready != _READY:
            self._process.kill()
            self.dismiss()
            raise RigTroubleError(
                "the guard beside this campaign does not start: see what it says, or go without it "
                "(--no-guard)"
            )
        os.set_blocking(self._pipe, False)

    def beat(self, *, moving: bool) -> bool:
        """Say that this process lives, and whether anything may move or be hot.

        Returns
        -------
        bool
            Whether the guard is still there.
        """
        self._moving = moving
        try:
            os.write(self._pipe, _MOVING if moving else _RESTING)
        except BlockingIOError:  # it is being held up: it hears of us later
            pass
        except OSError:
            return False
        return True

    def dismiss(self) -> None:
        """Let it go; where the rig has not confirmed that it is safe, to see to that."""
        with suppress(OSError):
            os.write(self._pipe, _LEFT if self._moving else _OVER)
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # both are pipes
        if self._moving:  # it outlives this process
            threading.Thread(target=self._process.wait, daemon=True).start()
            return
        try:
            self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:  # it was stopped, or hangs: nobody needs it any more
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dismiss()


def _fileno(pipe: Any) -> int:
    return int(pipe.fileno())


@contextmanager
def guarded(rig: RigFile, folder: Path, wanted: bool = True) -> Iterator[Guard | None]:
    """Have a guard beside this process while a rig is open, if it is hardware and one is wanted.

    Parameters
    ----------
    rig : RigFile
    folder : Path
        Of the catalogue; ``guard.log`` there says what the guard has done.
    wanted : bool

    Raises
    ------
    RigTroubleError
        If it does not start.
    """
    if rig.emulation is not None or not wanted:
        yield None
    else:
        with Guard(rig, folder / "guard.log") as guard:
            yield guard


# -- the other process ----------------------------------------------------------------------------


def watch(orders: int, answers: int) -> None:
    """Be the guard, until it is dismissed or has made the rig safe.

    Parameters
    ----------
    orders, answers : int
        File descriptors of the pipes from and to the campaign's process.

    Raises
    ------
    ValueError
        If nobody gives orders.
    """
    from reactune.devices.rig.safety import make_hardware_safe  # all that it needs, before it must

    logging.disable()  # what it finds it writes down itself, once
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)  # meant for the campaign, which dismisses its guard
    line = b""
    while not line.endswith(b"\n"):
        if not (byte := os.read(orders, 1)):
            raise ValueError("no orders")
        line += byte
    given = json.loads(line)
    rig = RigFile.model_validate(given["rig"], context=STORED)  # whatever its numbers are
    pid, log = int(given["pid"]), Path(given["log"])
    os.write(answers, _READY)
    if (why := _until_something_is_wrong(orders, pid, float(given["silence"]))) is None:
        return
    deadline = time.monotonic() + _PERSISTENCE
    said: tuple[str, ...] = ()
    while True:
        report = make_hardware_safe(rig)
        if report.lines != said:
            said = report.lines
            now = "the rig was made safe" if report.confirmed else "NOT ALL OF THE RIG IS SAFE"
            _write_down(log, f"{rig.title}: process {pid} {why}; {now}", said)
        if report.confirmed or time.monotonic() > deadline:
            return
        threading.Event().wait(_AGAIN)


def _until_something_is_wrong(orders: int, pid: int, silence: float) -> str | None:
    """Listen; return what is wrong with the process, None once the guard is dismissed.

    A process that ends before anything could move leaves the rig to whoever else may have it.
    """
    moving, moved, heard = False, False, time.monotonic()
    while True:
        if select.select([orders], [], [], 1.0)[0]:
            said, heard = os.read(orders, 4096), time.monotonic()
            if _OVER in said:
                return None
            if _LEFT in said:
                return "has left the rig without all of it confirmed"
            if not said:
                return "is gone" if moved else None
            moving, moved = said.endswith(_MOVING), moved or _MOVING in said
        elif moving and time.monotonic() - heard > silence:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)  # it holds the lines
            return f"hung or was stopped for {silence:g} s and was ended"


def _write_down(log: Path, what: str, lines: tuple[str, ...]) -> None:
    """Say it in the log, and to whoever may still look at the terminal."""
    now = datetime.now().astimezone().isoformat(" ", "seconds")
    text = "".join(f"{line}\n" for line in (f"{now}  {what}", *(f"    {line}" for line in lines)))
    with suppress(OSError), log.open("a", encoding="utf-8") as file:
        file.write(text)
    with suppress(OSError):
        os.write(2, b"\n" + text.encode())
