"""What a run of self-play is asked to do, and what it reports while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hexz.engine import SearchSettings
from hexz.selfplay.messages import ProcessEvent


@dataclass(frozen=True, kw_only=True)
class SelfPlayConfig:
    """A run of self-play on this machine.

    Attributes:
        model: a model file or directory; "shipped": the network of hexz; None: a fresh network.
        device: "cpu", "cuda" or "mps".
        num_workers: processes; None: one a core; no more than 4 on a GPU.
        games_per_process: games that each process plays at once.
        max_games: games to finish; None: no limit.
        max_seconds: wall time from the start of the run; None: no limit.
        settings: of the search.
        output_dir: where `examples/` and the page of games go.
        seed: one seed and one number of workers give the same games again.
    """

    model: Path | None
    device: str
    num_workers: int | None
    games_per_process: int
    max_games: int | None
    max_seconds: float | None
    settings: SearchSettings
    output_dir: Path
    seed: int


@dataclass(frozen=True)
class FileWritten:
    """A file of examples is complete."""

    path: Path
    examples: int


Event = ProcessEvent | FileWritten
