"""Games of all kinds of players, in one process."""

import time

import numpy as np
import pytest

from hexz.arena.games import GamePlayer, Played, PlayedMove
from hexz.engine import Board, Move, Search, collect_leaves, expand_leaves
from hexz.engine.endgame import solve
from hexz.inference import Evaluator
from hexz.player.searcher import SOLVE_NODES

from .helpers import PLAYERS, field, pairs, play


@pytest.fixture(scope="module")
def players():
    return field(*PLAYERS)


def final_board(initial: str, moves: list[PlayedMove]) -> Board:
    board = Board.from_text(initial)
    for move in moves:
        assert -1 <= move.value <= 1
        assert all(0 < share <= 1.001 for _, share in move.top)
        board.play_index(move.action)
    return board


def test_every_pair_plays_each_board_from_both_seats(players):
    pairings = [(a, b) for a in range(4) for b in range(a)]
    todo = pairs(pairings, 2)
    played = play(players, todo, at_once=5)
    assert [one.pair for one in played] == todo
    for one in played:
        for moves, score in zip(one.games, one.scores, strict=True):
            board = final_board(one.pair.board, moves)
            assert board.is_over
            assert board.score == score


def test_what_is_played_does_not_depend_on_what_else_is_in_flight(players):
    todo = pairs([(0, 1), (1, 2), (2, 3)], 2)
    together = play(players, todo, at_once=6)
    alone = [play(players, [pair], at_once=1)[0] for pair in todo]
    assert actions(together) == actions(alone)
    assert actions(play(players, todo, at_once=6, seed=2)) != actions(alone)


def actions(played: list[Played]) -> list[list[int]]:
    return [[move.action for move in moves] for one in played for moves in one.games]


@pytest.mark.parametrize("keeps_its_tree", [False, True])
def test_networks_play_what_they_play_alone(keeps_its_tree):
    """Each search for itself, one position a batch."""
    players = field("model@20" if keeps_its_tree else "gumbel@8", "random")
    settings = players.entrants[0].search
    assert settings is not None
    evaluator = players.networks[0].load()
    for one in play(players, pairs([(0, 1)], 3), at_once=3):
        for number, moves in enumerate(one.games, 1):
            board = Board.from_text(one.pair.board)
            tree = None
            for played in moves:
                move = Move.from_index(played.action)
                if board.turn == number:
                    solution = solve(board, SOLVE_NODES)
                    if solution is None:
                        if tree is None or not keeps_its_tree:
                            tree = Search(board, settings)
                        assert move == search_alone(tree, evaluator)
                    else:
                        assert move == solution.move
                board.play(move)
                if tree is not None and keeps_its_tree and not board.is_over:
                    tree.advance(move)


def search_alone(tree: Search, evaluator: Evaluator) -> Move:
    planes = np.empty((1, 11, 11, 10), np.float32)
    while collect_leaves([tree], planes):
        expand_leaves([tree], *evaluator.start(planes)())
    return tree.suggestion().move


def test_the_first_of_a_pair_moves_first_in_the_first_game():
    """The random player tells itself apart by having no opinion."""
    players = field("random", "uct:200")
    (played,) = play(players, pairs([(0, 1)], 1), at_once=1)
    first, second = played.games
    assert first[0].value == 0 != second[0].value
    (a, b), (c, d) = played.scores
    assert played.margins == (a - b, d - c)
    assert max(played.margins) < 0  # uct wins both


def test_timed_players():
    players = field("model@0.02s", "uct:0.02s")
    assert all(entrant.is_timed for entrant in players.entrants)
    (played,) = play(players, pairs([(0, 1)], 1), at_once=1)
    for moves, score in zip(played.games, played.scores, strict=True):
        assert final_board(played.pair.board, moves).score == score


@pytest.mark.parametrize("spec", ["model@0.04s", "uct:0.04s"])
def test_the_time_for_a_move_is_kept(spec):
    """Opening moves, of which none is known; the random player takes no time."""
    todo = pairs([(0, 1)], 1)
    moved = [time.monotonic()]
    player = GamePlayer(field(spec, "random"), seed=1)
    list(player.play(lambda: todo.pop() if todo else None, lambda: moved.append(time.monotonic())))
    player.close()
    times = np.diff(moved)[2:22:2]
    assert 0.95 * 0.04 <= times.min() <= 0.05  # other work on the machine gets in between


def test_one_network_of_two_players_is_loaded_once():
    players = field("gumbel@4", "model@6", "uct:30")
    assert len(players.networks) == 1
    assert [entrant.network for entrant in players.entrants] == [0, 0, None]
    assert players.entrants[0].digest == players.entrants[1].digest
