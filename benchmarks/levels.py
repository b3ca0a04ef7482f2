"""Rates the levels of play, `uct:800` with 0 Elo, for hexz/player/levels.py.

    python benchmarks/levels.py --boards 200

Levels meet their neighbours and, where games are cheap, the level after the next one; random
playouts tie them to the scale of everything else. The games are kept in `levels/`, so that the
command goes on where it ended, and plays only what is missing if it is given more boards.
"""

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path

from hexz.arena.run import ArenaConfig, ArenaRun, random_boards
from hexz.player.levels import LEVELS
from hexz.player.spec import parse_spec
from hexz.ratings.results import Pairing, Results

ANCHORS = {"random": (0, 1), "uct:100": (2, 4), "uct:800": (4, 5, 6, 7), "uct:3200": (7, 8, 9)}
"""Players outside of the levels, and the levels by their places that each of them meets."""

CHEAP_SIMULATIONS = 40
"""Two levels that are no neighbours meet if neither searches more."""

DEAR_SIMULATIONS = 800
"""A pairing with a network that searches so much plays a quarter of the boards."""


def pairings(names: list[str]) -> Iterator[Pairing]:
    """The pairings of levels and anchors, by their places among the names, cheap ones first."""
    for anchor, places in ANCHORS.items():
        yield from ((names.index(anchor), place) for place in places)
    for place in range(len(LEVELS)):
        for other in (place + 1, place + 2):
            if other < len(LEVELS) and (
                other == place + 1 or simulations(LEVELS[other].spec) <= CHEAP_SIMULATIONS
            ):
                yield place, other


def simulations(text: str) -> int:
    """Of a network's search, for a move."""
    spec = parse_spec(text)
    return (spec.budget.simulations or 0) if spec.needs_network and spec.budget else 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--boards", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20261129)
    parser.add_argument("--output-dir", type=Path, default=Path("levels"))
    options = parser.parse_args()

    options.output_dir.mkdir(exist_ok=True)
    names = [*(level.spec for level in LEVELS), *ANCHORS]
    played = list(pairings(names))
    results = Results(names, played)
    for pairing in played:
        pair = [names[place] for place in pairing]
        is_dear = max(map(simulations, pair)) >= DEAR_SIMULATIONS
        boards = random_boards(options.boards // 4 if is_dear else options.boards, options.seed)
        log = options.output_dir / f"{pair[0]}-{pair[1]}.jsonl".replace(":", "-")
        config = ArenaConfig(specs=[parse_spec(name) for name in pair], boards=boards, log=log)
        run = ArenaRun(config, print)
        for _ in run.events():
            pass
        for one in run.games(len(boards)):
            results.add(pairing, one.pair.number, one.margins)
        found = run.results.of((0, 1))
        if found is not None:
            print(f"{pair[0]} against {pair[1]}: {found.score.value:.1%} on {found.boards} boards")
    ratings = results.ratings()
    for level in LEVELS:
        elo = ratings[level.spec]
        print(
            f'    Level("{level.name}", "{level.spec}", {elo.value:.0f}),'
            f"  # {elo.low:.0f} to {elo.high:.0f}"
        )
    for place, other in itertools.pairwise(LEVELS):
        step = ratings[other.spec].value - ratings[place.spec].value
        if step > 200:
            print(f"{other.name} is {step:.0f} Elo above {place.name}: more than 200")


if __name__ == "__main__":
    main()
