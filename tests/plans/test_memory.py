"""Memory goes back to the system, where the C library can be told to give it back."""

import ctypes
import os
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
