"""The reference players against the slow model, exactly where few cells are free, else on average.

All seeds are fixed: a statistical test here passes always or never for one state of the code.
"""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pytest

from hexz.engine import Board, Move, RandomPlayer, UctPlayer, random_playouts
from hexz.errors import IllegalMove

from .helpers import board_of, engine_move, full_state, position_of, random_moves, swapped
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


def small_boards() -> list[Board]:
    return [Board.from_text(small_text(seed, 4 + seed % 3, seed % 4)) for seed in range(8)]


def late_boards() -> list[Board]:
    """Positions near the end of usual games, values and blocked cells included."""
    boards = []
    for seed in range(40):
        board = Board.from_text(random_text(random.Random(seed)))
        for move in random_moves(board, seed, eager=0.9):
            if board.num_empty <= 12 and len(board.legal_moves()) in range(3, 9):
                boards.append(board)
                break
            board.play(move)
    return boards[:6]


def mid_game_board(seed: int) -> Board:
    board = Board.from_text(random_text(random.Random(seed)))
    for move in islice(random_moves(board, seed, eager=0.7), 25):
        board.play(move)
    return board


def assert_close(sample_mean, expected, standard_error):
    """Within five standard errors, in every component."""
    assert np.all(np.abs(sample_mean - expected) <= 5 * np.asarray(standard_error) + 1e-9)


def test_there_are_late_boards():
    assert len(late_boards()) == 6


# --- Random playouts ---------------------------------------------------------------------------


@pytest.mark.parametrize("board", [*small_boards()[:3], *late_boards(), mid_game_board(1)])
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


@pytest.mark.parametrize("board", [*small_boards(), *late_boards()])
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


# --- UCT ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("simulations", [1, 2, 3, 10, 100, 1000])
def test_visits_are_of_legal_moves_and_sum_to_the_simulations(simulations):
    for board in [Board.random(1), mid_game_board(2), *small_boards(), *late_boards()]:
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


def test_the_principal_variation_can_be_played():
    for board in [Board.random(4), mid_game_board(3), *small_boards()]:
        suggestion = UctPlayer(3000, seed=1).suggest(board)
        assert suggestion.principal_variation[0] == suggestion.move
        for move in suggestion.principal_variation:
            board.play(move)


def test_ties_go_to_the_first_cell_and_there_to_the_normal_move():
    """With one free cell, both of its moves win at once and are visited alike."""
    cells = {(5, 4): (0, 0, 0), (5, 5): (5, 1, 0), (0, 0): (5, 2, 0)}
    board = board_of(cells, flags_left=(2, 2), rest="#")
    suggestion = UctPlayer(2, seed=0).suggest(board)
    assert board.legal_moves() == [Move("flag", 5, 4), Move("normal", 5, 4)]
    for seed in range(20):
        suggestion = UctPlayer(2, seed).suggest(board)
        if suggestion.visits.max() == 1:
            assert suggestion.move == Move("normal", 5, 4)
    free = Board.from_text("#" * 50 + "..." + "#" * 52)
    for seed in range(50):
        suggestion = UctPlayer(3, seed).suggest(free)
        first = np.flatnonzero(suggestion.visits == suggestion.visits.max())[0]
        assert suggestion.move.index == first


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


@pytest.mark.parametrize("board", small_boards() + late_boards())
def test_uct_converges_to_perfect_play(board):
    """Also where a player moves twice in a row, which many of these games have."""
    exact, position = Exact(), position_of(board)
    suggestion = UctPlayer(30_000, seed=2).suggest(board)
    sign = 1 if position.turn == 1 else -1
    values = {
        action_index(move): sign * (2 * exact.minimax(after(position, move)) - 1)
        for move in position.legal_moves()
    }
    assert values[suggestion.move.index] == max(values.values())
    assert suggestion.value == pytest.approx(max(values.values()), abs=0.1)


UCT_POSITIONS = [
    (Board.from_text(small_text(seed=1, free=5, grass=2)), 40, 80),
    (Board.from_text(small_text(seed=2, free=7, grass=3)), 60, 40),
    (late_boards()[0], 60, 40),
    (late_boards()[1], 60, 40),
]


@pytest.mark.parametrize(("board", "simulations", "runs"), UCT_POSITIONS)
def test_uct_visits_and_values_agree_with_the_reference(board, simulations, runs):
    """On average over many short searches, where every detail of the selection shows."""
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
        players = [UctPlayer(800, game), RandomPlayer(game)]
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


# --- Wrong arguments ---------------------------------------------------------------------------


@pytest.mark.parametrize("player", [UctPlayer(10, seed=1), RandomPlayer(1)])
def test_finished_games_have_no_suggestion(player):
    board = Board.from_text("#" * 105)
    with pytest.raises(IllegalMove):
        player.suggest(board)


@pytest.mark.parametrize("player", [UctPlayer(10, seed=1), RandomPlayer(1)])
@pytest.mark.parametrize("garbage", [None, "board", 0, Board])
def test_only_boards_have_suggestions(player, garbage):
    with pytest.raises(TypeError):
        player.suggest(garbage)


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
