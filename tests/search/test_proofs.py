"""Terminal and proven results against perfect play by full enumeration."""

import numpy as np
import pytest

from hexz.engine import Board, Search, SearchSettings

from .helpers import (
    HashEvaluator,
    PerfectPlay,
    after,
    boards_with_double_moves,
    constant,
    endgames,
    search,
    small_boards,
    step,
)

ALGORITHMS = ["puct", "gumbel"]
PERFECT = PerfectPlay()
EVALUATE = HashEvaluator(11)


@pytest.fixture(scope="module")
def positions() -> list[Board]:
    """Endgames with all results."""
    draws = [board for board in (*endgames(80, 6), *small_boards(60)) if PERFECT.value(board) == 0]
    return [
        *endgames(40, max_empty=8),
        *endgames(20, max_empty=5, first_seed=100),
        *[board for board in boards_with_double_moves(20) if board.num_empty <= 8],
        *small_boards(10),
        *draws,
    ]


def test_endgames_have_all_results_and_wrong_moves(positions):
    values = [PERFECT.value(board) for board in positions]
    assert all(values.count(result) >= 8 for result in (1, 0, -1))
    errors = [
        board
        for board in positions
        if len({PERFECT.value_of(board, move) for move in board.legal_moves()}) > 1
    ]
    assert len(errors) > 15


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_proofs_are_true_and_the_move_keeps_them(positions, algorithm):
    proven = 0
    for board in positions:
        tree = search(board, EVALUATE, algorithm=algorithm, simulations=2000, explore=False)
        if tree.proven is None:
            continue
        suggestion = tree.suggestion()
        assert tree.proven == PERFECT.value(board)
        assert suggestion.value == tree.proven
        assert suggestion.q[suggestion.move.index] == tree.proven
        assert PERFECT.value_of(board, suggestion.move) == tree.proven
        proven += 1
    assert proven > 0.7 * len(positions)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_exact_q_is_true(positions, algorithm):
    """The evaluator never says -1 or 1, so that a Q of -1 or 1 claims a proof."""
    claims = 0
    for board in positions:
        for simulations in (4, 12, 40):
            tree = search(
                board, EVALUATE, algorithm=algorithm, simulations=simulations, explore=False
            )
            suggestion = tree.suggestion()
            for move in board.legal_moves():
                if abs(suggestion.q[move.index]) == 1:
                    assert PERFECT.value_of(board, move) == suggestion.q[move.index]
                    claims += 1
    assert claims > 100


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_proven_search_stops(positions, algorithm):
    """No evaluation and no simulation follows the proof, however many were asked for."""
    for board in positions:
        settings = SearchSettings(algorithm=algorithm, simulations=2000, explore=False)
        tree = Search(board, settings)
        while step(tree, EVALUATE):
            assert tree.proven is None
        simulations = tree.suggestion().visits.sum()
        if tree.proven is not None:
            assert simulations < 2000
        assert not step(tree, EVALUATE)
        assert tree.suggestion().visits.sum() == simulations


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("explore", [False, True])
def test_no_lost_move_is_played_while_there_is_another(positions, algorithm, explore):
    """Also where it has the most visits, since it looked good until it was proven lost."""
    tempted = 0
    for seed, board in enumerate(positions[:40]):
        for simulations in range(1, 26):
            tree = search(
                board,
                EVALUATE,
                seed,
                algorithm=algorithm,
                simulations=simulations,
                explore=explore,
                temperature_moves=105,
                max_considered=1 + simulations % 4,
            )
            suggestion = tree.suggestion()
            actions = [move.index for move in board.legal_moves()]
            q = suggestion.q[actions]
            if np.any(q == -1) and not np.all(q == -1):
                tempted += 1
                assert suggestion.q[suggestion.move.index] > -1
    assert tempted > 40


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_lost_move_is_avoided_against_the_prior(positions, algorithm):
    """However sure the network is of it."""
    avoided = 0
    for board in positions:
        lost = [move for move in board.legal_moves() if after(board, move).is_over]
        lost = [move for move in lost if PERFECT.value_of(board, move) == -1]
        if not lost or len(lost) == len(board.legal_moves()):
            continue
        logits = np.zeros(220, np.float32)
        logits[lost[0].index] = 80.0
        for simulations in (1, 2, 5):
            tree = search(
                board,
                constant(0.0, logits),
                algorithm=algorithm,
                simulations=simulations,
                explore=False,
            )
            move = tree.suggestion().move
            assert move != lost[0]
            avoided += 1
    assert avoided


def test_a_forced_move_costs_one_simulation():
    boards = endgames(40, max_empty=12, min_moves=1)
    forced = [board for board in boards if len(board.legal_moves()) == 1]
    assert forced
    for board in forced:
        for algorithm in ALGORITHMS:
            tree = search(board, EVALUATE, algorithm=algorithm, simulations=100)
            suggestion = tree.suggestion()
            assert suggestion.visits.sum() == 1
            assert suggestion.move == board.legal_moves()[0]


@pytest.mark.parametrize("explore", [False, True])
def test_a_kept_tree_that_is_proven_gives_a_suggestion(positions, explore):
    """It needs no simulation of its own, and all that is asked of it is known."""
    proven = 0
    for start in positions:
        settings = SearchSettings(simulations=2000, explore=explore)
        tree, board = Search(start, settings, 1), start.copy()
        while True:
            suggestion = tree.run(EVALUATE)
            board.play(suggestion.move)
            if board.is_over:
                break
            tree.advance(suggestion.move)
            if tree.proven is not None:
                assert not step(tree, EVALUATE)
                suggestion = tree.suggestion()
                assert suggestion.value == tree.proven == PERFECT.value(board)
                assert PERFECT.value_of(board, suggestion.move) == tree.proven
                assert tree.policy().sum() == pytest.approx(1)
                proven += 1
    assert proven > 20


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_perfect_play_is_never_beaten_once_proven(positions, algorithm):
    """From a proven position the result is kept to the end of the game against any play."""
    for seed, start in enumerate(positions[:25]):
        rng, board = np.random.default_rng(seed), start.copy()
        mover, promised = start.turn, None
        while not board.is_over:
            if board.turn == mover:
                tree = search(
                    board, EVALUATE, seed, algorithm=algorithm, simulations=1500, explore=True
                )
                if promised is not None and tree.proven is not None:
                    assert tree.proven >= promised
                promised = tree.proven if tree.proven is not None else promised
                board.play(tree.suggestion().move)
            else:
                board.play(board.legal_moves()[rng.integers(len(board.legal_moves()))])
        if promised is not None:
            assert {0: 0, mover: 1}.get(board.winner, -1) >= promised


def test_policy_targets_of_proven_roots_keep_the_result(positions):
    """PUCT's target has only moves that are worth what the position is worth."""
    for board in positions:
        tree = search(board, EVALUATE, simulations=2000, explore=False)
        if tree.proven is not None:
            policy = tree.policy()
            for move in board.legal_moves():
                if policy[move.index] > 0:
                    assert PERFECT.value_of(board, move) == tree.proven


def test_the_game_over_is_not_searched():
    board: Board = next(iter(endgames(1, max_empty=4)))
    while not board.is_over:
        last = board.copy()
        board.play(board.legal_moves()[0])
    with pytest.raises(ValueError, match="over"):
        Search(board, SearchSettings())
    tree = search(last, EVALUATE, simulations=3)
    with pytest.raises(ValueError, match="ends the game"):
        tree.advance(last.legal_moves()[0])
    assert tree.suggestion().visits.sum() >= 1
