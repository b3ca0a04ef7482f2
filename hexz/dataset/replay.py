"""Replay files of the Go server's trainers: HDF5 with a row an example, see docs/examples.md.

Nothing in a file is trusted: what its data sets are is checked before anything is read, and no
more than SLAB rows are in memory at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from hexz.dataset.packages import require_h5py
from hexz.engine import (
    COLS,
    GRID,
    NUM_ACTIONS,
    NUM_CELLS,
    NUM_GRASS,
    NUM_PLANES,
    ROWS,
    Board,
    Plane,
)
from hexz.errors import InvalidBoard, InvalidExample
from hexz.example import GRID_INDICES, Example, validate_example

SLAB: Final = 1024
"""Rows that are read at once."""
MAX_CHUNK_BYTES: Final = 1 << 26
"""Of the pieces that a data set is compressed in; HDF5 unpacks one as a whole."""

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
_FOLDER: Final = "h5"

_GRID: Final = (ROWS, COLS)
_SHAPES: Final[dict[str, tuple[int, ...]]] = {
    "boards": (NUM_PLANES, *_GRID),
    "move_probs": (2, *_GRID),
    "values": (1,),
    "action_masks": (2, *_GRID),
    "checkpoints": (1,),
}
_REQUIRED: Final = ("boards", "move_probs", "values")
_MINE: Final = slice(Plane.FLAGS, Plane.VALUES + 1)
_THEIRS: Final = slice(Plane.OPPONENT_FLAGS, Plane.OPPONENT_VALUES + 1)

Cells = npt.NDArray[np.int8]
"""Numbers of the cells of a board, int8 [11, 10]."""
Rows = dict[str, npt.NDArray[Any]]
"""Arrays of some rows, by the name of their data set."""


def is_replay_file(path: Path) -> bool:
    """Tells whether a file is one of HDF5, whatever it is called."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(len(_SIGNATURE)) == _SIGNATURE
    return False


@dataclass(frozen=True)
class Row:
    """A row of a replay file.

    Attributes:
        number: from 0.
        example: what it holds, or why it cannot be used.
        ends_game: whether no more of its game follows.
    """

    number: int
    example: Example | InvalidExample
    ends_game: bool


class ReplayFile:
    """A replay file, open to be read.

    Args:
        path: of the file.
        name: what messages call it; a place as `models/flagz/{name}/h5/examples.h5` also tells the
            name of the model.

    Raises:
        InvalidExample: it cannot be read, or is of another kind; names it.
        HexzError: the package h5py is missing.

    Attributes:
        name: as given.
        rows: how many there are.
    """

    def __init__(self, path: Path, name: str) -> None:
        h5py = require_h5py()
        self.name = name
        place = PurePath(name)
        self._model_name = place.parts[-3] if place.parts[-2:-1] == (_FOLDER,) else place.stem
        self._unix_micros = max(1, int(os.stat(path).st_mtime * 1e6))
        try:
            # Whoever appends to it meanwhile need not wait for us, nor we for him.
            self._file = h5py.File(path, "r", locking=False)
        except OSError:
            raise InvalidExample(f"{name} is no HDF5 file, or damaged") from None
        try:
            self._sets = {key: self._open(key, h5py) for key in _SHAPES if key in self._file}
            self.rows = self._count_rows()
            self._id = self._digest()
        except BaseException as error:
            self._file.close()
            if isinstance(error, InvalidExample) or not isinstance(error, Exception):
                raise
            # Whatever HDF5 raises where a file is damaged.
            raise InvalidExample(f"{name} is damaged: {_reason(error)}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Row]:
        """All rows in order, or the first of those from which on the file is damaged."""
        game: list[tuple[Row, bool]] = []
        for row, begins_game, passes in self._rows():
            if begins_game:
                yield from _whole_game(game)
                game = []
            game.append((row, passes))
        yield from _whole_game(game)

    def _rows(self) -> Iterator[tuple[Row, bool, bool]]:
        """All rows, whether a game begins with them, and if not, whether it has become the turn of
        the other player."""
        before: Rows | None = None
        first, turn = 0, 0
        for start in range(0, self.rows, SLAB):
            try:
                rows = self._read(start, min(start + SLAB, self.rows))
            except InvalidExample as error:
                yield Row(start, error, ends_game=False), True, False
                return
            follows, passes = _followers(rows, before)
            moves = _moves_played(rows["boards"])
            before = {key: array[-1:] for key, array in rows.items()}
            for i, move_number in enumerate(moves.tolist()):
                if not follows[i]:
                    first, turn = start + i, int(move_number == 0)
                elif turn and passes[i]:
                    turn = 3 - turn
                found = self._example(rows, i, first, move_number, turn or None)
                row = Row(start + i, found, ends_game=False)
                yield row, not follows[i], bool(follows[i] and passes[i])

    def _example(
        self, rows: Rows, i: int, first: int, move_number: int, turn: int | None
    ) -> Example | InvalidExample:
        checkpoint, result = rows["checkpoints"][i, 0], float(rows["values"][i, 0])
        try:
            if not np.isfinite(checkpoint):
                raise InvalidExample(f"checkpoint is {checkpoint:g}, which is no number of one")
            if result not in (-1.0, 0.0, 1.0):
                raise InvalidExample(f"result is {result:g}, not -1, 0 or 1")
            example = Example(
                planes=rows["boards"][i],
                policy=rows["move_probs"][i].reshape(NUM_ACTIONS),
                result=int(result),
                model_name=self._model_name,
                checkpoint=int(checkpoint),
                game_id=f"{self._id}-{first}",
                move_number=min(max(move_number, 0), NUM_CELLS - 1),
                unix_micros=self._unix_micros,
                turn=turn,
                legal_mask=_legal_mask(rows, i),
            )
            validate_example(example)
        except InvalidExample as error:
            return error
        return example

    def _open(self, key: str, h5py: Any) -> Any:
        """A data set that is here, of the right shape, and in pieces of a bounded size."""
        link, found = self._file.get(key, getlink=True), self._file.get(key)
        if not isinstance(link, h5py.HardLink) or not isinstance(found, h5py.Dataset):
            raise InvalidExample(f"{self.name} has no data set {key} of its own")
        if found.shape is None or found.shape[1:] != _SHAPES[key] or found.dtype.kind not in "fiub":
            raise InvalidExample(
                f"{self.name}: {key} is {found.dtype} {list(found.shape or ())}, not numbers "
                f"[N, {', '.join(map(str, _SHAPES[key]))}]"
            )
        if found.is_virtual or found.external:
            raise InvalidExample(f"{self.name}: {key} is in another file")
        chunk_bytes = found.dtype.itemsize * int(np.prod(found.chunks or (1,), dtype=np.float64))
        if chunk_bytes > MAX_CHUNK_BYTES:
            raise InvalidExample(f"{self.name}: {key} is in pieces of {chunk_bytes:,} bytes")
        return found

    def _count_rows(self) -> int:
        for key in _REQUIRED:
            if key not in self._sets:
                raise InvalidExample(
                    f"{self.name} is no replay file: it has no data set {key} [N, "
                    f"{', '.join(map(str, _SHAPES[key]))}]"
                )
        counts = {key: len(found) for key, found in self._sets.items()}
        if len(set(counts.values())) > 1:
            raise InvalidExample(f"{self.name}: its data sets have different lengths: {counts}")
        return counts["boards"]

    def _digest(self) -> str:
        """What its games are called by, wherever the file lies."""
        if self.rows == 0:
            return self._model_name
        first = self._read(0, 1)
        digest = hashlib.sha256(first["boards"].tobytes() + first["move_probs"].tobytes())
        return f"{self._model_name}-{digest.hexdigest()[:8]}"

    def _read(self, start: int, end: int) -> Rows:
        try:
            rows = {key: found[start:end] for key, found in self._sets.items()}
        except Exception as error:  # see above
            raise InvalidExample(
                f"the file is damaged before row {end:,}: {_reason(error)}"
            ) from error
        for key in _REQUIRED:
            rows[key] = rows[key].astype(np.float32, copy=False)
        rows.setdefault("checkpoints", np.zeros((end - start, 1), np.int64))
        return rows


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:100]


def _whole_game(game: list[tuple[Row, bool]]) -> Iterator[Row]:
    """The rows of a game, each with what only the later ones tell.

    Args:
        game: rows, and whether the turn passed with each.
    """
    final = _final_cells(game[-1][0].example) if game else None
    mine = True  # the mover is the one who moved last
    found: list[Row] = []
    following: Example | InvalidExample | None = None
    was_passed = False
    for row, passes in reversed(game):
        mine ^= was_passed
        example = row.example
        if isinstance(example, Example):
            if isinstance(following, Example):
                example = _with_next(example, following, passes=was_passed)
            if final is not None:
                example = _with_end(example, *final, mine=mine)
        found.append(replace(row, example=example, ends_game=not found))
        following, was_passed = row.example, passes
    yield from reversed(found)


def _with_next(example: Example, following: Example, *, passes: bool) -> Example:
    """An example with its move and the reply, if the next position of its game follows."""
    if following.move_number != example.move_number + 1:
        return example
    half = following.policy.astype(np.float16).astype(np.float32)
    before, after = example.planes[_MINE], following.planes[_THEIRS if passes else _MINE]
    # The other new cells are grass that was captured.
    filled = (before == 0) & (after != 0) & (example.planes[Plane.GRASS] == 0)
    actions = np.flatnonzero(filled)
    known = len(actions) == 1 and (example.legal_mask is None or example.legal_mask[actions[0]])
    return replace(example, reply=half, action=int(actions[0]) if known else None)


def _final_cells(last: Example | InvalidExample) -> tuple[Cells, Cells] | None:
    """How a game ends, if its last position leaves one move only: the owner of each cell, 1 for the
    mover, -1 for the other player, and its value."""
    if not isinstance(last, Example):
        return None
    try:
        board = Board.from_planes(last.planes, turn=1, move_number=last.move_number)
        legal = board.legal_moves()
        if len(legal) != 1:  # none: the trainer's rules end some games a move later
            return None
        board.play(legal[0])
    except InvalidBoard:
        return None
    if not board.is_over or np.sign(board.score[0] - board.score[1]) != last.result:
        return None
    owner, value = np.zeros((2, GRID), np.int8)
    cells = board.cells()
    owner[GRID_INDICES] = np.array([0, 1, -1], np.int8)[cells[:, 1]]
    value[GRID_INDICES] = cells[:, 2]
    return owner.reshape(_GRID), value.reshape(_GRID)


def _with_end(example: Example, owner: Cells, value: Cells, *, mine: bool) -> Example:
    """An example with the end of its game."""
    owner = owner if mine else -owner
    margin = int((owner.astype(np.int64) * value).sum())
    return replace(example, final_owner=owner, final_value=value, score_margin=margin)


def _followers(
    rows: Rows, before: Rows | None
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """For each row whether it belongs to the game of the row before it, and whether then it is the
    turn of the other player.

    What a player owns stays, and who wins a game wins it in each of its positions.
    """
    boards, values = rows["boards"], rows["values"][:, 0]
    if before is None:
        before = {"boards": np.zeros_like(boards[:1]), "values": np.zeros((1, 1))}
    earlier = np.concatenate([before["boards"], boards[:-1]])
    earlier_values = np.concatenate([before["values"][:, 0], values[:-1]])
    mine, theirs = earlier[:, _MINE], earlier[:, _THEIRS]
    same = _kept(mine, boards[:, _MINE]) & _kept(theirs, boards[:, _THEIRS])
    passes = _kept(mine, boards[:, _THEIRS]) & _kept(theirs, boards[:, _MINE])
    same &= values == earlier_values
    passes &= values == -earlier_values
    grass, earlier_grass = boards[:, Plane.GRASS], earlier[:, Plane.GRASS]
    goes_on = _kept(grass, earlier_grass) & (_moves_played(boards) > _moves_played(earlier))
    return goes_on & (same | passes), passes


def _kept(before: npt.NDArray[Any], after: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """For each row whether what is not 0 before is the same after."""
    kept: npt.NDArray[np.bool_] = ((before == 0) | (before == after)).reshape(len(after), -1).all(1)
    return kept


def _moves_played(boards: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Counts the moves before each position: what is owned, without captured grass."""
    flat = boards.reshape(len(boards), NUM_PLANES, GRID)
    owned = np.count_nonzero(flat[:, _MINE], (1, 2)) + np.count_nonzero(flat[:, _THEIRS], (1, 2))
    moves: npt.NDArray[np.int64] = owned - (NUM_GRASS - np.count_nonzero(flat[:, Plane.GRASS], 1))
    return moves


def _legal_mask(rows: Rows, i: int) -> npt.NDArray[np.bool_] | None:
    """The legal actions, unless the trainer's rules differ: it forbids flags beside own 5s, and
    where these are all that is left, its mask contradicts the flags of the position."""
    if "action_masks" not in rows:
        return None
    mask: npt.NDArray[np.bool_] = rows["action_masks"][i].reshape(NUM_ACTIONS).astype(np.bool_)
    has_flags = rows["boards"][i, Plane.FLAGS_LEFT, 0, 0] > 0
    return None if has_flags and not mask[:GRID].any() else mask
