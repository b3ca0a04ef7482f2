"""Measures how long training stands still because checkpoints are saved.

    python benchmarks/saving.py [--seconds 2] [--checkpoints 6] [--minibatch 2048]

A train server of a tiny network has so many full batches in its journal and trains on them, twice:
with a store that takes each checkpoint at once, and with one in which each waits for so many
seconds, as an upload to a bucket does over a slow line. Prints for both the time from the beginning
of the first training to the end of the last, the time of all that was trained, and what lies
between; and the CPU time of the server and its trainer.
"""

import argparse
import contextlib
import itertools
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

from hexz.checkpoints.directory import DirectoryStore
from hexz.schema.programs import ServerConfig
from hexz.schema.training import TrainingConfig
from hexz.trainserver import supervisor
from hexz.trainserver.journal import Journal, Record
from hexz.trainserver.service import TrainingService
from hexz.wire.example import encode_example
from tests.games import game_examples
from tests.trainserver.trainer_thread import TrainerThread


def fill_journal(config: ServerConfig, batches: int) -> None:
    """Examples of the same few games, under other ids, to fill some batches."""
    examples = list(itertools.chain.from_iterable(game_examples(20)))
    journal = Journal(config.journal_dir, config.minibatch_size)
    for batch in range(batches):
        records = [
            Record(f"{batch}-{i}", encode_example(examples[i % len(examples)]))
            for i in range(config.minibatch_size)
        ]
        journal.append(records)
    journal.close()


@contextlib.contextmanager
def slow_store(seconds: float) -> Iterator[None]:
    """Each checkpoint but the first takes so long."""
    write = DirectoryStore._write

    def slow_write(self: DirectoryStore, new: object, metadata: object) -> None:
        if new.number:  # type: ignore[attr-defined]
            threading.Event().wait(seconds)
        write(self, new, metadata)  # type: ignore[arg-type]

    with mock.patch.object(DirectoryStore, "_write", slow_write):
        yield


def measure(seconds: float, batches: int, minibatch: int) -> tuple[float, float]:
    """Seconds from the first training to the end of the last, and seconds of training."""
    from hexz.training.learner import Learner

    train, begun, ended = Learner.train, [], []

    def timed(*args: object, **options: object) -> object:
        begun.append(time.perf_counter())
        report = train(*args, **options)  # type: ignore[arg-type]
        ended.append(time.perf_counter())
        return report

    # The trainer in this process, so that it can be timed, and the others in their own.
    here = mock.patch.object(supervisor, "Child", TrainerThread)
    with tempfile.TemporaryDirectory() as directory, slow_store(seconds), here:
        config = ServerConfig(
            store=directory, data_dir=Path(directory), minibatch_size=minibatch,
            blocks=1, filters=16, training=TrainingConfig(reuse=1.0),
        )  # fmt: skip
        fill_journal(config, batches)
        with mock.patch.object(Learner, "train", timed):
            service = TrainingService(config, on_fatal=print)
            while service.checkpoint != batches:
                time.sleep(0.05)
            service.close()
    return ended[-1] - begun[0], sum(b - a for a, b in zip(begun, ended, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--checkpoints", type=int, default=6)
    parser.add_argument("--minibatch", type=int, default=2048)
    options = parser.parse_args()
    print(f"{options.checkpoints} checkpoints of {options.minibatch} examples; seconds")
    print(f"{'a checkpoint takes':>20} {'in all':>8} {'training':>9} {'between, each':>14}")
    for seconds in (0.0, options.seconds):
        whole, training = measure(seconds, options.checkpoints, options.minibatch)
        between = (whole - training) / (options.checkpoints - 1)
        print(f"{seconds:20.1f} {whole:8.2f} {training:9.2f} {between:14.3f}")


if __name__ == "__main__":
    main()
