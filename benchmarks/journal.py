"""How long a train server needs to read back what waits in its journal.

    python benchmarks/journal.py [EXAMPLES] [DIRECTORY]

Writes so many examples of self-play, 100,000 unless given, with the journal's own means, and opens
the journal again in three new processes. With DIRECTORY the files are on that disk.
"""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hexz.engine import SearchSettings
from hexz.model.backends import create_evaluator
from hexz.model.checkpoint import new_checkpoint
from hexz.selfplay.examples import examples_of
from hexz.selfplay.loop import SelfPlay
from hexz.trainserver.journal import Journal, Record
from hexz.wire.example import encode_example

MINIBATCH_SIZE = 4096
READ = f"""
import sys, time
from pathlib import Path
from hexz.trainserver.journal import Journal
start = time.perf_counter()
journal = Journal(Path(sys.argv[1]), {MINIBATCH_SIZE})
print(time.perf_counter() - start, journal.num_waiting)
"""


def bodies() -> list[bytes]:
    """Serialized examples of some games."""
    evaluator = create_evaluator(new_checkpoint().net, batch_size=16, notify=print)
    play = SelfPlay(
        evaluator, SearchSettings(algorithm="gumbel", simulations=4), 32, 1, max_games=32
    )
    return [
        encode_example(example)
        for games in play.rounds()
        for game in games
        for example in examples_of(game, game_name="game", model_name="fresh", unix_micros=1)
    ]


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    parent = sys.argv[2] if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        journal = Journal(Path(directory), MINIBATCH_SIZE)
        records = (Record(f"{i:09d}", body) for i, body in enumerate(itertools.cycle(bodies())))
        start = time.perf_counter()
        for _ in range(0, count, 100):
            journal.append(list(itertools.islice(records, 100)))
        print(f"{journal.num_waiting:,} examples written in {time.perf_counter() - start:.1f} s")
        journal.close()
        size = sum(path.stat().st_size for path in Path(directory).iterdir())
        command = [sys.executable, "-c", READ, directory]
        times = [float(subprocess.check_output(command).split()[0]) for _ in range(3)]
        print(
            f"{size / 1e6:,.0f} MB read back in {statistics.median(times):.2f} s "
            f"({min(times):.2f} to {max(times):.2f})"
        )


if __name__ == "__main__":
    main()
