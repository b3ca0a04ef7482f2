"""Whole small trees of the engine against the slow reference, without noise.

Rounding decides where two scores are all but equal, so a comparison ends where the reference has
seen such a choice (`closest_call`); that this happens rarely is tested too.
"""

import numpy as np
import pytest

from hexz.engine import Board, Move, Search, SearchSettings

from ..engine.helpers import KIND
from .helpers import (
    HashEvaluator,
    after,
    board_at,
    boards_with_double_moves,
    endgames,
    small_boards,
    step,
)
from .reference_search import ReferenceSearch

TOO_CLOSE = 2e-6  # some ten times what float32 rounds off in a score

BOARDS = {
    **{f"start {seed}": Board.random(seed) for seed in range(2)},
    **{f"move {n}": board_at(seed, n) for seed, n in enumerate((1, 7, 15, 25, 35, 45))},
    **{f"late {i}": board for i, board in enumerate(endgames(6, max_empty=16))},
    **{f"end {i}": board for i, board in enumerate(endgames(6, max_empty=8))},
    **{f"double {i}": board for i, board in enumerate(boards_with_double_moves(6))},
    **{f"small {i}": board for i, board in enumerate(small_boards(6))},
}


def assert_same(tree: Search, reference: ReferenceSearch) -> None:
    suggestion = tree.suggestion()
    assert np.array_equal(suggestion.visits, reference.visits())
    assert np.allclose(suggestion.q, reference.q(), rtol=0, atol=1e-4)
    assert abs(suggestion.value - reference.value()) < 1e-4
    assert np.allclose(tree.policy(), reference.policy(), rtol=0, atol=1e-4)
    assert tree.proven == reference.root.proof
    assert suggestion.move.index in reference.actions()


def compare_steps(board, settings, evaluate) -> int:
    """Compares after all simulations but those that need no evaluation; returns the number of
    comparisons."""
    tree = Search(board, settings)
    reference = ReferenceSearch(board, settings, evaluate)
    compared = 0
    step(tree, evaluate)  # the root
    while step(tree, evaluate):
        done = tree.suggestion().visits.sum()
        while reference.simulations < done:
            reference.simulate()
        if reference.closest_call < TOO_CLOSE:
            break
        assert_same(tree, reference)
        compared += 1
    else:
        reference.run()
        assert_same(tree, reference)
    return compared


def compare_search(board, settings, evaluate) -> bool:
    """Compares one complete search, unless a choice in it is too close."""
    reference = ReferenceSearch(board, settings, evaluate)
    reference.run()
    if reference.closest_call < TOO_CLOSE:
        return False
    tree = Search(board, settings)
    tree.run(evaluate)
    assert_same(tree, reference)
    return True


# --- One search ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BOARDS)
def test_puct_after_every_simulation(name):
    settings = SearchSettings(simulations=200, explore=False)
    compare_steps(BOARDS[name], settings, HashEvaluator(1))


def test_most_comparisons_take_place():
    """Otherwise the tests around this one would prove nothing."""
    settings = SearchSettings(simulations=50, explore=False)
    boards = [BOARDS[name] for name in BOARDS if name.startswith(("start", "move"))]
    compared = [compare_steps(board, settings, HashEvaluator(1)) for board in boards]
    assert sum(compared) > 0.9 * 50 * len(boards)


@pytest.mark.parametrize("simulations", [1, 2, 5, 16, 33, 64, 200])
@pytest.mark.parametrize("name", BOARDS)
def test_gumbel(name, simulations):
    settings = SearchSettings(algorithm="gumbel", simulations=simulations, explore=False)
    compare_search(BOARDS[name], settings, HashEvaluator(2))


@pytest.mark.parametrize("name", ["move 25", "late 1"])
def test_gumbel_with_every_number_of_simulations(name):
    evaluate = HashEvaluator(3)
    compared = [
        compare_search(
            BOARDS[name],
            SearchSettings(algorithm="gumbel", simulations=n, explore=False),
            evaluate,
        )
        for n in range(1, 65)
    ]
    assert sum(compared) > 50


@pytest.mark.parametrize("name", BOARDS)
@pytest.mark.parametrize("logit_scale", [0.3, 4.0])
def test_flat_and_peaked_priors(name, logit_scale):
    """Peaked priors make deep trees, in which errors of sign show at the root."""
    evaluate = HashEvaluator(4, logit_scale=logit_scale, value_scale=1.5)
    compare_steps(BOARDS[name], SearchSettings(simulations=60, explore=False), evaluate)
    settings = SearchSettings(algorithm="gumbel", simulations=40, explore=False)
    compare_search(BOARDS[name], settings, evaluate)


def test_positions_of_recorded_games(sample_traces):
    """Games in five styles of play, each at several points."""
    evaluate, compared = HashEvaluator(6), 0
    for game in sample_traces:
        board, moves = Board.from_text(game["board"]), game["moves"]
        for number, move in enumerate(moves):
            if number in {5, 20, 40, len(moves) - 8, len(moves) - 3}:
                compare_steps(board, SearchSettings(simulations=30, explore=False), evaluate)
                gumbel = SearchSettings(algorithm="gumbel", simulations=30, explore=False)
                compared += compare_search(board, gumbel, evaluate)
            board.play(Move(KIND[move["t"]], move["r"], move["c"]))
    assert compared > 35


SETTINGS = [
    {"c_init": 0.0},
    {"c_init": 4.0},
    {"c_base": 20.0},
    {"fpu_reduction": 0.0},
    {"fpu_reduction": 1.0},
    {"algorithm": "gumbel", "max_considered": 1},
    {"algorithm": "gumbel", "max_considered": 3},
    {"algorithm": "gumbel", "max_considered": 200},
    {"algorithm": "gumbel", "c_visit": 0.0},
    {"algorithm": "gumbel", "c_visit": 10.0},
    {"algorithm": "gumbel", "c_scale": 0.1},
    {"algorithm": "gumbel", "c_scale": 0.0},
]


@pytest.mark.parametrize("changes", SETTINGS, ids=lambda changes: str([*changes.items()][-1]))
def test_every_constant(changes):
    """Each has the effect that the formulas give it, and has one."""
    settings = SearchSettings(**{"simulations": 60, "explore": False, **changes})
    default = SearchSettings(
        simulations=60, explore=False, algorithm=changes.get("algorithm", "puct")
    )
    evaluate, differs = HashEvaluator(5), False
    for name in ("start 1", "move 7", "move 25", "late 0", "double 0"):
        compare_search(BOARDS[name], settings, evaluate)
        trees = [Search(BOARDS[name], s) for s in (settings, default)]
        for tree in trees:
            tree.run(evaluate)
        differs |= not np.array_equal(trees[0].policy(), trees[1].policy())
    assert differs


# --- From move to move ---------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["puct", "gumbel"])
@pytest.mark.parametrize("seed", range(6))
def test_whole_games_in_one_tree(algorithm, seed):
    """PUCT keeps what it knows below the move that was played, and Gumbel starts anew."""
    settings = SearchSettings(algorithm=algorithm, simulations=40, explore=False)
    evaluate, board = HashEvaluator(seed), board_at(seed, 25 + 3 * seed)
    tree = Search(board, settings)
    reference = ReferenceSearch(board, settings, evaluate)
    compared = 0
    while True:
        while step(tree, evaluate):
            pass
        reference.run()
        if reference.closest_call < TOO_CLOSE:
            break
        assert_same(tree, reference)
        compared += 1
        move = tree.suggestion().move
        board.play(move)
        if board.is_over:
            break
        tree.advance(move)
        reference.advance(move.index)
    assert compared > 3


def test_kept_visits_are_those_below_the_move():
    board, evaluate = board_at(3, 20), HashEvaluator(3)
    tree = Search(board, SearchSettings(simulations=150, explore=False))
    first = tree.run(evaluate)
    kept = first.visits[first.move.index] - 1
    assert kept > 3
    nodes_before = tree.num_nodes
    tree.advance(first.move)
    assert tree.num_nodes == kept + 1 < nodes_before
    assert tree.run(evaluate).visits.sum() == kept + 150


@pytest.mark.parametrize("algorithm", ["puct", "gumbel"])
def test_a_move_that_was_never_tried_starts_a_new_tree(algorithm):
    board, evaluate = Board.random(5), HashEvaluator(5)
    settings = SearchSettings(algorithm=algorithm, simulations=30, explore=False)
    tree = Search(board, settings)
    visits = tree.run(evaluate).visits
    move = next(move for move in board.legal_moves() if visits[move.index] == 0)
    tree.advance(move)
    assert tree.num_nodes == 0
    assert tree.proven is None
    fresh = Search(after(board, move), settings)
    assert np.array_equal(tree.run(evaluate).visits, fresh.run(evaluate).visits)
    assert np.array_equal(tree.policy(), fresh.policy())


def test_a_move_before_any_search_is_possible():
    board, evaluate = Board.random(6), HashEvaluator(6)
    settings = SearchSettings(simulations=20, explore=False)
    tree = Search(board, settings)
    move = board.legal_moves()[7]
    tree.advance(move)
    expected = Search(after(board, move), settings).run(evaluate)
    assert np.array_equal(tree.run(evaluate).visits, expected.visits)


@pytest.mark.parametrize("name", BOARDS)
def test_the_principal_variation_is_the_most_visited_line(name):
    evaluate = HashEvaluator(7, logit_scale=3.0)
    settings = SearchSettings(simulations=100, explore=False)
    suggestion = Search(BOARDS[name], settings).run(evaluate)
    reference = ReferenceSearch(BOARDS[name], settings, evaluate)
    reference.run()
    for i, move in enumerate(suggestion.principal_variation):
        node = reference.root
        if node is None or reference.closest_call < TOO_CLOSE:
            break
        assert move.index in reference.actions(), f"move {i}"
        reference.root = node.children.get(node.actions.index(move.index))
