"""Values are from the mover's view everywhere, also where one player moves several times in a row.

Alternating signs by depth instead of by player is the classic error here, and most positions hide
it. These tests look at positions where some moves are followed by another one of the same player.
"""

import numpy as np
import pytest

from hexz.engine import Board, Search, SearchSettings

from .helpers import (
    HashEvaluator,
    after,
    board_at,
    boards_with_double_moves,
    endgames,
    moves_again,
    random_game,
    search,
    step,
)

DOUBLES = boards_with_double_moves(12, min_empty=3)
ALGORITHMS = ["puct", "gumbel"]


def lead(board: Board, player: int) -> float:
    """The value that `by_score` gives a position, from the view of `player`."""
    own, other = board.score if player == 1 else board.score[::-1]
    return float(np.tanh(np.float32(own - other) / 20))


def by_score(planes):
    """Values by the difference of the normal cells' values, which is that of the scores; random
    logits."""
    difference = planes[:, 1].sum((1, 2)) - planes[:, 6].sum((1, 2))
    return HashEvaluator(1)(planes)[0], np.tanh(difference / 20).astype(np.float32)


def advantage_of_player_1(board: Board, value: float):
    """An evaluator that says `value` for player 1 in all positions that follow `board`.

    Planes do not say who moves. A cell that one player has owned since the root does.
    """
    cells = board.cells().reshape(105, 6)
    grid = [row * 10 + col for row in range(11) for col in range(10 - row % 2)]
    mark = next(grid[i] for i in range(105) if cells[i, 0] == 5 and cells[i, 1] == 1)

    def evaluate(planes):
        moves_first = planes.reshape(len(planes), 11, 110)[:, 0, mark] == 1
        return HashEvaluator(1)(planes)[0], np.where(moves_first, value, -value).astype(np.float32)

    return evaluate


def test_positions_have_what_these_tests_need():
    boards = [board for board in DOUBLES if len(moves_again(board)) < len(board.legal_moves())]
    assert len(DOUBLES) == 12
    assert boards, "no position where some moves pass the turn and some do not"
    assert {board.turn for board in DOUBLES} == {1, 2}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("board", DOUBLES, ids=repr)
def test_q_after_one_visit_is_the_childs_value_for_the_mover(board, algorithm):
    """It is minus the evaluator's answer only where the turn passed."""
    settings = SearchSettings(algorithm=algorithm, simulations=40, explore=False)
    tree, checked = Search(board, settings), set()
    step(tree, by_score)
    while step(tree, by_score):
        suggestion = tree.suggestion()
        for action in np.flatnonzero(suggestion.visits == 1):
            successor = after(board, int(action))
            if successor.is_over:
                expected = {0: 0.0, board.turn: 1.0}.get(successor.winner, -1.0)
            else:
                expected = lead(successor, board.turn)
            if len(successor.legal_moves()) > 1:
                assert suggestion.q[action] == pytest.approx(expected, abs=1e-6)
            checked.add(int(action))
    assert checked


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("value", [0.75, -0.75])
@pytest.mark.parametrize("board", [*DOUBLES, board_at(1, 40), board_at(2, 41)], ids=repr)
def test_an_advantage_of_player_1_is_one_at_any_depth(board, algorithm, value):
    """All evaluations agree that player 1 is `value` ahead, so all means do, whatever the depth
    and the order of turns, until the search meets the end of a game."""
    evaluate = advantage_of_player_1(board, value)
    settings = SearchSettings(algorithm=algorithm, simulations=100, explore=False)
    tree = Search(board, settings)
    expected = value if board.turn == 1 else -value
    simulations = 0
    step(tree, evaluate)
    while step(tree, evaluate):
        suggestion = tree.suggestion()
        if suggestion.visits.sum() > simulations + 1:
            break  # a simulation that needed no evaluation met the end
        simulations += 1
        assert suggestion.value == pytest.approx(expected, abs=1e-5)
        assert np.allclose(suggestion.q[suggestion.visits > 0], expected, atol=1e-5)
    assert simulations


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_decided_game_is_decided_in_all_actions(algorithm):
    """Where one player wins whatever is played, and evaluations say so, all Q are exact."""
    boards = [board for board in (*DOUBLES, *endgames(30, max_empty=6)) if board.num_empty < 9]
    decided = [(board, results) for board in boards if len(results := all_results(board)) == 1]
    doubles = 0
    for board, results in decided:
        (winner,) = results
        expected = {board.turn: 1, 0: 0}.get(winner, -1)
        evaluate = advantage_of_player_1(board, {1: 1, 2: -1, 0: 0}[winner])
        for simulations in (1, 2, 3, 5, 9, 20, 60):
            tree = search(
                board, evaluate, algorithm=algorithm, simulations=simulations, explore=False
            )
            suggestion = tree.suggestion()
            assert suggestion.value == expected
            assert np.all(suggestion.q[suggestion.visits > 0] == expected)
            assert tree.proven in (None, expected)
        doubles += bool(moves_again(board))
    assert len(decided) > 10
    assert doubles > 3


def all_results(board: Board) -> set[int]:
    """The winners, 0 for a draw, of all games that can follow."""
    if board.is_over:
        return {board.winner}
    return set().union(*(all_results(after(board, move)) for move in board.legal_moves()))


# --- Wins one and two moves ahead ----------------------------------------------------------------


def wins_in_one(board: Board) -> list[int]:
    """The actions that end the game with a win for the player to move."""
    successors = {move.index: after(board, move) for move in board.legal_moves()}
    return [i for i, b in successors.items() if b.is_over and b.winner == board.turn]


def boards_with_a_win_in_one() -> list[Board]:
    """With other moves too."""
    boards = []
    for seed in range(60):
        for board in random_game(seed, eager=0.9)[-12:]:  # before, no move ends a game
            wins = [] if board.is_over else wins_in_one(board)
            if wins and len(board.legal_moves()) > len(wins):
                boards.append(board)
                break
    return boards


WINS = boards_with_a_win_in_one()


def test_both_players_win_in_one():
    assert {board.turn for board in WINS} == {1, 2}


def along(*actions: int):
    """An evaluator that recommends the first action in its first evaluation, and so on."""
    remaining = list(actions)

    def evaluate(planes):
        logits = np.zeros((1, 220), np.float32)
        if remaining:
            logits[0, remaining.pop(0)] = 20.0
        return logits, np.zeros(1, np.float32)

    return evaluate


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("board", WINS, ids=repr)
def test_a_win_in_one_is_worth_1(board, algorithm):
    for win in wins_in_one(board):
        tree = search(board, along(win), algorithm=algorithm, simulations=50, explore=False)
        suggestion = tree.suggestion()
        assert suggestion.visits.sum() == 1, "a win is proven by one simulation"
        assert suggestion.move.index == win
        assert suggestion.q[win] == 1
        assert (suggestion.value, tree.proven) == (1, 1)


def lines_of_two() -> list[tuple[Board, int, int]]:
    """Positions where nothing is forced, a move, and one that then wins for whoever plays it."""
    lines = []
    for seed in range(120):
        boards = [board for board in random_game(seed, eager=0.95) if not board.is_over]
        for board in boards[-5:]:
            if len(board.legal_moves()) == 1 or wins_in_one(board):
                continue
            for move in board.legal_moves():
                successor = after(board, move)
                if not successor.is_over:
                    lines += [(board, move.index, win) for win in wins_in_one(successor)[:1]]
    return lines


def test_two_moves_ahead():
    """Move and move again to win: a proven win. Let the other player win: a proven loss."""
    again, passed = 0, 0
    for algorithm in ALGORITHMS:
        for board, first, second in lines_of_two():
            tree = search(
                board,
                along(first, second),
                algorithm=algorithm,
                simulations=2,
                max_considered=1,
                explore=False,
            )
            suggestion = tree.suggestion()
            if after(board, first).turn == board.turn:
                again += 1
                assert suggestion.move.index == first
                assert (suggestion.q[first], suggestion.value, tree.proven) == (1, 1, 1)
            else:
                passed += 1
                assert suggestion.q[first] == -1
    assert again > 10
    assert passed > 10
