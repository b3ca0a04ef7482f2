"""Requests for a move and their answers, in the two forms of the Go servers: JSON, over HTTP until
November 2023, and protobuf, over HTTP until October 2024 and over gRPC today."""

from __future__ import annotations

import base64
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from google.protobuf.message import DecodeError

from hexz.engine import Board, Move, Suggestion
from hexz.errors import HexzError
from hexz.wire import hexz_pb2 as pb
from hexz.wire.board import MAX_STATE_BYTES, board_from_message, decode_board

MAX_REQUEST_BYTES: Final = 2 * MAX_STATE_BYTES
"""Longest request that is read, in either form."""

_CELL_TYPES: Final = {"normal": pb.Field.NORMAL, "flag": pb.Field.FLAG}


class InvalidRequest(HexzError, ValueError):
    """A request for a move is not one, or asks for something impossible."""


@dataclass(frozen=True, kw_only=True)
class SuggestRequest:
    """A position, and what may be spent on it.

    Attributes:
        board: the position; it may be the end of a game.
        seconds: of thinking; None: not given.
        simulations: of the search; None: not given. Whichever is reached first ends the search.
    """

    board: Board
    seconds: float | None = None
    simulations: int | None = None


def decode_json_request(body: bytes) -> SuggestRequest:
    """The request in a body `{"maxThinkTime": nanoseconds, "gameEngineState": "base64"}`.

    Raises:
        InvalidRequest: the body has another form.
        InvalidBoard: the state is not one of Flagz, or contradicts the rules.
    """
    content = load_object(body)
    state, nanoseconds = content.get("gameEngineState"), content.get("maxThinkTime", 0)
    if not isinstance(state, str):
        raise InvalidRequest("gameEngineState must be a text: a GameEngineState message in base64")
    if type(nanoseconds) is not int or nanoseconds < 0:
        raise InvalidRequest("maxThinkTime must be a whole number of nanoseconds, not negative")
    try:
        data = base64.b64decode(state, validate=True)
    except ValueError:
        raise InvalidRequest("gameEngineState is not base64") from None
    return SuggestRequest(board=decode_board(data), seconds=_seconds(nanoseconds, 1e-9))


def decode_request(data: bytes) -> SuggestRequest:
    """The request in a `SuggestMoveRequest` message; raises as `decode_json_request` does."""
    if len(data) > MAX_REQUEST_BYTES:
        raise InvalidRequest(f"{len(data)} bytes are too many for a request")
    try:
        request = pb.SuggestMoveRequest.FromString(data)
    except DecodeError:
        raise InvalidRequest("the bytes are not a SuggestMoveRequest message") from None
    milliseconds, iterations = request.max_think_time_ms, request.max_iterations
    if milliseconds < 0 or iterations < 0:
        raise InvalidRequest("max_think_time_ms and max_iterations must not be negative")
    return SuggestRequest(
        board=board_from_message(request.game_engine_state),
        seconds=_seconds(milliseconds, 1e-3),
        simulations=iterations or None,
    )


def check_info_request(data: bytes) -> None:
    """Raises InvalidRequest unless the bytes are a `ServerInfoRequest` message."""
    try:
        pb.ServerInfoRequest.FromString(data)
    except DecodeError:
        raise InvalidRequest("the bytes are not a ServerInfoRequest message") from None


def json_response(
    board: Board,
    suggestion: Suggestion,
    *,
    simulations: int,
    depth: int,
    nodes: int,
    seconds: float,
) -> dict[str, Any]:
    """The answer in JSON. Q and U, which is the network's prior, are 0 to 1 from the view
    of the player to move. The statistics by depth are of the position and the moves in it."""
    move = suggestion.move
    tried = _tried(suggestion)
    counts = Counter(int(suggestion.visits[other.index]) for other in tried)
    leaves = sum(count for visits, count in counts.items() if visits <= 1)
    return {
        "move": {
            "move": board.move_number,
            "row": move.row,
            "col": move.col,
            "type": int(_CELL_TYPES[move.kind]),
        },
        "stats": {
            "Iterations": simulations,
            "MaxDepth": depth,
            "TreeSize": nodes,
            "LeafNodes": [0, leaves],
            "BranchNodes": [1, len(tried) - leaves],
            "VisitCounts": [
                {str(suggestion.visits.sum()): 1},
                {str(visits): count for visits, count in sorted(counts.items())},
            ],
            "Elapsed": round(1e9 * seconds),
            "Moves": [
                {
                    "Row": other.row,
                    "Col": other.col,
                    "CellType": int(_CELL_TYPES[other.kind]),
                    "U": float(suggestion.priors[other.index]),
                    "Q": _points(float(suggestion.q[other.index])),
                    "Iterations": int(suggestion.visits[other.index]),
                }
                for other in tried
            ],
        },
    }


def encode_response(board: Board, suggestion: Suggestion) -> bytes:
    """The answer in protobuf, a `SuggestMoveResponse` message. A move's FINAL score is its share of
    what the decision was made by; all of them sum to 1."""
    move, shares = suggestion.move, suggestion.shares
    scored = np.flatnonzero((suggestion.visits > 0) | (shares > 0))
    moves = [
        pb.SuggestMoveStats.ScoredMove(
            row=other.row,
            col=other.col,
            type=_CELL_TYPES[other.kind],
            scores=[
                pb.SuggestMoveStats.Score(
                    kind=pb.SuggestMoveStats.FINAL, score=float(shares[other.index])
                ),
                pb.SuggestMoveStats.Score(
                    kind=pb.SuggestMoveStats.MCTS_PRIOR, score=float(suggestion.priors[other.index])
                ),
            ],
        )
        for other in (Move.from_index(int(action)) for action in scored)
    ]
    return pb.SuggestMoveResponse(
        move=pb.GameEngineMove(
            player_num=board.turn,
            move=board.move_number,
            row=move.row,
            col=move.col,
            cell_type=_CELL_TYPES[move.kind],
        ),
        move_stats=pb.SuggestMoveStats(moves=moves, value=suggestion.value),
    ).SerializeToString()


def encode_server_info(model: tuple[str, int] | None) -> bytes:
    """A `ServerInfoResponse` message: the name and checkpoint of the network, None without one."""
    response = pb.ServerInfoResponse(server_type=pb.ServerInfoResponse.TYPE_MCTS)
    if model is not None:
        response.server_type = pb.ServerInfoResponse.TYPE_NEURAL_MCTS
        response.model_key.name, response.model_key.checkpoint = model
    return response.SerializeToString()


def load_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; raises InvalidRequest if there is none."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidRequest("the body is not JSON") from None
    if not isinstance(content, dict):
        raise InvalidRequest("the body is not a JSON object")
    return content


def _seconds(number: int, unit: float) -> float | None:
    """A time; 0 stands for none. Longer ones than the number of float are all alike."""
    return min(number, 2**63) * unit or None


def _tried(suggestion: Suggestion) -> list[Move]:
    """The moves that have visits, and so a Q. There is at least one."""
    tried = [Move.from_index(int(index)) for index in np.flatnonzero(suggestion.visits)]
    return tried or [suggestion.move]


def _points(value: float) -> float:
    """A value of -1..1 as the share of the points, 0..1."""
    return (value + 1) / 2
