"""What a player service is asked to do, from options or from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from hexz.errors import InvalidConfig
from hexz.player.spec import PlayerSpec, parse_spec

HOST: Final = "127.0.0.1"
DEVICES: Final = ("cpu", "cuda", "mps")


@dataclass(frozen=True, kw_only=True)
class PlayerConfig:
    """A player service.

    Attributes:
        player: the spec of the player that serves.
        model: where the network of the players is, unless `player` says it; None: the one that
            ships with hexz.
        follow: uses newer networks when they appear there.
        device: where the network runs.
        host: that the gRPC service listens at.
        grpc_port: of the gRPC service; 0 is any free one, None: there is no such service.

    Raises:
        InvalidSpec: `player` is no spec.
        InvalidConfig: the values do not go together, or are out of range.
    """

    player: str = "model"
    model: str | None = None
    follow: bool = False
    device: str = "cpu"
    host: str = HOST
    grpc_port: int | None = None

    def __post_init__(self) -> None:
        spec = parse_spec(self.player)
        if self.model is not None and not spec.needs_network:
            raise InvalidConfig(f"{self.player} has no network: leave the model out")
        if self.model is not None and spec.path is not None:
            raise InvalidConfig(f"the network is given twice: {spec.path} and {self.model}")
        if self.follow and self.path is None:
            raise InvalidConfig("only a network of yours can be followed: name its place")
        if self.device not in DEVICES:
            raise InvalidConfig(f"no device {self.device!r}: expected one of {', '.join(DEVICES)}")
        if self.grpc_port is not None and not 0 <= self.grpc_port < 1 << 16:
            raise InvalidConfig(f"there is no port {self.grpc_port}")

    @property
    def spec(self) -> PlayerSpec:
        return parse_spec(self.player)

    @property
    def path(self) -> str | None:
        """Of the network, None: the one that ships with hexz, or none at all."""
        return self.model or self.spec.path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The configuration that the variables give; empty ones count as unset.

        Raises:
            InvalidSpec, InvalidConfig: a variable cannot be used; names it.
        """

        def read(name: str, default: str = "") -> str:
            return environment.get(name) or default

        port, follow = read("HEXZ_GRPC_PORT"), read("HEXZ_FOLLOW").lower()
        if port and not (port.isascii() and port.isdecimal()):
            raise InvalidConfig(f"HEXZ_GRPC_PORT is {port!r}, which is not a number")
        if follow not in ("", "0", "1", "false", "true"):
            raise InvalidConfig(f"HEXZ_FOLLOW is {follow!r}: expected 0 or 1")
        return cls(
            player=read("HEXZ_PLAYER", cls.player),
            model=read("HEXZ_MODEL_PATH") or None,
            follow=follow in ("1", "true"),
            device=read("HEXZ_DEVICE", cls.device),
            host=read("HEXZ_HOST", HOST),
            grpc_port=int(port) if port else None,
        )
