"""How long a new model takes to reach the search, and how long the search waits for it.

    python benchmarks/swap.py [MODEL] [--swaps 20]

Plays as a worker does, on all cores, and publishes a model again and again through a Redis of its
own. Prints for each backend the time from the announcement to the first search on the new model,
how much of it the preparation takes and the loading, and the longest rounds: of any process between
announcement and swap, and at other times. Other work on the machine makes rounds longer too, so the
load is printed with them.
"""

from __future__ import annotations

import argparse
import importlib
import os
import statistics
import sys
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from hexz.engine import FinishedGame, SearchSettings
from hexz.inference import PreparedModel
from hexz.machine import available_cores
from hexz.model.checkpoint import (
    decode_checkpoint,
    encode_checkpoint,
    load_checkpoint,
    new_checkpoint,
)
from hexz.processes import Parent
from hexz.pubsub import ModelChannel, PrivateRedis
from hexz.selfplay import pool as pool_module
from hexz.selfplay import process as process_module
from hexz.selfplay.loop import SelfPlay
from hexz.selfplay.messages import Assignment, NewModel, NewSettings, Playing
from hexz.selfplay.pool import SelfPlayPool, prepare_for_play

SETTINGS = NewSettings(SearchSettings(algorithm="gumbel", simulations=32), games_per_process=128)
BACKENDS = ("OpenVINO int8", "PyTorch float32")
PAUSE_SECONDS = 1.0
"""Between two models."""


@dataclass(frozen=True)
class LongRound:
    """The longest round since the last one that was reported, in seconds of `time.monotonic`."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


@dataclass
class Rounds:
    """What the processes reported about their rounds."""

    swaps: list[tuple[float, float]] = field(default_factory=list)
    rounds: list[LongRound] = field(default_factory=list)

    def longest(self, *, swapping: bool) -> float:
        return max(
            round.seconds
            for round in self.rounds
            if swapping == any(round.end > a and round.begin < b for a, b in self.swaps)
        )


def timed_process(parent: Parent, number: int, assignment: Assignment) -> None:
    """A process of self-play that reports its rounds."""

    class TimedSelfPlay(SelfPlay):
        def rounds(self) -> Generator[list[FinishedGame]]:
            begin = time.monotonic()
            longest = LongRound(begin, begin)
            for i, finished in enumerate(super().rounds()):
                yield finished
                now = time.monotonic()
                longest = max(longest, LongRound(begin, now), key=lambda round: round.seconds)
                begin = now
                if i % 10 == 0:
                    parent.send(longest)
                    longest = LongRound(now, now)

    process_module.SelfPlay = TimedSelfPlay  # type: ignore[attr-defined]
    process_module.run_process(parent, number, assignment)


def prepare(data: bytes) -> PreparedModel:
    return prepare_for_play(
        decode_checkpoint(data, "the model").weights,
        device="cpu",
        num_processes=available_cores(),
        games_per_process=SETTINGS.games_per_process,
        notify=lambda text: None,
    )


def measure(backend: str, data: bytes, redis_url: str, swaps: int) -> Iterator[str]:
    """The lines of the table about a backend."""
    if backend == "PyTorch float32":
        sys.modules["hexz.model.openvino_conversion"] = None  # type: ignore[assignment]
    assignment = Assignment(
        run_name="swap",
        model_name=backend,
        settings=SETTINGS,
        num_processes=available_cores(),
        max_games=None,
        seed=1,
    )
    publisher, follower = (ModelChannel(redis_url, "swap") for _ in range(2))
    publisher.publish(0, data)
    done = threading.Event()
    # A child imports this file by its name.
    mock.patch.object(
        pool_module, "run_process", importlib.import_module("swap").timed_process
    ).start()
    prepare_seconds, load_seconds = [], []
    with SelfPlayPool(assignment, NewModel(0, prepare(data))) as pool:

        def follow() -> None:
            for model in follower.follow(done, print):
                if model.checkpoint > 0:
                    times = [time.monotonic()]
                    prepared = prepare(model.data)
                    times.append(time.monotonic())
                    pool.send(NewModel(model.checkpoint, prepared))
                    times.append(time.monotonic())
                    prepared.load()  # as the processes do at this moment
                    times.append(time.monotonic())
                    prepare_seconds.append(times[1] - times[0])
                    load_seconds.append(times[3] - times[2])

        threading.Thread(target=follow, daemon=True).start()
        found = Rounds()
        for number in range(swaps + 1):
            if number > 0:
                publisher.publish(number, data)
            begin = time.monotonic()
            waiting = assignment.num_processes
            end = begin
            while waiting or time.monotonic() < end + PAUSE_SECONDS:
                pool.check()
                for event in pool.receive(0.05):
                    if isinstance(event, Playing) and event.checkpoint == number:
                        if not event.evaluator.startswith(backend):
                            sys.exit(f"asked for {backend}, got {event.evaluator}")
                        waiting -= 1
                        end = time.monotonic()
                    elif isinstance(event, LongRound):
                        found.rounds.append(event)
            if number > 0:
                found.swaps.append((begin, end))
        done.set()
    delays = [end - begin for begin, end in found.swaps]
    during, otherwise = (1000 * found.longest(swapping=swapping) for swapping in (True, False))
    yield (
        f"{backend}, {assignment.num_processes} processes, {swaps} swaps, "
        f"load average {os.getloadavg()[0]:.1f}"
    )
    yield (
        "  announcement to the search of the last process: "
        f"median {statistics.median(delays):.2f} s, longest {max(delays):.2f} s"
    )
    for name, seconds in (("prepare", prepare_seconds), ("load", load_seconds)):
        yield (
            f"  {name}: median {1000 * statistics.median(seconds):.0f} ms, "
            f"longest {1000 * max(seconds):.0f} ms"
        )
    yield f"  longest round during a swap {during:.0f} ms, at other times {otherwise:.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--swaps", type=int, default=20)
    arguments = parser.parse_args()
    checkpoint = load_checkpoint(arguments.model) if arguments.model else new_checkpoint()
    with PrivateRedis() as redis:
        for backend in BACKENDS:
            for line in measure(backend, encode_checkpoint(checkpoint), redis.url, arguments.swaps):
                print(line, flush=True)


if __name__ == "__main__":
    main()
