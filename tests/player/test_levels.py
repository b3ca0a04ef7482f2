"""The levels of play: weak by what they do not see, and never blind for a capture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise

import pytest

from hexz.engine import Board, RandomPlayer
from hexz.player.levels import LEVELS
from hexz.player.models import open_source
from hexz.player.network import Network
from hexz.player.players import GlancePlayer, captures
from hexz.player.searcher import Searcher
from hexz.player.spec import PlayerSpec, parse_spec


@pytest.fixture(scope="module")
def searcher() -> Iterator[Searcher]:
    """That of the network that ships."""
    with closing(Network(open_source(None), device="cpu", notify=print)) as network:
        yield network.searcher


def positions(count: int) -> Iterator[Board]:
    """Positions of random games, spread over them."""
    for seed in range(count):
        board, mover = Board.random(seed), RandomPlayer(seed)
        while not board.is_over and board.move_number < 5 + 3 * seed:
            board.play(mover.suggest(board).move)
        if not board.is_over:
            yield board


def test_the_weakest_sees_every_capture(searcher: Searcher) -> None:
    """What it plays instead is at least as good in the eyes of the network."""
    weakest = GlancePlayer(0.02, searcher, 1)
    taken = 0
    for board in positions(20):
        answer = weakest.suggest(board).suggestion
        capturing = [move for move in board.legal_moves() if captures(board, move)]
        if capturing:
            best = max(answer.priors[move.index] for move in capturing)
            assert answer.priors[answer.move.index] >= best
            taken += captures(board, answer.move)
    assert taken > 5


def test_one_who_sees_everything_plays_the_policy(searcher: Searcher) -> None:
    player = GlancePlayer(1, searcher)
    for board in positions(6):
        answer = player.suggest(board).suggestion
        assert answer.move.index == answer.priors.argmax()


def test_what_it_notices_depends_on_the_seed_and_the_position_alone(searcher: Searcher) -> None:
    half = GlancePlayer(0.2, searcher, 1)
    boards = list(positions(8))
    moves = [half.suggest(board).suggestion.move for board in boards]
    assert [half.suggest(board).suggestion.move for board in reversed(boards)] == moves[::-1]
    other = GlancePlayer(0.2, searcher, 2)
    assert moves != [other.suggest(board).suggestion.move for board in boards]


def test_levels_are_specs_in_order() -> None:
    specs = [parse_spec(level.name) for level in LEVELS]
    assert specs == [parse_spec(level.spec) for level in LEVELS]
    assert len(set(specs)) == len(LEVELS)
    ratings = [level.elo for level in LEVELS]
    assert ratings == sorted(ratings)
    # Each is known to some 45 Elo, see docs/strength.md.
    assert max(b - a for a, b in pairwise(ratings)) <= 205


@pytest.mark.parametrize("text", ["glance", "glance@0", "glance@101", "glance@2s", "glance:@5"])
def test_a_glance_has_a_share_of_moves(text: str) -> None:
    with pytest.raises(ValueError, match="glance"):
        parse_spec(text)


def test_a_glance_is_written_as_it_is_read() -> None:
    spec = PlayerSpec(kind="glance", path="model.pt", sight=20)
    assert parse_spec(str(spec)) == spec
