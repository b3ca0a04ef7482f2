"""Each kind of file and message that outlives the process that writes it, or that another version
may write: how this version writes one, and how it reads what any version has written."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import torch

from hexz.arena.entrants import Entrant, Field
from hexz.arena.games import GamePair
from hexz.arena.log import ArenaLog
from hexz.checkpoints import open_store
from hexz.checkpoints.store import NewCheckpoint
from hexz.engine import Board
from hexz.gameplay.game import Game
from hexz.model.checkpoint import decode_checkpoint
from hexz.model.config import ModelConfig
from hexz.player.spec import parse_spec
from hexz.schema.fleet import FleetSettings, Heartbeat, Orders, Receipt
from hexz.schema.programs import ServerConfig
from hexz.schema.records import CheckpointRecord, RatedCheckpoint, Ratings
from hexz.schema.resolution import resolve
from hexz.schema.status import ServerStatus
from hexz.schema.training import TrainingConfig
from hexz.training.learner import Learner
from hexz.trainserver.journal import Record, _frame_of, read_segment
from hexz.wire.archive import read_examples, write_examples
from hexz.wire.example import decode_example, encode_example
from hexz.wire.game import encode_compact, read_compact

from ..arena.helpers import pairs, play
from ..games import finished_games, game_examples
from ..trainserver.status_server import status


@dataclass(frozen=True)
class Kind:
    """A kind of file or message.

    Attributes:
        write: makes one.
        read: reads one, and fails unless it says what `write` said.
    """

    write: Callable[[], bytes]
    read: Callable[[Path], object]


KINDS: Final[dict[str, Kind]] = {}


def kind(name: str, write: Callable[[], bytes]) -> Callable[[Callable[[Path], None]], None]:
    """Adds a kind, of which a function is the reader, to KINDS by the name of its file."""

    def add(read: Callable[[Path], None]) -> None:
        KINDS[name] = Kind(write, read)

    return add


def _through_file(write: Callable[[Path], object]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write(path)
        return path.read_bytes()


# --- Examples and games --------------------------------------------------------------------------


@cache
def _examples() -> list[bytes]:
    [game] = game_examples(1)
    return [encode_example(example) for example in game]


@kind("example.pb", lambda: _examples()[5])
def _example(path: Path) -> None:
    example = decode_example(path.read_bytes())
    assert (example.model_name, example.move_number, example.checkpoint) == ("flagz", 5, 0)
    assert example.planes.shape == (11, 11, 10)
    assert abs(float(example.policy.sum()) - 1) < 1e-3
    assert example.result in (-1, 0, 1)


@kind(
    "compact-game.pb",
    lambda: encode_compact(
        finished_games(1)[0], game_id="g", model_name="flagz", unix_micros=1_700_000_000_000_000
    ),
)
def _compact_game(path: Path) -> None:
    game = read_compact(path.read_bytes())
    assert (game.game_id, game.model_name) == ("g", "flagz")
    assert len(list(game.examples())) == len(game.actions) > 20


@kind(
    "examples.zip",
    lambda: _through_file(
        lambda path: write_examples(path, [(f"e{n}.pb", _examples()[n]) for n in (0, 9)])
    ),
)
def _archive(path: Path) -> None:
    found = [decode_example(data).move_number for _, data in read_examples(path)]
    assert found == [0, 9]


@kind("00000003.journal", lambda: _frame_of([Record("a", b"data", 0), Record("b", b"more", 7)]))
def _journal(path: Path) -> None:
    records = read_segment(path.parent, 3)
    assert [(r.id, r.data, r.moves) for r in records] == [("a", b"data", 0), ("b", b"more", 7)]


# --- Networks and what is kept beside them -------------------------------------------------------

_TINY: Final = ModelConfig(blocks=1, filters=2)


@cache
def _learner() -> Learner:
    return Learner.new(TrainingConfig(), _TINY, seed=1)


@kind("model.pt", lambda: _learner().checkpoint(model_name="flagz", number=3))
def _model(path: Path) -> None:
    found = decode_checkpoint(path.read_bytes(), "model.pt")
    assert (found.model_name, found.number) == ("flagz", 3)
    logits, value = found.net(torch.from_numpy(Board.random(1).planes())[None])
    assert (logits.shape, value.shape) == ((1, 220), (1,))


@kind("training-state.pt", lambda: _learner().training_state())
def _training_state(path: Path) -> None:
    model = path.with_name("model.pt").read_bytes()
    resumed = Learner.resume(TrainingConfig(), model, path.read_bytes(), [])
    assert resumed.total_steps == 0


def _metadata() -> bytes:
    record = CheckpointRecord(examples=1000, parent=2)
    with tempfile.TemporaryDirectory() as folder:
        new = NewCheckpoint(number=3, model=b"m", metadata=record.to_metadata())
        open_store(folder, "flagz").save(new)
        return next(Path(folder).rglob("metadata.json")).read_bytes()


@kind("metadata.json", _metadata)
def _checkpoint_metadata(path: Path) -> None:
    record = CheckpointRecord.from_json(path.read_bytes())
    assert (record.examples, record.parent) == (1000, 2)


@kind(
    "ratings.json",
    lambda: Ratings(
        player="gumbel@64",
        anchor="uct:800",
        unix_seconds=1e9,
        checkpoints={3: RatedCheckpoint(value=50, low=-40, high=140, boards=9)},
        results=[("3", "uct:800", {"0123456789ab": 1.5})],
    ).to_json(),
)
def _ratings(path: Path) -> None:
    ratings = Ratings.from_json(path.read_bytes())
    assert ratings.checkpoints[3].value == 50
    assert len(ratings.results) == 1


# --- What processes and machines say to each other ------------------------------------------------


def _heartbeat() -> bytes:
    return Heartbeat(
        worker="w", version="0.2.0", model_name="flagz", checkpoint=3, device="d", processes=1,
        games=2, evaluations=3, examples=4, pending=5, seconds=6.5,
    ).to_json()  # fmt: skip


@kind("heartbeat.json", _heartbeat)
def _beat(path: Path) -> None:
    found = Heartbeat.from_json(path.read_bytes())
    assert (found.worker, found.checkpoint, found.seconds) == ("w", 3, 6.5)


@kind("orders.json", lambda: Orders(settings=FleetSettings().at(0), compact_games=1).to_json())
def _orders(path: Path) -> None:
    found = Orders.from_json(path.read_bytes())
    assert found.compact_games == 1
    assert found.settings.search.algorithm == "gumbel"


@kind("receipt.json", lambda: Receipt(checkpoint=3, accepted=1).to_json())
def _receipt(path: Path) -> None:
    assert Receipt.from_json(path.read_bytes()).accepted == 1


@kind("status.json", lambda: status().to_json())
def _status(path: Path) -> None:
    found = ServerStatus.from_json(path.read_bytes())
    assert (found.checkpoint, found.workers[0].worker) == (3, "one")


# --- What people write and keep ------------------------------------------------------------------


@kind("server.toml", lambda: b'minibatch_size = 8192\nstore = "gs://b/x"\nblocks = 6\n')
def _server_settings(path: Path) -> None:
    config = resolve(ServerConfig, options={"config": path}, environment={}, notify=_fail)
    assert (config.minibatch_size, config.store, config.blocks) == (8192, "gs://b/x", 6)


FLEET: Final = b"""games_per_process = 8
post = "games"
[search]
algorithm = "gumbel"
simulations = 64
full_search_share = 0.25
fast_simulations = 12
[[schedule]]
examples = 0
simulations = 32
"""


@kind("fleet.toml", lambda: FLEET)
def _fleet_settings(path: Path) -> None:
    settings = FleetSettings.read(path)
    assert (settings.games_per_process, settings.at(0).search.simulations) == (8, 32)


def _fail(line: str) -> None:
    raise AssertionError(line)


@cache
def _field() -> Field:
    return Field(tuple(Entrant(parse_spec(spec)) for spec in ("uct:20", "random")), ())


@cache
def _pair() -> GamePair:
    [pair] = pairs([(0, 1)], 1)
    return pair


def _write_log(path: Path) -> None:
    [played] = play(_field(), [_pair()], at_once=2)
    with ArenaLog(path, _field()) as log:
        log.append(played)


@kind("arena.jsonl", lambda: _through_file(_write_log))
def _arena_log(path: Path) -> None:
    copy = io.BytesIO(path.read_bytes())  # opening a log locks and may cut it
    with tempfile.NamedTemporaryFile() as file:
        file.write(copy.getvalue())
        file.flush()
        with ArenaLog(Path(file.name), _field()) as log:
            played = log.find(_pair())
    assert played is not None
    assert len(played.games[0]) > 20


def _saved_game() -> bytes:
    game = Game(Board.random(1), ("person", "model@800"))
    for move in Board.random(1).legal_moves()[:1]:
        game.play(move)
    return game.to_json().encode()


@kind("game.json", _saved_game)
def _game(path: Path) -> None:
    game = Game.load(path)
    assert (game.players, len(game.moves)) == (("person", "model@800"), 1)
    assert json.loads(path.read_text())["board"] == Board.random(1).to_text()
