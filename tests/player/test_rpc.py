"""The gRPC side of the player service, called over a real connection."""

import contextlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import grpc
import pytest

from hexz.engine import Board, Move
from hexz.player import rpc
from hexz.player.rpc import RpcServer
from hexz.player.service import PlayerService
from hexz.schema.programs import PlayerConfig
from hexz.web import CannotListen
from hexz.wire import hexz_pb2 as pb

from ..states import board_to_message, encode_board
from ..waiting import wait_until
from .positions import assert_think_time_is_kept, forced, game, solvable

SUGGEST = "/hexzpb.CPUPlayerService/SuggestMove"
INFO = "/hexzpb.CPUPlayerService/ServerInfo"


class Client:
    """Calls with bytes, as they are."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address)

    def call(self, path: str, request: bytes, timeout: float = 30.0) -> bytes:
        answer: bytes = self.channel.unary_unary(path)(request, timeout=timeout)
        return answer

    def suggest(self, board: Board, timeout: float = 30.0, **fields: int) -> pb.SuggestMoveResponse:
        request = pb.SuggestMoveRequest(game_engine_state=board_to_message(board), **fields)
        answer = self.call(SUGGEST, request.SerializeToString(), timeout)
        return pb.SuggestMoveResponse.FromString(answer)

    def code(self, path: str, request: bytes) -> grpc.StatusCode:
        try:
            self.call(path, request)
        except grpc.RpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    def refusal(self, path: str, request: bytes) -> tuple[grpc.StatusCode, str]:
        with pytest.raises(grpc.RpcError) as caught:
            self.call(path, request)
        return caught.value.code(), caught.value.details()


@pytest.fixture(scope="module")
def server(service: PlayerService) -> Iterator[RpcServer]:
    with closing(RpcServer(service, "127.0.0.1", 0)) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: RpcServer) -> Iterator[Client]:
    client = Client(server.address)
    yield client
    client.channel.close()


@pytest.mark.parametrize("board", [Board.random(1), game(2)[20], forced(), solvable()])
def test_an_answer_has_the_move_and_the_scores_of_all(client, board):
    answer = client.suggest(board, max_think_time_ms=100)
    move = answer.move
    assert (move.player_num, move.move) == (board.turn, board.move_number)
    assert to_move(move.cell_type, move.row, move.col) in board.legal_moves()
    assert -1 <= answer.move_stats.value <= 1
    assert len(answer.move_stats.moves) >= 1
    for scored in answer.move_stats.moves:
        assert to_move(scored.type, scored.row, scored.col) in board.legal_moves()
        assert [score.kind for score in scored.scores] == [
            pb.SuggestMoveStats.FINAL, pb.SuggestMoveStats.MCTS_PRIOR,
        ]  # fmt: skip
        assert all(0 <= score.score <= 1 for score in scored.scores)


def test_think_time_is_kept(client):
    assert_think_time_is_kept(
        lambda: client.suggest(Board.random(5), max_think_time_ms=500), seconds=0.5
    )


def test_the_answer_comes_before_the_clients_deadline(client):
    answers = []

    def think() -> None:
        with contextlib.suppress(grpc.RpcError):
            answers.append(client.suggest(Board.random(5), timeout=0.8, max_think_time_ms=30_000))

    assert_think_time_is_kept(think, seconds=0.8)
    assert answers


@pytest.mark.parametrize("fields", [{}, {"max_think_time_ms": 60_000}])
def test_iterations_are_kept(client, service, fields):
    before = service.status().simulations
    client.suggest(Board.random(91), max_iterations=50, **fields)
    assert service.status().simulations - before == 50


def test_the_server_tells_its_network(client):
    info = pb.ServerInfoResponse.FromString(client.call(INFO, b""))
    assert info.server_type == pb.ServerInfoResponse.TYPE_NEURAL_MCTS
    assert (info.model_key.name, info.model_key.checkpoint) == ("tiny", 0)


def test_a_server_without_a_network_says_so():
    service = PlayerService(PlayerConfig(player="uct:100"))
    with closing(RpcServer(service, "127.0.0.1", 0)) as server:
        info = pb.ServerInfoResponse.FromString(Client(server.address).call(INFO, b""))
    assert info.server_type == pb.ServerInfoResponse.TYPE_MCTS
    assert not info.HasField("model_key")


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (b"\xff" * 50, "SuggestMoveRequest"),
        (b"", "empty"),
        (pb.SuggestMoveRequest(max_think_time_ms=-1).SerializeToString(), "negative"),
        (pb.SuggestMoveRequest(max_iterations=-1).SerializeToString(), "negative"),
        (
            pb.SuggestMoveRequest(
                max_think_time_ms=10, game_engine_state=board_to_message(game(1)[-1])
            ).SerializeToString(),
            "over",
        ),
    ],
)
def test_bad_requests_are_explained(client, request_, reason):
    code, details = client.refusal(SUGGEST, request_)
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert reason in details


def test_states_that_contradict_the_rules_are_explained(client):
    state = pb.GameEngineState.FromString(encode_board(game(2)[20]))
    state.flagz.free_cells += 1
    request = pb.SuggestMoveRequest(max_think_time_ms=10, game_engine_state=state)
    code, details = client.refusal(SUGGEST, request.SerializeToString())
    assert (code, "free_cells" in details) == (grpc.StatusCode.INVALID_ARGUMENT, True)


def test_malformed_requests_never_break_it(client):
    rng = random.Random(2)
    good = pb.SuggestMoveRequest(
        max_iterations=1, game_engine_state=board_to_message(game(5)[15])
    ).SerializeToString()
    codes = set()
    for _ in range(500):
        data = bytearray(good)
        for _ in range(rng.choice((1, 2, 8))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        codes.add(client.code(SUGGEST, bytes(data)))
    assert codes == {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
    assert client.code(INFO, b"\xff") == grpc.StatusCode.INVALID_ARGUMENT


def test_long_requests_are_not_read(client):
    code, _ = client.refusal(SUGGEST, b" " * 300_000)
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_unknown_methods_are_unknown(client):
    code, _ = client.refusal("/hexzpb.CPUPlayerService/Resign", b"")
    assert code == grpc.StatusCode.UNIMPLEMENTED


def test_overload_is_said_at_once(service, monkeypatch):
    """Searches go on here until as many calls are refused as must be."""
    monkeypatch.setattr("hexz.player.loop.MAX_SEARCHES", 2)

    def ask(client: Client, seed: int) -> grpc.StatusCode:
        state = board_to_message(Board.random(seed))
        request = pb.SuggestMoveRequest(game_engine_state=state, max_think_time_ms=60_000)
        return client.code(SUGGEST, request.SerializeToString())

    with ThreadPoolExecutor(5) as threads, closing(RpcServer(service, "127.0.0.1", 0)) as server:
        client = Client(server.address)
        asked = [threads.submit(ask, client, seed) for seed in range(5)]
        wait_until(lambda: sum(each.done() for each in asked) >= 3, 20)
    codes = [each.result() for each in asked]
    assert codes.count(grpc.StatusCode.OK) == 2
    assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 3


def test_searches_for_callers_who_have_gone_end(client, service):
    """A minute each, that others have."""
    request = pb.SuggestMoveRequest(
        game_engine_state=board_to_message(Board.random(3)), max_think_time_ms=60_000
    ).SerializeToString()
    call = client.channel.unary_unary(SUGGEST)
    calls = [call.future(request, timeout=60) for _ in range(48)]
    wait_until(lambda: service.status().model.searches == 48, 20)
    for waiting in calls:
        waiting.cancel()
    wait_until(lambda: service.status().model.searches == 0, 20)
    assert client.suggest(Board.random(3), max_think_time_ms=100).move


def test_a_port_in_use_is_named(service, server):
    port = int(server.address.rpartition(":")[2])
    with pytest.raises(CannotListen, match=rf"{port}: .*; name another port"):
        RpcServer(service, "127.0.0.1", port)


def to_move(kind: int, row: int, col: int) -> Move:
    return Move({0: "normal", 5: "flag"}[kind], row, col)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("think", "left", "waited"),
    [
        (1.0, 1.7, 0.3),  # the Go server's deadline: a second after its think time
        (1.0, 2.0, 0.0),
        (5.0, 5.2, 0.8),
        (1.0, 0.9, 0.0),  # somebody else's deadline
        (1.0, 30.0, 0.0),
        (0.2, 1.05, 0.0),
        (None, 5.0, 0.0),
        (5.0, None, 0.0),
    ],
)
def test_the_deadline_of_the_go_server_tells_when_it_asked(think, left, waited):
    assert rpc._seconds_since(think, left) == pytest.approx(waited)
