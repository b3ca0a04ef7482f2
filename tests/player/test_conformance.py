"""One suite for the three forms in which Go servers ask: JSON and protobuf over HTTP, and gRPC."""

import base64
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from flask.testing import FlaskClient

from hexz.engine import Board, Move
from hexz.player.app import make_app
from hexz.player.rpc import RpcServer
from hexz.player.service import PlayerService
from hexz.schema.programs import PlayerConfig
from hexz.wire import hexz_pb2 as pb

from ..states import board_to_message, encode_board
from .positions import forced, game, solvable

PATH, PROTOBUF = "/hexz/cpu/suggest", "application/x-protobuf"
SUGGEST = "/hexzpb.CPUPlayerService/SuggestMove"
FORMS = ("json", "protobuf", "grpc")
PLAYERS = ("model", "gumbel@16", "uct:200", "random")
POSITIONS = {
    "start": Board.random(1), "middle": game(2)[20], "late": game(3)[45], "forced": forced(),
    "solved": solvable(),
}  # fmt: skip


@dataclass
class Said:
    """What is in an answer of any form.

    Attributes:
        scores: of each move that was tried: FINAL, or Q in JSON.
        visits: of the same moves; JSON only.
        value: None in JSON.
    """

    number: int
    move: Move
    scores: dict[Move, float]
    visits: dict[Move, int]
    value: float | None


class Refused(Exception):
    """The request was bad."""


def to_move(kind: int, row: int, col: int) -> Move:
    return Move({0: "normal", 5: "flag"}[kind], row, col)  # type: ignore[arg-type]


def in_json(client: FlaskClient, board: Board, milliseconds: int = 0, iterations: int = 0) -> Said:
    state = base64.b64encode(encode_board(board)).decode()
    content = {"maxThinkTime": milliseconds * 1_000_000, "gameEngineState": state}
    answer = client.post(PATH, json=content)
    if answer.status_code == 400:
        raise Refused(answer.text)
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    move, moves = answer.json["move"], answer.json["stats"]["Moves"]
    tried = [to_move(m["CellType"], m["Row"], m["Col"]) for m in moves]
    return Said(
        move["move"],
        to_move(move["type"], move["row"], move["col"]),
        {move: entry["Q"] for move, entry in zip(tried, moves, strict=True)},
        {move: entry["Iterations"] for move, entry in zip(tried, moves, strict=True)},
        None,
    )


def in_protobuf(client: FlaskClient, board: Board, milliseconds: int = 0, iterations: int = 0):
    answer = client.post(
        PATH, data=request_of(board, milliseconds, iterations), content_type=PROTOBUF
    )
    if answer.status_code == 400:
        raise Refused(answer.text)
    assert (answer.status_code, answer.content_type) == (200, PROTOBUF)
    return said(answer.data, board)


def over_grpc(channel: grpc.Channel, board: Board, milliseconds: int = 0, iterations: int = 0):
    request = request_of(board, milliseconds, iterations)
    try:
        answer = channel.unary_unary(SUGGEST)(request, timeout=30)
    except grpc.RpcError as error:
        if error.code() != grpc.StatusCode.INVALID_ARGUMENT:
            raise
        raise Refused(error.details()) from None
    return said(answer, board)


def request_of(board: Board, milliseconds: int, iterations: int) -> bytes:
    return pb.SuggestMoveRequest(
        max_think_time_ms=milliseconds,
        game_engine_state=board_to_message(board),
        max_iterations=iterations,
    ).SerializeToString()


def said(data: bytes, board: Board) -> Said:
    answer = pb.SuggestMoveResponse.FromString(data)
    assert answer.move.player_num == board.turn
    for scored in answer.move_stats.moves:
        kinds = [score.kind for score in scored.scores]
        assert kinds == [pb.SuggestMoveStats.FINAL, pb.SuggestMoveStats.MCTS_PRIOR]
        assert all(0 <= score.score <= 1 for score in scored.scores)
    return Said(
        answer.move.move,
        to_move(answer.move.cell_type, answer.move.row, answer.move.col),
        {to_move(m.type, m.row, m.col): m.scores[0].score for m in answer.move_stats.moves},
        {},
        answer.move_stats.value,
    )


Ask = Callable[..., Said]


@pytest.fixture(scope="module")
def clients(tiny_model: Path) -> Iterator[dict[tuple[str, str], Ask]]:
    """Asks a player in a form: `clients[player, form](board, milliseconds=..., iterations=...)`."""
    found: dict[tuple[str, str], Ask] = {}
    with ExitStack() as stack:
        for player in PLAYERS:
            model = str(tiny_model) if player in ("model", "gumbel@16") else None
            service = PlayerService(PlayerConfig(player=player, model=model))
            stack.enter_context(closing(service))
            server = stack.enter_context(closing(RpcServer(service, "127.0.0.1", 0)))
            client = make_app(service).test_client()
            channel = stack.enter_context(grpc.insecure_channel(server.address))
            found[player, "json"] = partial(in_json, client)
            found[player, "protobuf"] = partial(in_protobuf, client)
            found[player, "grpc"] = partial(over_grpc, channel)
        yield found


@pytest.fixture(params=FORMS)
def form(request: Any) -> str:
    return str(request.param)


@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.parametrize("position", POSITIONS)
def test_every_form_answers_with_a_legal_move_and_the_scores_of_those_tried(
    player, position, form, clients
):
    board = POSITIONS[position]
    answer = clients[player, form](board, milliseconds=30)
    assert answer.number == board.move_number
    assert answer.move in board.legal_moves()
    assert answer.move in answer.scores
    assert set(answer.scores) <= set(board.legal_moves())
    if form == "json":
        assert all(0 <= q <= 1 for q in answer.scores.values())
    else:
        assert -1 <= answer.value <= 1
        assert sum(answer.scores.values()) == pytest.approx(1, abs=1e-4)
        # A Gumbel search may choose another of its last two than the improved policy prefers.
        if player != "gumbel@16":
            assert answer.scores[answer.move] == max(answer.scores.values())


def test_shares_are_those_of_the_visits(clients):
    board = Board.random(7)
    found = clients["uct:200", "grpc"](board).scores
    visits = [200 * share for share in found.values()]
    assert visits == pytest.approx([round(number) for number in visits], abs=1e-3)
    assert len(found) > 20


def test_a_gumbel_search_says_its_improved_policy(clients):
    """It gives a share to every move, also to those of which the search has tried none."""
    board = Board.random(7)
    tried = clients["gumbel@16", "json"](board).scores
    shares = clients["gumbel@16", "protobuf"](board).scores
    assert len(tried) <= 16 < len(shares) == len(board.legal_moves())


@pytest.mark.parametrize("position", POSITIONS)
def test_all_forms_agree(position, clients):
    """A Gumbel search of so many simulations finds the same whoever asks."""
    board = POSITIONS[position]
    answers = [clients["gumbel@16", form](board) for form in FORMS]
    assert answers[0].move == answers[1].move == answers[2].move
    assert answers[1].scores == answers[2].scores
    assert answers[1].value == answers[2].value
    assert set(answers[0].scores) <= set(answers[1].scores)


@pytest.mark.parametrize("form", ["protobuf", "grpc"])
def test_the_first_limit_that_is_reached_ends_the_search(form, clients):
    ask = clients["uct:200", form]
    few = ask(Board.random(8), milliseconds=60_000, iterations=10).scores
    visits = [10 * share for share in few.values()]  # of ten; no seed is fixed
    assert visits == pytest.approx([round(number) for number in visits], abs=1e-5)
    assert sum(visits) == pytest.approx(10)
    endless = clients["model", form](Board.random(8), milliseconds=20, iterations=10**12)
    assert endless.move in Board.random(8).legal_moves()


def test_bad_states_are_explained_in_every_form(form, clients):
    with pytest.raises(Refused, match="over"):
        clients["random", form](game(1)[-1], milliseconds=10)


@pytest.mark.parametrize("content_type", ["Application/X-Protobuf", "application/x-protobuf; a=b"])
def test_the_content_type_decides(content_type, tiny_model):
    service = PlayerService(PlayerConfig(player="random"))
    client = make_app(service).test_client()
    body = request_of(Board.random(1), 10, 0)
    assert client.post(PATH, data=body, content_type=content_type).content_type == PROTOBUF
    assert client.post(PATH, data=body, content_type="application/json").status_code == 400


def test_ten_thousand_mutated_messages_never_break_it():
    """Bytes changed, inserted and cut: refused with a reason, or a legal move."""
    service = PlayerService(PlayerConfig(player="random"))
    client = make_app(service).test_client()
    rng = random.Random(4)
    goods = [request_of(game(5)[number], 1, 1) for number in (0, 15, 40, -1)]
    statuses = set()
    for number in range(10_000):
        body = bytearray(goods[number % 4])
        for _ in range(rng.choice((1, 1, 2, 8))):
            place = rng.randrange(len(body))
            match rng.randrange(4):
                case 0:
                    body[place] = rng.randrange(256)
                case 1:
                    body[place] ^= 1 << rng.randrange(8)
                case 2:
                    del body[place : place + rng.randrange(1, 20)]
                case _:
                    body[place:place] = rng.randbytes(rng.randrange(1, 5))
            body = body or bytearray(b"\n")
        answer = client.post(PATH, data=bytes(body), content_type=PROTOBUF)
        assert answer.status_code in (200, 400), (answer.status_code, answer.text, bytes(body))
        statuses.add(answer.status_code)
    assert statuses == {200, 400}
    assert not [status for status in service.status().refused if status >= 500]
