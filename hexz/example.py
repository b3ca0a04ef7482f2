"""`Example`: one position of a finished self-play game with everything a trainer can learn from.

Actions are indexed as in `hexz.engine.Move.index`: `plane * 110 + row * 10 + col`, plane 0 for
flags and 1 for normal moves. Grids are [11, 10]; the last column of an odd row is no cell. "The
mover" is the player to move in the position.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from hexz.errors import InvalidExample

_ROWS: Final = 11
_COLS: Final = 10
_GRID: Final = _ROWS * _COLS
_NUM_ACTIONS: Final = 2 * _GRID
_NUM_CELLS: Final = 105
_PLANES_SHAPE: Final = (11, _ROWS, _COLS)

PROBABILITY_TOLERANCE: Final = 1e-3
"""How far the sum of the target probabilities may be from 1: float32 sums of 220 numbers."""

PRIOR_TOLERANCE: Final = 5e-3
"""The same for the network's priors, which are stored in half precision."""

VALUE_TOLERANCE: Final = 1e-4
"""How far beyond -1..1 the rounding of float32 means may take a value."""

MAX_NAME: Final = 200
"""Longest name, id or version, in characters."""

# Bounds of each plane, in the order of Board.planes(): own flags, values, blocked, next values,
# flags left; the same for the opponent; grass.
_PLANE_MAX: Final = np.array([1, 5, 1, 5, 3, 1, 5, 1, 5, 3, 5], np.int8).reshape(-1, 1, 1)
_NO_CELL: Final = np.zeros((_ROWS, _COLS), np.bool_)
_NO_CELL[1::2, _COLS - 1] = True
_NO_ACTION: Final = np.tile(_NO_CELL.reshape(-1), 2)

_BOARD_TEXT: Final = re.compile(r"[.#1-5]{105}")
_ID: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


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
    """False for a fast search, whose policy is too rough to learn from."""
    final_owner: npt.NDArray[np.int8] | None = None
    """int8 [11, 10]: who owns each cell at the end: 1 mover, -1 opponent, 0 nobody."""
    final_value: npt.NDArray[np.int8] | None = None
    """int8 [11, 10]: the value of each cell at the end, 0..5, also of grass that nobody
    captured. Is there if and only if `final_owner` is."""
    score_margin: int | None = None
    """The mover's final score minus the opponent's."""
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


def _check_origin(example: Example) -> None:
    for name, text in (("model_name", example.model_name), ("game_id", example.game_id)):
        _check_text(name, text)
    _check_range("checkpoint", example.checkpoint, 0, 2**31 - 1)
    _check_range("move_number", example.move_number, 0, _NUM_CELLS - 1)
    _check_range("unix_micros", example.unix_micros, 1, 2**63 - 1)
    if example.turn is not None:
        _check_range("turn", example.turn, 1, 2)
    if example.writer_version is not None:
        _check_text("writer_version", example.writer_version)
    if example.example_id is not None:
        _check_text("example_id", example.example_id)
        if not _ID.fullmatch(example.example_id):
            raise InvalidExample(f"example_id {example.example_id!r} is no plain name")
    if example.initial_board is not None and not _BOARD_TEXT.fullmatch(example.initial_board):
        raise InvalidExample("initial_board is not 105 of the characters '.#12345'")


def _check_planes(planes: npt.NDArray[np.float32]) -> None:
    _check_array("planes", planes, np.float32, _PLANES_SHAPE)
    with np.errstate(invalid="ignore"):
        small = planes.astype(np.int8)
    # NaN, infinities, fractions and numbers beyond int8 all differ from their int8.
    if not np.array_equal(small, planes):
        raise InvalidExample("planes hold a number that is not a small integer")
    if small.min() < 0 or (small > _PLANE_MAX).any():
        raise InvalidExample("planes hold a number that is out of the range of its plane")


def _check_legal_mask(mask: npt.NDArray[np.bool_], planes: npt.NDArray[np.float32]) -> None:
    _check_array("legal_mask", mask, np.bool_, (_NUM_ACTIONS,))
    if (mask & _NO_ACTION).any():
        raise InvalidExample("legal_mask has an action on a cell that does not exist")
    if not mask.any():
        raise InvalidExample("legal_mask has no legal action")
    if not np.array_equal(mask[_GRID:], planes[3].reshape(-1) > 0):
        raise InvalidExample("legal_mask and the planes differ in the normal moves")
    if mask[:_GRID].any() != (planes[4, 0, 0] > 0):
        raise InvalidExample("legal_mask and the planes differ in whether a flag is left")


def _check_probabilities(
    name: str,
    probabilities: npt.NDArray[np.float32],
    tolerance: float,
    legal_mask: npt.NDArray[np.bool_] | None,
) -> None:
    _check_array(name, probabilities, np.float32, (_NUM_ACTIONS,))
    with np.errstate(invalid="ignore"):
        total = float(probabilities.sum(dtype=np.float64))
    # A NaN fails every comparison, so the conditions say what must hold.
    if not abs(total - 1) <= tolerance:
        raise InvalidExample(f"{name} sums to {total:g}, not 1")
    if not probabilities.min() >= 0:
        raise InvalidExample(f"{name} has a negative probability")
    illegal = _NO_ACTION if legal_mask is None else ~legal_mask
    if probabilities[illegal].any():
        raise InvalidExample(f"{name} gives an illegal action a probability")


def _check_search(example: Example) -> None:
    mask = example.legal_mask
    if mask is None and (example.priors is not None or example.visits is not None):
        raise InvalidExample("priors and visits need legal_mask")
    if example.priors is not None:
        _check_probabilities("priors", example.priors, PRIOR_TOLERANCE, mask)
    if example.visits is not None:
        _check_array("visits", example.visits, np.uint32, (_NUM_ACTIONS,))
        if mask is not None and example.visits[~mask].any():
            raise InvalidExample("visits count an illegal action")
    if example.action is not None:
        _check_range("action", example.action, 0, _NUM_ACTIONS - 1)
        if (_NO_ACTION if mask is None else ~mask)[example.action]:
            raise InvalidExample(f"action {example.action} is illegal")
    for name, value in (
        ("root_value", example.root_value),
        ("network_value", example.network_value),
    ):
        if value is not None and not abs(value) <= 1 + VALUE_TOLERANCE:
            raise InvalidExample(f"{name} is {value:g}, not in -1..1")
    if example.simulations is not None:
        _check_range("simulations", example.simulations, 0, 2**31 - 1)


def _check_outcome(example: Example) -> None:
    margin, owner, value = example.score_margin, example.final_owner, example.final_value
    if margin is not None:
        _check_range("score_margin", margin, -5 * _NUM_CELLS, 5 * _NUM_CELLS)
        if (margin > 0) - (margin < 0) != example.result:
            raise InvalidExample(f"result {example.result} contradicts score_margin {margin}")
    if (owner is None) != (value is None):
        raise InvalidExample("final_owner and final_value need each other")
    if owner is None or value is None:
        return
    _check_array("final_owner", owner, np.int8, (_ROWS, _COLS))
    _check_array("final_value", value, np.int8, (_ROWS, _COLS))
    if owner.min() < -1 or owner.max() > 1 or value.min() < 0 or value.max() > 5:
        raise InvalidExample("final_owner or final_value is out of range")
    if owner[_NO_CELL].any() or value[_NO_CELL].any():
        raise InvalidExample("final_owner or final_value is set where there is no cell")
    total = int((owner * value).sum(dtype=np.int64))
    if margin is not None and total != margin:
        raise InvalidExample(f"the final cells give a margin of {total}, score_margin is {margin}")


def _check_array(
    name: str, array: npt.NDArray[np.generic], dtype: type[np.generic], shape: tuple[int, ...]
) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise InvalidExample(
            f"{name} is {array.dtype} {list(array.shape)}, not {dtype.__name__} {list(shape)}"
        )


def _check_range(name: str, number: int, low: int, high: int) -> None:
    if not low <= number <= high:
        raise InvalidExample(f"{name} is {number}, not in {low}..{high}")


def _check_text(name: str, text: str) -> None:
    if not 0 < len(text) <= MAX_NAME or not text.isprintable():
        raise InvalidExample(f"{name} is not a text of 1 to {MAX_NAME} printable characters")
