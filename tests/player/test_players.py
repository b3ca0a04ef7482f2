"""The players that specs name."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hexz.engine import Board, IllegalMove, UctPlayer
from hexz.errors import HexzError
from hexz.machine import available_cores
from hexz.player import players
from hexz.player.player import Overloaded
from hexz.player.players import make_player
from hexz.player.spec import Budget, parse_spec

from ..waiting import wait_until
from .positions import assert_think_time_is_kept, forced, game

BOARD = Board.random(3)


@pytest.mark.parametrize("spec", ["random", "uct:300", "model:{}@20", "gumbel:{}@16", "model@20"])
def test_each_player_plays_a_whole_game(spec, tiny_model):
    player = make_player(parse_spec(spec.format(tiny_model)))
    board = Board.random(8)
    while not board.is_over:
        board.play(player.suggest(board).suggestion.move)
    with pytest.raises(IllegalMove):
        player.suggest(board)
    player.close()


@pytest.mark.parametrize(
    ("spec", "asked", "simulations"),
    [
        ("uct:300", None, 300),
        ("uct:300", Budget(simulations=100), 100),
        ("uct:300", Budget(seconds=30), 300),
        ("uct", Budget(simulations=70), 70),
        ("model:{}@20", None, 20),
        ("model:{}@20", Budget(simulations=800, seconds=30), 20),
        ("model:{}", Budget(simulations=30), 30),
        ("gumbel:{}@16", Budget(seconds=30), 16),
        ("random", Budget(seconds=30), 0),
    ],
)
def test_the_smaller_budget_counts(spec, asked, simulations, tiny_model):
    player = make_player(parse_spec(spec.format(tiny_model)))
    answer = player.suggest(BOARD, asked)
    player.close()
    assert answer.simulations in (simulations, simulations - 1)  # uct's root is one of them
    assert answer.elapsed < 10


@pytest.mark.parametrize(
    ("spec", "asked"),
    [
        ("uct", Budget(seconds=0.4)),
        ("uct:0.4s", None),
        ("uct:30s", Budget(seconds=0.4)),
        ("model:{}@0.4s", Budget(seconds=9)),
    ],
)
def test_think_time_is_kept(spec, asked, tiny_model):
    player = make_player(parse_spec(spec.format(tiny_model)))
    assert_think_time_is_kept(lambda: player.suggest(BOARD, asked), 0.4)
    player.close()


def test_who_says_nothing_gets_a_second(tiny_model):
    player = make_player(parse_spec("uct"))
    assert_think_time_is_kept(lambda: player.suggest(BOARD), 1.0)


def test_a_seed_makes_players_without_a_network_repeat_themselves():
    for spec in ("random", "uct:200"):
        first, second = (make_player(parse_spec(spec), seed=5) for _ in range(2))
        for _ in range(3):
            assert first.suggest(BOARD).suggestion.move == second.suggest(BOARD).suggestion.move


def test_uct_is_the_reference_player():
    visits = make_player(parse_spec("uct:500"), seed=7).suggest(BOARD).suggestion.visits
    assert np.array_equal(visits, UctPlayer(500, 7).suggest(BOARD).visits)


def test_uct_plays_a_forced_move_at_once():
    player = make_player(parse_spec("uct:30s"))
    assert player.suggest(forced()).elapsed < 5


def test_uct_uses_no_more_than_the_cores_and_others_wait(monkeypatch):
    running, most, lock = 0, 0, threading.Lock()

    class Watched(UctPlayer):  # type: ignore[misc]
        def suggest(self, *arguments):
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            try:
                return super().suggest(*arguments)
            finally:
                with lock:
                    running -= 1

    monkeypatch.setattr(players, "UctPlayer", Watched)
    player = make_player(parse_spec("uct:20000"))
    with ThreadPoolExecutor(available_cores() + 8) as threads:
        answers = list(threads.map(player.suggest, [BOARD] * (available_cores() + 8)))
    assert len(answers) == available_cores() + 8
    assert most == available_cores()


def test_uct_leaves_time_to_those_who_wait(monkeypatch):
    """Each search gets a core in turn, for a share of what time it has left then."""
    asked = []

    class Watched(UctPlayer):  # type: ignore[misc]
        def suggest(self, board, seconds=None, goes_on=None):
            asked.append(seconds)
            everybody_waits.wait()
            return super().suggest(board, 0.0, goes_on)

    everybody_waits = threading.Event()
    cores = players._Cores(1)
    monkeypatch.setattr(players, "UctPlayer", Watched)
    monkeypatch.setattr(players, "_cores", cores)
    player = make_player(parse_spec("uct"))
    with ThreadPoolExecutor(21) as threads:
        answers = [threads.submit(player.suggest, BOARD, Budget(seconds=100)) for _ in range(21)]
        wait_until(lambda: cores._waiting == 20, 20)
        everybody_waits.set()
        for answer in answers:
            assert 0 < answer.result().simulations < 100
    left = 0.968 * 100
    shares = [seconds / left for seconds in asked]
    expected = [1, *(1 / (1 + waiting) for waiting in range(19, -1, -1))]
    # The first one may have seen some of the others come.
    assert shares[1:] == pytest.approx(expected[1:], rel=0.05)


def test_uct_refuses_only_more_than_may_wait(monkeypatch):
    monkeypatch.setattr(players, "MAX_SEARCHES", 0)
    with pytest.raises(Overloaded, match="wait for a core"):
        make_player(parse_spec("uct")).suggest(BOARD, Budget(seconds=1.0))


@pytest.mark.parametrize("spec", ["uct:1000000000", "uct:600s", "model@1000000", "model@600s"])
def test_a_search_ends_when_nobody_waits_for_it_any_more(spec):
    gone = threading.Event()
    with contextlib.closing(make_player(parse_spec(spec))) as player:
        threading.Timer(0.1, gone.set).start()
        answer = player.suggest(BOARD, gone=gone)
    assert answer.simulations < 1_000_000
    assert answer.suggestion.move in BOARD.legal_moves()


def test_nobody_keeps_a_place_before_a_core_for_whom_nobody_waits(monkeypatch):
    gone = threading.Event()
    player = make_player(parse_spec("uct:600s"))
    monkeypatch.setattr(players, "MAX_SEARCHES", 3)
    count = available_cores() + 3
    with ThreadPoolExecutor(count) as threads:
        searches = [threads.submit(player.suggest, BOARD, None, gone) for _ in range(count)]
        wait_until(lambda: players._cores._waiting == 3, 20)
        with pytest.raises(Overloaded):
            player.suggest(BOARD)
        gone.set()
        errors = [search.exception() for search in searches]
    assert all(isinstance(error, Overloaded) for error in errors if error)
    assert player.suggest(BOARD, Budget(simulations=10)).simulations == 10


def test_a_missing_network_is_named(tmp_path):
    with pytest.raises(HexzError, match="nothing"):
        make_player(parse_spec(f"model:{tmp_path / 'nothing.pt'}@800"))


def test_positions_with_moves_for_one_player_only_are_answered(tiny_model):
    player = make_player(parse_spec(f"model:{tiny_model}@30"))
    boards = [
        board
        for seed in range(6)
        for board in game(seed)
        if not board.is_over and 0 in board.num_normal_moves and max(board.flags_left) == 0
    ]
    for board in boards:
        assert player.suggest(board).suggestion.move in board.legal_moves()
    assert boards
    player.close()
