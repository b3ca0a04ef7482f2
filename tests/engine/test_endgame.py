"""The exact endgame solver against brute force, and along real endgames."""

import random
import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import pytest

from hexz.engine import Board, Move
from hexz.engine.endgame import solve
from hexz.engine.solution import Solution
from hexz.errors import IllegalMove

from ..games import finished_games
from .helpers import KIND, random_moves
from .reference import COORDS, Coord, neighbours


def margin_of(board: Board, player: int) -> int:
    return board.score[player - 1] - board.score[2 - player]


def after(board: Board, move: Move) -> Board:
    board = board.copy()
    board.play(move)
    return board


class BruteForce:
    """The margins of all positions that follow from one, by trying everything."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, int], int] = {}

    def margin(self, board: Board) -> int:
        """For player 1, if both play for it."""
        if board.is_over:
            return margin_of(board, 1)
        key = board.cells()[:, :3].tobytes(), board.turn
        if key not in self._known:
            best = max if board.turn == 1 else min
            self._known[key] = best(self.margin(after(board, m)) for m in board.legal_moves())
        return self._known[key]


def small_endgames(seed: int, *, most_empty: int) -> Iterator[Board]:
    """Positions without flags and with few empty cells, of random games on boards mostly of rock,
    with any grass."""
    rng = random.Random(seed)
    while True:
        rocks, grass = rng.randint(60, 92), rng.randint(0, 8)
        chars = ["#"] * rocks + rng.choices("12345", k=grass)
        chars += ["."] * (105 - len(chars))
        rng.shuffle(chars)
        board = Board.from_text("".join(chars))
        for move in random_moves(board, rng.getrandbits(32), rng.choice([0.0, 0.7, 1.0])):
            board.play(move)
            if board.flags_left == (0, 0) and not board.is_over and board.num_empty <= most_empty:
                yield board.copy()


def check_against_brute_force(board: Board, solution: Solution) -> None:
    brute_force, sign = BruteForce(), 1 if board.turn == 1 else -1
    expected = {m: sign * brute_force.margin(after(board, m)) for m in board.legal_moves()}
    assert solution.values == expected
    assert solution.margin == max(expected.values()) == expected[solution.move]


def check_line(board: Board, solution: Solution) -> None:
    """The line is legal, ends the game, and gives the margin; so does each of its positions."""
    player, board = board.turn, board.copy()
    assert solution.line[0] == solution.move
    for move in solution.line:
        board.play(move)
    assert board.is_over
    assert margin_of(board, player) == solution.margin


def two_lands(seed: int, *, size: int) -> Iterator[Board]:
    """Positions in which each player has put its flags on an island of its own, with grass."""
    rng = random.Random(seed)
    while True:
        lands = [grown(rng, range(5), size), grown(rng, range(6, 11), size)]
        chars = dict.fromkeys(COORDS, "#") | dict.fromkeys([c for land in lands for c in land], ".")
        for land in lands:
            for coord in rng.sample(land, rng.randint(0, 2)):
                chars[coord] = rng.choice("12345")
        board = Board.from_text("".join(chars.values()))
        flags = [rng.sample([c for c in land if chars[c] == "."], 3) for land in lands]
        for one, two in zip(*flags, strict=True):
            board.play(Move("flag", *one))
            board.play(Move("flag", *two))
        for move in islice(random_moves(board, rng.getrandbits(32), 1.0), rng.randint(0, 3)):
            board.play(move)
        if not board.is_over:
            yield board


def grown(rng: random.Random, rows: range, size: int) -> list[Coord]:
    """A connected set of cells in some rows."""
    land = [rng.choice([coord for coord in COORDS if coord[0] in rows])]
    while len(land) < size:
        coord = rng.choice(neighbours(rng.choice(land)))
        if coord[0] in rows and coord not in land:
            land.append(coord)
    return land


# --- Against brute force -------------------------------------------------------------------------


@pytest.mark.slow
def test_small_endgames_agree_with_brute_force():
    solved = 0
    for board in islice(small_endgames(1, most_empty=10), 2500):
        solution = solve(board)
        if solution is not None:
            check_against_brute_force(board, solution)
            check_line(board, solution)
            solved += 1
    assert solved > 2000


@pytest.mark.parametrize(("size", "count"), [(6, 100), (8, 100), (10, 50), (12, 8)])
def test_separate_lands_agree_with_brute_force(size, count):
    for board in islice(two_lands(size, size=size), count):
        solution = solve(board)
        assert solution is not None
        check_against_brute_force(board, solution)
        check_line(board, solution)


# --- Real endgames -------------------------------------------------------------------------------


def check_game(board: Board, moves: Iterable[Move], rng: random.Random) -> int:
    """Solves the positions of a game; returns how many can be solved.

    A solved position stays solvable, though perhaps with more effort, the margin changes with the
    move as it said, and what can still be got by one player was never the other one's.
    """
    solved, expected = 0, None
    for move in moves:
        solution = solve(board)
        if expected is not None:
            solution = solution or solve(board, 400_000)
            assert solution is not None
            assert expected == (solution.margin if board.turn == 1 else -solution.margin)
        if solution is not None:
            solved += 1
            check_line(board, solution)
            check_separation(board, rng)
            expected = solution.values[move] if board.turn == 1 else -solution.values[move]
        board.play(move)
    assert board.is_over
    assert expected is None or expected == margin_of(board, 1)
    return solved


def check_separation(board: Board, rng: random.Random) -> None:
    """In a random continuation, no cell that a player could once get is got by the other one."""
    board, got = board.copy(), {1: set[int](), 2: set[int]()}
    for move in random_moves(board, rng.getrandbits(32), 1.0):
        board.play(move)
        cells = board.cells()
        for player in (1, 2):
            got[player] |= set((cells[:, 2 + player] > 0).nonzero()[0].tolist())
            assert not got[player] & set((cells[:, 1] == 3 - player).nonzero()[0].tolist())
    assert not got[1] & got[2]


def test_sample_endgames(sample_traces):
    assert solved_in(sample_traces) > 20


@pytest.mark.soak
def test_shared_endgames(shared_traces):
    assert solved_in(shared_traces) > 1000


def solved_in(traces: Iterable[dict[str, Any]]) -> int:
    rng = random.Random(1)
    return sum(
        check_game(
            Board.from_text(game["board"]),
            [Move(KIND[move["t"]], move["r"], move["c"]) for move in game["moves"]],
            rng,
        )
        for game in traces
    )


@pytest.mark.slow
def test_endgames_of_self_play():
    rng = random.Random(1)
    solved = sum(
        check_game(game.initial.copy(), map(Move.from_index, game.actions.tolist()), rng)
        for game in finished_games(64)
    )
    assert solved > 200


# --- What is not solved --------------------------------------------------------------------------


def test_a_finished_game_has_no_solution():
    board = Board.from_text("#" * 105)
    with pytest.raises(IllegalMove, match="over"):
        solve(board)


def test_a_flag_left_is_not_solved():
    board = next(two_lands(1, size=8))
    assert solve(board) is not None
    flagged = Board.from_text("." * 105)
    assert solve(flagged) is None
    for col in (0, 2, 4):
        flagged.play(Move("flag", 0, col))
        assert solve(flagged) is None
        if col < 4:
            flagged.play(Move("flag", 10, col))
    assert solve(flagged) is None  # player 2 has one left


def test_a_board_that_another_thread_plays_on_meanwhile():
    """The solution is that of one position, whichever it is."""
    board = next(board for board in two_lands(1, size=14) if min(board.num_normal_moves) > 3)
    first = solve(board)
    assert first is not None
    found: list[Solution | None] = []
    for _ in range(5):
        shared = board.copy()
        thread = threading.Thread(target=lambda board=shared: found.append(solve(board)))
        thread.start()
        shared.play(first.move)
        thread.join()
    assert all(solution is not None and solution.move in solution.values for solution in found)


def test_too_few_nodes():
    board = next(board for board in two_lands(1, size=10) if min(board.num_normal_moves) > 2)
    assert solve(board) is not None
    assert solve(board, 10) is None
    assert solve(board, 1) is None
    with pytest.raises(ValueError, match="max_nodes"):
        solve(board, 0)
