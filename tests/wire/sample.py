"""What these tests share: positions in the middle of games, and examples made from them."""

import io
import random
from dataclasses import fields
from typing import Any

import numpy as np

from hexz.engine import Board, Move
from hexz.example import Example
from hexz.wire import hexz_pb2 as pb

ADDED_FIELDS = (
    "turn",
    "example_id",
    "initial_board",
    "action",
    "legal_mask",
    "priors",
    "visits",
    "root_value",
    "network_value",
    "simulations",
    "full_search",
    "final_owner",
    "final_value",
    "score_margin",
    "reply",
    "writer_version",
)
"""The fields that examples of other programs may lack."""


def trace_move(move: dict[str, Any]) -> Move:
    return Move("flag" if move["t"] == "F" else "normal", move["r"], move["c"])


def random_board(seed: int, moves: int) -> Board:
    """The position after so many random moves, or earlier if the game ends."""
    rng = random.Random(seed)
    board = Board.random(seed)
    for _ in range(moves):
        if board.is_over:
            break
        board.play(rng.choice(board.legal_moves()))
    return board


def make_example(seed: int = 1, moves: int = 20, **changes: Any) -> Example:
    """A full example, as self-play would make it, with some fields changed; of an earlier position
    if the game is over after so many moves."""
    board = random_board(seed, moves)
    while board.is_over:
        moves -= 1
        board = random_board(seed, moves)
    rng = np.random.default_rng(seed)
    legal = board.legal_mask()
    policy, priors = (_probabilities(rng, legal) for _ in range(2))
    action = int(np.flatnonzero(legal)[-1])
    cells = random_board(seed, 105).cells()
    owner, value = _final_grids(cells, board.turn)
    margin = int((owner * value).sum(dtype=int))
    values: dict[str, Any] = {
        "planes": board.planes(),
        "policy": policy,
        "result": (margin > 0) - (margin < 0),
        "model_name": "fresh",
        "checkpoint": 7,
        "game_id": f"game-{seed:016x}",
        "move_number": board.move_number,
        "unix_micros": 1_700_000_000_123_456,
        "turn": board.turn,
        "example_id": f"game-{seed:016x}-{board.move_number:03d}",
        "initial_board": _text(Board.random(seed)),
        "action": action,
        "legal_mask": legal,
        "priors": priors,
        "visits": np.where(legal, rng.integers(0, 400, 220), 0).astype(np.uint32),
        "root_value": 0.25,
        "network_value": -0.5,
        "simulations": 800,
        "full_search": True,
        "final_owner": owner,
        "final_value": value,
        "score_margin": margin,
        "reply": _reply(board, action),
    }
    return Example(**(values | changes))


def old_example(**changes: Any) -> Example:
    """An example with the first fields of the format only."""
    return make_example(**(dict.fromkeys(ADDED_FIELDS) | changes))


def old_message(example: Example) -> pb.NumpyExample:
    """What a writer that knows the first fields only sends, made without our encoder."""
    return pb.NumpyExample(
        unix_micros=example.unix_micros,
        board=npy(example.planes),
        move_probs=npy(example.policy.reshape(2, 11, 10)),
        result=example.result,
        model_key={"name": example.model_name, "checkpoint": example.checkpoint},
        game_id=example.game_id,
        move=example.move_number,
    )


def npy(array: Any, **options: Any) -> bytes:
    """An array as a file of NumPy."""
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def assert_same(a: Example, b: Example, *, ignore: tuple[str, ...] = ()) -> None:
    for field in fields(Example):
        if field.name in ignore:
            continue
        left, right = getattr(a, field.name), getattr(b, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, field.name
            tolerance = 1e-3 if field.name == "priors" else 0
            np.testing.assert_allclose(right, left, rtol=tolerance, atol=1e-6, err_msg=field.name)
        else:
            assert left == right, field.name
            assert type(left) is type(right), field.name


def _probabilities(rng: np.random.Generator, legal: Any) -> Any:
    weights = np.where(legal, rng.exponential(size=220) ** 3, 0)
    return (weights / weights.sum()).astype(np.float32)


def _reply(board: Board, action: int) -> Any:
    after = board.copy()
    after.play_index(action)
    rng = np.random.default_rng(action)
    if after.is_over:
        return None
    return _probabilities(rng, after.legal_mask()).astype(np.float16).astype(np.float32)


def _final_grids(cells: Any, mover: int) -> tuple[Any, Any]:
    owner, value = np.zeros((11, 10), np.int8), np.zeros((11, 10), np.int8)
    places = [(row, col) for row in range(11) for col in range(10 - row % 2)]
    for place, (_, player, number, *_) in zip(places, cells.tolist(), strict=True):
        owner[place] = 0 if player == 0 else 1 if player == mover else -1
        value[place] = number
    return owner, value


def _text(board: Board) -> str:
    return "".join(
        {0: ".", 2: str(value), 3: "#"}[kind] for kind, _, value, *_ in board.cells().tolist()
    )
