"""What of this machine a process may use: cores and memory, as far as a container limits them."""

from __future__ import annotations

import importlib.util
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from hexz.errors import NeedsTorch

GPU_PROCESSES: Final = 4
"""So many keep a GPU busy: while one searches, others' leaves are evaluated."""
PROCESS_BYTES: Final = 400 << 20
"""Memory that a process needs that plays; docs/performance.md has what they take."""

_CGROUPS: Final = Path("/sys/fs/cgroup")
_OWN_CGROUPS: Final = Path("/proc/self/cgroup")
_MEMINFO: Final = Path("/proc/meminfo")


def available_cores() -> int:
    """Returns how many cores this process may use: those that it may run on, no more than its
    container pays for (`docker run --cpus`, a limit of Kubernetes), and at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, math.floor(min(cores or 1, _quota())))


def usable_device(device: str, notify: Callable[[str], None]) -> str:
    """The device "cpu", "cuda" or "mps", or "cpu" where this machine lacks it, and then a line
    about that for people."""
    if device == "cpu" or _has_device(device):
        return device
    notify(f"Device {device!r} is not available here: using the CPU.")
    return "cpu"


HOW_TO_GET_TORCH: Final = "`make build` in a clone, or pip install 'hexzctl[train]'"


def has_torch() -> bool:
    """Tells whether PyTorch is installed; it is not imported."""
    try:
        return importlib.util.find_spec("torch") is not None
    except ValueError:  # somebody has hidden it
        return False


def require_torch(purpose: str) -> None:
    """Raises NeedsTorch unless PyTorch is installed, which is not imported.

    Args:
        purpose: what it is needed for, as in "to train".
    """
    if not has_torch():
        raise NeedsTorch(f"PyTorch is needed {purpose}: {HOW_TO_GET_TORCH}")


def _has_device(device: str) -> bool:
    require_torch(f"for the device {device!r}")
    import torch  # only now, since it takes seconds

    return bool(
        torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()
    )


def available_memory() -> float:
    """Returns how many bytes of memory this process and its children may still take; infinite where
    nothing tells."""
    free = 1024 * _entry(_MEMINFO, "MemAvailable:")
    for folder in _folders("memory"):
        limit = _number(folder, "memory.max", "memory.limit_in_bytes")
        used = _number(folder, "memory.current", "memory.usage_in_bytes")
        if limit < math.inf and used < math.inf:
            # Files that were read are forgotten when something else needs the room.
            cached = _entry(folder / "memory.stat", "inactive_file")
            free = min(free, max(0.0, limit - used + (cached if cached < math.inf else 0.0)))
    return free


def default_processes(device: str) -> int:
    """Returns how many processes shall play: one a core, on a GPU no more than keep it busy, and no
    more than there is memory for.

    Args:
        device: that the network runs on: "cpu", "cuda" or "mps".
    """
    cores = available_cores()
    wanted = cores if device == "cpu" else min(cores, GPU_PROCESSES)
    return max(1, math.floor(min(wanted, available_memory() / PROCESS_BYTES)))


def _quota() -> float:
    """Cores whose time the container pays for; infinite without a limit."""
    least = math.inf
    for folder in _folders("cpu"):
        quota, _, period = _read(folder / "cpu.max").partition(" ")  # "max 100000", "50000 100000"
        quota = quota or _read(folder / "cpu.cfs_quota_us").strip()
        period = period.strip() or _read(folder / "cpu.cfs_period_us").strip()
        if quota.isdecimal() and period.isdecimal() and int(period) > 0:
            least = min(least, int(quota) / int(period))
    return least


def _folders(controller: str) -> Iterator[Path]:
    """The control groups of this process that limit something, from its own up: each counts."""
    for line in _read(_OWN_CGROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = _CGROUPS / controllers if controllers else _CGROUPS
        inside = Path(path.lstrip("/"))
        # In a container the path may be the one outside, and then only the root is there.
        yield from (root / folder for folder in (inside, *inside.parents, Path()))


def _number(folder: Path, *names: str) -> float:
    """The number in the first of some files that is there; infinite if none is, or it is none."""
    texts = [_read(folder / name).strip() for name in names]
    return next((float(text) for text in texts if text.isdecimal()), math.inf)


def _entry(file: Path, name: str) -> float:
    """The number behind a name in a file of such lines; infinite if there is none."""
    lines = (line.split() for line in _read(file).splitlines())
    return next((float(line[1]) for line in lines if line and line[0] == name), math.inf)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
