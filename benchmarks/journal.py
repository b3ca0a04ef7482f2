"""How long a train server needs to write its journal and to read it back, and SQLite for the same.

    python benchmarks/journal.py [EXAMPLES] [DIRECTORY]

Writes so many examples of self-play, 100,000 unless given, with the journal's own means, and opens
the journal again in three new processes. Then writes some in groups of 8, as many connections do,
with the journal and with SQLite in WAL mode, each group on disk before the next one. With DIRECTORY
the files are on that disk.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import sqlite3
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
GROUP = 8
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE ids (hash INTEGER PRIMARY KEY, segment INTEGER);
CREATE TABLE records (number INTEGER PRIMARY KEY, segment INTEGER, id TEXT, data BLOB);
CREATE INDEX by_segment ON records (segment);
"""
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
    evaluator = create_evaluator(new_checkpoint().weights, batch_size=16, notify=print)
    play = SelfPlay(
        evaluator, SearchSettings(algorithm="gumbel", simulations=4), 32, 1, max_games=32
    )
    return [
        encode_example(example)
        for games in play.rounds()
        for game in games
        for example in examples_of(game, game_name="game", model_name="fresh", unix_micros=1)
    ]


def compare(directory: Path, data: list[bytes]) -> None:
    """Prints the CPU time of a record in the journal and in SQLite, in turns."""
    groups = [data[i : i + GROUP] for i in range(0, len(data), GROUP)]
    times: dict[str, list[float]] = {"journal": [], "SQLite": []}
    for turn in range(3):
        journal = Journal(directory / f"own-{turn}", 10**9)
        database = sqlite3.connect(directory / f"{turn}.sqlite", isolation_level=None)
        database.executescript(SCHEMA)
        names = itertools.count()
        for name, write in (
            ("journal", journal.append),
            ("SQLite", lambda group: transaction(database, group)),  # noqa: B023
        ):
            start = time.process_time()
            for group in groups:
                write([Record(f"{next(names):09d}", body) for body in group])
            times[name].append(1e6 * (time.process_time() - start) / len(data))
        journal.close()
        database.close()
    for name, micros in times.items():
        print(
            f"{name:8} {statistics.median(micros):5.0f} us of CPU a record of "
            f"{len(data[0]):,} bytes ({min(micros):.0f} to {max(micros):.0f})"
        )


def transaction(database: sqlite3.Connection, group: list[Record]) -> None:
    """Does what an append does: keeps what is new, and returns when it is on disk."""
    database.execute("BEGIN IMMEDIATE")
    for record in group:
        digest = hashlib.blake2b(record.id.encode(), digest_size=8).digest()
        key = int.from_bytes(digest, "little", signed=True)
        if database.execute("INSERT OR IGNORE INTO ids VALUES (?, 1)", (key,)).rowcount:
            database.execute("INSERT INTO records VALUES (NULL, 1, ?, ?)", record[:2])
    database.execute("COMMIT")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("examples", type=int, nargs="?", default=100_000)
    parser.add_argument("directory", nargs="?", help="on the disk to write to")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        journal = Journal(Path(directory), MINIBATCH_SIZE)
        records = (Record(f"{i:09d}", body) for i, body in enumerate(itertools.cycle(bodies())))
        start = time.perf_counter()
        for _ in range(0, options.examples, 100):
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
        compare(Path(directory), bodies()[:2000])


if __name__ == "__main__":
    main()
