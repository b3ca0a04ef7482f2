"""`hexzctl serve-player` with the Go servers and others as its clients."""

import base64
import itertools
import json
import os
import random
import signal
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest

from hexz.checkpoints import NewCheckpoint, open_store
from hexz.engine import Board, Move
from hexz.model.checkpoint import Checkpoint, encode_checkpoint, new_checkpoint
from hexz.model.config import ModelConfig
from hexz.player.loop import THREADS

from ..conftest import read_traces
from ..engine.reference import Cell, Position, RefMove
from ..gcs_fixture import GcsEmulator, gcs
from ..states import encode_board
from ..waiting import wait_until
from .go_servers import GoServer2023, GoServerOfToday, M
from .player_server import PlayerServer
from .processes import assert_one_error_line, gunicorn_command, hexzctl
from .terminal import terminal

__all__ = ["gcs"]

THINK_SECONDS = 0.05


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayerServer]:
    """Plays with the network that ships with the package."""
    with PlayerServer(tmp_path_factory.mktemp("server"), "--grpc-port", 0) as server:
        yield server
        assert server.end() == 0


@pytest.fixture(scope="module")
def old(server: PlayerServer) -> GoServer2023:
    return GoServer2023(server.url)


@pytest.fixture(scope="module")
def new(server: PlayerServer) -> Iterator[GoServerOfToday]:
    assert server.grpc_address is not None
    client = GoServerOfToday(server.grpc_address)
    yield client
    client.close()


def start(seed: int) -> Position:
    return Position.from_text(Board.random(seed).to_text())


# --- Games ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["old", "new"])
def test_whole_games_against_random_moves(client: str, request: Any) -> None:
    """The player wins all of them, from both seats; a wrong sign anywhere would lose."""
    ask = request.getfixturevalue(client).move
    for seed, seat in ((1, 1), (2, 2)):
        position, rng = start(seed), random.Random(seed)
        while not position.is_over:
            moves = position.legal_moves()
            move = ask(position, THINK_SECONDS) if position.turn == seat else rng.choice(moves)
            assert move in moves
            position.play(move)
        assert position.winner == seat


def test_both_servers_play_each_other(old: GoServer2023, new: GoServerOfToday) -> None:
    position = start(3)
    while not position.is_over:
        position.play((old, new)[position.turn - 1].move(position, THINK_SECONDS))
    assert len(position.empty_cells()) < 85


def test_today_s_server_learns_who_plays(new: GoServerOfToday) -> None:
    info = new.server_info()
    assert info.server_type == 2
    assert info.model_key.name == "flagz"


def positions_of(trace: dict[str, Any]) -> Iterator[Position]:
    """The recorded positions in which there is a move to make."""
    kinds = {0: "normal", 2: "grass", 3: "rock", 5: "flag"}
    position = Position.from_text(trace["board"])
    for state in trace["states"]:
        if state["done"]:
            return
        cells = {
            coord: Cell("empty") if kind == owner == 0 else Cell(kinds[kind], owner, value)
            for coord, (kind, owner, value, *_) in zip(position.cells, state["cells"], strict=True)
        }
        flags = dict(zip((1, 2), state["flags"], strict=True))
        yield Position(cells, state["turn"], flags, state["move"])


def recorded(traces: Any, every: int) -> list[tuple[Position, list[RefMove]]]:
    """Some positions of each game with their legal moves; all in which one player cannot move."""
    found = []
    for trace in traces:
        states = zip(positions_of(trace), trace["states"], strict=False)
        for i, (position, state) in enumerate(states):
            alone = not (position.can_move(1) and position.can_move(2))
            if i % every == 0 or alone:
                found.append((position, [(kind, r, c) for kind, r, c in state["legal"]]))
    return found


def answer_all(found: list[tuple[Position, list[RefMove]]], ask: Callable[..., RefMove]) -> None:
    def check(pair: tuple[Position, list[RefMove]]) -> None:
        position, legal = pair
        assert ask(position, THINK_SECONDS) in legal

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(check, found))


@pytest.mark.parametrize("client", ["old", "new"])
def test_recorded_states_are_answered_with_legal_moves(
    client: str, request: Any, sample_traces: list[dict[str, Any]]
) -> None:
    found = recorded(sample_traces, every=9)
    assert sum(not (p.can_move(1) and p.can_move(2)) for p, _ in found) >= 10
    answer_all(found, request.getfixturevalue(client).move)


@pytest.mark.parametrize("client", ["old", "new"])
def test_states_of_many_recorded_games(client: str, request: Any, shared_traces_path: Path) -> None:
    traces = read_traces(shared_traces_path, int(client == "new"), 15)
    answer_all(recorded(traces, every=25), request.getfixturevalue(client).move)


# --- Many at once --------------------------------------------------------------------------------


@dataclass
class Load:
    """What happened in many games at once.

    Attributes:
        shares: of the think time that passed until an answer came, where that is more than half:
            solved and decided positions are answered at once.
        late: answers that took longer than their think time.
        errors: whatever went wrong.
        memory: bytes of the server, over time.
    """

    shares: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)

    @property
    def late(self) -> int:
        return sum(share > 1 for share in self.shares)


def play_for(server: PlayerServer, seconds: float, think: float, games: int = 16) -> Load:
    """So many games at once, half of them over HTTP and half over gRPC, each against itself. Uses
    our own quick rules, so that the clients take little from the server."""
    assert server.grpc_address is not None
    old, new = GoServer2023(server.url), GoServerOfToday(server.grpc_address)
    load = Load()
    end = time.monotonic() + seconds

    def ask_old(board: Board) -> Callable[[], Move]:
        state = encode_board(board)

        def ask() -> Move:
            answer = old.post(state, think)
            assert answer.status == 200, answer.data
            move = answer.json()["move"]
            return Move("flag" if move["type"] else "normal", move["row"], move["col"])

        return ask

    def ask_new(board: Board) -> Callable[[], Move]:
        state = M["State"].FromString(encode_board(board))

        def ask() -> Move:
            move = new.suggest(state, think).move
            return Move("flag" if move.cell_type else "normal", move.row, move.col)

        return ask

    def play(number: int) -> None:
        seeds = itertools.count(1000 * number)
        board = Board.random(next(seeds))
        while time.monotonic() < end:
            ask = (ask_old, ask_new)[number % 2](board)
            begin = time.monotonic()
            try:
                move = ask()
            except (AssertionError, grpc.RpcError) as error:
                load.errors.append(repr(error))
                return
            share = (time.monotonic() - begin) / think
            if share > 0.5:
                load.shares.append(share)
            board.play(move)
            if board.is_over:
                board = Board.random(next(seeds))

    with ThreadPoolExecutor(games) as threads:
        running = [threads.submit(play, number) for number in range(games)]
        while not all(game.done() for game in running):
            load.memory.append(server.memory())
            time.sleep(0.5)
    new.close()
    for game in running:
        game.result()
    return load


def test_sixteen_games_at_once(server: PlayerServer) -> None:
    """Each has its time for each move, or at least half of it. How much of it, and how many are
    late, is for the endurance test: beside other tests, a process may not get a core for some
    moments, and then leaves more to spare."""
    load = play_for(server, seconds=4, think=1.0)
    assert load.errors == []
    assert len(load.shares) >= 16 * 2


@pytest.mark.soak
def test_sixteen_games_for_a_minute(server: PlayerServer) -> None:
    load = play_for(server, seconds=70, think=1.0)
    assert load.errors == []
    assert 0.95 <= statistics.median(load.shares) <= 1
    assert max(load.shares) < 1.5
    assert load.late <= 0.01 * len(load.shares), sorted(load.shares)[-10:]
    quarter = len(load.memory) // 4
    second, last = load.memory[quarter : 2 * quarter], load.memory[-quarter:]
    assert statistics.median(last) < 1.1 * statistics.median(second), load.memory


def test_no_game_is_stranded_among_a_hundred(server: PlayerServer) -> None:
    """Far more than can be searched well: each gets a move, and none is refused."""
    begin = threading.Barrier(100)

    def ask(seed: int) -> int:
        position = start(seed)
        begin.wait()
        return GoServer2023(server.url).ask(position, 1.0).status

    with ThreadPoolExecutor(100) as threads:
        assert set(threads.map(ask, range(100))) == {200}


# --- Its network ---------------------------------------------------------------------------------


def save(store: str | Path, number: int) -> None:
    fresh = new_checkpoint(ModelConfig(blocks=1, filters=8), seed=number)
    model = encode_checkpoint(Checkpoint(fresh.weights, "flagz", number))
    open_store(str(store), "flagz").save(NewCheckpoint(number=number, model=model))


def test_a_newer_checkpoint_takes_over_between_the_moves_of_a_game(tmp_path: Path) -> None:
    store = tmp_path / "store"
    save(store, 3)
    with PlayerServer(tmp_path, "--model", store, "--follow", "--grpc-port", 0) as server:
        client = GoServerOfToday(str(server.grpc_address))
        assert client.server_info().model_key.checkpoint == 3
        save(store, 4)
        position = start(1)
        deadline = time.monotonic() + 60
        while client.server_info().model_key.checkpoint != 4:
            assert time.monotonic() < deadline, server.errors.read_text()
            if not position.is_over:
                position.play(client.move(position, THINK_SECONDS))
        client.move(start(2), THINK_SECONDS)
        damaged = store / "models/flagz/flagz/checkpoints/5/model.pt"
        damaged.parent.mkdir()
        damaged.write_bytes(b"nonsense")
        while server.status()["model"]["problem"] is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.server_info().model_key.checkpoint == 4
        client.move(start(3), THINK_SECONDS)
        client.close()
        assert server.end() == 0


@pytest.mark.parametrize("where", ["directory", "bucket"])
def test_it_waits_for_the_first_network(where: str, tmp_path: Path, gcs: GcsEmulator) -> None:
    store = f"gs://{gcs.bucket}/first" if where == "bucket" else str(tmp_path / "store")
    with ThreadPoolExecutor(1) as threads:
        starting = threads.submit(PlayerServer, tmp_path, "--model", store, "--follow")
        errors = tmp_path / "stderr.txt"
        wait_until(lambda: errors.exists() and "waiting" in errors.read_text())
        save(store, 0)
        with starting.result() as server:
            assert server.status()["model"]["checkpoint"] == 0
            assert errors.read_text().count("waiting for the first network") == 1
            assert server.end() == 0


def test_ctrl_c_ends_the_wait_for_the_first_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hexz-data").mkdir()
    words = ["serve-player", "--port", 0, "--model", "hexz-dta", "--follow"]
    with terminal(*words, columns=200) as screen:
        screen.until("waiting for the first network: .*hexz-dta: did you mean hexz-data")
        assert screen.press(b"\x03") == 0


@pytest.mark.parametrize("player", ["uct:2000", "random", "gumbel@16"])
def test_other_players_serve(player: str, tmp_path: Path) -> None:
    with PlayerServer(tmp_path, "--player", player) as server:
        assert GoServer2023(server.url).move(start(1), 5) in start(1).legal_moves()
        assert server.status()["player"] == player
        assert server.end(signal.SIGINT) == 0


def test_under_gunicorn_the_environment_says_all(tmp_path: Path) -> None:
    save(tmp_path / "store", 7)
    address = f"127.0.0.1:{free_port()}"
    variables = {"HEXZ_MODEL_PATH": str(tmp_path / "store")}
    with PlayerServer(tmp_path, gunicorn_at=address, **variables) as server:
        server.wait_until_ready()
        assert server.status()["model"]["checkpoint"] == 7
        GoServer2023(server.url).move(start(1), THINK_SECONDS)
        assert server.end() == 0


def test_under_gunicorn_it_has_as_many_threads() -> None:
    words = gunicorn_command("serve.md", "127.0.0.1:1")
    assert words[words.index("--threads") + 1] == str(THREADS)


# --- Its end, and no start -----------------------------------------------------------------------


def test_a_search_for_a_client_who_has_gone_ends(server: PlayerServer) -> None:
    place = urlsplit(server.url)
    state = base64.b64encode(encode_board(Board.random(5))).decode()
    body = json.dumps({"maxThinkTime": round(30e9), "gameEngineState": state})
    with socket.create_connection((place.hostname, place.port)) as client:
        head = f"POST /hexz/cpu/suggest HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        client.sendall((head + body).encode())
        wait_until(lambda: server.status()["model"]["searches"] == 1, 10)
    wait_until(lambda: server.status()["model"]["searches"] == 0, 10)


@pytest.mark.parametrize(
    "signum", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.soak)]
)
def test_it_ends_in_peace_while_it_thinks(signum: int, tmp_path: Path) -> None:
    with (
        PlayerServer(tmp_path, "--grpc-port", 0) as server,
        ThreadPoolExecutor(1) as threads,
    ):
        client = GoServer2023(server.url)
        thinking = threads.submit(client.ask, start(1), 2.0)
        while server.status()["model"]["searches"] == 0:
            time.sleep(0.01)
        assert server.end(signum) == 0
        assert thinking.result().status == 200
        assert server.errors.read_text() == ""


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--model", "nothing.pt"], ["no model", "nothing.pt"]),
        (["--model", "."], ["no model"]),
        (["--player", "chess"], ["'chess'", "random"]),
        (["--player", "uct:5", "--model", "x"], ["no network"]),
        (["--player", "model:x@8", "--model", "y"], ["twice"]),
        (["--follow"], ["followed"]),
        (["--host", "no.such.host.invalid"], ["cannot listen", "no.such.host.invalid"]),
        (["--host", "a..b"], ["cannot listen", "a..b", "no name of a machine"]),
    ],
)
def test_what_cannot_work_is_said_in_a_line(
    options: list[str], words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = hexzctl("serve-player", "--port", 0, *options, PYTHONPATH=os.getcwd())
    assert result.returncode == 1
    assert result.stdout == ""
    assert_one_error_line(result.stderr, *words)


@pytest.mark.parametrize("option", ["--port", "--grpc-port"])
def test_a_port_in_use_is_said_in_a_line(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = {"--port": 0, option: port}
        result = hexzctl("serve-player", "--player", "random", *itertools.chain(*options.items()))
    assert result.returncode == 1
    assert_one_error_line(result.stderr, "cannot listen", str(port))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
