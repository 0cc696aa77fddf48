"""What a process asks of the system's memory allocator, so that a long campaign stays small."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # <malloc.h>
_LARGE, _KEPT = 2**18, 2**23


def give_back_large_arrays() -> None:
    """Have arrays above 256 KiB go back to the system as soon as they are freed.

    Else glibc learns from the first ones to keep such blocks, up to 32 MiB each, and small ones
    that live longer come to lie between them: after some hundred experiments a process holds a
    tenth more than it uses. Of what smaller ones leave free, up to 8 MiB are kept: to have it back
    each time took as long as what was done in it. Other C libraries have no such switches, and none
    are needed.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_MMAP_THRESHOLD, _LARGE)
    mallopt(_TRIM_THRESHOLD, _KEPT)
