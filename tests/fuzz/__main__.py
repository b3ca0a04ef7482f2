"""`python -m tests.fuzz`: tries many inputs for each harness, guided by what code they reach.

Atheris (https://github.com/google/atheris) makes them. An input that crashes a harness is kept in
build/fuzz; put it into tests/data/fuzz with `--keep`, mend the cause, and it is tried in all tests.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from .corpus import keep, kept

OUTPUT = Path("build/fuzz")
KEPT_BYTES = 600
"""Longest input that is kept."""
KEPT = 12
"""So many are kept for a harness."""
LONGEST_BYTES = 20_000
"""Longest input that is tried, unless a good one is longer."""
MEMORY_MB = 3000
SECONDS_AN_INPUT = 20


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="HARNESS", help="default: all")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all together; 60")
    parser.add_argument("--inputs", type=int, help="for all together, instead of --seconds")
    parser.add_argument("--keep", action="store_true", help="keep what reaches new code")
    given = parser.parse_args()
    from .harnesses import HARNESSES

    names = given.names or list(HARNESSES)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    total, crashes = 0, 0
    for name in names:
        limit = f"-max_total_time={max(1, round(given.seconds / len(names)))}"
        if given.inputs is not None:
            limit = f"-runs={-(-given.inputs // len(names))}"
        inputs, crashed = _fuzz(name, HARNESSES[name].seeds(), limit, keep_new=given.keep)
        print(f"{name:<16} {inputs:>10,} inputs  {'CRASH' if crashed else 'no crash'}", flush=True)
        total, crashes = total + inputs, crashes + crashed
    print(f"{'all':<16} {total:>10,} inputs, {crashes} crashes")
    return int(crashes > 0)


def _fuzz(name: str, seeds: list[bytes], limit: str, *, keep_new: bool) -> tuple[int, bool]:
    """Runs a harness in a process of its own. Returns how many inputs it had, and whether one
    crashed it."""
    with tempfile.TemporaryDirectory(prefix="hexz-fuzz-") as folder:
        old = [*seeds, *kept(name)]
        for number, data in enumerate(old):
            (Path(folder) / f"old-{number}").write_bytes(data)
        longest = max(LONGEST_BYTES, *map(len, old))
        options = [f"-artifact_prefix={OUTPUT}/{name}-", f"-rss_limit_mb={MEMORY_MB}"]
        options += [
            limit,
            f"-timeout={SECONDS_AN_INPUT}",
            f"-max_len={longest}",
            "-print_final_stats=1",
        ]
        result = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.one", name, folder, *options],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        (OUTPUT / f"{name}.log").write_text(result.stdout + result.stderr)
        done = re.findall(r"number_of_executed_units: (\d+)|^#(\d+)", result.stderr, re.MULTILINE)
        if keep_new:
            found = [file.read_bytes() for file in Path(folder).iterdir() if file.is_file()]
            new = [data for data in found if len(data) <= KEPT_BYTES and data not in seeds]
            step = max(1, len(new) // KEPT)
            keep(name, [*kept(name), *sorted(new)[::step]][: 2 * KEPT])
    counts = [int(number) for pair in done for number in pair if number]
    return max(counts, default=0), result.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
