"""The reference players against the slow model, exactly where few cells are free, else on average.

All seeds are fixed: a statistical test here passes always or never for one state of the code.
"""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import numpy as np
import pytest

from hexz.engine import Board, Move, RandomPlayer, UctPlayer, random_playouts
from hexz.errors import IllegalMove

from ..memory import run_measured
from .helpers import FREE, board_of, engine_move, full_state, position_of, random_moves, swapped
from .reference import COORDS, Position, action_index, neighbours, random_text
from .reference_uct import Exact, after, random_move_probabilities, search


def small_text(seed: int, free: int, grass: int) -> str:
    """A connected area of free and grass cells among rocks."""
    rng = random.Random(seed)
    area = [rng.choice(COORDS)]
    while len(area) < free + grass:
        coord = rng.choice(neighbours(rng.choice(area)))
        if coord not in area:
            area.append(coord)
    chars = dict(zip(rng.sample(area, len(area)), "." * free + "12132"[:grass], strict=True))
    return "".join(chars.get(coord, "#") for coord in COORDS)


def small_board(seed: int) -> Board:
    """Few cells are free, and up to two flags are placed, which makes some moves normal."""
    board = Board.from_text(small_text(seed, free=5 + seed % 3, grass=seed % 4))
    for move in islice(random_moves(board, seed, eager=0.0), seed % 3):
        board.play(move)
    return board


def mid_game_board(seed: int) -> Board:
    board = Board.from_text(random_text(random.Random(seed)))
    for move in islice(random_moves(board, seed, eager=1.0), 25):
        board.play(move)
    return board


def late_board(seed: int) -> Board:
    """Near the end of a usual game: few moves are left, among values and blocked cells."""
    board = Board.from_text(random_text(random.Random(seed)))
    for move in random_moves(board, seed, eager=0.9):
        if board.num_empty <= 12 and len(board.legal_moves()) in range(3, 9):
            return board
        board.play(move)
    raise AssertionError(f"the game of seed {seed} has no such position")


MAKERS = {"small": small_board, "mid": mid_game_board, "late": late_board}
SMALL = [("small", seed) for seed in range(8)]
# Games whose end is not decided yet, by random play at least.
LATE = [("late", seed) for seed in (0, 6, 7, 32, 59)]
MID = [("mid", 1), ("mid", 2)]


@pytest.fixture
def board(request: pytest.FixtureRequest) -> Board:
    """One of the boards above: nothing of the engine runs before the tests do."""
    kind, seed = request.param
    return MAKERS[kind](seed)


def with_boards(boards):
    ids = [f"{kind}-{seed}" for kind, seed in boards]
    return pytest.mark.parametrize("board", boards, indirect=True, ids=ids)


def assert_close(sample_mean, expected, standard_error):
    """Within five standard errors, in every component."""
    assert np.all(np.abs(sample_mean - expected) <= 5 * np.asarray(standard_error) + 1e-9)


# --- Random playouts ---------------------------------------------------------------------------


@with_boards(SMALL[:3] + LATE + MID)
def test_random_player_plays_flags_as_often_as_the_rules_say(board):
    number = 20_000
    player = RandomPlayer(7)
    counts = np.zeros(220)
    for _ in range(number):
        counts[player.suggest(board).move.index] += 1
    expected = np.zeros(220)
    for move, probability in random_move_probabilities(position_of(board)).items():
        expected[action_index(move)] = probability
    assert np.array_equal(counts > 0, expected > 0)
    assert_close(counts / number, expected, np.sqrt(expected * (1 - expected) / number))


def test_random_player_varies_with_its_seed_only():
    board = Board.random(3)
    moves = [RandomPlayer(seed).suggest(board).move for seed in range(50)]
    assert moves == [RandomPlayer(seed).suggest(board).move for seed in range(50)]
    assert len(set(moves)) > 10


def test_random_playouts_have_the_known_length():
    """RULES.md: 72.6 moves. The standard deviation of a game's length is about 9."""
    number = 40_000
    assert abs(random_playouts(number, seed=1) / number - 72.6) < 0.25
    assert random_playouts(100, seed=1) == random_playouts(100, seed=1)
    assert random_playouts(100, seed=1) != random_playouts(100, seed=2)
    assert random_playouts(0, seed=1) == 0


@with_boards(SMALL + LATE)
def test_a_single_simulation_is_a_random_move_and_a_rollout(board):
    """The first move is uniform, and the mean result after it is the exact expectation."""
    exact, position, number = Exact(), position_of(board), 4000
    visits, points = np.zeros(220), np.zeros(220)
    for seed in range(number):
        suggestion = UctPlayer(1, seed).suggest(board)
        (action,) = np.flatnonzero(suggestion.visits)
        visits[action] += 1
        points[action] += (1 + suggestion.q[action]) / 2
    moves = position.legal_moves()
    share = 1 / len(moves)
    for move in moves:
        n = visits[action_index(move)]
        assert_close(n / number, share, np.sqrt(share * (1 - share) / number))
        mean = exact.mean_result(after(position, move))
        if position.turn == 2:
            mean = 1 - mean
        assert_close(points[action_index(move)] / n, mean, np.sqrt(mean * (1 - mean) / n))
    assert visits.sum() == number


@with_boards(MID)
def test_the_first_move_of_a_tree_is_uniform(board):
    """Unlike that of a rollout, where flags are rarer than normal moves."""
    legal, number = board.legal_mask(), 20_000
    assert legal[:110].any()
    assert legal[110:].any()
    counts = np.sum([UctPlayer(1, seed).suggest(board).visits for seed in range(number)], axis=0)
    share = 1 / legal.sum()
    assert_close(counts[legal] / number, share, np.sqrt(share * (1 - share) / number))


# --- UCT ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("simulations", [1, 2, 3, 10, 100, 1000])
@with_boards(SMALL + LATE + MID)
def test_visits_are_of_legal_moves_and_sum_to_the_simulations(board, simulations):
    state = full_state(board)
    suggestion = UctPlayer(simulations, seed=5).suggest(board)
    assert full_state(board) == state
    assert suggestion.visits.sum() == simulations
    assert not suggestion.visits[~board.legal_mask()].any()
    assert suggestion.visits[suggestion.move.index] == suggestion.visits.max()
    assert not suggestion.q[suggestion.visits == 0].any()
    assert np.all(np.abs(suggestion.q) <= 1)
    mean = (suggestion.q * suggestion.visits).sum() / simulations
    assert suggestion.value == pytest.approx(mean, abs=1e-6)


@with_boards(SMALL + MID)
def test_the_principal_variation_can_be_played(board):
    suggestion = UctPlayer(3000, seed=1).suggest(board)
    assert suggestion.principal_variation[0] == suggestion.move
    for move in suggestion.principal_variation:
        board.play(move)


@with_boards([*SMALL, ("mid", 1), ("late", 6)])
def test_ties_go_to_the_first_cell_and_there_to_the_normal_move(board):
    num_ties = 0
    for seed in range(100):
        suggestion = UctPlayer(3 + seed % 10, seed).suggest(board)
        tied = np.flatnonzero(suggestion.visits == suggestion.visits.max()).tolist()
        num_ties += len(tied) > 1
        first = min(tied, key=lambda action: (action % 110, action < 110))
        assert suggestion.move.index == first
    assert num_ties > 10


def test_a_seed_gives_the_same_answers_again():
    def answers(seed):
        player, board, log = UctPlayer(200, seed), Board.random(9), []
        for _ in range(10):
            suggestion = player.suggest(board)
            log.append((suggestion.move, suggestion.value, suggestion.visits.tolist()))
            board.play(suggestion.move)
        return log

    assert answers(1) == answers(1)
    assert answers(1) != answers(2)


# Player 1 is behind, and wins only by placing a 3 at (4, 3) at once, which captures 3 and 2.
# Otherwise player 2 puts a flag there.
CAPTURE = {
    (4, 0): (5, 1, 0),
    (4, 1): (0, 1, 1),
    (4, 2): (0, 1, 2),
    (4, 3): (0, 0, 0),
    (4, 4): (2, 0, 3),
    (4, 5): (2, 0, 2),
    (9, 0): (5, 1, 0),
    (10, 1): (5, 1, 0),
    (10, 0): (0, 0, 0),
    (0, 0): (5, 2, 0),
    (0, 1): (0, 2, 1),
    (0, 2): (0, 2, 2),
    (0, 3): (0, 2, 3),
    (0, 9): (5, 2, 0),
    (0, 8): (0, 0, 0),
}


@pytest.mark.parametrize("player", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_uct_finds_a_winning_capture(player, seed):
    flags_left = (0, 1) if player == 1 else (1, 0)
    cells = CAPTURE if player == 1 else swapped(CAPTURE)
    board = board_of(cells, turn=player, flags_left=flags_left, rest="#")
    suggestion = UctPlayer(1000, seed).suggest(board)
    assert suggestion.move == Move("normal", 4, 3)
    assert suggestion.value > 0.8
    (other,) = (move for move in board.legal_moves() if move != suggestion.move)
    assert suggestion.q[other.index] < 0


# Player 2 is stuck and 9 points ahead, so that player 1 goes on alone, and wins with one point more
# by taking each 4 before the 1 beside it: after the 1, the 4 is but a 2.
ALONE = {
    (4, 0): (5, 1, 0),
    **{(4, value): (0, 1, value) for value in (1, 2, 3)},
    (4, 4): FREE,  # 4
    (4, 5): FREE,  # 1
    (4, 6): (5, 1, 0),
    (5, 6): FREE,  # 1
    (6, 7): FREE,  # 4
    (6, 8): (0, 1, 3),
    (6, 9): (0, 1, 2),
    (5, 8): (0, 1, 1),
    (4, 9): (5, 1, 0),
    (0, 0): (5, 2, 0),
    **{(0, value): (0, 2, value) for value in (1, 2, 3, 4, 5)},
    (10, 0): (5, 2, 0),
    **{(10, value): (0, 2, value) for value in (1, 2, 3)},
    (10, 8): (5, 2, 0),
}


@pytest.mark.parametrize("player", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_a_player_who_moves_again_is_still_the_same_player(player, seed):
    cells = ALONE if player == 1 else swapped(ALONE)
    board = board_of(cells, turn=player, flags_left=(0, 0), rest="#")
    suggestion = UctPlayer(3000, seed).suggest(board)
    good, bad = [Move("normal", 4, 4), Move("normal", 6, 7)], Move("normal", 4, 5)
    assert suggestion.move in good
    assert suggestion.value > 0.8
    assert suggestion.q[bad.index] == -1
    for move in suggestion.principal_variation:
        board.play(move)
    assert board.winner == player


# Whatever happens, player 1 wins, who is 15 points ahead, with a handful of points to gain.
DECIDED = {
    (4, 0): (5, 1, 0),
    **{(4, value): (0, 1, value) for value in (1, 2, 3, 4, 5)},
    (8, 0): (5, 1, 0),
    (8, 4): (5, 1, 0),
    **dict.fromkeys(
        [(8, c) for c in (1, 3, 5)] + [(r, c) for r in (7, 9) for c in (0, 3, 4)], FREE
    ),
    (0, 0): (5, 2, 0),
    (0, 4): (5, 2, 0),
    (0, 8): (5, 2, 0),
    **dict.fromkeys([(0, 1), (0, 3), (0, 7), (1, 7)], FREE),
}


@pytest.mark.parametrize("turn", [1, 2])
def test_visits_follow_the_formula_exactly_where_all_results_are_known(turn):
    """All moves win, or all lose: chance decides no more than which move comes first.

    Nine moves that win tell even `ln N` from `ln (N + 1)`, between 19 and 24 simulations.
    """
    board = board_of(DECIDED, turn=turn, flags_left=(0, 0), rest="#")
    position = position_of(board)
    for simulations in range(1, 41):
        tree = search(position, simulations, random.Random(0))
        slow = sorted(child.visits for child in tree.children.values())
        suggestion = UctPlayer(simulations, simulations).suggest(board)
        assert sorted(suggestion.visits[board.legal_mask()].tolist()) == slow
        assert suggestion.value == (1 if turn == 1 else -1)


@with_boards(SMALL + LATE)
def test_uct_converges_to_perfect_play(board):
    exact, position = Exact(), position_of(board)
    suggestion = UctPlayer(30_000, seed=2).suggest(board)
    sign = 1 if position.turn == 1 else -1
    values = {
        action_index(move): sign * (2 * exact.minimax(after(position, move)) - 1)
        for move in position.legal_moves()
    }
    assert values[suggestion.move.index] == max(values.values())
    assert suggestion.value == pytest.approx(max(values.values()), abs=0.1)


@pytest.mark.slow
@with_boards([SMALL[1], SMALL[2], ("late", 6), ("late", 59)])
def test_uct_visits_and_values_agree_with_the_reference(board):
    """On average over many short searches, where every detail of the selection shows."""
    simulations, runs = 40, 40
    position = position_of(board)
    moves = position.legal_moves()
    rng = random.Random(3)
    trees = [search(position, simulations, rng) for _ in range(runs)]
    slow = np.array(
        [[(tree.children[m].visits, tree.children[m].wins) for m in moves] for tree in trees]
    )
    actions = [action_index(move) for move in moves]
    suggestions = [UctPlayer(simulations, seed).suggest(board) for seed in range(20 * runs)]
    visits = np.array([suggestion.visits[actions] for suggestion in suggestions])
    q = np.array([suggestion.q[actions] for suggestion in suggestions])
    fast = np.stack([visits, visits * (1 + q) / 2], axis=2)
    error = np.sqrt(slow.var(axis=0) / len(slow) + fast.var(axis=0) / len(fast))
    assert_close(fast.mean(axis=0), slow.mean(axis=0), np.maximum(error, 0.02))


def test_uct_beats_random():
    wins = 0
    for game in range(20):
        board = Board.random(100 + game)
        players: list[Any] = [UctPlayer(800, game), RandomPlayer(game)]
        uct_side = 1 + game % 2
        while not board.is_over:
            player = players[0 if board.turn == uct_side else 1]
            board.play(player.suggest(board).move)
        wins += board.winner == uct_side
    assert wins >= 19


def test_more_simulations_play_better():
    points = 0.0
    for game in range(20):
        board = Board.random(200 + game // 2)
        players = {1 + game % 2: UctPlayer(1500, game), 2 - game % 2: UctPlayer(50, game)}
        while not board.is_over:
            board.play(players[board.turn].suggest(board).move)
        points += {1 + game % 2: 1.0, 2 - game % 2: 0.0, 0: 0.5}[board.winner]
    assert points >= 15


def test_a_search_is_of_the_board_as_it_was_when_asked():
    """Another thread may play on the board meanwhile: the search runs without the GIL."""
    board = Board.random(6)
    quiet = UctPlayer(50_000, seed=1).suggest(board.copy())
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(UctPlayer(50_000, seed=1).suggest, board)
        time.sleep(0.02)
        for move in random_moves(board, seed=1, eager=0.5):
            board.play(move)
        assert np.array_equal(answer.result().visits, quiet.visits)


def test_a_limit_of_time_ends_the_search():
    board = Board.random(1)
    started = time.monotonic()
    suggestion = UctPlayer(10**9, seed=1).suggest(board, 0.1)
    assert 0.1 <= time.monotonic() - started < 2
    assert suggestion.visits.sum() > 1000
    assert suggestion.move in board.legal_moves()


def test_without_time_a_move_is_found_all_the_same():
    assert UctPlayer(10**9, seed=1).suggest(Board.random(1), 0.0).visits.sum() < 64


def test_a_limit_of_time_that_is_not_reached_changes_nothing():
    board = Board.random(1)
    limited = UctPlayer(500, seed=1).suggest(board, 60.0)
    assert np.array_equal(limited.visits, UctPlayer(500, seed=1).suggest(board).visits)


@pytest.mark.soak
def test_a_search_ends_once_it_is_not_wanted_any_more():
    player = UctPlayer(10**9)
    assert 0 < player.suggest(Board.random(1), goes_on=lambda: False).visits.sum() < 10_000
    with pytest.raises(ZeroDivisionError):
        player.suggest(Board.random(1), goes_on=lambda: 1 / 0 > 0)


def test_to_be_asked_whether_to_go_on_changes_nothing():
    asked = UctPlayer(10_000, 1).suggest(Board.random(1), goes_on=lambda: True)
    assert np.array_equal(asked.visits, UctPlayer(10_000, 1).suggest(Board.random(1)).visits)


@pytest.mark.slow
def test_memory_of_a_search_is_bounded():
    [peak] = run_measured("""
        from hexz.engine import Board, UctPlayer
        UctPlayer(10**6, 1).suggest(Board.random(1))
        print(peak_memory())
    """)
    assert peak < 2**20  # a gigabyte


# --- Wrong arguments ---------------------------------------------------------------------------


@pytest.mark.parametrize("make_player", [lambda: UctPlayer(10, seed=1), lambda: RandomPlayer(1)])
def test_finished_games_have_no_suggestion(make_player):
    board = Board.from_text("#" * 105)
    with pytest.raises(IllegalMove):
        make_player().suggest(board)


@pytest.mark.parametrize("make_player", [lambda: UctPlayer(10, seed=1), lambda: RandomPlayer(1)])
@pytest.mark.parametrize("garbage", [None, "board", 0, Board])
def test_only_boards_have_suggestions(make_player, garbage):
    with pytest.raises(TypeError):
        make_player().suggest(garbage)


@pytest.mark.parametrize("simulations", [0, -1, -(2**31)])
def test_the_number_of_simulations_is_positive(simulations):
    with pytest.raises(ValueError, match="simulations"):
        UctPlayer(simulations, seed=0)


@pytest.mark.parametrize("arguments", [(1.5, 0), ("10", 0), (None, 0), (10, "seed"), (10, 1.5)])
def test_arguments_of_uct_are_integers(arguments):
    with pytest.raises((TypeError, ValueError)):
        UctPlayer(*arguments)


def test_reference_position_of_a_board_is_that_position():
    """What the tests above rest on."""
    text = random_text(random.Random(5))
    assert position_of(Board.from_text(text)) == Position.from_text(text)
    move = ("F", *Position.from_text(text).empty_cells()[0])
    board = Board.from_text(text)
    board.play(engine_move(move))
    assert position_of(board) == after(Position.from_text(text), move)
