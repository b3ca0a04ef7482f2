"""Boards as `GameEngineState` messages, the form in which the Go server sends them.

A state holds much that follows from its cells: scores, counts, next values. Reading one takes the
cells, the turn and the move number, lets the engine work out the rest, and compares.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from google.protobuf.message import DecodeError

from hexz.engine import CELLS, NUM_CELLS, NUM_EMPTY, NUM_ROCKS, Board, CellKind
from hexz.errors import InvalidBoard
from hexz.wire import hexz_pb2 as pb

MAX_STATE_BYTES: Final = 1 << 16
"""Longest message that is read; a state takes about 2,200 bytes, with all its moves 3,200."""

_NUM_CELL_TYPES: Final = len(pb.Field.CellType.keys())
_CELL_KINDS: Final = frozenset(map(int, CellKind))
_UNLIMITED: Final = -1


def decode_board(data: bytes) -> Board:
    """The board of a serialized `GameEngineState`; raises InvalidBoard with the reason."""
    if len(data) > MAX_STATE_BYTES:
        raise InvalidBoard(f"{len(data)} bytes are too many for a game state")
    try:
        state = pb.GameEngineState.FromString(data)
    except DecodeError:
        raise InvalidBoard("the bytes are not a GameEngineState message") from None
    return board_from_message(state)


def board_from_message(state: pb.GameEngineState) -> Board:
    """Reads the board of a state.

    Raises:
        InvalidBoard: the state is not one of Flagz, or contradicts the rules or itself.
    """
    game = state.WhichOneof("state")
    if game != "flagz":
        raise InvalidBoard(f"the state is not of Flagz but {game or 'empty'}")
    message = state.flagz.board
    if len(message.flat_fields) != NUM_CELLS:
        raise InvalidBoard(f"a board has {NUM_CELLS} fields, not {len(message.flat_fields)}")
    board = Board.from_cells(
        np.array([_cell(i, field) for i, field in enumerate(message.flat_fields)], np.int8),
        turn=message.turn,
        flags_left=_flags_left(message),
        move_number=message.move,
    )
    _check_start(board)
    _check_counts(board, state.flagz)
    _check_empty_fields(board, message)
    return board


def _num_pieces(flags_left: int) -> list[int]:
    pieces = [0] * _NUM_CELL_TYPES
    pieces[pb.Field.NORMAL] = _UNLIMITED
    pieces[pb.Field.FLAG] = flags_left
    return pieces


def _place(index: int) -> str:
    return "the field at row {}, column {}".format(*CELLS[index])


def _cell(index: int, field: pb.Field) -> tuple[int, int, int]:
    """Type, owner and value, checked one by one; the engine checks how they go together."""
    if field.type not in _CELL_KINDS:
        raise InvalidBoard(f"{_place(index)} has type {field.type}, which Flagz does not have")
    if not 0 <= field.owner <= 2:
        raise InvalidBoard(f"{_place(index)} has owner {field.owner}")
    if not 0 <= field.value <= 5:
        raise InvalidBoard(f"{_place(index)} has value {field.value}")
    if field.hidden:
        raise InvalidBoard(f"{_place(index)} is hidden; Flagz hides nothing")
    return field.type, field.owner, field.value


def _flags_left(message: pb.Board) -> list[int]:
    if len(message.resources) != 2:
        raise InvalidBoard(f"resources are of 2 players, not {len(message.resources)}")
    flags_left = []
    for player, resources in enumerate(message.resources, start=1):
        pieces = list(resources.num_pieces)
        if len(pieces) != _NUM_CELL_TYPES:
            raise InvalidBoard(
                f"player {player} has {len(pieces)} numbers of pieces, not {_NUM_CELL_TYPES}"
            )
        if pieces != _num_pieces(pieces[pb.Field.FLAG]):
            raise InvalidBoard(f"player {player} has pieces {pieces}, which are not of Flagz")
        flags_left.append(pieces[pb.Field.FLAG])
    return flags_left


def _check_start(board: Board) -> None:
    """Raises InvalidBoard unless the position comes from a start position of the rules."""
    cells = board.cells()
    rocks = int((cells[:, 0] == CellKind.ROCK).sum())
    if rocks != NUM_ROCKS:
        raise InvalidBoard(f"a board has {NUM_ROCKS} rocks, not {rocks}")
    grass = sorted(cells[cells[:, 0] == CellKind.GRASS, 2].tolist())
    if len(set(grass)) != len(grass):
        raise InvalidBoard(f"grass has the values 1 to 5 once each, not {grass}")
    # Every move fills one empty cell; captures fill none.
    if board.move_number != NUM_EMPTY - board.num_empty:
        raise InvalidBoard(
            f"move {board.move_number} cannot leave {board.num_empty} of {NUM_EMPTY} cells empty"
        )


def _check_counts(board: Board, flagz: pb.GameEngineFlagzState) -> None:
    message = flagz.board
    # A game waits in INITIAL for its players and starts with the first move at the latest.
    running = {pb.Board.RUNNING} | ({pb.Board.INITIAL} if board.move_number == 0 else set())
    if message.state not in ({pb.Board.FINISHED} if board.is_over else running):
        raise InvalidBoard(
            f"state {message.state} contradicts a game that is "
            f"{'over' if board.is_over else f'at move {board.move_number} and not over'}"
        )
    for name, claimed, actual in (
        ("score", tuple(message.score), board.score),
        ("free_cells", flagz.free_cells, board.num_empty),
        ("normal_moves", tuple(flagz.normal_moves), board.num_normal_moves),
        ("the number of moves", len(flagz.moves) or board.move_number, board.move_number),
    ):
        if claimed != actual:
            raise InvalidBoard(f"{name} is {claimed}, but the cells give {actual}")


def _check_empty_fields(board: Board, message: pb.Board) -> None:
    """Compares next values and blocked bits; those of other cells are stale and are not read."""
    for index, cell in enumerate(board.cells().tolist()):
        kind, owner, _, *next_values, blocked = cell
        if kind != CellKind.NORMAL or owner != 0:
            continue
        field = message.flat_fields[index]
        if list(field.next_val) != next_values:
            raise InvalidBoard(
                f"{_place(index)} has next values {list(field.next_val)}, "
                f"but the rules give {next_values}"
            )
        if field.blocked != blocked:
            raise InvalidBoard(
                f"{_place(index)} has blocked {field.blocked}, but the rules give {blocked}"
            )
