"""What the tests of the search share: evaluators, positions, perfect play, and a test of fit."""

import hashlib
import math
import random
from functools import cache
from itertools import count
from typing import Any

import numpy as np

from hexz.engine import Board, GameBatch, Move, Search, SearchSettings

# --- Evaluators: planes [n, 11, 11, 10] -> logits [n, 220], values [n] ---------------------------


class HashEvaluator:
    """Looks random and depends on one position's planes and the seed alone: normal logits, and
    values in (-1, 1), so that a Q of -1 or 1 is proven."""

    def __init__(self, seed: int = 0, logit_scale: float = 1.5, value_scale: float = 0.5) -> None:
        self.seed, self.logit_scale, self.value_scale = seed, logit_scale, value_scale
        self.known: dict[bytes, tuple[np.ndarray, float]] = {}  # by digest

    def __call__(self, planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        answers = [self.of(one) for one in planes]
        logits = np.array([logits for logits, _ in answers], np.float32).reshape(-1, 220)
        return logits, np.array([value for _, value in answers], np.float32)

    def of(self, planes: np.ndarray) -> tuple[np.ndarray, float]:
        salt = self.seed.to_bytes(8)
        digest = hashlib.blake2b(planes.tobytes(), digest_size=16, salt=salt).digest()
        if digest not in self.known:
            numbers = np.random.default_rng(int.from_bytes(digest)).normal(size=221)
            logits = (self.logit_scale * numbers[:220]).astype(np.float32)
            self.known[digest] = logits, math.tanh(self.value_scale * numbers[220])
        return self.known[digest]


def constant(value: float = 0.0, logits: np.ndarray | None = None):
    """An evaluator that gives all positions the same value and logits (0 if not given)."""
    row = np.zeros(220, np.float32) if logits is None else np.asarray(logits, np.float32)

    @cache
    def answers(number: int) -> tuple[np.ndarray, np.ndarray]:
        return np.tile(row, (number, 1)), np.full(number, value, np.float32)

    return lambda planes: answers(len(planes))


# --- Positions -----------------------------------------------------------------------------------


@cache
def random_game(seed: int, eager: float = 0.8) -> tuple[Board, ...]:
    """The positions of a seeded random game, the last one over; don't play on them. `eager` is how
    often a normal move is preferred where there is one."""
    rng = random.Random(seed)
    boards = [Board.random(seed)]
    while not boards[-1].is_over:
        moves = boards[-1].legal_moves()
        normal = [move for move in moves if move.kind == "normal"]
        move = rng.choice(normal if normal and rng.random() < eager else moves)
        boards.append(after(boards[-1], move))
    return tuple(boards)


def after(board: Board, move: Move | int) -> Board:
    successor = board.copy()
    successor.play_index(move if isinstance(move, int) else move.index)
    return successor


def board_at(seed: int, move_number: int) -> Board:
    """The position after some moves of a random game."""
    return random_game(seed)[move_number].copy()


def board_with_moves(number: int) -> Board:
    """A position in the middle of a game with this many legal moves."""
    boards = (board_at(seed, 35) for seed in count())
    return next(board for board in boards if len(board.legal_moves()) == number)


def endgames(number: int, max_empty: int, min_moves: int = 2, first_seed: int = 0) -> list[Board]:
    """One position of each of `number` random games, with at most `max_empty` empty cells."""
    boards: list[Board] = []
    for seed in count(first_seed):
        for board in random_game(seed, eager=0.95):
            if board.num_empty <= max_empty and len(board.legal_moves()) >= min_moves:
                boards.append(board)
                break
        if len(boards) == number:
            break
    return boards


def small_boards(number: int) -> list[Board]:
    """Start positions with 4 to 6 empty cells close together: many flags, captures and draws."""
    boards = []
    for seed in range(number):
        rng = random.Random(seed)
        cells = rng.sample([r * 10 - r // 2 + c for r in range(3, 6) for c in range(4, 7)], 8)
        text = ["#"] * 105
        for cell, char in zip(
            cells, "...." + rng.choice(["..11", "..12", ".112", "1123"]), strict=True
        ):
            text[cell] = char
        boards.append(Board.from_text("".join(text)))
    return boards


def moves_again(board: Board) -> list[Move]:
    """The moves after which the same player moves again."""
    followers = [(move, after(board, move)) for move in board.legal_moves()]
    return [move for move, b in followers if not b.is_over and b.turn == board.turn]


def boards_with_double_moves(number: int, min_empty: int = 0) -> list[Board]:
    """Positions where some moves pass the turn on, or not all, and some do not."""
    boards: list[Board] = []
    for seed in count():
        for board in random_game(seed, eager=0.95):
            if board.num_empty >= min_empty and board.num_empty <= 30 and moves_again(board):
                boards.append(board)
                break
        if len(boards) == number:
            return boards
    return boards


# --- Perfect play --------------------------------------------------------------------------------


class PerfectPlay:
    """Values of endgames by full enumeration, for the player to move: 1, 0 or -1."""

    def __init__(self) -> None:
        self.known: dict[object, int] = {}

    def value(self, board: Board) -> int:
        key = (board.cells().tobytes(), board.turn)
        if key not in self.known:
            self.known[key] = max(self.value_of(board, move) for move in board.legal_moves())
        return self.known[key]

    def value_of(self, board: Board, move: Move) -> int:
        """Of a move, for the player who makes it."""
        successor = after(board, move)
        if successor.is_over:
            return {0: 0, board.turn: 1}.get(successor.winner, -1)
        value = self.value(successor)
        return value if successor.turn == board.turn else -value


# --- Runs ----------------------------------------------------------------------------------------


def search(board: Board, evaluate, seed: int = 0, **settings) -> Search:
    """A completed search."""
    tree = Search(board, SearchSettings(**settings), seed)
    tree.run(evaluate)
    return tree


def step(tree: Search, evaluate) -> bool:
    """One evaluation; False once the search is complete."""
    planes = np.empty((1, 11, 11, 10), np.float32)
    while not tree.complete:
        if tree.collect(planes):
            tree.expand(*evaluate(planes))
            return True
    return False


def play_games(batch: GameBatch, boards: dict[int, Board], evaluate: Any) -> dict[int, Any]:
    """Plays the games {id: board} in the slots of a batch; returns {id: FinishedGame}."""
    waiting = list(boards.items())
    finished: dict[int, Any] = {}
    while len(finished) < len(boards):
        while waiting and batch.num_active < batch.num_games:
            game_id, board = waiting.pop(0)
            batch.start_game(board, game_id)
        number = batch.collect()
        batch.expand(*evaluate(batch.planes[:number]))
        finished |= {game.game_id: game for game in batch.take_finished()}
    return finished


# --- Statistics ----------------------------------------------------------------------------------


def assert_fits(counts: np.ndarray, probabilities: np.ndarray) -> None:
    """Pearson's chi-square test at a level of about 1 in 30,000 (4 standard deviations of Wilson
    and Hilferty's approximation); outcomes that are rarer than 5 are taken together."""
    counts, expected = np.asarray(counts, float), np.sum(counts) * np.asarray(probabilities)
    assert not np.any(counts[expected == 0]), "something impossible happened"
    rare = expected < 5
    counts = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    counts, expected = counts[expected > 0], expected[expected > 0]
    freedom = len(counts) - 1
    statistic = np.sum((counts - expected) ** 2 / expected)
    limit = freedom * (1 - 2 / (9 * freedom) + 4 * math.sqrt(2 / (9 * freedom))) ** 3
    assert statistic < limit, f"chi-square {statistic:.1f} with {freedom} degrees of freedom"


def search_in_batches(
    tree: Search, simulations: int, evaluate, *, batch=32, batches_waiting=2
) -> None:
    """Searches with so many batches under way, as a server does."""
    waiting: list[np.ndarray] = []
    while True:
        left = simulations - tree.simulations - tree.num_waiting
        planes = np.zeros((max(0, min(batch, left)), 11, 11, 10), np.float32)
        before = tree.simulations
        count = tree.collect(planes)
        if count:
            waiting.append(planes[:count])
        if waiting and (len(waiting) >= batches_waiting or not count):
            tree.expand(*evaluate(waiting.pop(0)))
        elif not count and tree.simulations == before:
            return
