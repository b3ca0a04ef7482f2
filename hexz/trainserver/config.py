"""What a train server is asked to do, from options or from the environment."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from hexz.errors import InvalidConfig
from hexz.training.config import TrainingConfig

_TOKEN: Final = re.compile(r"[!-~]{16,}")
"""What a header can carry; a shorter token could be guessed."""


def variable_of(name: str) -> str:
    """The variable of the environment that sets a field of `ServerConfig` or `TrainingConfig`."""
    return name.upper() if name in ("model_name", "minibatch_size") else f"HEXZ_{name.upper()}"


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """A train server.

    Attributes:
        model_name: the model that it trains.
        store: where checkpoints go: a directory or gs://bucket/prefix.
        data_dir: where examples wait for training. It must survive a restart.
        redis_url: where models are announced; None: a private Redis server on this machine.
        minibatch_size: examples that make a new checkpoint.
        max_checkpoint_lag: examples of a checkpoint older than this are refused.
        max_backlog: batches that may wait for training before posts are refused for a while.
        settings: TOML file of the fleet's settings, see `hexz.trainserver.settings`.
        auth_token: what clients must show; None: nothing.
        allow_unauthenticated: serves other machines even without a token.
        blocks, filters: size of the network, where there is no checkpoint yet.
        tensorboard: directory for TensorBoard's event files.
        training: how to train.

    Raises:
        InvalidConfig: a value is out of range.
    """

    model_name: str = "flagz"
    store: str = "hexz-data"
    data_dir: Path = Path("hexz-data")
    redis_url: str | None = field(default=None, repr=False)
    minibatch_size: int = 4096
    max_checkpoint_lag: int = 50
    max_backlog: int = 64
    settings: Path | None = None
    auth_token: str | None = field(default=None, repr=False)
    allow_unauthenticated: bool = False
    blocks: int = 4
    filters: int = 32
    tensorboard: Path | None = None
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        for name, low in (("minibatch_size", 1), ("max_checkpoint_lag", 0), ("max_backlog", 1)):
            if not low <= getattr(self, name) < 2**31:
                raise InvalidConfig(f"{name} must be at least {low}, not {getattr(self, name)}")
        if self.auth_token is not None and not _TOKEN.fullmatch(self.auth_token):
            raise InvalidConfig(
                "HEXZ_AUTH_TOKEN is not 16 or more letters, digits and signs without spaces: "
                "make one with `openssl rand -hex 32`"
            )

    @property
    def journal_dir(self) -> Path:
        """Where the examples of this model wait."""
        return self.data_dir / "journal" / self.model_name

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The configuration that the variables give; empty ones count as unset.

        Raises:
            InvalidConfig: a variable cannot be used; names it.
        """
        training = TrainingConfig(**_read(TrainingConfig, environment))
        return cls(training=training, **_read(cls, environment))


def _read(cls: type, environment: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for known in fields(cls):
        variable = variable_of(known.name)
        text = environment.get(variable)
        if not text or known.name == "training":
            continue
        try:
            values[known.name] = _PARSERS[str(known.type).removesuffix(" | None")](text)
        except ValueError:
            raise InvalidConfig(f"{variable} is {text!r}, which is not a {known.type}") from None
    return values


def _flag(text: str) -> bool:
    flags = {"1": True, "true": True, "0": False, "false": False}
    if text.lower() not in flags:
        raise ValueError
    return flags[text.lower()]


_PARSERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "bool": _flag,
    "float": float,
    "int": int,
    "str": str,
    "Path": Path,
}
