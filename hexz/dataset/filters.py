"""Which examples and games are exported, and how the examples of one game find together."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from hexz.dataset.reading import Found
from hexz.engine import OWNED_PLANES, Plane
from hexz.example import Example

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A choice of examples and games; what is empty or 0 asks for nothing.

    Attributes:
        games: ids of games.
        checkpoints: of the networks that played.
        min_moves: least length of the game.
    """

    games: Set[str] = frozenset()
    checkpoints: Set[int] = frozenset()
    min_moves: int = 0

    def takes(self, example: Example) -> bool:
        """Tells whether this position is wanted. The game of an example without final cells may be
        of any length, and is not wanted if there is a least length."""
        return self.takes_game_of(example) and (
            not self.checkpoints or example.checkpoint in self.checkpoints
        )

    def takes_game_of(self, example: Example) -> bool:
        """Tells whether the game of this position is wanted, whichever checkpoint moved."""
        return (not self.games or example.game_id in self.games) and (
            not self.min_moves or (game_length(example) or 0) >= self.min_moves
        )


def game_length(example: Example) -> int | None:
    """Counts the moves of the whole game; None if the example does not hold the final cells."""
    if example.final_owner is None or example.final_value is None:
        return None
    # What is not grass that was captured meanwhile was filled by moves.
    owned = np.count_nonzero(example.planes[[*OWNED_PLANES]])
    owned_finally = np.count_nonzero(example.final_owner)
    grass = np.count_nonzero(example.planes[Plane.GRASS])
    grass_finally = np.count_nonzero(example.final_value[example.final_owner == 0])
    return example.move_number + int((owned_finally - owned) - (grass - grass_finally))


@dataclass
class GameParts(Generic[T]):
    """The moves of a game that are there.

    Attributes:
        game_id: its id.
        length: how many moves the game has, None if that is unknown.
        checkpoints: of the networks that played it.
        archives: numbers of the files that it was in.
        moves: what is kept of each example, by the number of its move.
    """

    game_id: str
    length: int | None = None
    checkpoints: set[int] = field(default_factory=set)
    archives: set[int] = field(default_factory=set)
    moves: dict[int, T] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        return len(self.moves) == self.length and max(self.moves) == self.length - 1

    def ordered(self) -> list[T]:
        """Returns what is kept, in the order of the moves."""
        return [self.moves[number] for number in sorted(self.moves)]


def by_game(
    examples: Iterable[Found], wanted: Filter, keep: Callable[[Found], T]
) -> Iterator[GameParts[T]]:
    """Puts the examples of each game together.

    Args:
        examples: in any order, the moves of a game spread over several files or not.
        wanted: which games to take. A game was played by a checkpoint if one of its moves was.
        keep: what to keep of an example until its game is yielded.

    Yields:
        Games, complete ones as soon as they are, and those of which moves are missing once no
        more can come.
    """
    games: dict[str, GameParts[T]] = {}
    for found in examples:
        example = found.example
        if not wanted.takes_game_of(example):
            continue
        game = games.setdefault(example.game_id, GameParts(example.game_id))
        if game.length is None:
            game.length = game_length(example)
        game.checkpoints.add(example.checkpoint)
        game.archives.add(found.archive)
        game.moves.setdefault(example.move_number, keep(found))
        if game.is_complete or found.ends_game:
            del games[game.game_id]
            if _played_by(game, wanted):
                yield game
    yield from (game for game in games.values() if _played_by(game, wanted))


def _played_by(game: GameParts[T], wanted: Filter) -> bool:
    return not wanted.checkpoints or not wanted.checkpoints.isdisjoint(game.checkpoints)


def sample(items: Iterable[T], count: int, seed: int) -> list[T]:
    """Draws so many of the items, or all if there are fewer, each with the same probability, in
    their order. Holds no more than these in memory."""
    rng = random.Random(seed)
    chosen: list[tuple[int, T]] = []
    for number, item in enumerate(items):
        if number < count:
            chosen.append((number, item))
        elif (place := rng.randrange(number + 1)) < count:
            chosen[place] = (number, item)
    return [item for _, item in sorted(chosen, key=lambda numbered: numbered[0])]
