"""Self-play of many games at once: `GameBatch` and the games that come out of it."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from hexz.engine import Board, FinishedGame, GameBatch, Search, SearchSettings
from hexz.errors import HexzError

from .helpers import HashEvaluator, board_at, constant, endgames, play_games, step
from .reference_search import softmax

EVALUATE = HashEvaluator(21)
SETTINGS = {
    "puct": SearchSettings(simulations=12),
    "gumbel": SearchSettings(algorithm="gumbel", simulations=10, max_considered=5),
    "quiet": SearchSettings(simulations=12, explore=False),
}
START_BOARDS = {
    **{game_id: Board.random(game_id) for game_id in (0, 1, 7)},
    2**63 + 5: board_at(4, 30),
    9: board_at(5, 40),
    12: endgames(1, max_empty=8)[0],
}


@pytest.fixture(scope="module", params=SETTINGS)
def settings(request) -> SearchSettings:
    return SETTINGS[request.param]


@pytest.fixture(scope="module")
def games(settings) -> dict[int, FinishedGame]:
    return play_games(GameBatch(3, settings, seed=1), START_BOARDS, EVALUATE)


def arrays_of(game: FinishedGame) -> dict[str, np.ndarray]:
    return {key: value for key, value in vars(game).items() if isinstance(value, np.ndarray)}


def assert_identical(game: FinishedGame, other: FinishedGame) -> None:
    assert game.game_id == other.game_id
    assert game.initial == other.initial
    assert game.final == other.final
    for key, value in arrays_of(game).items():
        assert np.array_equal(value, arrays_of(other)[key]), key


def positions(game: FinishedGame) -> list[Board]:
    """The position before each move, and the last one."""
    boards = [game.initial]
    for action in game.actions.tolist():
        board = boards[-1].copy()
        board.play_index(action)
        boards.append(board)
    return boards


# --- The record of a game ------------------------------------------------------------------------


def test_games_replay_by_the_rules(games):
    assert games.keys() == START_BOARDS.keys()
    for game_id, game in games.items():
        assert game.game_id == game_id
        assert game.initial == START_BOARDS[game_id]
        *running, last = positions(game)
        assert not any(board.is_over for board in running)
        assert last.is_over
        assert (last, last.score, last.winner) == (game.final, game.final.score, game.final.winner)


def test_every_array_has_one_row_a_move(games):
    dtypes = {
        "actions": np.int16,
        "policies": np.float32,
        "priors": np.float32,
        "visits": np.int32,
        "simulations": np.int32,
        "full_searches": np.bool_,
        "root_values": np.float32,
        "network_values": np.float32,
        "checkpoints": np.int32,
    }
    for game in games.values():
        moves = game.final.move_number - game.initial.move_number
        assert {key: value.dtype for key, value in arrays_of(game).items()} == dtypes
        for key, value in arrays_of(game).items():
            wide = key in ("policies", "priors", "visits")
            assert value.shape == ((moves, 220) if wide else (moves,)), key


def test_targets_are_probabilities_of_legal_moves(games):
    for game in games.values():
        for turn, board in enumerate(positions(game)[:-1]):
            illegal = ~board.legal_mask()
            for target in (game.policies[turn], game.priors[turn]):
                assert target.sum() == pytest.approx(1, abs=1e-5)
                assert target.min() >= 0
                assert not np.any(target[illegal])
            assert not np.any(game.visits[turn][illegal])
            assert game.visits[turn].min() >= 0
            assert not illegal[game.actions[turn]]


def test_priors_and_network_values_are_the_evaluators(games):
    """Of the root, for the player to move, without noise."""
    for game in games.values():
        for turn, board in enumerate(positions(game)[:-1]):
            logits, values = EVALUATE(board.planes()[np.newaxis])
            legal = board.legal_mask()
            expected = np.zeros(220)
            expected[legal] = softmax(logits[0, legal].astype(float))
            assert np.allclose(game.priors[turn], expected, rtol=1e-4, atol=1e-7)
            assert game.network_values[turn] == values[0]


def test_root_values_are_in_range_and_the_last_is_the_result(games):
    for game in games.values():
        assert np.all(np.abs(game.root_values) <= 1)
        mover = positions(game)[-2].turn
        result = {0: 0, mover: 1}.get(game.final.winner, -1)
        moves = len(positions(game)[-2].legal_moves())
        if moves == 1:
            assert game.root_values[-1] == result


def test_visits_are_the_simulations_and_the_kept_tree(games, settings):
    """The tree that is kept has one visit less than the move that led to it: that one was the
    evaluation of the new root. A proven move may have been visited without its tree."""
    for game in games.values():
        kept = 0
        for turn, board in enumerate(positions(game)[:-1]):
            visits, simulations = game.visits[turn], game.simulations[turn]
            if board.num_empty > 30:
                assert visits.sum() == simulations + kept
            assert simulations <= visits.sum() <= simulations + kept
            forced = len(board.legal_moves()) == 1
            assert simulations <= (1 if forced else settings.simulations)
            if abs(game.root_values[turn]) < 1 and board.num_empty > 30 and not forced:
                assert simulations == settings.simulations
            if settings.algorithm == "puct":
                kept = max(0, visits[game.actions[turn]] - 1)


def test_games_keep_their_trees(games, settings):
    kept = sum(int((game.visits.sum(1) - game.simulations).sum()) for game in games.values())
    assert kept > 50 if settings.algorithm == "puct" else kept == 0


def test_moves_without_exploration_are_the_most_visited(games, settings):
    for game in games.values():
        for turn, board in enumerate(positions(game)[:-1]):
            late = board.move_number >= settings.temperature_moves or not settings.explore
            if settings.algorithm == "puct" and late and board.num_empty > 55:
                assert game.visits[turn, game.actions[turn]] == game.visits[turn].max()


def test_moves_with_exploration_are_not_always_the_most_visited():
    games = play_games(
        GameBatch(4, SETTINGS["puct"]), {i: Board.random(i) for i in range(4)}, EVALUATE
    )
    assert any(
        game.visits[turn, game.actions[turn]] < game.visits[turn].max()
        for game in games.values()
        for turn in range(16)
    )


@pytest.mark.parametrize("algorithm", ["puct", "gumbel"])
def test_a_share_of_the_moves_is_searched_in_full(algorithm):
    settings = SearchSettings(
        algorithm=algorithm, simulations=20, full_search_share=0.3, fast_simulations=6
    )
    boards = {i: Board.random(i) for i in range(8)}
    games = play_games(GameBatch(4, settings, seed=1), boards, EVALUATE).values()
    full = np.concatenate([game.full_searches for game in games])
    assert 0.22 < full.mean() < 0.38
    for game in games:
        early = np.arange(len(game.actions)) < 30  # where nothing is proven yet
        assert set(game.simulations[early & game.full_searches]) == {20}
        assert set(game.simulations[early & ~game.full_searches]) == {6}


def test_a_fast_search_has_no_noise():
    """So from one position all seeds play one move."""
    settings = SearchSettings(algorithm="gumbel", full_search_share=0.0, fast_simulations=6)
    first = {
        int(play_games(GameBatch(1, settings, seed), {0: board_at(2, 20)}, EVALUATE)[0].actions[0])
        for seed in range(6)
    }
    assert len(first) == 1


@pytest.mark.parametrize(
    ("considered", "visits"), [(16, [1] * 12), (4, [5, 5, 1, 1]), (2, [6, 6]), (1, [12])]
)
def test_a_fast_search_considers_as_many_actions_as_it_is_told(considered, visits):
    settings = SearchSettings(
        algorithm="gumbel", full_search_share=0.0, fast_simulations=12, fast_considered=considered
    )
    game = play_games(GameBatch(1, settings, seed=1), {0: Board.random(1)}, EVALUATE)[0]
    first = game.visits[0]
    assert sorted(first[first > 0], reverse=True) == visits


# --- One game depends on nothing but itself ------------------------------------------------------


def test_a_seed_gives_the_same_games_again(games, settings):
    again = play_games(GameBatch(3, settings, seed=1), START_BOARDS, EVALUATE)
    for game_id, game in games.items():
        assert_identical(game, again[game_id])


@pytest.mark.parametrize("slots", [1, 16])
def test_slots_and_other_games_make_no_difference(games, settings, slots):
    backwards = dict(reversed(START_BOARDS.items()))
    others = {game_id + 100: Board.random(game_id) for game_id in range(2)}
    again = play_games(GameBatch(slots, settings, seed=1), others | backwards, EVALUATE)
    for game_id, game in games.items():
        assert_identical(game, again[game_id])


def test_a_game_in_a_used_slot_is_a_game_in_a_fresh_one(games, settings):
    batch = GameBatch(1, settings, seed=1)
    play_games(batch, {77: board_at(3, 20)}, EVALUATE)
    again = play_games(batch, {9: START_BOARDS[9]}, EVALUATE)
    assert_identical(games[9], again[9])


@pytest.mark.parametrize("algorithm", ["puct", "gumbel"])
def test_seeds_and_ids_make_a_difference(algorithm):
    boards = {game_id: Board.random(1) for game_id in range(4)}
    settings = SETTINGS[algorithm]
    one = play_games(GameBatch(4, settings, seed=1), boards, EVALUATE)
    two = play_games(GameBatch(4, settings, seed=2), boards, EVALUATE)
    assert len({game.actions.tobytes() for game in (*one.values(), *two.values())}) == 8


def test_without_exploration_all_seeds_play_the_same():
    boards = {game_id: board_at(2, 20) for game_id in range(3)}
    one, two = (
        play_games(GameBatch(3, SETTINGS["quiet"], seed=seed), boards, EVALUATE) for seed in (1, 2)
    )
    assert len({game.actions.tobytes() for game in (*one.values(), *two.values())}) == 1


@pytest.mark.parametrize("algorithm", ["puct", "gumbel"])
def test_a_game_is_what_a_single_search_plays(algorithm):
    settings = SearchSettings(algorithm=algorithm, simulations=15, explore=False)
    board = board_at(6, 18)
    game = play_games(GameBatch(2, settings), {0: board}, EVALUATE)[0]
    tree = Search(board, settings)
    means = 0
    for turn, action in enumerate(game.actions):
        while step(tree, EVALUATE):
            pass
        suggestion = tree.suggestion()
        assert suggestion.move.index == action
        assert np.array_equal(suggestion.visits, game.visits[turn])
        assert np.array_equal(tree.policy(), game.policies[turn])
        if algorithm == "puct" or suggestion.proven is not None:
            assert suggestion.value == game.root_values[turn]
        elif np.abs(suggestion.q).max() < 1:  # no edge is proven
            total = game.network_values[turn] + suggestion.visits @ suggestion.q
            mean = total / (1 + suggestion.visits.sum())
            assert game.root_values[turn] == pytest.approx(mean, abs=1e-5)
            means += 1
        if turn + 1 < len(game.actions):
            tree.advance(suggestion.move)
    assert algorithm == "puct" or means > 20


@pytest.mark.parametrize("algorithm", ["puct", "gumbel"])
def test_batches_in_two_threads_do_not_disturb_each_other(algorithm):
    """`collect` and `expand` release the GIL: one half of the games searches while the other half
    waits for the evaluator."""
    boards = {game_id: board_at(game_id, 20) for game_id in range(6)}
    alone = play_games(GameBatch(3, SETTINGS[algorithm], seed=1), boards, constant(0.1))
    with ThreadPoolExecutor(4) as pool:
        batches = [GameBatch(3, SETTINGS[algorithm], seed=1) for _ in range(4)]
        runs = pool.map(lambda batch: play_games(batch, boards, constant(0.1)), batches)
        for games in runs:
            for game_id, game in games.items():
                assert_identical(game, alone[game_id])


# --- What may change while games run -------------------------------------------------------------


def finish(batch: GameBatch) -> dict[int, FinishedGame]:
    """Plays all running games to their end."""
    while batch.num_active:
        batch.expand(*EVALUATE(batch.planes[: batch.collect()]))
    return {game.game_id: game for game in batch.take_finished()}


@pytest.mark.parametrize("changed", SETTINGS)
def test_changed_settings_are_those_of_the_games_that_start_later(games, settings, changed):
    batch = GameBatch(2, settings, seed=1)
    batch.start_game(START_BOARDS[9], 9)
    for _ in range(25):
        batch.expand(*EVALUATE(batch.planes[: batch.collect()]))
    batch.settings = SETTINGS[changed]
    assert batch.settings == SETTINGS[changed]
    batch.start_game(START_BOARDS[7], 7)
    finished = finish(batch)
    assert_identical(finished[9], games[9])
    alone = GameBatch(1, SETTINGS[changed], seed=1)
    assert_identical(finished[7], play_games(alone, {7: START_BOARDS[7]}, EVALUATE)[7])


def test_settings_may_change_at_every_start():
    """Each game keeps its tables of sequential halving alive, whatever was set since."""
    batch = GameBatch(4, SETTINGS["gumbel"], seed=1)
    alone: dict[int, Any] = {}
    for game_id in range(4):
        settings = SearchSettings(algorithm="gumbel", simulations=8 + game_id)
        batch.settings = settings
        batch.start_game(board_at(game_id, 30), game_id)
        alone |= play_games(
            GameBatch(1, settings, seed=1), {game_id: board_at(game_id, 30)}, EVALUATE
        )
    for _ in range(100):
        batch.settings = SearchSettings(algorithm="gumbel", simulations=100)
    finished = finish(batch)
    assert finished.keys() == alone.keys()
    for game_id, game in finished.items():
        assert_identical(game, alone[game_id])


def test_refused_settings_change_nothing():
    batch = GameBatch(1, SETTINGS["puct"])
    with pytest.raises(AttributeError):
        batch.settings = None
    assert batch.settings == SETTINGS["puct"]


def test_each_move_has_the_checkpoint_it_was_played_with():
    batch = GameBatch(1, SETTINGS["puct"], seed=1)
    batch.start_game(Board.random(1), 1)
    assert batch.checkpoint == 0
    while batch.num_active:
        batch.checkpoint = 5 + batch.board(0).move_number // 10
        batch.expand(*EVALUATE(batch.planes[: batch.collect()]))
    (game,) = batch.take_finished()
    assert game.checkpoints[:30].tolist() == [5] * 10 + [6] * 10 + [7] * 10


# --- Rounds --------------------------------------------------------------------------------------


def test_a_round_has_one_leaf_for_each_running_game():
    batch = GameBatch(5, SETTINGS["puct"])
    for game_id in range(3):
        batch.start_game(Board.random(game_id), game_id)
    assert (batch.num_games, batch.num_active, batch.num_evaluations) == (5, 3, 0)
    for round_number in range(1, 50):
        assert batch.collect() == 3
        batch.expand(*EVALUATE(batch.planes[:3]))
        assert batch.num_evaluations == 3 * round_number
    assert batch.take_finished() == []


def test_the_first_leaves_are_the_boards():
    batch = GameBatch(3, SETTINGS["puct"])
    boards = [Board.random(5), board_at(1, 9), board_at(2, 31)]
    for game_id, board in enumerate(boards):
        batch.start_game(board, game_id)
    assert batch.collect() == 3
    assert batch.planes.dtype == np.float32
    assert batch.planes.shape == (3, 11, 11, 10)
    assert batch.planes.flags.c_contiguous
    for row, board in enumerate(boards):
        assert np.array_equal(batch.planes[row], board.planes())
        assert batch.board(row) == board


def test_planes_are_one_array_all_the_time():
    batch = GameBatch(2, SETTINGS["puct"])
    batch.start_game(Board.random(1), 1)
    planes = batch.planes
    play_games(batch, {2: board_at(1, 40)}, EVALUATE)
    assert batch.planes is planes


def test_the_caller_keeps_its_board():
    board = Board.random(3)
    batch = GameBatch(1, SETTINGS["puct"])
    batch.start_game(board, 0)
    board.play(board.legal_moves()[0])
    assert batch.board(0) == Board.random(3)
    shown = batch.board(0)
    shown.play(shown.legal_moves()[5])
    assert batch.board(0) == Board.random(3)


def test_slots_become_free_when_games_are_taken():
    batch = GameBatch(2, SETTINGS["puct"], seed=1)
    batch.start_game(endgames(1, max_empty=6)[0], 4)
    batch.start_game(Board.random(1), 5)
    while batch.num_active == 2:
        number = batch.collect()
        if number:
            batch.expand(*EVALUATE(batch.planes[:number]))
    assert batch.board(0) is None
    with pytest.raises(ValueError, match="slots"):
        batch.start_game(Board.random(2), 6)
    (game,) = batch.take_finished()
    assert game.game_id == 4
    assert batch.take_finished() == []
    batch.start_game(Board.random(2), 6)
    assert batch.num_active == 2
    with pytest.raises(ValueError, match="slots"):
        batch.start_game(Board.random(3), 7)


def test_an_empty_batch_has_nothing_to_do():
    batch = GameBatch(2, SETTINGS["puct"])
    assert batch.collect() == 0
    batch.expand(np.zeros((0, 220), np.float32), np.zeros(0, np.float32))
    assert batch.collect() == 0
    assert (batch.num_active, batch.take_finished(), batch.board(0)) == (0, [], None)


def test_rows_beyond_the_leaves_are_ignored():
    batch, exact = GameBatch(2, SETTINGS["quiet"]), GameBatch(2, SETTINGS["quiet"])
    for one in (batch, exact):
        one.start_game(board_at(1, 45), 0)

    def padded(planes):
        logits, values = EVALUATE(planes)
        return np.vstack([logits, logits[::-1] + 7]), np.append(values, 0.9).astype(np.float32)

    while exact.num_active:
        for one, evaluate in ((batch, padded), (exact, EVALUATE)):
            number = one.collect()
            if number:
                one.expand(*evaluate(one.planes[:number]))
    assert_identical(batch.take_finished()[0], exact.take_finished()[0])


# --- Misuse --------------------------------------------------------------------------------------


@pytest.fixture
def waiting() -> GameBatch:
    """A batch whose two leaves wait for their evaluation."""
    batch = GameBatch(2, SETTINGS["puct"])
    batch.start_game(Board.random(1), 1)
    batch.start_game(Board.random(2), 2)
    assert batch.collect() == 2
    return batch


def test_collecting_twice_is_refused(waiting):
    before = waiting.planes.copy()
    with pytest.raises(ValueError, match="expand"):
        waiting.collect()
    assert np.array_equal(waiting.planes, before)
    waiting.expand(*EVALUATE(waiting.planes))
    assert waiting.collect() == 2


BAD_EVALUATIONS = {
    "too few rows": (np.zeros((1, 220), np.float32), np.zeros(2, np.float32)),
    "too few values": (np.zeros((2, 220), np.float32), np.zeros(1, np.float32)),
    "too few logits": (np.zeros((2, 219), np.float32), np.zeros(2, np.float32)),
    "too many logits": (np.zeros((2, 221), np.float32), np.zeros(2, np.float32)),
    "float64 logits": (np.zeros((2, 220)), np.zeros(2, np.float32)),
    "float64 values": (np.zeros((2, 220), np.float32), np.zeros(2)),
    "one axis": (np.zeros(440, np.float32), np.zeros(2, np.float32)),
    "two axes": (np.zeros((2, 220), np.float32), np.zeros((2, 1), np.float32)),
    "not contiguous": (np.zeros((220, 2), np.float32).T, np.zeros(2, np.float32)),
    "none": (None, None),
    "lists": ([[0.0] * 220] * 2, [0.0, 0.0]),
}


@pytest.mark.parametrize("name", BAD_EVALUATIONS)
def test_evaluations_of_a_wrong_shape_are_refused(waiting, name):
    with pytest.raises((ValueError, TypeError)):
        waiting.expand(*BAD_EVALUATIONS[name])
    assert waiting.num_evaluations == 0
    waiting.expand(*EVALUATE(waiting.planes))
    assert waiting.num_evaluations == 2


def test_expanding_twice_changes_nothing(waiting):
    logits, values = EVALUATE(waiting.planes)
    waiting.expand(logits, values)
    waiting.expand(logits, values)  # of 0 leaves
    assert waiting.num_evaluations == 2
    assert waiting.collect() == 2


def test_read_only_evaluations_are_taken(waiting):
    logits, values = EVALUATE(waiting.planes)
    logits.flags.writeable = values.flags.writeable = False
    waiting.expand(logits, values)
    assert waiting.num_evaluations == 2


def test_games_that_are_over_are_not_started():
    board = endgames(1, max_empty=4)[0].copy()
    while not board.is_over:
        board.play(board.legal_moves()[0])
    with pytest.raises(ValueError, match="over"):
        GameBatch(1, SETTINGS["puct"]).start_game(board, 0)


@pytest.mark.parametrize("board", [None, "." * 105, 3])
def test_only_boards_are_played_on(board):
    with pytest.raises(TypeError):
        GameBatch(1, SETTINGS["puct"]).start_game(board, 0)
    with pytest.raises(TypeError):
        Search(board, SETTINGS["puct"])


@pytest.mark.parametrize("number", [0, -1])
def test_there_must_be_a_slot(number):
    with pytest.raises(ValueError, match="num_games"):
        GameBatch(number, SETTINGS["puct"])


@pytest.mark.parametrize("slot", [-1, 2, 100])
def test_slots_out_of_range(slot):
    with pytest.raises(IndexError):
        GameBatch(2, SETTINGS["puct"]).board(slot)


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "alphabeta"},
        {"simulations": 0},
        {"simulations": -5},
        {"simulations": 10**12},
        {"max_considered": 0},
        {"max_considered": 10**12},
        {"simulations": 10**400},
        {"c_base": 0.0},
        {"c_init": -1.0},
        {"c_init": 10**400},
        {"fpu_reduction": -0.1},
        {"dirichlet_total": 0.0},
        {"dirichlet_total": 1e39},
        {"dirichlet_fraction": 1.5},
        {"dirichlet_fraction": -0.5},
        {"dirichlet_fraction": float("nan")},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"temperature": 10**400},
        {"temperature_moves": -1},
        {"temperature_moves": 10**10},
        {"c_visit": -1.0},
        {"c_scale": float("nan")},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(changes):
    with pytest.raises(HexzError) as error:
        SearchSettings(**changes)
    assert next(iter(changes)) in str(error.value) or "alphabeta" in str(error.value)


def test_constant_evaluators_play_whole_games():
    for settings in SETTINGS.values():
        game = play_games(GameBatch(1, settings), {1: Board.random(1)}, constant())[1]
        assert game.final.is_over
