"""What a train server and its workers say to each other beside examples.

A worker posts a `Heartbeat` when it starts and every few seconds, and the server answers with
`Orders`. Both travel as JSON. Unknown keys are ignored, so that either side may learn new ones;
what is there must be of the right type and in range.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Literal, Self, get_args

from hexz.engine import SearchSettings
from hexz.engine.settings import InvalidSettings
from hexz.errors import HexzError
from hexz.version import __version__

EXAMPLES_PATH: Final = "/training/examples"
GAMES_PATH: Final = "/training/games"
HEARTBEAT_PATH: Final = "/training/heartbeat"

HEARTBEAT_SECONDS: Final = 5.0
"""How often a worker posts a heartbeat, and so how soon it follows new orders."""

MAX_HEARTBEAT_BYTES: Final = 1 << 14
MAX_GAMES_PER_WORKER: Final = 65536

PostUnit = Literal["examples", "games"]


class InvalidMessage(HexzError, ValueError):
    """A message of the other side is not what this version understands."""


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """A worker and what it has done since it started.

    Attributes:
        worker: its name, unique in the fleet.
        version: of its hexzctl.
        model_name: the model that it plays with.
        checkpoint: the checkpoint it plays with; None before the first.
        device: backend and device, for people: "OpenVINO int8 on cpu"; empty before the first.
        processes: that play.
        games: finished.
        evaluations: positions evaluated.
        examples: that the server has taken.
        pending: examples that wait to be posted.
        seconds: since it began to play.
    """

    worker: str
    version: str
    model_name: str
    checkpoint: int | None
    device: str
    processes: int
    games: int
    evaluations: int
    examples: int
    pending: int
    seconds: float

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Raises InvalidMessage with the reason."""
        content = _object(data)
        _check_name(content, "worker")
        _check_name(content, "version")
        _check_name(content, "model_name")
        if not isinstance(content.get("device"), str) or len(content["device"]) > 200:
            raise InvalidMessage("device is not a short text")
        if content.get("checkpoint") is not None:
            _check_number(content, "checkpoint", int)
        for name in ("processes", "games", "evaluations", "examples", "pending"):
            _check_number(content, name, int)
        _check_number(content, "seconds", float)
        return cls(**_known(cls, content))


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """How workers play: one document for the whole fleet, sent by the server.

    Attributes:
        search: of the games that are started from now on.
        games_per_process: games that each process has going.
        post: what a request carries: one example, or all examples of a game.
    """

    search: SearchSettings = field(
        default_factory=lambda: SearchSettings(
            algorithm="gumbel", simulations=64, full_search_share=0.25
        )
    )
    games_per_process: int = 128
    post: PostUnit = "examples"

    def __post_init__(self) -> None:
        if not 1 <= self.games_per_process <= MAX_GAMES_PER_WORKER:
            raise InvalidSettings(
                f"games_per_process must be in 1..{MAX_GAMES_PER_WORKER}, "
                f"not {self.games_per_process}"
            )
        if self.post not in get_args(PostUnit):
            raise InvalidSettings(f"post must be examples or games, not {self.post!r}")


@dataclass(frozen=True, kw_only=True)
class Orders:
    """The server's answer to a heartbeat.

    Attributes:
        version: of the server's hexzctl.
        checkpoint: the newest checkpoint.
        settings: how to play.
        redis_url: of the server's private Redis, for workers on its machine; else None.
    """

    version: str
    checkpoint: int
    settings: WorkerSettings
    redis_url: str | None = field(default=None, repr=False)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Raises InvalidMessage with the reason."""
        content = _object(data)
        _check_name(content, "version")
        _check_number(content, "checkpoint", int)
        settings = content.get("settings")
        if not isinstance(settings, dict):
            raise InvalidMessage("settings are missing")
        content["settings"] = worker_settings(settings)
        if content.get("redis_url") is not None:
            _check_name(content, "redis_url")
        return cls(**_known(cls, content))


def worker_settings(content: Mapping[str, Any]) -> WorkerSettings:
    """Settings from the parsed JSON or TOML of a document; what is not given has its default.

    Raises:
        InvalidMessage: a value is of the wrong type or out of range; names it.
    """
    values = _known(WorkerSettings, content)
    search = values.pop("search", {})
    if not isinstance(search, dict):
        raise InvalidMessage("search is not a table of settings")
    default = WorkerSettings()
    merged = asdict(default.search) | _known(SearchSettings, search)
    _check_types("search", asdict(default.search), merged)
    _check_types("settings", asdict(default), asdict(default) | values)
    try:
        return WorkerSettings(search=SearchSettings(**merged), **values)
    except InvalidSettings as error:
        raise InvalidMessage(str(error)) from None


def incompatibility(version: str, server_version: str = __version__) -> str | None:
    """Why a worker of a version cannot work for a server of another, or None if it can.

    Versions understand each other if they differ in the last of their three numbers only.
    """
    if version.split(".")[:2] == server_version.split(".")[:2]:
        return None
    return (
        f"this worker is hexzctl {version}, the server is {server_version}: "
        f"install hexzctl {server_version} for the worker"
    )


def _object(data: bytes | str) -> dict[str, Any]:
    if len(data) > MAX_HEARTBEAT_BYTES:
        raise InvalidMessage(f"{len(data)} bytes are too many for this message")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise InvalidMessage("the body is not JSON") from None
    if not isinstance(content, dict):
        raise InvalidMessage("the body is not a JSON object")
    return content


def _known(cls: type, content: Mapping[str, Any]) -> dict[str, Any]:
    names = {known.name for known in fields(cls)}
    return {name: value for name, value in content.items() if name in names}


def _check_name(content: Mapping[str, Any], name: str) -> None:
    text = content.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= 200 or not text.isprintable():
        raise InvalidMessage(f"{name} is not a text of 1 to 200 printable characters")


def _check_number(content: Mapping[str, Any], name: str, kind: type) -> None:
    number = content.get(name)
    numbers = (int, float) if kind is float else (int,)
    if not isinstance(number, numbers) or isinstance(number, bool) or not 0 <= number < 2**63:
        raise InvalidMessage(f"{name} is not a number from 0 up")


def _check_types(where: str, expected: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    for name, value in found.items():
        kinds = (int, float) if type(expected[name]) is float else (type(expected[name]),)
        if type(value) not in kinds:
            raise InvalidMessage(f"{where}: {name} is {value!r}, not a {kinds[-1].__name__}")
