"""The two Go servers as clients of a player, written from the description of the wire formats
alone: messages, states and rules come from the tests, not from hexz."""

import base64
import json
import random
from typing import Any

import grpc
import urllib3
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from ..engine.reference import COORDS, EMPTY, Position, RefMove

_SCHEMA = {
    "Board": "1 turn int32, 2 move int32, 3 last_revealed int32, 4 flat_fields Field*, "
    "5 score int32*, 6 resources ResourceInfo*, 7 state int32",
    "Field": "1 type int32, 2 owner int32, 3 hidden bool, 4 value int32, 5 blocked int32, "
    "6 lifetime int32, 7 next_val int32*",
    "ResourceInfo": "1 num_pieces int32*",
    "Flagz": "1 board Board, 2 free_cells int32, 3 normal_moves int32*, 4 moves Move*",
    "State": "1 flagz Flagz",
    "Move": "1 player_num int32, 2 move int32, 3 row int32, 4 col int32, 5 cell_type int32",
    "SuggestMoveRequest": "1 max_think_time_ms int64, 2 game_engine_state State, "
    "3 max_iterations int64",
    "SuggestMoveResponse": "1 move Move, 2 move_stats Stats",
    "Stats": "1 moves ScoredMove*, 2 value float",
    "ScoredMove": "1 row int32, 2 col int32, 3 type int32, 4 scores Score*",
    "Score": "1 kind int32, 2 score float",
    "ServerInfoRequest": "",
    "ServerInfoResponse": "1 server_type int32, 2 model_key ModelKey",
    "ModelKey": "1 name string, 2 checkpoint int32",
}
"""Messages that encode as those of the Go server do: an enum is a number on the wire."""

_FLAG = 5
_RUNNING, _FINISHED = 1, 2


def _messages() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="go.proto", package="go", syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in _SCHEMA.items():
        message = file.message_type.add(name=name)
        for field in filter(None, fields.split(", ")):
            number, field_name, kind = field.split()
            many = kind.endswith("*")
            kind = kind.removesuffix("*")
            added = message.field.add(name=field_name, number=int(number))
            added.label = kinds.LABEL_REPEATED if many else kinds.LABEL_OPTIONAL
            if kind in _SCHEMA:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".go.{kind}"
            else:
                added.type = getattr(kinds, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"go.{name}"))
        for name in _SCHEMA
    }


M = _messages()


def state_of(position: Position, rng: random.Random) -> Any:
    """A GameEngineState. Fields that are not empty keep any old next values and blocked bits."""
    fields = []
    for coord, row in zip(COORDS, position.cell_rows(), strict=True):
        kind, owner, value, *next_values, blocked = row
        if position.cells[coord] != EMPTY:
            next_values, blocked = [rng.randint(-1, 5), rng.randint(-1, 5)], rng.randint(0, 3)
        fields.append(
            M["Field"](type=kind, owner=owner, value=value, blocked=blocked, next_val=next_values)
        )
    board = M["Board"](
        turn=position.turn,
        move=position.move_number,
        flat_fields=fields,
        score=[position.score(1), position.score(2)],
        resources=[
            M["ResourceInfo"](num_pieces=[-1, 0, 0, 0, 0, position.flags_left[player], 0, 0])
            for player in (1, 2)
        ],
        state=_FINISHED if position.is_over else _RUNNING,
    )
    return M["State"](
        flagz=M["Flagz"](
            board=board,
            free_cells=len(position.empty_cells()),
            normal_moves=[len(position.normal_moves(player)) for player in (1, 2)],
        )
    )


class GoServer2023:
    """Asks over HTTP, in JSON."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/hexz/cpu/suggest"
        self._http = urllib3.PoolManager(maxsize=16, retries=False, timeout=60)
        self._rng = random.Random(1)

    def ask(self, position: Position, seconds: float) -> urllib3.BaseHTTPResponse:
        return self.post(state_of(position, self._rng).SerializeToString(), seconds)

    def post(self, state: bytes, seconds: float) -> urllib3.BaseHTTPResponse:
        body = {
            "maxThinkTime": round(seconds * 1e9),
            "gameEngineState": base64.b64encode(state).decode(),
        }
        headers = {"Content-Type": "application/json"}
        return self._http.request("POST", self._url, body=json.dumps(body), headers=headers)

    def move(self, position: Position, seconds: float) -> RefMove:
        answer = self.ask(position, seconds)
        assert answer.status == 200, answer.data
        content = answer.json()
        assert content["move"]["move"] == position.move_number
        assert all(0 <= entry["Q"] <= 1 for entry in content["stats"]["Moves"])
        return _move(*(content["move"][key] for key in ("type", "row", "col")))


class GoServerOfToday:
    """Asks over gRPC, with a deadline of its think time and a second."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self._rng = random.Random(2)

    def call(self, method: str, request: Any, timeout: float) -> bytes:
        call = self._channel.unary_unary(f"/hexzpb.CPUPlayerService/{method}")
        answer: bytes = call(request.SerializeToString(), timeout=timeout)
        return answer

    def server_info(self) -> Any:
        answer = self.call("ServerInfo", M["ServerInfoRequest"](), 5)
        return M["ServerInfoResponse"].FromString(answer)

    def move(self, position: Position, seconds: float) -> RefMove:
        answer = self.suggest(state_of(position, self._rng), seconds)
        assert answer.move.player_num == position.turn
        assert answer.move.move == position.move_number
        assert all(move.scores[0].kind == 0 for move in answer.move_stats.moves)
        assert -1 <= answer.move_stats.value <= 1
        return _move(answer.move.cell_type, answer.move.row, answer.move.col)

    def suggest(self, state: Any, seconds: float) -> Any:
        """The answer to a GameEngineState."""
        request = M["SuggestMoveRequest"](
            max_think_time_ms=round(1000 * seconds), game_engine_state=state
        )
        data = self.call("SuggestMove", request, seconds + 1)
        return M["SuggestMoveResponse"].FromString(data)

    def close(self) -> None:
        self._channel.close()


def _move(cell_type: int, row: int, col: int) -> RefMove:
    assert cell_type in (0, _FLAG)
    return ("F" if cell_type == _FLAG else "N", row, col)
