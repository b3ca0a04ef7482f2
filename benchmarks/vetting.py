"""How soon the train server finds a worker that lies, and how often it accuses an honest one.

    python benchmarks/vetting.py [--honest 10000] [--repeats 20]
    python benchmarks/vetting.py --play 500      # plays the games anew, and tells lies about them

The games were played by the network that ships with hexz and by a fresh one, with 32 simulations a
move as a young fleet does. tests/data/game_figures.npz has their figures, and those of the same
games as liars would post them. Fleets of twenty draw from these.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hexz.engine import FinishedGame, SearchSettings
from hexz.example import Example
from hexz.schema.status import FIGURES
from hexz.selfplay.examples import examples_of
from hexz.vetting.figures import LENGTH, GameLook
from hexz.vetting.outliers import Finding, Outliers

DATA = Path(__file__).parents[1] / "tests" / "data" / "game_figures.npz"
NETWORKS = ("shipped", "fresh")
WORKERS = 20
LIED_GAMES = 100
Random = np.random.Generator
Lie = Callable[[FinishedGame, list[Example], Random], list[Example]]


def random_policies(game: FinishedGame, rng: Random, kind: str) -> npt.NDArray[np.float32]:
    legal = game.priors > 0
    weights = {
        "any": rng.exponential(size=legal.shape),
        "uniform": np.ones(legal.shape),
        "one": rng.random(legal.shape) ** 1000,
    }[kind]
    weights = np.where(legal, weights, 0) + np.where(legal, 1e-30, 0)
    shares: npt.NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return shares.astype(np.float32)


def policies_of(kind: str, *, also_priors: bool = False) -> Lie:
    def lie(game: FinishedGame, examples: list[Example], rng: Random) -> list[Example]:
        policies = random_policies(game, rng, kind)
        return [
            replace(example, policy=policy, priors=policy if also_priors else example.priors)
            for example, policy in zip(examples, policies, strict=True)
        ]

    return lie


def swapped(game: FinishedGame, examples: list[Example], rng: Random) -> list[Example]:
    """Without the cells at the end, which would betray them."""
    return [
        replace(e, result=-e.result, final_owner=None, final_value=None, score_margin=None)
        for e in examples
    ]


def swapped_with_values(game: FinishedGame, examples: list[Example], rng: Random) -> list[Example]:
    return [
        replace(example, network_value=-(example.network_value or 0.0))
        for example in swapped(game, examples, rng)
    ]


LIES: dict[str, Lie] = {
    "random policies": policies_of("any"),
    "uniform policies": policies_of("uniform"),
    "one random move": policies_of("one"),
    "random policies and priors": policies_of("any", also_priors=True),
    "swapped results": swapped,
    "swapped results and values": swapped_with_values,
}


def played(network: str, count: int) -> Iterator[FinishedGame]:
    """Plays games as a worker does."""
    import torch

    from hexz.model.checkpoint import load_checkpoint, new_checkpoint
    from hexz.places import SHIPPED
    from hexz.selfplay.loop import SelfPlay
    from hexz.selfplay.pool import prepare_for_play

    torch.set_num_threads(1)
    checkpoint = load_checkpoint(SHIPPED) if network == "shipped" else new_checkpoint(seed=5)
    prepared = prepare_for_play(
        checkpoint.weights, device="cpu", num_processes=2, games_per_process=128, notify=print
    )
    settings = SearchSettings(algorithm="gumbel", simulations=32, full_search_share=0.25)
    play = SelfPlay(prepared.load(), settings, 128, seed=11, max_games=count)
    for games in play.rounds():
        yield from games


def looked_at(examples: list[Example]) -> npt.NDArray[np.float64]:
    return GameLook.of(examples).sums.figures().values


def make_data(count: int) -> None:
    """Plays the games of both networks and writes the figures of all of them, lies included."""
    rng = np.random.default_rng(1)
    found: dict[str, list[npt.NDArray[np.float64]]] = {}
    for network in NETWORKS:
        for number, game in enumerate(played(network, count)):
            examples = list(
                examples_of(game, game_name=f"w-{number}", model_name="flagz", unix_micros=1)
            )
            found.setdefault(network, []).append(looked_at(examples))
            if number < LIED_GAMES:
                for name, lie in LIES.items():
                    figures = looked_at(lie(game, examples, rng))
                    found.setdefault(f"{network}, {name}", []).append(figures)
        print(f"{network}: {len(found[network])} games")
    columns: dict[str, Any] = {name: np.array(rows, np.float32) for name, rows in found.items()}
    np.savez_compressed(DATA, **columns)


class Games:
    """Draws games of a kind at random."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        with np.load(DATA) as data:
            self._figures = {name: data[name].astype(np.float64) for name in data.files}

    def draw(self, kind: str) -> npt.NDArray[np.float64]:
        rows = self._figures[kind]
        drawn: npt.NDArray[np.float64] = rows[self._rng.integers(len(rows))].copy()
        return drawn


def games_until_found(
    games: Games, network: str, kind: str, limit: int, per_checkpoint: int = 60
) -> tuple[int, Finding] | None:
    """One of twenty workers posts games of another kind; its number of games when it is found.
    Raises AssertionError if another one is accused."""
    outliers = Outliers(len(FIGURES))
    for number in range(limit * WORKERS):
        worker = number % WORKERS
        figures = games.draw(kind if worker == 0 else network)
        figures[LENGTH] = np.nan  # of games that began together the short ones end first
        finding = outliers.add(f"worker-{worker}", number // per_checkpoint, figures)
        if finding is not None:
            if worker != 0:
                raise AssertionError(f"worker {worker} is accused: {finding}")
            return number // WORKERS + 1, finding
    return None


def honest_fleet(games: Games, total: int, per_checkpoint: int = 60) -> list[Finding]:
    """Plays games of a fleet whose network learns meanwhile; returns the false accusations."""
    outliers, rng, found = Outliers(len(FIGURES)), np.random.default_rng(7), []
    for number in range(total):
        learnt = rng.random() < 2 * number / total
        figures = games.draw("shipped" if learnt else "fresh")
        finding = outliers.add(f"worker-{number % WORKERS}", number // per_checkpoint, figures)
        if finding is not None:
            found.append(finding)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--play", type=int, metavar="GAMES", help="play so many games anew")
    parser.add_argument("--honest", type=int, default=10_000, help="games of each honest worker")
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    if arguments.play:
        make_data(arguments.play)
    games, names = Games(1), list(FIGURES)
    print("games of the liar until it is found: median and most, and what betrays it first")
    for network in NETWORKS:
        for lie in LIES:
            counts, figures = [], set()
            for _ in range(arguments.repeats):
                found = games_until_found(games, network, f"{network}, {lie}", 200)
                if found is None:
                    print(f"  {network}, {lie}: NOT FOUND in 200 games")
                    continue
                counts.append(found[0])
                figures.add(names[found[1].figure])
            if counts:
                print(f"  {network}, {lie}: {statistics.median(counts):.0f}, {max(counts)} "
                      f"({', '.join(sorted(figures))})")  # fmt: skip
    started = time.process_time()
    total = arguments.honest * WORKERS
    accused = honest_fleet(games, total)
    micros = (time.process_time() - started) / total * 1e6
    print(f"{WORKERS} honest workers with {arguments.honest} games each: {len(accused)} accused, "
          f"{micros:.0f} us of CPU time a game")  # fmt: skip


if __name__ == "__main__":
    main()
