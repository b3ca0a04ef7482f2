"""A field of quick players, and game pairs for them."""

from collections.abc import Sequence

from hexz.arena.entrants import Field
from hexz.arena.games import GamePair, GamePlayer, Played
from hexz.arena.preparation import prepare
from hexz.arena.run import random_boards
from hexz.player.spec import parse_spec

NETWORKS = ["gumbel@4", "model@6"]
PLAYERS = [*NETWORKS, "uct:30", "random"]


def field(*specs: str) -> Field:
    """Players by their specs."""
    return prepare(
        [parse_spec(s, allow_programs=True) for s in specs],
        device="cpu",
        batch_size=8,
        notify=print,
    )


def pairs(pairings: Sequence[tuple[int, int]], boards: int, seed: int = 1) -> list[GamePair]:
    """All boards for each pairing."""
    start = list(enumerate(random_boards(boards, seed)))
    return [GamePair(pairing, board, number) for pairing in pairings for number, board in start]


def play(players: Field, todo: Sequence[GamePair], at_once: int, seed: int = 1) -> list[Played]:
    """Plays game pairs in this process, so many at once."""
    left = list(reversed(todo))
    in_flight = 0

    def next_pair() -> GamePair | None:
        nonlocal in_flight
        if in_flight == at_once or not left:
            return None
        in_flight += 1
        return left.pop()

    player = GamePlayer(players, seed=seed)
    played = []
    for one in player.play(next_pair):
        if one is not None:
            in_flight -= 1
            played.append(one)
    player.close()
    return sorted(played, key=lambda p: todo.index(p.pair))
