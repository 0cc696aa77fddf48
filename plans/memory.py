"""What a process asks of the system's memory allocator, so that a long campaign stays small.

Other C libraries than glibc have no such switches, and none are needed.
"""

import ctypes
from functools import cache

import numpy as np

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # <malloc.h>
_LARGE, _KEPT = 2**18, 2**23
_SMALL, _OF_EACH = 1024, 7  # numpy/_core/src/multiarray/alloc.c


def give_back_large_arrays() -> None:
    """Have arrays above 256 KiB go back to the system as soon as they are freed.

    Else glibc learns from the first ones to keep such blocks, up to 32 MiB each, and small ones
    that live longer come to lie between them: after some hundred experiments a process holds a
    tenth more than it uses. Of what smaller ones leave free, up to 8 MiB are kept: to have it back
    each time took as long as what was done in it.
    """
    _glibc("mallopt", _MMAP_THRESHOLD, _LARGE)
    _glibc("mallopt", _TRIM_THRESHOLD, _KEPT)


def keep_small_arrays_together() -> None:
    """Have NumPy take beforehand what it keeps: seven blocks of each size below 1 KiB, 3.6 MiB.

    It keeps them when arrays are freed, for the next ones. There is a mask of a new size with each
    experiment; its blocks come to lie between other things, and each keeps a page of them for good.
    """
    blocks = [np.empty(size, np.uint8) for size in range(1, _SMALL) for _ in range(_OF_EACH)]
    del blocks


def give_back_what_is_free() -> None:
    """Give back what smaller arrays have left free, too: a few milliseconds an experiment.

    Else the last of an experiment's results come to lie on top of it, and it is kept for good.
    """
    _glibc("malloc_trim", 0)


def _glibc(name: str, *arguments: int) -> None:
    """Call a function of glibc, where that is the C library."""
    try:
        function = getattr(_library(), name)
    except (AttributeError, OSError, TypeError):
        return
    function(*arguments)


@cache
def _library() -> ctypes.CDLL:
    """Everything that is linked to this process."""
    return ctypes.CDLL(None)
