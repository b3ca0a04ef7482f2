"""Runs self-play in one process and prints the memory of that process every minute.

    python benchmarks/memory.py MINUTES OUTPUT_DIR

64 games in flight, 800 runs a move. A process that leaks shows it here.
"""

import argparse
import subprocess
import sys
import time

import psutil


def worker_megabytes(parent: psutil.Process) -> int:
    """Resident memory of the largest child, which is the one that plays."""
    return max(child.memory_info().rss for child in parent.children()) >> 20


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("minutes", type=int)
    parser.add_argument("output_dir", help="for the examples")
    options = parser.parse_args()
    minutes = options.minutes
    command = [sys.executable, "-m", "hexzctl", "selfplay", "--num-workers", "1"]
    command += ["--games-per-process", "64", "--runs-per-move", "800", "--seed", "1"]
    command += ["--max-seconds", str(60 * minutes + 30), "--output-dir", options.output_dir]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        for minute in range(1, minutes + 1):
            time.sleep(60)
            megabytes = worker_megabytes(psutil.Process(process.pid))
            print(f"minute {minute}: {megabytes} MB", flush=True)


if __name__ == "__main__":
    main()
