"""Tunes the constants of a player's search by matches against itself.

    python benchmarks/tune.py benchmarks/tuning/gumbel.toml DIRECTORY

The file says what is tuned; each constant is one of `SearchSettings`, above 0:

    player = "gumbel@64"    # with a number of simulations; also gumbel:PATH@64, model@200, ...
    iterations = 200
    boards = 32             # of an iteration, played from both seats
    rate = 0.01             # how far a game that is won moves the constants, in their steps
    confirm_boards = 400    # of the match of what was found against where it began
    seed = 1_000_000        # of the boards: others than those of any other match

    [constants.c_scale]
    start = 0.5
    step = 1.5              # the factor by which it is tried up and down in the end

The method is simultaneous perturbation (Spall, IEEE Transactions on Aerospace and Electronic
Systems 34, 1998), as chess programs use it: an iteration moves all logarithms at once, up or down
at random, lets both ways play each other, and goes towards the winner. What is found is the mean of
the second half of the iterations, and says nothing before the last match, on boards of its own, has
measured it. The directory keeps all iterations and that match: the same command goes on.
"""

import argparse
import math
import random
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import matches
import msgspec
from kept import ask

from hexz.arena.entrants import Field
from hexz.arena.preparation import prepare
from hexz.arena.run import random_boards
from hexz.errors import HexzError
from hexz.player.spec import parse_spec

_ALPHA: Final = 0.602
_GAMMA: Final = 0.101
"""Spall's exponents, by which the rate and the perturbation fall."""
_STABILITY: Final = 0.1
"""The share of the iterations by which the fall of the rate is delayed."""

Constants = Mapping[str, float]


class Constant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A constant that is tuned."""

    start: int | float
    step: float


class Tuning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a file."""

    player: str
    iterations: int
    boards: int
    confirm_boards: int
    seed: int
    constants: dict[str, Constant]
    rate: float = 0.01


class Iteration(msgspec.Struct, frozen=True):
    """What an iteration found: the logarithms of the constants after it, in steps, and by how many
    games the one way beat the other."""

    logs: dict[str, float]
    lead: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("directory", type=Path)
    options = parser.parse_args()
    try:
        tuning = msgspec.convert(tomllib.loads(options.file.read_text("utf-8")), Tuning)
        ask(options.directory, msgspec.structs.asdict(tuning))
        arena = Arena(tuning.player, tuning.boards)
        found = tune(tuning, arena, options.directory / "iterations.jsonl")
        print(confirm(tuning, arena, found))
    except (HexzError, OSError, ValueError) as error:
        parser.exit(1, f"{options.file}: {error}\n")


def tune(tuning: Tuning, arena: "Arena", path: Path) -> Constants:
    """Does the iterations that the file does not have, and returns what was found."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    done = [msgspec.json.decode(line, type=Iteration) for line in lines]
    logs = done[-1].logs if done else start_of(tuning)
    with path.open("ab") as file:
        for number in range(len(done) + 1, tuning.iterations + 1):
            done.append(iterate(tuning, arena, number, logs))
            logs = done[-1].logs
            file.write(msgspec.json.encode(done[-1]) + b"\n")
            file.flush()
            print(f"{number} of {tuning.iterations}: {spoken(constants_of(tuning, logs))}")
    late = [iteration.logs for iteration in done[tuning.iterations // 2 :]]
    mean = {name: sum(logs[name] for logs in late) / len(late) for name in tuning.constants}
    return constants_of(tuning, mean)


def iterate(tuning: Tuning, arena: "Arena", number: int, logs: Mapping[str, float]) -> Iteration:
    """Lets both sides of a perturbation play, and goes towards the better one."""
    signs = random.Random(f"{tuning.seed} {number}")
    delta = {name: signs.choice((-1, 1)) for name in tuning.constants}
    size = (tuning.iterations / number) ** _GAMMA
    delay = _STABILITY * tuning.iterations
    rate = tuning.rate * ((tuning.iterations + delay) / (number + delay)) ** _ALPHA
    up, down = (
        constants_of(tuning, {name: logs[name] + side * size * delta[name] for name in logs})
        for side in (1, -1)
    )
    scores = arena.play(up, down, random_boards(tuning.boards, tuning.seed + number))
    lead = sum(4 * score - 2 for score in scores)  # two games a board
    moved = {name: logs[name] + rate / size * lead * delta[name] for name in logs}
    return Iteration(logs=moved, lead=lead)


def confirm(tuning: Tuning, arena: "Arena", found: Constants) -> str:
    """Plays what was found against where it began, on boards that it was not found by."""
    boards = random_boards(tuning.confirm_boards, tuning.seed - 1)
    start = constants_of(tuning, start_of(tuning))
    score = matches.spoken(arena.play(found, start, boards))
    return f"{spoken(found)} against {spoken(start)}: {score}"


class Arena:
    """Matches of a player with one set of constants against itself with another.

    Args:
        player: its spec.
        boards: of a match, usually.
    """

    def __init__(self, player: str, boards: int) -> None:
        spec = parse_spec(player)
        size = matches.batch_of([spec, spec], boards)
        self._field = prepare([spec], device="cpu", batch_size=size, notify=print)
        if self._field.entrants[0].search is None:
            raise ValueError(f"{spec} does not search with a number of simulations")

    def play(self, first: Constants, second: Constants, boards: Sequence[str]) -> list[float]:
        """The scores of the first one, by board."""
        [one] = self._field.entrants
        sides = tuple(
            replace(one, constants=tuple(constants.items())) for constants in (first, second)
        )
        return list(matches.scores(Field(sides, self._field.networks), boards))


def start_of(tuning: Tuning) -> dict[str, float]:
    """The logarithms of the constants where it begins, in steps."""
    return {name: math.log(c.start) / math.log(c.step) for name, c in tuning.constants.items()}


def constants_of(tuning: Tuning, logs: Mapping[str, float]) -> dict[str, float]:
    """The constants of such logarithms, as `SearchSettings` takes them."""
    values = {name: c.step ** logs[name] for name, c in tuning.constants.items()}
    return {
        name: round(value) if isinstance(tuning.constants[name].start, int) else round(value, 4)
        for name, value in values.items()
    }


def spoken(constants: Constants) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in constants.items())


if __name__ == "__main__":
    main()
