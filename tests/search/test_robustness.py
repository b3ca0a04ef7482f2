"""Misuse, broken evaluators and long runs: errors that say what is wrong, and never a crash."""

import gc
import sys
import threading

import numpy as np
import pytest

from hexz.engine import Board, GameBatch, Move, Search, SearchSettings
from hexz.errors import InvalidEvaluation
from hexz.schema.declaration import settings_of
from hexz.schema.search import Algorithm

from ..memory import run_measured
from .helpers import HashEvaluator, after, board_at, constant, play_games, random_game, step

EVALUATE = HashEvaluator(31, logit_scale=8.0)
ALGORITHMS: list[Algorithm] = ["puct", "gumbel"]


def one_row() -> np.ndarray:
    """Planes for one leaf."""
    return np.zeros((1, 11, 11, 10), np.float32)


# --- One search ----------------------------------------------------------------------------------


def test_a_search_that_has_not_run_has_no_suggestion():
    tree = Search(Board.random(1), SearchSettings())
    for ask in (tree.suggestion, tree.policy):
        with pytest.raises(ValueError, match="not run"):
            ask()
    tree.collect(one_row())  # the root alone
    for ask in (tree.suggestion, tree.policy):
        with pytest.raises(ValueError, match="not run"):
            ask()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_before_the_first_simulation_the_highest_prior_is_suggested(algorithm):
    """A player whose time is over has to move."""
    settings = SearchSettings(algorithm=algorithm, simulations=3, explore=False)
    tree = Search(board_at(1, 30), settings)
    step(tree, EVALUATE)
    suggestion = tree.suggestion()
    assert suggestion.visits.sum() == 0
    assert suggestion.principal_variation == [suggestion.move]
    assert suggestion.move.index == suggestion.priors.argmax()
    assert np.allclose(tree.policy(), suggestion.priors, atol=1e-6)


def test_a_leaf_is_collected_once():
    tree, planes = Search(Board.random(1), SearchSettings()), one_row()
    assert tree.collect(planes) == 1
    assert np.array_equal(planes[0], Board.random(1).planes())
    planes[:] = 7
    assert tree.collect(planes) == 0
    assert np.all(planes == 7)
    tree.expand(*constant()(planes))
    assert tree.collect(planes) == 1
    assert not np.array_equal(planes[0], Board.random(1).planes())


def test_expanding_needs_a_leaf():
    tree = Search(Board.random(1), SearchSettings(simulations=3))
    with pytest.raises(ValueError, match="no leaf"):
        tree.expand(*constant()(one_row()))
    tree.run(EVALUATE)
    with pytest.raises(ValueError, match="no leaf"):
        tree.expand(*constant()(one_row()))


@pytest.mark.parametrize("shape", [(1, 219), (1, 221), (1, 0), (0, 220), (220,), ()])
def test_logits_of_a_wrong_shape_are_refused(shape):
    tree = Search(Board.random(1), SearchSettings(simulations=3))
    tree.collect(one_row())
    with pytest.raises(ValueError, match=r"220|dimension|of 1 leaves"):
        tree.expand(np.zeros(shape, np.float32), np.zeros(1, np.float32))
    tree.expand(np.zeros((1, 220), np.float32), np.zeros(1, np.float32))
    assert tree.run(EVALUATE).visits.sum() == 3


def test_illegal_moves_change_nothing():
    board = board_at(1, 30)
    tree = Search(board, SearchSettings(simulations=20, explore=False))
    before = tree.run(EVALUATE)
    illegal = next(m for m in Board.random(1).legal_moves() if m not in board.legal_moves())
    with pytest.raises(ValueError, match="cannot play"):
        tree.advance(illegal)
    assert np.array_equal(tree.suggestion().visits, before.visits)


def test_a_move_that_lies_about_its_index_is_played_as_what_it_is():
    class Liar(Move):
        index = property(lambda _: 100_000)

    tree = Search(Board.random(1), SearchSettings(simulations=20))
    move = tree.run(EVALUATE).move
    tree.advance(Liar(*move))
    assert tree.board == after(Board.random(1), move)
    assert tree.run(EVALUATE).visits.sum() >= 20


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_while_a_leaf_waits_there_is_no_advance_and_no_run(algorithm):
    """Its evaluation would come to another tree."""
    board = board_at(1, 40)
    settings = SearchSettings(algorithm=algorithm, simulations=60, explore=False)
    in_kept_tree = 0
    for simulations in range(2, 40, 2):
        for move in board.legal_moves():
            tree = Search(board, settings)
            for _ in range(simulations):
                step(tree, EVALUATE)
            planes = one_row()
            assert tree.collect(planes) == 1
            before, nodes = tree.suggestion(), tree.num_nodes
            with pytest.raises(ValueError, match="wait"):
                tree.advance(move)
            with pytest.raises(ValueError, match="wait"):
                tree.run(EVALUATE)
            assert np.array_equal(tree.suggestion().visits, before.visits)
            assert (tree.board, tree.num_nodes) == (board, nodes)
            tree.expand(*EVALUATE(planes))
            visits = tree.suggestion().visits
            tree.advance(move)
            kept = max(0, int(visits[move.index]) - 1) if algorithm == "puct" else 0
            assert tree.num_nodes <= nodes
            assert tree.num_nodes in (0, kept + 1)
            in_kept_tree += kept > 2
            suggestion = tree.run(EVALUATE)
            legal = after(board, move).legal_mask()
            assert not np.any(suggestion.visits[~legal])
            assert np.all(np.abs(suggestion.q) <= 1)
            assert tree.proven is not None or suggestion.visits.sum() == kept + 60
    assert in_kept_tree > 20 or algorithm == "gumbel"


def test_extreme_logits_are_survived():
    for algorithm in ALGORITHMS:
        for scale in (1e3, 1e10, 1e37):
            settings = SearchSettings(algorithm=algorithm, simulations=30)
            tree = Search(board_at(2, 25), settings)
            suggestion = tree.run(HashEvaluator(1, logit_scale=scale))
            assert suggestion.visits.sum() == 30
            assert np.all(np.isfinite(tree.policy()))
            assert tree.policy().sum() == pytest.approx(1, abs=1e-4)


# --- Broken evaluators ---------------------------------------------------------------------------

BROKEN = [float("nan"), float("inf"), float("-inf"), 1.5, -7.0]


@pytest.mark.parametrize("number", BROKEN)
def test_values_that_no_game_has_are_refused(number):
    """One NaN would spread to the root and into the examples without a sign."""
    batch = GameBatch(2, SearchSettings(simulations=10))
    batch.start_game(Board.random(1), 1)
    batch.start_game(Board.random(2), 2)
    batch.collect()
    logits, values = EVALUATE(batch.planes)
    broken = values.copy()
    broken[1] = number
    with pytest.raises(InvalidEvaluation, match="value"):
        batch.expand(logits, broken)
    assert batch.num_evaluations == 0
    batch.expand(logits, values)
    assert batch.num_evaluations == 2
    tree = Search(Board.random(1), SearchSettings(simulations=10))
    tree.collect(one_row())
    with pytest.raises(InvalidEvaluation, match="value"):
        tree.expand(logits[:1], broken[1:])
    tree.expand(logits, values)
    assert tree.run(EVALUATE).visits.sum() == 10


def test_a_refused_evaluation_leaves_no_trace():
    """Not even in the games whose rows came before the broken one."""
    batches = [GameBatch(3, SearchSettings(simulations=10), seed=1) for _ in range(2)]
    for batch in batches:
        for game_id in range(3):
            batch.start_game(Board.random(game_id), game_id)
    for turn in range(40):
        for batch in batches:
            batch.collect()
        assert np.array_equal(batches[0].planes, batches[1].planes)
        logits, values = EVALUATE(batches[0].planes)
        broken = values.copy()
        broken[turn % 3] = np.nan
        with pytest.raises(InvalidEvaluation):
            batches[0].expand(logits, broken)
        for batch in batches:
            batch.expand(logits, values)


@pytest.mark.parametrize("number", BROKEN[:3])
def test_logits_that_are_not_finite_are_refused(number):
    legal = Board.random(1).legal_moves()[4].index
    batch = GameBatch(1, SearchSettings(simulations=10))
    batch.start_game(Board.random(1), 1)
    batch.collect()
    logits, values = EVALUATE(batch.planes)
    broken = logits.copy()
    broken[0, legal] = number
    with pytest.raises(InvalidEvaluation, match="logit"):
        batch.expand(broken, values)
    assert batch.num_evaluations == 0
    batch.expand(logits, values)
    tree = Search(Board.random(1), SearchSettings(simulations=10))
    tree.collect(one_row())
    with pytest.raises(InvalidEvaluation, match="logit"):
        tree.expand(broken, values)
    tree.expand(logits, values)
    assert tree.run(EVALUATE).visits.sum() == 10


def test_rows_beyond_the_leaves_may_hold_anything():
    """Evaluators may pad their batches."""
    batch = GameBatch(2, SearchSettings(simulations=10))
    batch.start_game(Board.random(1), 1)
    assert batch.collect() == 1
    logits, values = EVALUATE(batch.planes)
    logits[1], values[1] = np.nan, np.nan
    batch.expand(logits, values)
    assert batch.num_evaluations == 1


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_certain_values_of_1_and_logits_of_all_sizes_end(algorithm):
    """Saturated evaluators: each value is -1 or 1, and nothing that is proven depends on it."""

    def evaluate(planes):
        logits, values = EVALUATE(planes)
        return 1000 * logits, np.sign(values)

    games = play_games(
        GameBatch(4, SearchSettings(algorithm=algorithm, simulations=8)),
        {i: Board.random(i) for i in range(4)},
        evaluate,
    )
    for game in games.values():
        assert game.final.is_over
        assert np.all(np.isfinite(game.policies))


# --- Memory --------------------------------------------------------------------------------------

LONG_RUN = """
    import numpy as np
    from hexz.engine import Board, GameBatch, SearchSettings

    rng = np.random.default_rng(1)
    batch = GameBatch(8, SearchSettings(simulations=64), seed=1)
    logits, values = rng.normal(size=(8, 220)).astype("f4"), np.zeros(8, "f4")
    finished, marks = 0, []
    while finished < 120:
        while batch.num_active < 8:
            batch.start_game(Board.random(finished + batch.num_active), finished)
        n = batch.collect()
        batch.expand(logits[:n], values[:n])
        taken = len(batch.take_finished())
        finished += taken
        if taken and finished // 10 > len(marks):
            marks.append(peak_memory())
    print(marks[4], marks[-1])
"""


@pytest.mark.slow
def test_memory_stays_flat_over_many_games():
    """Peak memory after 50 games and after 120, in a process of its own."""
    early, late = run_measured(LONG_RUN)
    assert late < 1.05 * early + 1024


def test_batches_and_trees_give_their_memory_back():
    """Thousands of them, dropped at any point of their life."""
    settings = SearchSettings(simulations=20)
    for seed in range(300):
        batch = GameBatch(2, settings, seed)
        batch.start_game(Board.random(seed), 0)
        for _ in range(seed % 30):
            number = batch.collect()
            batch.expand(*constant()(batch.planes[:number]))
        tree = Search(Board.random(seed), settings)
        for _ in range(seed % 25):
            step(tree, constant())
    gc.collect()


SHORT_OF_MEMORY = """
    import resource

    import numpy as np

    from hexz.engine import Board, Search, SearchSettings

    def evaluate(planes):
        return np.zeros((len(planes), 220), "f4"), np.zeros(len(planes), "f4")

    tree = Search(Board.random(1), SearchSettings(simulations=20_000, explore=False))
    tree.run(evaluate)
    move = tree.suggestion().move
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**20, -1))
    tree.advance(move)
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    kept = tree.num_nodes
    tree.run(evaluate)
    print(kept, int(tree.board.legal_mask()[tree.suggestion().visits > 0].all()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory as Linux counts it")
def test_where_memory_is_short_a_search_begins_anew_after_a_move():
    kept, only_legal = run_measured(SHORT_OF_MEMORY)
    assert (kept, only_legal) == (0, 1)


def test_deep_trees():
    """A line as long as the game: the path has room for all its moves."""
    empty = Board.from_text("." * 105)
    logits = np.zeros(220, np.float32)
    logits[:110] = np.linspace(300, 0, 110)
    logits[110:] = np.linspace(300, 0, 110)
    tree = Search(empty, SearchSettings(simulations=400, explore=False, c_init=30.0))
    suggestion = tree.run(constant(0.0, logits))
    assert len(suggestion.principal_variation) > 40
    board = empty.copy()
    for move in suggestion.principal_variation:
        board.play(move)


@pytest.mark.parametrize(
    "known",
    [
        known
        for known in settings_of(SearchSettings)
        if known.kind in (int, float) and not known.name.endswith("simulations")
    ],
    ids=lambda known: known.name,
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_search_ends_at_the_bounds_of_its_settings(algorithm, known):
    bounds = known.declaration
    low = sys.float_info.min if bounds.ge is None else bounds.ge
    high = sys.float_info.max if bounds.le is None else bounds.le
    for bound in (low, high):
        values = {known.name: known.kind(bound)}
        settings = SearchSettings(algorithm=algorithm, simulations=30, **values)
        suggestion = Search(board_at(1, 30), settings).run(EVALUATE)
        assert suggestion.visits.sum() >= 12
        assert np.all(np.isfinite(suggestion.q))


def test_the_last_move_of_a_game():
    for seed in range(30):
        board = random_game(seed)[-2]
        for algorithm in ALGORITHMS:
            tree = Search(board, SearchSettings(algorithm=algorithm, simulations=5))
            suggestion = tree.run(EVALUATE)
            if len(board.legal_moves()) == 1:
                assert suggestion.visits.sum() == 1
                assert tree.proven == suggestion.value


def test_two_threads_in_one_batch_get_errors_and_no_crash():
    batch = GameBatch(64, SearchSettings(simulations=100), 1)
    for game in range(64):
        batch.start_game(Board.random(game), game)
    logits, values = np.zeros((64, 220), np.float32), np.zeros(64, np.float32)
    refused = []

    def play(rounds: int) -> None:
        for _ in range(rounds):
            for call in (batch.collect, lambda: batch.expand(logits, values), batch.take_finished):
                try:
                    call()
                except (RuntimeError, ValueError) as error:
                    refused.append(str(error))

    threads = [threading.Thread(target=play, args=(1500,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "another thread is using this GameBatch" in refused
    assert batch.num_evaluations > 1000
