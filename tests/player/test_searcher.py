"""Many searches that share the batches of one evaluator."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from hexz.engine import Board, IllegalMove
from hexz.engine.endgame import solve
from hexz.errors import InvalidEvaluation
from hexz.player.loop import BATCH_SIZE
from hexz.player.player import Overloaded
from hexz.player.searcher import SOLVE_NODES, Searcher
from hexz.player.spec import Budget

from ..waiting import wait_until
from .positions import (
    EvenEvaluator,
    PositionEvaluator,
    assert_think_time_is_kept,
    forced,
    game,
    solvable,
)

SMALL = Budget(simulations=50)


@contextmanager
def searching(evaluator: EvenEvaluator) -> Iterator[Searcher]:
    searcher = Searcher(evaluator)
    evaluator.sizes.clear()
    try:
        yield searcher
    finally:
        evaluator.gate.set()
        searcher.close()


@pytest.fixture
def searcher() -> Iterator[Searcher]:
    with searching(EvenEvaluator()) as searcher:
        yield searcher


@pytest.mark.parametrize("simulations", [1, 2, 7, 50, 400])
def test_so_many_simulations_are_made_as_were_asked_for(searcher, simulations):
    answer = searcher.suggest(Board.random(1), Budget(simulations=simulations))
    assert answer.simulations == simulations
    assert answer.suggestion.visits.sum() == simulations
    assert answer.suggestion.move in Board.random(1).legal_moves()
    assert answer.depth >= 1
    assert searcher.num_searches == 0


def test_searches_share_batches():
    evaluator = EvenEvaluator()
    with searching(evaluator) as searcher, ThreadPoolExecutor(16) as threads:
        evaluator.gate.clear()
        answers = [
            threads.submit(searcher.suggest, Board.random(seed), Budget(simulations=200))
            for seed in range(16)
        ]
        wait_until(lambda: searcher.num_searches == 16, 20)
        evaluator.gate.set()
        assert [answer.result().simulations for answer in answers] == [200] * 16
    # What a search reaches in two orders is evaluated once; whether it does depends on when.
    assert 16 * 199 <= sum(evaluator.sizes) <= 16 * 201
    assert max(evaluator.sizes) == BATCH_SIZE
    assert len(evaluator.sizes) < 1.25 * 16 * 200 / BATCH_SIZE


def test_each_search_gets_the_evaluations_of_its_own_positions():
    """Together with others it finds what it finds alone, as far as that does not depend on when."""
    boards = [game(seed)[seed % 9] for seed in range(16)]
    with searching(PositionEvaluator()) as searcher:
        alone = [searcher.suggest(board, Budget(simulations=1)).suggestion for board in boards]
    evaluator = PositionEvaluator()
    with searching(evaluator) as searcher, ThreadPoolExecutor(16) as threads:
        evaluator.gate.clear()
        running = [
            threads.submit(searcher.suggest, board, Budget(simulations=100)) for board in boards
        ]
        wait_until(lambda: searcher.num_searches == 16, 20)
        evaluator.gate.set()
        for answer, expected in zip(running, alone, strict=True):
            assert np.array_equal(answer.result().suggestion.priors, expected.priors)


def test_a_search_among_others_ends_as_soon_as_it_has_its_share():
    """It does not wait for the long ones that came first."""
    with searching(EvenEvaluator()) as searcher, ThreadPoolExecutor(3) as threads:
        long = [
            threads.submit(searcher.suggest, Board.random(seed), Budget(simulations=30_000))
            for seed in range(2)
        ]
        wait_until(lambda: searcher.num_searches == 2, 20)
        assert searcher.suggest(Board.random(7), SMALL).simulations == 50
        assert not any(answer.done() for answer in long)
        searcher.close()


@pytest.mark.parametrize("seconds", [0.3, 0.8])
def test_think_time_is_kept(seconds):
    budget = Budget(seconds=seconds)
    with searching(EvenEvaluator(seconds=0.002)) as searcher:
        assert_think_time_is_kept(lambda: searcher.suggest(Board.random(1), budget), seconds)


def test_think_time_is_kept_by_many_at_once():
    with searching(EvenEvaluator(seconds=0.002)) as searcher, ThreadPoolExecutor(16) as threads:

        def think(seed: int) -> None:
            searcher.suggest(Board.random(seed), Budget(seconds=1.0))

        assert_think_time_is_kept(lambda: list(threads.map(think, range(16))), 1.0)


def test_the_first_limit_that_is_reached_ends_the_search(searcher):
    started = time.monotonic()
    answer = searcher.suggest(Board.random(1), Budget(simulations=50, seconds=30))
    assert answer.simulations == 50
    answer = searcher.suggest(Board.random(1), Budget(simulations=900_000, seconds=0.1))
    assert answer.simulations < 900_000
    assert time.monotonic() - started < 5


def test_the_tree_of_a_game_is_kept_between_its_moves(searcher):
    board = Board.random(2)
    first = searcher.suggest(board, Budget(simulations=300)).suggestion
    board.play(first.move)
    second = searcher.suggest(board, Budget(simulations=10))
    assert second.simulations == 10
    kept = first.visits[first.move.index] - 1
    assert second.suggestion.visits.sum() == kept + 10
    assert len(searcher.trees) == 1


def test_with_one_legal_move_it_is_played_at_once(searcher):
    board = forced()
    started = time.monotonic()
    answer = searcher.suggest(board, Budget(seconds=30))
    assert [answer.suggestion.move] == board.legal_moves()
    assert time.monotonic() - started < 5


def test_separated_territories_are_solved_without_the_network():
    evaluator = EvenEvaluator()
    with searching(evaluator) as searcher:
        board = solvable()
        solution = solve(board)
        answer = searcher.suggest(board, Budget(seconds=30))
    suggestion = answer.suggestion
    assert evaluator.sizes == []
    assert solution is not None
    assert suggestion.move == solution.move
    assert suggestion.proven == suggestion.value == np.sign(solution.margin)
    assert answer.elapsed < 5
    for move in board.legal_moves():
        assert suggestion.visits[move.index] == 1
        assert suggestion.q[move.index] == np.sign(solution.values[move])


@pytest.mark.parametrize("opponent", ["perfect", "random"])
def test_no_point_is_given_away_once_an_endgame_is_proven(searcher, opponent):
    rng = random.Random(1)
    proven_games = 0
    for seed in range(60):
        boards = [b for b in game(seed) if not b.is_over and solve(b, SOLVE_NODES) is not None]
        if not boards:
            continue
        proven_games += 1
        board, player = boards[0].copy(), boards[0].turn
        proven = solve(board, SOLVE_NODES).margin
        while not board.is_over:
            if board.turn == player:
                solution = solve(board, SOLVE_NODES)
                assert solution is not None
                assert solution.margin >= proven
                proven = solution.margin
                board.play(searcher.suggest(board, SMALL).suggestion.move)
            elif opponent == "perfect":
                board.play(solve(board).move)
            else:
                board.play(rng.choice(board.legal_moves()))
        margin = board.score[player - 1] - board.score[2 - player]
        assert margin == proven if opponent == "perfect" else margin >= proven
    assert proven_games > 20


@pytest.mark.parametrize("algorithm", ["puct", "gumbel"])
def test_whole_games_are_played(searcher, algorithm):
    board = Board.random(6)
    while not board.is_over:
        board.play(searcher.suggest(board, Budget(simulations=16), algorithm).suggestion.move)


@pytest.mark.parametrize("simulations", [1, 2, 7, 32])
def test_gumbel_plans_with_all_its_simulations(searcher, simulations):
    answer = searcher.suggest(Board.random(1), Budget(simulations=simulations), "gumbel")
    assert answer.simulations == answer.suggestion.visits.sum() == simulations


def test_gumbel_needs_a_number_of_simulations(searcher):
    with pytest.raises(ValueError, match="number of simulations"):
        searcher.suggest(Board.random(1), Budget(seconds=1), "gumbel")


def test_a_finished_game_has_no_next_move(searcher):
    with pytest.raises(IllegalMove, match="over"):
        searcher.suggest(game(1)[-1], SMALL)


def test_only_more_searches_than_may_wait_are_refused_and_at_once(monkeypatch):
    monkeypatch.setattr("hexz.player.loop.MAX_SEARCHES", 8)
    evaluator = EvenEvaluator()
    with searching(evaluator) as searcher, ThreadPoolExecutor(8) as threads:
        evaluator.gate.clear()
        answers = [threads.submit(searcher.suggest, Board.random(seed), SMALL) for seed in range(8)]
        wait_until(lambda: searcher.num_searches == 8, 20)
        with pytest.raises(Overloaded, match="8 other moves"):
            searcher.suggest(Board.random(99), SMALL)
        evaluator.gate.set()
        assert all(answer.result().simulations == 50 for answer in answers)
        assert searcher.suggest(Board.random(99), SMALL).simulations == 50


def test_many_more_searches_than_a_batch_holds_are_all_answered():
    """However short their time is: with one evaluation if there is no time for more."""
    evaluator = EvenEvaluator()
    with searching(evaluator) as searcher, ThreadPoolExecutor(200) as threads:
        evaluator.gate.clear()
        answers = [
            threads.submit(searcher.suggest, Board.random(seed), Budget(seconds=0.001))
            for seed in range(200)
        ]
        wait_until(lambda: searcher.num_searches == 200, 20)
        evaluator.gate.set()
        for seed, answer in enumerate(answers):
            assert answer.result().suggestion.move in Board.random(seed).legal_moves()
    assert 200 <= sum(evaluator.sizes) < 300


def test_another_network_takes_over_within_running_searches():
    old, new = EvenEvaluator(), EvenEvaluator(values=0.5)
    with searching(old) as searcher, ThreadPoolExecutor(1) as threads:
        running = threads.submit(searcher.suggest, Board.random(1), Budget(simulations=30_000))
        wait_until(lambda: len(old.sizes) > 20, 20)
        searcher.use(new)
        wait_until(lambda: len(new.sizes) > 20, 20)
        used = len(old.sizes)
        assert running.result().simulations == 30_000
        assert len(old.sizes) == used
        assert len(searcher.trees) == 0, "what the old network found is not used again"
        again = searcher.suggest(Board.random(1), Budget(simulations=5)).suggestion
        assert again.visits.sum() == 5


def test_a_bad_network_fails_the_searches_and_nothing_else():
    evaluator = EvenEvaluator(values=float("nan"))
    with searching(evaluator) as searcher:
        for _ in range(3):
            with pytest.raises(InvalidEvaluation):
                searcher.suggest(Board.random(1), SMALL)
        searcher.use(EvenEvaluator())
        assert searcher.suggest(Board.random(1), SMALL).simulations == 50


def test_an_evaluator_that_breaks_fails_the_searches_and_nothing_else(searcher, monkeypatch):
    def broken(planes):
        raise RuntimeError("the device is gone")

    monkeypatch.setattr(searcher.evaluator, "start", broken)
    with pytest.raises(RuntimeError, match="gone"):
        searcher.suggest(Board.random(1), SMALL)
    monkeypatch.undo()
    assert searcher.suggest(Board.random(1), SMALL).simulations == 50


def test_closing_ends_searches_with_what_they_have():
    with searching(EvenEvaluator()) as searcher, ThreadPoolExecutor(4) as threads:
        running = [
            threads.submit(searcher.suggest, Board.random(seed), Budget(seconds=60))
            for seed in range(4)
        ]
        wait_until(lambda: searcher.num_searches == 4, 20)
        searcher.close()
        for answer in running:
            assert answer.result().suggestion.move is not None
        with pytest.raises(Overloaded, match="shutting down"):
            searcher.suggest(Board.random(1), SMALL)


def test_only_the_largest_search_ends_where_memory_would(monkeypatch):
    monkeypatch.setattr("hexz.player.loop.MAX_NODES", 4000)
    evaluator = EvenEvaluator()
    with searching(evaluator) as searcher, ThreadPoolExecutor(2) as threads:
        large = threads.submit(searcher.suggest, Board.random(1), Budget(simulations=900_000))
        wait_until(lambda: sum(evaluator.sizes) > 1000, 20)
        small = threads.submit(searcher.suggest, Board.random(2), Budget(simulations=2000))
        assert 2000 < large.result().nodes < 4000
        assert small.result().simulations == 2000


def test_no_thread_is_left():
    before = threading.active_count()
    with searching(EvenEvaluator()):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
