"""The command line with no more than Windows has: ``python posixless.py ask PROBLEM TABLE``.

Not the real thing, but what it lacks: modules, flags, signals, folders that can be opened, and a
new name, or none, for a file that is open.
"""

import errno
import fcntl
import os
import signal
import subprocess  # noqa: F401 - it tells by msvcrt where it is
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any

MODULES = "fcntl", "termios", "tty", "pty", "pwd", "grp", "resource", "ophyd"
NAMES = {
    os: ("pread", "pwrite", "O_CLOEXEC", "O_DIRECTORY", "fork", "getuid", "openpty", "ttyname"),
    signal: ("SIGHUP", "SIGQUIT", "SIGKILL", "pthread_sigmask"),
}


def as_windows_locks() -> ModuleType:
    """Stand in for ``msvcrt``."""
    flock, exclusive = fcntl.flock, fcntl.LOCK_EX | fcntl.LOCK_NB
    module: Any = ModuleType("msvcrt")
    module.LK_NBLCK = 2

    def locking(fd: int, mode: int, nbytes: int) -> None:
        assert (mode, nbytes) == (2, 1)
        try:
            flock(fd, exclusive)
        except BlockingIOError:
            raise PermissionError(errno.EACCES, "Permission denied") from None

    module.locking = locking
    return module


def open_files() -> set[str]:
    """Paths of the files that this process has open."""
    found = set()
    for fd in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.add(os.readlink(f"/proc/self/fd/{fd}"))
    return found


def refusing(change: Any) -> Any:
    """Refuse what gives an open file another name, or takes its name away."""

    def changed(path: Any, *others: Any, **options: Any) -> Any:
        for each in (path, *others):
            if os.path.realpath(os.fspath(each)) in open_files():
                raise PermissionError(errno.EACCES, "Permission denied", os.fspath(each))
        return change(path, *others, **options)

    return changed


def become_poor() -> None:
    """Take away what Windows has not."""
    sys.modules["msvcrt"] = as_windows_locks()
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for module, names in NAMES.items():
        for name in names:
            delattr(module, name)
    for name in ("rename", "replace", "unlink", "remove"):
        setattr(os, name, refusing(getattr(os, name)))
    opened = os.open

    def open_(path: Any, *flags: Any, **options: Any) -> int:
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(path))
        return opened(path, *flags, **options)

    os.open = open_


if __name__ == "__main__":
    become_poor()
    from reactune.plans.cli import main

    sys.exit(main(sys.argv[1:]))
