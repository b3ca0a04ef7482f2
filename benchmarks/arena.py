"""How many positions a second an arena evaluates, against self-play in the same run.

    python benchmarks/arena.py [--seconds 2]

One process on one core, as each of theirs has it when all cores play; two networks would compute
on two otherwise. In the arena two networks play each other with as many game pairs in flight as
`hexzctl arena` has; self-play is that of `hexzctl bench selfplay`, 64 games of one of them.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import tempfile
from contextlib import closing
from pathlib import Path

from hexz.arena.games import GamePair, GamePlayer
from hexz.arena.pool import batch_size, pairs_at_once
from hexz.arena.preparation import prepare
from hexz.bench import RUNS, Rate, SelfPlaySteps, rate_of
from hexz.engine import Board, SearchSettings
from hexz.model.backends import create_evaluator
from hexz.model.checkpoint import load_checkpoint, new_checkpoint, save_checkpoint
from hexz.places import SHIPPED
from hexz.player.spec import parse_spec
from hexz.selfplay.loop import board_seed


class ArenaSteps:
    """An arena of one process that can be run for a round and left again."""

    def __init__(self, specs: list[str]) -> None:
        parsed = [parse_spec(spec) for spec in specs]
        at_once = pairs_at_once(parsed, num_pairs=10_000, num_processes=1)
        size = batch_size(parsed, at_once, mixed=False)
        self.figures = f"{2 * at_once} games in flight, batches of {size}"
        self._player = GamePlayer(
            prepare(parsed, device="cpu", batch_size=size, notify=print), seed=1
        )
        self._pairs = (
            GamePair((0, 1), Board.random(board_seed(1, number)).to_text(), number)
            for number in itertools.count()
        )
        self._in_flight, self._at_once = 0, at_once
        self._rounds = self._player.play(self._next_pair)

    def step(self) -> int:
        before = self._player.evaluations
        if next(self._rounds) is not None:
            self._in_flight -= 1
        return self._player.evaluations - before

    def close(self) -> None:
        self._player.close()

    def _next_pair(self) -> GamePair | None:
        if self._in_flight == self._at_once:
            return None
        self._in_flight += 1
        return next(self._pairs)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=2.0, help="Of one of the 5 runs.")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as directory:
        other = Path(directory) / "other.pt"
        save_checkpoint(new_checkpoint(seed=1), other)
        measure(other, options.seconds)


def measure(other: Path, seconds: float) -> None:
    """Prints the rates of the shipped network against another one."""
    evaluator = create_evaluator(load_checkpoint(SHIPPED).weights, batch_size=32, notify=print)
    for spec, algorithm in (("gumbel{}@64", "gumbel"), ("model{}@800", "puct")):
        simulations = int(spec.rpartition("@")[2])
        settings = SearchSettings(algorithm=algorithm, simulations=simulations)  # type: ignore[arg-type]
        specs = [spec.format(""), spec.format(f":{other}")]
        with (
            closing(ArenaSteps(specs)) as arena,
            closing(SelfPlaySteps(evaluator, settings, 64)) as self_play,
        ):
            rate_of(arena.step, seconds), rate_of(self_play.step, seconds)
            runs = [
                (rate_of(arena.step, seconds), rate_of(self_play.step, seconds))
                for _ in range(RUNS)
            ]
        print(f"{specs[0]}: {arena.figures}")
        for name, rates in zip(("arena", "self-play"), zip(*runs, strict=True), strict=True):
            rate = Rate.of(name, list(rates))
            print(f"  {name:10} {rate.median:8,.0f} ({rate.low:,.0f} to {rate.high:,.0f}) a second")
        print(f"  share      {statistics.median(a / b for a, b in runs):8.1%}")


if __name__ == "__main__":
    main()
