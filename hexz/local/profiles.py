"""Sizes of a training that suit a kind of machine. Imported for `--help`, so it imports little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

ProfileName = Literal["laptop", "gpu"]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Sizes that suit a kind of machine.

    Attributes:
        device: that plays and trains: "cpu", "cuda" or "mps".
        blocks, filters: size of a new network.
        minibatch_size: examples that make a new checkpoint.
        environment: of the train server, where nothing else is set.
    """

    device: Literal["cpu", "cuda", "mps"]
    blocks: int
    filters: int
    minibatch_size: int
    environment: Mapping[str, str] = field(default_factory=dict)


PROFILES: Final[Mapping[ProfileName, Profile]] = {
    "laptop": Profile(device="cpu", blocks=4, filters=32, minibatch_size=16384),
    "gpu": Profile(
        device="cuda",
        blocks=8,
        filters=96,
        minibatch_size=32768,
        environment={
            "HEXZ_BATCH_SIZE": "512",
            "HEXZ_SETTINGS": str(Path(__file__).parents[1] / "data" / "gpu.toml"),
        },
    ),
}
