"""Boards as the Go server sends them."""

from __future__ import annotations

from typing import cast

from hexz.engine import Board, CellKind
from hexz.wire import hexz_pb2 as pb


def board_to_message(board: Board) -> pb.GameEngineState:
    """The state of a game without the list of its moves."""
    message = pb.Board(
        turn=board.turn,
        move=board.move_number,
        flat_fields=[_field(cell) for cell in board.cells().tolist()],
        score=board.score,
        resources=[pb.ResourceInfo(num_pieces=_num_pieces(left)) for left in board.flags_left],
        state=pb.Board.FINISHED if board.is_over else pb.Board.RUNNING,
    )
    flagz = pb.GameEngineFlagzState(
        board=message, free_cells=board.num_empty, normal_moves=board.num_normal_moves
    )
    return pb.GameEngineState(flagz=flagz)


def encode_board(board: Board) -> bytes:
    """The serialized state of a game."""
    return board_to_message(board).SerializeToString()


def _field(cell: list[int]) -> pb.Field:
    """The field of one row of `Board.cells()`."""
    kind, owner, value, *next_values, blocked = cell
    empty = kind == CellKind.NORMAL and owner == 0
    return pb.Field(
        type=cast("pb.Field.CellType", kind),
        owner=owner,
        value=value,
        blocked=blocked,
        lifetime=0 if empty else -1,
        next_val=next_values,
    )


def _num_pieces(flags_left: int) -> list[int]:
    pieces = [0] * len(pb.Field.CellType.keys())
    pieces[pb.Field.NORMAL] = -1  # any number
    pieces[pb.Field.FLAG] = flags_left
    return pieces
