"""CPU time of a command and of all that it starts: `cpu_seconds.py make test`.

Counts processes that have lost their parent, too, which `time` does not. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import subprocess
import sys
import time
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("command")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    # Orphans become children of this process.
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    start = time.monotonic()
    root = subprocess.Popen([options.command, *options.arguments])
    seconds, code = 0.0, 0
    with contextlib.suppress(ChildProcessError):
        while True:
            process_id, status, used = os.wait4(-1, 0)
            seconds += used.ru_utime + used.ru_stime
            if process_id == root.pid:
                code = os.waitstatus_to_exitcode(status)
    print(f"{seconds:.1f} CPU seconds, {time.monotonic() - start:.1f} seconds")
    return code


if __name__ == "__main__":
    sys.exit(main())
