"""Many leaves of one tree at once: the same books as one at a time, and walks that keep apart."""

import threading

import numpy as np
import pytest

from hexz.engine import Board, IllegalMove, InvalidSettings, Search, SearchSettings
from hexz.errors import InvalidEvaluation
from hexz.schema.search import MAX_SIMULATIONS

from .helpers import (
    HashEvaluator,
    PerfectPlay,
    after,
    board_at,
    boards_with_double_moves,
    constant,
    endgames,
    search,
    search_in_batches,
    small_boards,
)

PUCT = SearchSettings(explore=False, simulations=MAX_SIMULATIONS)


def search_of(board: Board, **options) -> Search:
    """A search that may have any number of leaves in flight."""
    return Search(board, PUCT, max_in_flight=10_000, **options)


BOARDS = [
    Board.random(3),
    *(board_at(seed, n) for seed, n in enumerate((7, 25, 45))),
    *endgames(4, max_empty=9),
    *boards_with_double_moves(4),
    *small_boards(4),
]


@pytest.mark.parametrize("board", BOARDS)
def test_with_one_leaf_at_a_time_it_is_the_sequential_search(board):
    evaluate = HashEvaluator()
    sequential = search(board, evaluate, explore=False, simulations=200).suggestion()
    tree = search_of(board)
    search_in_batches(tree, 200, evaluate, batch=1, batches_waiting=1)
    parallel = tree.suggestion()
    assert np.array_equal(parallel.visits, sequential.visits)
    assert np.array_equal(parallel.q, sequential.q)
    assert np.array_equal(parallel.priors, sequential.priors)
    assert parallel.principal_variation == sequential.principal_variation
    assert (parallel.value, parallel.proven) == (sequential.value, sequential.proven)


def test_priors_are_the_networks_probabilities_of_the_legal_moves():
    board, evaluate = board_at(5, 20), HashEvaluator()
    tree = search_of(board)
    search_in_batches(tree, 1, evaluate)
    logits = evaluate.of(board.planes())[0].astype(float)
    legal = [move.index for move in board.legal_moves()]
    expected = np.zeros(220)
    expected[legal] = np.exp(logits[legal]) / np.exp(logits[legal]).sum()
    assert np.allclose(tree.suggestion().priors, expected, atol=1e-6)


@pytest.mark.parametrize("board", BOARDS[:4])
def test_visits_and_values_are_those_of_the_finished_simulations(board):
    """Without proofs, the root's value is the mean of what the evaluator said of the leaves."""
    evaluate = HashEvaluator()
    tree = search_of(board)
    said: list[float] = []

    def listen(planes):
        logits, values = evaluate(planes)
        # While nobody is stuck, as on these boards, who moves at a leaf follows from the number of
        # moves on the board.
        for one, value in zip(planes, values, strict=True):
            said.append(float(value) if (num_placed(one) - placed) % 2 == 0 else -float(value))
        return logits, values

    placed = num_placed(board.planes())
    search_in_batches(tree, 100, listen)
    suggestion = tree.suggestion()
    assert suggestion.proven is None
    assert suggestion.visits.sum() == tree.simulations == 100
    assert len(said) == 101
    assert suggestion.value == pytest.approx(np.mean(said), abs=1e-5)
    weighted = (suggestion.visits * suggestion.q).sum() + said[0]
    assert weighted / 101 == pytest.approx(suggestion.value, abs=1e-5)


def num_placed(planes):
    """Cells with a flag, a value or grass: captured grass was one before."""
    return np.count_nonzero(planes[[0, 1, 5, 6, 10]])


def test_leaves_that_wait_differ():
    tree = search_of(Board.random(1))
    search_in_batches(tree, 800, HashEvaluator(logit_scale=0.1))
    batches = [np.zeros((32, 11, 11, 10), np.float32) for _ in range(3)]
    counts = [tree.collect(planes) for planes in batches]
    assert counts == [32, 32, 32]
    assert tree.num_waiting == 96
    # A few moves in another order lead to the same position.
    assert len({one.tobytes() for planes in batches for one in planes}) > 90


def test_no_more_leaves_are_out_than_the_tree_can_bear():
    tree = search_of(Board.random(1))
    planes, evaluate = np.zeros((64, 11, 11, 10), np.float32), HashEvaluator()
    assert tree.collect(planes) == 1
    tree.expand(*evaluate(planes))
    assert tree.collect(planes) == 8
    assert tree.collect(planes) == 0
    tree.expand(*evaluate(planes))
    search_in_batches(tree, 159, evaluate, batch=8)
    assert tree.collect(planes) == 20


def test_hundreds_of_leaves_may_wait():
    tree, evaluate = search_of(Board.random(1)), HashEvaluator(logit_scale=0.1)
    search_in_batches(tree, 4_000, evaluate)
    waiting = [np.zeros((100, 11, 11, 10), np.float32) for _ in range(5)]
    counts = [tree.collect(planes) for planes in waiting]
    assert sum(counts) > 150
    for planes, count in zip(waiting, counts, strict=True):
        if count:
            tree.expand(*evaluate(planes[:count]))
    assert tree.num_waiting == 0
    assert tree.suggestion().visits.sum() == tree.simulations == 4_000 + sum(counts)


def test_evaluations_belong_to_the_oldest_batch():
    evaluate = HashEvaluator()
    board = Board.random(2)
    in_order, tree = search_of(board), search_of(board)
    for one in (in_order, tree):
        search_in_batches(one, 100, evaluate, batch=8)
    planes = np.zeros((2, 6, 11, 11, 10), np.float32)
    for one in (in_order, tree):
        counts = [one.collect(planes[0]), one.collect(planes[1])]
    assert min(counts) > 0
    in_order.expand(*evaluate(planes[0]))
    in_order.expand(*evaluate(planes[1]))
    tree.expand(*evaluate(planes[0]))
    assert tree.num_waiting == counts[1]
    assert tree.simulations == in_order.simulations - counts[1]
    tree.expand(*evaluate(planes[1]))
    assert np.array_equal(tree.suggestion().q, in_order.suggestion().q)


@pytest.mark.parametrize("board", endgames(12, max_empty=8) + small_boards(6))
def test_proofs_are_right(board):
    tree = search_of(board)
    search_in_batches(tree, 20_000, HashEvaluator(), batch=16)
    suggestion, play = tree.suggestion(), PerfectPlay()
    assert play.value_of(board, suggestion.move) == play.value(board)
    # A draw that is found is searched on and on, since another move might win.
    assert suggestion.proven == play.value(board) or (play.value(board), suggestion.proven) == (
        0,
        None,
    )
    assert tree.complete == (suggestion.proven is not None)


def test_a_forced_move_needs_one_simulation():
    board = next(b for b in endgames(60, max_empty=6, min_moves=1) if len(b.legal_moves()) == 1)
    tree = search_of(board)
    search_in_batches(tree, 1_000, HashEvaluator())
    assert tree.complete
    assert tree.simulations <= 1


def test_a_full_tree_ends_the_search():
    tree = search_of(Board.random(4), max_nodes=100)
    search_in_batches(tree, 10_000, HashEvaluator())
    assert tree.num_nodes == 100
    assert tree.simulations == 99


def test_the_tree_below_a_move_is_kept():
    board, evaluate = Board.random(5), HashEvaluator()
    tree = search_of(board)
    search_in_batches(tree, 400, evaluate)
    before = tree.suggestion()
    tree.advance(before.move)
    assert tree.board == after(board, before.move)
    kept = before.visits[before.move.index] - 1
    assert tree.suggestion().visits.sum() == kept > 0
    assert tree.simulations == 0
    search_in_batches(tree, 400, evaluate)
    assert tree.suggestion().visits.sum() == kept + 400


def test_any_legal_move_can_be_played():
    board, evaluate = board_at(2, 12), HashEvaluator()
    tree = search_of(board)
    search_in_batches(tree, 10, evaluate)
    unseen = next(m for m in board.legal_moves() if tree.suggestion().visits[m.index] == 0)
    tree.advance(unseen)
    assert tree.simulations == 0
    with pytest.raises(ValueError, match="has not run"):
        tree.suggestion()
    search_in_batches(tree, 10, evaluate)
    assert tree.suggestion().visits.sum() == 10


def test_what_is_wrong_changes_nothing():
    board, evaluate = Board.random(6), HashEvaluator()
    tree = search_of(board)
    planes = np.zeros((8, 11, 11, 10), np.float32)
    with pytest.raises(ValueError, match="no leaf waits"):
        tree.expand(*evaluate(planes))
    with pytest.raises(ValueError, match="planes"):
        tree.collect(np.zeros((8, 10, 11, 10), np.float32))
    search_in_batches(tree, 20, evaluate)
    before = tree.suggestion()
    count = tree.collect(planes)
    logits, values = evaluate(planes[:count])
    values[-1] = np.nan
    with pytest.raises(InvalidEvaluation):
        tree.expand(logits, values)
    with pytest.raises(ValueError, match=f"evaluations of {count}"):
        tree.expand(logits[:-1], values[:-1])
    with pytest.raises(ValueError, match="wait"):
        tree.advance(before.move)
    assert np.array_equal(tree.suggestion().visits, before.visits)
    tree.expand(*evaluate(planes[:count]))
    with pytest.raises(IllegalMove):
        tree.advance(next(m for m in board_at(1, 30).legal_moves() if not legal(board, m)))


def legal(board, move):
    return move in board.legal_moves()


def test_a_finished_game_and_gumbel_are_refused():
    over = board_at(0, -1)
    with pytest.raises(IllegalMove, match="over"):
        search_of(over)
    with pytest.raises(InvalidSettings, match="gumbel"):
        Search(Board.random(0), SearchSettings(algorithm="gumbel"), max_in_flight=2)


def test_one_thread_at_a_time():
    """A second thread is refused while the first walks without the interpreter's lock."""
    tree = search_of(Board.random(7))
    search_in_batches(tree, 1, constant())
    refused = threading.Event()

    def interfere():
        while not refused.is_set():
            try:
                tree.suggestion()
            except RuntimeError:
                refused.set()

    thread = threading.Thread(target=interfere)
    thread.start()
    for _ in range(2_000):
        planes = np.zeros((64, 11, 11, 10), np.float32)
        if count := tree.collect(planes):
            tree.expand(*constant()(planes[:count]))
        if refused.is_set() or tree.complete:
            break
    met = refused.is_set()
    refused.set()
    thread.join()
    assert met
