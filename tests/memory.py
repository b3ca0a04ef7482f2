"""Peak memory of a process, for tests of what is bounded."""

import resource
import subprocess
import sys
import textwrap
import tracemalloc
from collections.abc import Callable
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_memory() -> int:
    """KiB that this process held at most since it began.

    `ru_maxrss` of Linux begins with what the process that started this one held at most, as a
    child is a copy of it for a moment. Elsewhere it is right, and it is all that there is.
    """
    if STATUS.exists():
        fields = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        return int(fields["VmHWM"].split()[0])
    unit = 1024 if sys.platform == "darwin" else 1
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit


def traced_peak(work: Callable[[], object]) -> int:
    """Bytes that Python and NumPy held at most during a call beyond what they held before. What
    libraries in C hold is not among them, such as HDF5's caches, which fill up by and by."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def run_measured(code: str, *arguments: object) -> list[int]:
    """The whole numbers that Python code prints in a process of its own, where it has
    `peak_memory` at hand."""
    command = [sys.executable, "-c", f"{PREFACE}\n{textwrap.dedent(code)}", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(word) for word in result.stdout.split()]


PREFACE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from tests.memory import peak_memory
"""
