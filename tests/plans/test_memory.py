"""Memory goes back to the system, where the C library can be told to give it back."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reactune.plans.memory import give_back_large_arrays, give_back_what_is_free

KIB = 1024


def resident() -> int:
    """Give the memory of this process [B]."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="only glibc can be told to"
)
def test_what_an_experiment_leaves_free_is_given_back() -> None:
    give_back_large_arrays()
    give_back_what_is_free()
    before = resident()
    arrays = [bytearray(b"x" * 60 * KIB) for _ in range(100)]
    assert resident() - before > 5000 * KIB
    del arrays
    kept = resident() - before
    give_back_what_is_free()
    assert resident() - before < 1000 * KIB
    assert kept > 5000 * KIB  # else nobody would have to ask for it


MASKS = """
import ctypes, sys
import numpy as np
from reactune.plans.memory import keep_small_arrays_together

class Used(ctypes.Structure):  # mallinfo2 of glibc
    _fields_ = [(name, ctypes.c_size_t) for name in "a b c d e f g used free top".split()]

mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Used
if sys.argv[1] == "together":
    keep_small_arrays_together()
before = mallinfo().used
for size in range(1, 1024):
    seven = [np.empty(size, bool) for _ in range(7)]
del seven
print(mallinfo().used - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="only glibc tells")
def test_masks_of_a_new_size_each_take_nothing_more() -> None:
    def taken(how: str) -> int:
        told = subprocess.run(
            [sys.executable, "-c", MASKS, how], capture_output=True, text=True, check=True
        )
        return int(told.stdout)

    assert taken("together") < 100 * KIB
    assert taken("as they come") > 3000 * KIB  # else NumPy has stopped to keep them
