"""How well the player uses the network: one search alone, and many at once.

    python benchmarks/player.py [MODEL] [--seconds 1]

Prints evaluations a second of one search of 800 simulations after another, beside self-play with
inferences of the same size and of the default size of `hexzctl bench selfplay`; and of 16 searches
at once, beside one search through eager PyTorch, which evaluates one position at a time. The runs
take turns, so that a machine whose speed drifts is fair to all. Without MODEL the network that
ships with hexz plays.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from hexz.bench import RUNS, SelfPlaySteps, random_boards, rate_of
from hexz.engine import Board, Search, SearchSettings
from hexz.model.backends import create_evaluator
from hexz.model.checkpoint import load_checkpoint
from hexz.model.torch_evaluator import TorchEvaluator
from hexz.places import SHIPPED
from hexz.player.loop import BATCH_SIZE, CHUNK
from hexz.player.searcher import Searcher
from hexz.player.spec import Budget

SIMULATIONS = 800
AT_ONCE = 16
LAST_MOVE = 45
"""Later positions are often decided before so many simulations."""
EAGER_SIMULATIONS = 50
"""Of a step; 800 would take most of a run."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", nargs="?")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one run")
    options = parser.parse_args()
    checkpoint = load_checkpoint(options.model or SHIPPED)
    small, large = (
        create_evaluator(checkpoint.weights, batch_size=n, notify=print)
        for n in (CHUNK, BATCH_SIZE)
    )
    eager = TorchEvaluator(checkpoint.net, device="cpu", batch_size=1, half=False)
    boards = (b for b in random_boards(1_000_000) if b.move_number <= LAST_MOVE)
    settings = SearchSettings(simulations=SIMULATIONS)
    with (
        closing(Searcher(small)) as searcher,
        closing(SelfPlaySteps(small, settings, 2 * CHUNK)) as self_play_small,
        closing(SelfPlaySteps(large, settings, 2 * BATCH_SIZE)) as self_play_large,
        ThreadPoolExecutor(AT_ONCE) as threads,
    ):

        def search(board: Board) -> None:
            searcher.suggest(board, Budget(simulations=SIMULATIONS))

        def search_one() -> int:
            before = searcher.evaluations
            search(next(boards))
            return searcher.evaluations - before

        def search_many() -> int:
            before = searcher.evaluations
            list(threads.map(search, [next(boards) for _ in range(AT_ONCE)]))
            return searcher.evaluations - before

        def search_eagerly() -> int:
            few = SearchSettings(simulations=EAGER_SIMULATIONS, explore=False)
            Search(next(boards), few).run(eager.evaluate)
            return EAGER_SIMULATIONS

        steps: dict[str, Callable[[], int]] = {
            f"one search of {SIMULATIONS} simulations": search_one,
            f"self-play, batch {CHUNK}": self_play_small.step,
            f"self-play, batch {BATCH_SIZE}": self_play_large.step,
            f"{AT_ONCE} searches at once": search_many,
            "one position at a time, eager PyTorch": search_eagerly,
        }
        for step in steps.values():
            step()
        runs = [[rate_of(step, options.seconds) for step in steps.values()] for _ in range(RUNS)]
    print(small.name)
    for name, rates in zip(steps, zip(*runs, strict=True), strict=True):
        print(f"{name:<40}{statistics.median(rates):>12,.0f} /s   "
              f"({min(rates):,.0f} to {max(rates):,.0f})")  # fmt: skip
    for size, column in ((CHUNK, 1), (BATCH_SIZE, 2)):
        one = statistics.median(run[0] / run[column] for run in runs)
        print(f"one search / self-play, batch {size}  {100 * one:.1f} %")
    many = statistics.median(run[3] / run[4] for run in runs)
    print(f"{AT_ONCE} searches / eager  {many:.1f} x")


if __name__ == "__main__":
    main()
