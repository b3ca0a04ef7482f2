"""Whole games as lines of JSON, with every state on the way, for other tools to replay.

docs/examples.md describes the format.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from hexz.dataset.export import Export, ExportConfig, Format
from hexz.dataset.filters import GameParts
from hexz.dataset.reading import Found
from hexz.engine import CELLS, Board, Move
from hexz.errors import IllegalMove, InvalidBoard, InvalidExample
from hexz.files import atomic_file


@dataclass(frozen=True, slots=True)
class Ply:
    """The part of an example that a line needs: little, as many games may wait for their ends."""

    initial_board: str | None
    action: int | None
    turn: int | None
    result: int
    model: str
    checkpoint: int
    position: int
    """Checksum of the planes."""
    origin: str

    @classmethod
    def of(cls, found: Found) -> Ply:
        example = found.example
        return cls(
            example.initial_board,
            example.action,
            example.turn,
            example.result,
            example.model_name,
            example.checkpoint,
            _checksum(example.planes),
            found.origin,
        )


def write_jsonl(
    path: Path, games: Iterable[GameParts[Ply]], on_problem: Callable[[str], None]
) -> int:
    """Writes a line for each game, all or nothing.

    Args:
        path: the file.
        games: complete ones.
        on_problem: takes a message about each game that is left out, because the rules do not
            allow it or an example of it is none of its positions.

    Returns:
        the number of lines.

    Raises:
        OutputError: the file cannot be written.
    """
    count = 0
    with atomic_file(path) as file:
        for game in games:
            try:
                line = json.dumps(trace(game), separators=(",", ":"))
            except InvalidExample as error:
                on_problem(str(error))
            else:
                file.write(f"{line}\n".encode())
                count += 1
    return count


def trace(game: GameParts[Ply]) -> dict[str, Any]:
    """The content of a line; raises InvalidExample, which names the example, if the examples of a
    complete game are not that game."""
    plies = game.ordered()
    board = _start(game, plies[0])
    initial = board.cells().tolist()
    states, moves = [state(board)], []
    for number, ply in enumerate(plies):
        moves.append(_play(board, ply, f"{ply.origin}: game {game.game_id}, move {number}"))
        states.append(state(board))
    if not board.is_over:
        raise InvalidExample(f"{plies[-1].origin}: game {game.game_id} goes on after its last move")
    for ply, move in zip(plies, moves, strict=True):
        if ply.result != _result(board, move["p"]):
            raise InvalidExample(f"{ply.origin}: game {game.game_id} does not end as result says")
    return {
        "seed": None,
        "mode": "selfplay",
        "game": game.game_id,
        "model": plies[-1].model,
        "checkpoints": [ply.checkpoint for ply in plies],
        "board": plies[0].initial_board,
        "initial": initial,
        "moves": moves,
        "states": states,
    }


def _start(game: GameParts[Ply], first: Ply) -> Board:
    if first.initial_board is None:
        raise InvalidExample(f"{first.origin}: game {game.game_id} has no initial_board")
    try:
        return Board.from_text(first.initial_board)
    except InvalidBoard as error:
        raise InvalidExample(f"{first.origin}: game {game.game_id}: {error}") from None


def _play(board: Board, ply: Ply, what: str) -> dict[str, Any]:
    """Plays a move if the example is this position; returns the move as it is written."""
    if ply.action is None:
        raise InvalidExample(f"{what}: the example has no action")
    if ply.position != _checksum(board.planes()) or ply.turn not in (None, board.turn):
        raise InvalidExample(f"{what}: the planes are not the position after the moves before")
    player, move = board.turn, Move.from_index(ply.action)
    try:
        board.play(move)
    except IllegalMove as error:
        raise InvalidExample(f"{what}: {error}") from None
    value = int(board.cells()[CELLS.index(move[1:]), 2])
    return {"p": player, "r": move.row, "c": move.col, "t": _letter(move), "v": value}


def _result(board: Board, player: int) -> int:
    return 0 if board.winner == 0 else 1 if board.winner == player else -1


def state(board: Board) -> dict[str, Any]:
    """Makes the JSON of a state."""
    return {
        "turn": board.turn,
        "move": board.move_number,
        "score": board.score,
        "done": board.is_over,
        "win": board.winner,
        "free": board.num_empty,
        "normal": board.num_normal_moves,
        "flags": board.flags_left,
        "legal": [(_letter(move), move.row, move.col) for move in board.legal_moves()],
        "cells": board.cells().tolist(),
    }


def _letter(move: Move) -> str:
    return "F" if move.kind == "flag" else "N"


def _checksum(planes: npt.NDArray[np.float32]) -> int:
    return zlib.crc32(planes.astype(np.uint8).tobytes())


def _write(export: Export, config: ExportConfig) -> int:
    games = export.whole_games(config, Ply.of)
    return write_jsonl(config.output, games, export.reader.report)


FORMAT: Final = Format(
    unit="game",
    description="Whole games, one a line, with every state on the way.",
    write=_write,
)
