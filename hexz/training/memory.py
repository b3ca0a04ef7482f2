"""What the allocator does with memory that a step has freed."""

from __future__ import annotations

import ctypes
import sys
from typing import Final

# Of glibc's malloc.h.
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3

_LARGEST_KEPT: Final = 1 << 25
_MOST_KEPT: Final = (1 << 31) - 1


def keep_freed_memory() -> None:
    """Lets glibc keep what this process frees. Each step needs what the last one had; otherwise
    most of it goes back to Linux, which maps and clears it again: an eighth of a step's time. With
    other allocators it does nothing."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT)
        libc.mallopt(_TRIM_THRESHOLD, _MOST_KEPT)
