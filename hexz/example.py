"""`Example`: one position of a finished self-play game with everything a trainer can learn from.

Actions are indexed as in `hexz.engine.Move.index`: `plane * 110 + row * 10 + col`, plane 0 for
flags and 1 for normal moves. Grids are [11, 10]; the last column of an odd row is no cell. "The
mover" is the player to move in the position.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hexz.engine import (
    CELLS,
    COLS,
    GRID,
    NUM_ACTIONS,
    NUM_CELLS,
    NUM_PLANES,
    OWNED_PLANES,
    ROWS,
    Plane,
)
from hexz.errors import InvalidExample
from hexz.soundness import (
    final_margin,
    final_problem,
    has_illegal_count,
    legal_problem,
    plane_problem,
    probability_problem,
)

GRID_INDICES: Final[npt.NDArray[np.intp]] = np.array([row * COLS + col for row, col in CELLS])
"""The place of each cell in a flat grid, [105]."""

_PLANES_SHAPE: Final = (NUM_PLANES, ROWS, COLS)

PROBABILITY_TOLERANCE: Final = 1e-3
"""How far the sum of the target probabilities may be from 1: float32 sums of 220 numbers."""

HALF_TOLERANCE: Final = 5e-3
"""How far the sum of probabilities may be from 1 that are stored in half precision."""

VALUE_TOLERANCE: Final = 1e-4
"""How far beyond -1..1 the rounding of float32 means may take a value."""

MAX_NAME: Final = 200
"""Longest name, id or version, in characters."""

_ACTIONS_SHAPE: Final = (NUM_ACTIONS,)
_FLOAT32: Final = np.dtype(np.float32)
_UINT32: Final = np.dtype(np.uint32)
_INT8: Final = np.dtype(np.int8)
_BOOL: Final = np.dtype(np.bool_)

_ACTIONS: Final = np.ones(NUM_ACTIONS, np.bool_)
"""The actions on cells that exist."""
_ACTIONS.reshape(2, ROWS, COLS)[:, 1::2, COLS - 1] = False

_BOARD_TEXT: Final = re.compile(r"[.#1-5]{105}")
PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
"""The ids of examples and games, which are names of files in archives."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Example:
    """One position, its targets and where it comes from.

    Arrays are read-only after decoding. The fields that may be None came later than the first
    readers and writers of the format: an example of another program may lack them.
    """

    planes: npt.NDArray[np.float32]
    """float32 [11, 11, 10]: the position from the mover's view, see `Board.planes`."""
    policy: npt.NDArray[np.float32]
    """float32 [220]: the probability of each action that the network shall learn; sums to 1."""
    result: int
    """Result of the game for the mover: -1 lost, 0 draw, 1 won."""
    model_name: str
    """Name of the network that played."""
    checkpoint: int
    """Its checkpoint, 0 for a fresh network."""
    game_id: str
    """The game that the position comes from, unique among all workers."""
    move_number: int
    """Moves played before this position, 0..104."""
    unix_micros: int
    """When the example was made, in microseconds since 1970 UTC."""

    turn: int | None = None
    """The mover, 1 or 2."""
    example_id: str | None = None
    """Letters, digits, `.`, `_` and `-`. Two examples with one id are copies of each other."""
    initial_board: str | None = None
    """The board before the first move, 105 characters as `Board.from_text` reads them."""
    action: int | None = None
    """The action that was played, 0..219."""
    legal_mask: npt.NDArray[np.bool_] | None = None
    """bool [220]: the legal actions."""
    priors: npt.NDArray[np.float32] | None = None
    """float32 [220], rounded to float16: the network's probabilities, without noise. Is there
    only together with `legal_mask`."""
    visits: npt.NDArray[np.uint32] | None = None
    """uint32 [220]: how often the search tried each action. Is there only together with
    `legal_mask`."""
    root_value: float | None = None
    """Expected result that the search found, -1..1, mover's view."""
    network_value: float | None = None
    """Expected result that the network gave before the search, -1..1, mover's view."""
    simulations: int | None = None
    """Simulations that the search of this move ran."""
    full_search: bool | None = None
    """False for a fast search, whose policy is too rough a target."""
    final_owner: npt.NDArray[np.int8] | None = None
    """int8 [11, 10]: who owns each cell at the end: 1 mover, -1 opponent, 0 nobody."""
    final_value: npt.NDArray[np.int8] | None = None
    """int8 [11, 10]: the value of each cell at the end, 0..5, also of grass that nobody
    captured. Is there if and only if `final_owner` is."""
    score_margin: int | None = None
    """The mover's final score minus the opponent's."""
    reply: npt.NDArray[np.float32] | None = None
    """float32 [220], rounded to float16: `policy` of the next position, in which it is the
    opponent's turn unless that player cannot move. It may be that of a fast search.
    None after the last move."""
    writer_version: str | None = None
    """Version of the package that wrote the example; there if any optional field is."""


def validate_example(example: Example) -> None:
    """Raises InvalidExample, with the field and the reason, unless the example is sound.

    Sound means: shapes, dtypes and ranges as `Example` documents them, finite numbers,
    probabilities that sum to 1 and lie on legal actions, and targets that agree with each other.
    """
    _check_origin(example)
    _check_planes(example.planes)
    if example.result not in (-1, 0, 1):
        raise InvalidExample(f"result is {example.result}, not -1, 0 or 1")
    if example.legal_mask is not None:
        _check_legal_mask(example.legal_mask, example.planes)
    _check_probabilities("policy", example.policy, PROBABILITY_TOLERANCE, example.legal_mask)
    _check_search(example)
    _check_outcome(example)


def solid_cells(example: Example) -> npt.NDArray[np.bool_]:
    """Marks the rocks of a sound example, and the places without a cell, bool [11, 10].

    Without the initial board, an empty cell next to 5s of both players looks like a rock. It is
    none if the example names it as a move, or if a player owns it at the end.
    """
    solid = np.ones(GRID, np.bool_)
    if example.initial_board is not None:
        solid[GRID_INDICES] = [cell == "#" for cell in example.initial_board]
        return solid.reshape(ROWS, COLS)
    shown = example.planes > 0
    solid &= (shown[Plane.BLOCKED] & shown[Plane.OPPONENT_BLOCKED]).ravel()
    solid &= ~shown[[*OWNED_PLANES, Plane.GRASS]].any(axis=0).ravel()
    solid &= (example.policy if example.legal_mask is None else example.legal_mask)[:GRID] == 0
    if example.action is not None and example.action < GRID:
        solid[example.action] = False
    if example.final_owner is not None:
        solid &= example.final_owner.ravel() == 0
    return solid.reshape(ROWS, COLS)


def _check_origin(example: Example) -> None:
    for name, text in (("model_name", example.model_name), ("game_id", example.game_id)):
        check_text(name, text)
    _check_range("checkpoint", example.checkpoint, 0, 2**31 - 1)
    _check_range("move_number", example.move_number, 0, NUM_CELLS - 1)
    _check_range("unix_micros", example.unix_micros, 1, 2**63 - 1)
    if example.turn is not None:
        _check_range("turn", example.turn, 1, 2)
    if example.writer_version is not None:
        check_text("writer_version", example.writer_version)
    if example.example_id is not None:
        check_text("example_id", example.example_id)
        if not PLAIN_NAME.fullmatch(example.example_id):
            raise InvalidExample(f"example_id {example.example_id!r} is no plain name")
    if example.initial_board is not None and not _BOARD_TEXT.fullmatch(example.initial_board):
        raise InvalidExample("initial_board is not 105 of the characters '.#12345'")


def _check_planes(planes: npt.NDArray[np.float32]) -> None:
    _check_array("planes", planes, _FLOAT32, _PLANES_SHAPE)
    _raise_if("planes", plane_problem(planes))


def _check_legal_mask(mask: npt.NDArray[np.bool_], planes: npt.NDArray[np.float32]) -> None:
    _check_array("legal_mask", mask, _BOOL, _ACTIONS_SHAPE)
    _raise_if("legal_mask", legal_problem(mask.view(np.uint8), planes))


def _check_probabilities(
    name: str,
    probabilities: npt.NDArray[np.float32],
    tolerance: float,
    legal_mask: npt.NDArray[np.bool_] | None,
) -> None:
    _check_array(name, probabilities, _FLOAT32, _ACTIONS_SHAPE)
    possible = _ACTIONS if legal_mask is None else legal_mask
    _raise_if(name, probability_problem(probabilities, possible.view(np.uint8), tolerance))


def _check_search(example: Example) -> None:
    mask = example.legal_mask
    if mask is None and (example.priors is not None or example.visits is not None):
        raise InvalidExample("priors and visits need legal_mask")
    if example.priors is not None:
        _check_probabilities("priors", example.priors, HALF_TOLERANCE, mask)
    if example.visits is not None:
        _check_array("visits", example.visits, _UINT32, _ACTIONS_SHAPE)
        if mask is not None and has_illegal_count(example.visits, mask.view(np.uint8)):
            raise InvalidExample("visits count an illegal action")
    if example.action is not None:
        _check_range("action", example.action, 0, NUM_ACTIONS - 1)
        if not (_ACTIONS if mask is None else mask)[example.action]:
            raise InvalidExample(f"action {example.action} is illegal")
    for name, value in (
        ("root_value", example.root_value),
        ("network_value", example.network_value),
    ):
        if value is not None and not abs(value) <= 1 + VALUE_TOLERANCE:
            raise InvalidExample(f"{name} is {value:g}, not in -1..1")
    if example.reply is not None:
        _check_probabilities("reply", example.reply, HALF_TOLERANCE, None)
    if example.simulations is not None:
        _check_range("simulations", example.simulations, 0, 2**31 - 1)


def _check_outcome(example: Example) -> None:
    margin, owner, value = example.score_margin, example.final_owner, example.final_value
    if margin is not None:
        _check_range("score_margin", margin, -5 * NUM_CELLS, 5 * NUM_CELLS)
        if (margin > 0) - (margin < 0) != example.result:
            raise InvalidExample(f"result {example.result} contradicts score_margin {margin}")
    if (owner is None) != (value is None):
        raise InvalidExample("final_owner and final_value need each other")
    if owner is None or value is None:
        return
    _check_array("final_owner", owner, _INT8, (ROWS, COLS))
    _check_array("final_value", value, _INT8, (ROWS, COLS))
    _raise_if("final_owner or final_value", final_problem(owner, value))
    total = final_margin(owner, value)
    if margin is not None and total != margin:
        raise InvalidExample(f"the final cells give a margin of {total}, score_margin is {margin}")


def _raise_if(name: str, problem: str | None) -> None:
    if problem is not None:
        raise InvalidExample(f"{name} {problem}")


def _check_array(
    name: str, array: npt.NDArray[Any], dtype: np.dtype[Any], shape: tuple[int, ...]
) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise InvalidExample(
            f"{name} is {array.dtype} {list(array.shape)}, not {dtype} {list(shape)}"
        )


def _check_range(name: str, number: int, low: int, high: int) -> None:
    if not low <= number <= high:
        raise InvalidExample(f"{name} is {number}, not in {low}..{high}")


def check_text(name: str, text: str) -> None:
    """Raises InvalidExample unless a text is one that an example may have."""
    if not 0 < len(text) <= MAX_NAME or not text.isprintable():
        raise InvalidExample(f"{name} is not a text of 1 to {MAX_NAME} printable characters")
