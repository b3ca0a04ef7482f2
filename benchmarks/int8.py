"""Plays a network in int8 against itself in float32, at equal simulations.

    python benchmarks/int8.py [--model MODEL] [--simulations 64] [--boards 200]

Two games on each board, one from each seat, on all cores. Without --model the network that ships
with hexzctl plays.
"""

import argparse

from matches import batch_of, scores, spoken

from hexz.arena.entrants import Entrant, Field
from hexz.arena.run import random_boards
from hexz.model.backends import prepare_model
from hexz.player.models import open_source
from hexz.player.spec import Budget, PlayerSpec

PRECISIONS = ("int8", "float32")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    parser.add_argument("--simulations", type=int, default=64)
    parser.add_argument("--boards", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    network = open_source(options.model).load().weights
    budget = Budget(simulations=options.simulations)
    specs = [PlayerSpec(kind="gumbel", path=name, budget=budget) for name in PRECISIONS]
    size = batch_of(specs, options.boards)
    field = Field(
        tuple(Entrant(spec, number) for number, spec in enumerate(specs)),
        tuple(
            prepare_model(network, precision=precision, batch_size=size, notify=print)
            for precision in PRECISIONS
        ),
    )
    boards = random_boards(options.boards, options.seed)
    found = list(scores(field, boards, seed=options.seed))
    print(f"int8 against float32: {spoken(found)}")


if __name__ == "__main__":
    main()
