"""Matches of a player whose search has other constants, each against the same opponent.

    python benchmarks/constants.py gumbel@64 gumbel:409.pt@64 c_scale=0.25 c_scale=1,c_visit=20

plays with the constants as they are, and then with each of these in their place, which are those of
`SearchSettings`, on the same boards. `tune.py` looks for the best ones by itself.
"""

import argparse
from dataclasses import replace

import matches
import msgspec

from hexz.arena.entrants import Field
from hexz.arena.preparation import prepare
from hexz.arena.run import random_boards
from hexz.engine import SearchSettings
from hexz.errors import HexzError
from hexz.player.spec import parse_spec

Constants = tuple[tuple[str, float], ...]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("player")
    parser.add_argument("opponent")
    parser.add_argument("constants", nargs="*")
    parser.add_argument("--boards", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_intermixed_args()
    try:
        specs = [parse_spec(options.player), parse_spec(options.opponent)]
        changes = [constants_of(text) for text in options.constants]
        size = matches.batch_of(specs, options.boards)
        field = prepare(specs, device="cpu", batch_size=size, notify=print)
    except (HexzError, ValueError) as error:
        parser.exit(1, f"{error}\n")
    player, opponent = field.entrants
    if player.search is None:
        parser.exit(1, f"{player.name} does not search with a number of simulations\n")
    boards = random_boards(options.boards, options.seed)
    for text, constants in zip(["as they are", *options.constants], [(), *changes], strict=True):
        sides = (replace(player, constants=constants), opponent)
        found = matches.scores(Field(sides, field.networks), boards)
        print(f"{text}: {matches.spoken(list(found))}", flush=True)


def constants_of(text: str) -> Constants:
    """Of a text as `c_scale=0.25,max_considered=8`."""
    given: dict[str, str] = {}
    for part in text.split(","):
        name, equals, given[name] = part.partition("=")
        if not equals or name not in SearchSettings.__struct_fields__:
            raise ValueError(f"{part!r} is no constant of a search and its value")
    settings = msgspec.convert(given, SearchSettings, strict=False)
    return tuple((name, getattr(settings, name)) for name in given)


if __name__ == "__main__":
    main()
