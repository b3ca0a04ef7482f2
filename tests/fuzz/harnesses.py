"""Everything that takes bytes of others, each as a function of bytes.

Whatever comes, a harness returns: our own errors are answers, and anything else is a crash.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import logging
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from unittest import mock

import grpc

from hexz.arena.entrants import Entrant, Field
from hexz.arena.log import ArenaLog
from hexz.arena.run import read_boards
from hexz.checkpoints.store import decode_metadata
from hexz.dataset.replay import ReplayFile
from hexz.engine import Board, Move
from hexz.engine.notation import position_text
from hexz.errors import HexzError
from hexz.gameplay.game import Game
from hexz.local.fit_state import FitState, load_state
from hexz.model.checkpoint import decode_checkpoint, encode_checkpoint, new_checkpoint
from hexz.model.config import ModelConfig
from hexz.player.app import make_app
from hexz.player.players import make_player
from hexz.player.program import ProgramPlayer
from hexz.player.protocol import EngineSession
from hexz.player.rpc import RpcServer
from hexz.player.service import PlayerService
from hexz.player.spec import Budget, parse_spec
from hexz.pubsub import ModelChannel
from hexz.schema.fleet import ConductOrder, FleetSettings, Heartbeat, Orders, Receipt
from hexz.schema.programs import COMMANDS, PlayerConfig, ServerConfig
from hexz.schema.records import CheckpointRecord, Ratings, StoredFiles
from hexz.schema.resolution import resolve
from hexz.schema.status import PlayerStatus, ServerStatus
from hexz.schema.training import TrainingConfig
from hexz.training.learner import Learner, restore
from hexz.trainserver.app import make_app as make_train_app
from hexz.trainserver.ingest import check_compact_game, check_example, check_game
from hexz.trainserver.journal import _CHECKED, _HEADER, _MAGIC, Record, _frame_of, read_segment
from hexz.trainserver.service import TrainingService
from hexz.trainserver.supervisor import TrainerSupervisor
from hexz.vetting.tokens import WorkerTokens
from hexz.wire import hexz_pb2 as pb
from hexz.wire.archive import read_examples, write_examples
from hexz.wire.arrays import pack, unpack
from hexz.wire.example import decode_example, encode_example, encode_game
from hexz.wire.game import encode_compact, read_compact
from hexz.wire.suggest import decode_json_request

from ..dataset.replay_files import columns_of, write_replay
from ..games import finished_games, game_examples
from ..states import board_to_message, encode_board


@dataclass(frozen=True)
class Harness:
    """An entry point.

    Attributes:
        run: takes bytes, and raises only if there is a bug.
        seeds: makes good inputs, from which others are made.
    """

    run: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]


HARNESSES: Final[dict[str, Harness]] = {}


def _quiet(_: str) -> None:
    """Tells nobody."""


def harness(seeds: Callable[[], list[bytes]]) -> Callable[[Callable[[bytes], object]], None]:
    """Adds a function of this name to HARNESSES."""

    def add(run: Callable[[bytes], object]) -> None:
        def bounded(data: bytes) -> None:
            with contextlib.suppress(HexzError):
                run(data)

        HARNESSES[run.__name__] = Harness(bounded, seeds)

    return add


# --- protobuf, npy, zip --------------------------------------------------------------------------

LIMITS: Final[dict[str, Any]] = {"model_name": "fresh", "newest_checkpoint": 9, "max_lag": 50}


@cache
def _examples() -> list[bytes]:
    [game] = game_examples(1)
    return [encode_example(example) for example in game]


@harness(lambda: _examples()[::30])
def example(data: bytes) -> None:
    with contextlib.suppress(HexzError):
        decode_example(data)
    check_example(data, **LIMITS)


@harness(lambda: [encode_game(_examples()[:3]), encode_game(_examples())])
def game(data: bytes) -> None:
    check_game(data, **LIMITS)


def _compact() -> list[bytes]:
    finished = finished_games(2)
    return [
        encode_compact(one, game_id=f"g{n}", model_name="fresh", unix_micros=1)
        for n, one in enumerate(finished)
    ]


@harness(_compact)
def compact_game(data: bytes) -> None:
    with contextlib.suppress(HexzError):
        list(read_compact(data).examples())
    check_compact_game(data, **LIMITS)


@harness(lambda: [pack(Board.random(1).planes()), pack(Board.random(1).planes().astype(">f8"))])
def array(data: bytes) -> None:
    unpack("planes", data, ("<f4", "|u1"), (11, 11, 10))


def _file(data: bytes, name: str = "input") -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


@cache
def _folder() -> Path:
    memory = Path("/dev/shm")  # noqa: S108 - faster than a disk, and a folder of our own in it
    return Path(tempfile.mkdtemp(prefix="hexz-fuzz-", dir=memory if memory.is_dir() else None))


def _archives() -> list[bytes]:
    path = _folder() / "seed.zip"
    write_examples(path, [(f"game-{n}.pb", data) for n, data in enumerate(_examples()[:2])])
    return [path.read_bytes()]


@harness(_archives)
def archive(data: bytes) -> None:
    for _, content in read_examples(_file(data)):
        with contextlib.suppress(HexzError):
            decode_example(content)


@harness(lambda: [encode_checkpoint(new_checkpoint(ModelConfig(blocks=1, filters=4)))])
def model(data: bytes) -> None:
    decode_checkpoint(data, "input")


@harness(lambda: [_frame_of([Record("a", b"data", 0), Record("b", b"", 3)])])
def journal(data: bytes) -> None:
    """As a file, and as the content of a frame whose checksum is right."""
    folder = _folder() / "journal"
    folder.mkdir(exist_ok=True)
    checked = _CHECKED.pack(len(data), 2)
    header = _HEADER.pack(_MAGIC, zlib.crc32(data, zlib.crc32(checked)), len(data), 2)
    for number, content in enumerate((data, header + data)):
        (folder / f"{number:08d}.journal").write_bytes(content)
        with contextlib.suppress(HexzError):
            read_segment(folder, number)


def _replays() -> list[bytes]:
    [game] = game_examples(1)
    rows = game[:2]
    path = write_replay(_folder() / "seed.h5", columns_of(rows), rows_a_chunk=len(rows))
    return [path.read_bytes()]


@harness(_replays)
def replay(data: bytes) -> None:
    """A replay file of the Go server's trainers."""
    with ReplayFile(_file(data, "input.h5"), "input.h5") as file:
        list(file)


@cache
def _learner() -> Learner:
    return Learner.new(TrainingConfig(), ModelConfig(blocks=1, filters=4), seed=1)


@harness(lambda: [_learner().training_state()])
def training_state(data: bytes) -> None:
    restore(_learner()._steps, data)


def _fits() -> list[bytes]:
    path = _folder() / "seed.resume"
    FitState(
        settings={}, start=None, examples=9, held_out=1, step=2, share=0.5, seconds=1.0,
        curve=[{"step": 1}], model=b"model", training=b"training",
    ).save(path)  # fmt: skip
    return [path.read_bytes()]


@harness(_fits)
def fit_state(data: bytes) -> None:
    """What an interrupted fit has left."""
    load_state(_file(data, "input.resume"), {})


class _Redis:
    """A Redis with these lines as the number, the digest and the bytes of the newest model."""

    def __init__(self, lines: list[bytes]) -> None:
        self._values = dict(zip(("checkpoint", "sha256", "model"), lines, strict=False))

    def getrange(self, key: str, start: int, end: int) -> bytes:
        return self._value(key)[start : end + 1]

    def strlen(self, key: str) -> int:
        return len(self._value(key))

    def _value(self, key: str) -> bytes:
        return self._values.get(key.split(":")[3], b"")


def _published() -> list[bytes]:
    lines = [b"7", hashlib.sha256(b"model").hexdigest().encode(), b"model"]
    return [b"\n".join(lines), b"007", b"-1\n\n"]


@harness(_published)
def published_model(data: bytes) -> None:
    channel = ModelChannel("redis://127.0.0.1", "fresh")
    stub: Any = _Redis(data.split(b"\n", 2))
    channel._redis = stub
    model = channel.latest()
    assert model is None or model.sha256.encode() == data.split(b"\n", 2)[1]


# --- JSON, TOML ----------------------------------------------------------------------------------

MESSAGES: Final = (
    Heartbeat, Orders, Receipt, ConductOrder, ServerStatus, PlayerStatus, Ratings,
    CheckpointRecord, StoredFiles,
)  # fmt: skip


def _messages() -> list[bytes]:
    heartbeat = Heartbeat(
        worker="w", version="0.2.0", model_name="m", device="d", processes=1, games=2,
        evaluations=3, examples=4, pending=5, seconds=6.5,
    )  # fmt: skip
    orders = Orders(settings=FleetSettings().at(0), redis_url="redis://x", compact_games=1)
    return [heartbeat.to_json(), orders.to_json(), Receipt(checkpoint=1, accepted=2).to_json()]


@harness(_messages)
def message(data: bytes) -> None:
    for kind in MESSAGES:
        with contextlib.suppress(HexzError):
            repr(kind.from_json(data))
    with contextlib.suppress(HexzError):
        decode_metadata(data, "input")


SETTINGS: Final = b"""minibatch_size = 8192
lr = 0.02
device = "cpu"
"""
FLEET: Final = b"""games_per_process = 8
[search]
simulations = 32
full_search_share = 0.25
[[schedule]]
examples = 0
simulations = 16
"""


@harness(lambda: [SETTINGS, FLEET])
def settings(data: bytes) -> None:
    path = _file(data, "input.toml")
    with contextlib.suppress(HexzError):
        FleetSettings.read(path)
    for kind in COMMANDS.values():
        with contextlib.suppress(HexzError):
            resolve(kind, options={"config": path}, environment={}, notify=_quiet)


# --- HTTP, gRPC ----------------------------------------------------------------------------------


@cache
def _service() -> PlayerService:
    return PlayerService(PlayerConfig(player="random"))


class _Bugs(logging.Handler):
    """Errors that servers log instead of raising them."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info is not None and record.exc_info[1] is not None:
            self.found = record.exc_info[1]

    found: BaseException | None = None


@contextlib.contextmanager
def _no_bugs() -> Iterator[None]:
    """Raises what a server has logged as a bug while the block ran."""
    bugs, logger = _Bugs(logging.ERROR), logging.getLogger("hexz")
    logger.addHandler(bugs)
    try:
        yield
    finally:
        logger.removeHandler(bugs)
    if bugs.found is not None:
        raise bugs.found


def _answer(client: Any, data: bytes) -> None:
    """Sends a request: method, path and type in a line, then the body."""
    head, _, body = data.replace(b"\r", b"").partition(b"\n")
    method, path, kind, *_ = [*head.decode("latin-1").split(" "), "", "", ""]
    with _no_bugs():
        answer = client.open(
            "/" + path.lstrip("/"), method=method or "GET", data=body, content_type=kind
        )
    assert answer.status_code < 500 or answer.status_code == 503, answer.status


@cache
def _client() -> Any:
    return make_app(_service()).test_client()


PLAY: Final = {"board": Board.random(1).to_text(), "moves": ["d5"], "player": "random"}


def _go_state() -> bytes:
    state = base64.b64encode(encode_board(Board.random(3))).decode()
    return json.dumps({"gameEngineState": state, "maxThinkTime": 1000}).encode()


def _requests() -> list[bytes]:
    return [
        b"POST /api/suggest application/json\n" + json.dumps(PLAY).encode(),
        b"POST /hexz/cpu/suggest application/json\n" + _go_state(),
        b"POST /hexz/cpu/suggest application/x-protobuf\n" + _question(),
        b"GET /status text/plain\n",
        b"GET /static/main.js text/plain\n",
    ]


@harness(_requests)
def http(data: bytes) -> None:
    """A request to a player."""
    _answer(_client(), data)


@cache
def _train_client() -> Any:
    """A client of a train server that has no trainer: it takes all but examples."""
    folder = _folder() / "train-server"
    config = ServerConfig(store=str(folder), data_dir=folder, redis_url="redis://127.0.0.1:1")
    with (
        mock.patch.object(TrainerSupervisor, "start"),
        mock.patch.object(TrainingService, "_readmit"),
    ):
        service = TrainingService(config, on_fatal=_quiet)
    return make_train_app(service).test_client()


def _train_requests() -> list[bytes]:
    heartbeat, *_ = _messages()
    order = ConductOrder(quarantined=True, reason="odd").to_json()
    return [
        b"POST /training/heartbeat application/json\n" + heartbeat,
        b"POST /training/examples application/octet-stream\n" + _examples()[0],
        b"POST /training/workers?worker=w application/json\n" + order,
        b"GET /models/flagz/checkpoints/0 text/plain\n",
        b"GET /status application/json\n",
        b"GET /metrics text/plain\n",
    ]


@harness(_train_requests)
def train_http(data: bytes) -> None:
    """A request to a train server."""
    _answer(_train_client(), data)


@harness(lambda: [_go_state()])
def go_request(data: bytes) -> None:
    decode_json_request(data)


def _question() -> bytes:
    state = board_to_message(Board.random(3))
    return pb.SuggestMoveRequest(game_engine_state=state, max_iterations=1).SerializeToString()


class _Aborted(HexzError):
    pass


class _Context:
    """As much of a call as the server looks at."""

    def add_callback(self, _: object) -> bool:
        return True

    def time_remaining(self) -> float:
        return 0.5

    def abort(self, code: grpc.StatusCode, reason: str) -> None:
        raise _Aborted(reason)


@cache
def _rpc() -> RpcServer:
    server = RpcServer.__new__(RpcServer)  # without a port
    server._service, server._calls = _service(), set()  # type: ignore[assignment]
    return server


@harness(lambda: [_question(), b""])
def rpc(data: bytes) -> None:
    server, context = _rpc(), _Context()
    with _no_bugs():
        for method in (server._suggest_move, server._server_info):
            with contextlib.suppress(HexzError):
                server._guarded(method)(data, context)


# --- Text ----------------------------------------------------------------------------------------


@harness(lambda: [json.dumps({**PLAY, "players": ["person", "random"], "resigned": 0}).encode()])
def saved_game(data: bytes) -> None:
    Game.load(_file(data, "input.json"))


@harness(lambda: ["\n".join(Board.random(n).to_text() for n in range(3)).encode()])
def boards(data: bytes) -> None:
    read_boards(_file(data, "input.txt"))


@harness(lambda: [f"# Workers\n\nattic-3 {'0123456789abcdef' * 4}\n".encode()])
def worker_tokens(data: bytes) -> None:
    """The file of the tokens of single workers."""
    tokens = WorkerTokens(_file(data, "worker-tokens"))
    for name in tokens.names():
        assert tokens.owner(f"{name}.secret") is None


@cache
def _field() -> Field:
    specs = ("random", "uct:8")
    return Field(tuple(Entrant(parse_spec(spec)) for spec in specs), ())


def _logs() -> list[bytes]:
    board = Board.random(1)
    mover = make_player(parse_spec("random"), notify=_quiet)
    moves: list[str] = []
    while not board.is_over:
        move = mover.suggest(board).suggestion.move
        moves.append(str(move))
        board.play(move)
    one = {
        "score": board.score,
        "moves": moves,
        "values": [0.0] * len(moves),
        "top": [[[move, 1.0]] for move in moves],
    }
    line = {
        "players": ["random", "uct:8"],
        "networks": [None, None],
        "board": Board.random(1).to_text(),
        "games": [one, one],
    }
    return [json.dumps(line, separators=(",", ":")).encode() + b"\n"]


@harness(_logs)
def arena_log(data: bytes) -> None:
    with ArenaLog(_file(data, "input.jsonl"), _field()):
        pass


LINES: Final = ("name", "new 3", "play d5", "genmove simulations 4", "analyse time 0.01", "quit")


@harness(lambda: ["\n".join(LINES).encode(), f"board {position_text(Board.random(2))}".encode()])
def engine_lines(data: bytes) -> None:
    """What another program writes to `hexzctl engine`."""
    session = EngineSession(make_player(parse_spec("random"), notify=_quiet), "random")
    for line in io.TextIOWrapper(io.BytesIO(data), errors="surrogateescape"):
        answer = session.answer(line)
        assert answer == "" or answer.endswith("\n")


class _Program:
    """A program that answers with these lines."""

    name = "program"

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def ask(self, command: str, deadline: float) -> list[str]:
        return self._lines or [""]


@harness(lambda: [b"d5 0.25", b"Fa1", b"d5 nan"])
def engine_answers(data: bytes) -> None:
    """What a program answers that plays as `cmd:`."""
    player = ProgramPlayer.__new__(ProgramPlayer)  # without a process
    program: Any = _Program(data.decode("utf-8", "replace").splitlines())
    player._ask(program, Board.random(1), Budget(seconds=1.0), 0.0)


@harness(lambda: [b"model:PATH@2.5s", b"uct:800", b"amateur", b"cmd:./x -y@1s", b"Fd5"])
def names(data: bytes) -> None:
    """Names of players and of moves, and positions."""
    text = data.decode("utf-8", "surrogateescape")
    for read in (lambda t: parse_spec(t, allow_programs=True), Move.parse, Board.from_text):
        with contextlib.suppress(HexzError):
            read(text)
