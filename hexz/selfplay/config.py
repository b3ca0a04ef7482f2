"""What a run of self-play is asked to do, and what it reports while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from hexz.engine import Board, SearchSettings
from hexz.export import GameRecord


@dataclass(frozen=True, kw_only=True)
class SelfPlayConfig:
    """A run of self-play on this machine.

    Attributes:
        model: a model file or directory; None: a fresh network.
        device: "cpu", "cuda" or "mps".
        num_workers: processes; None: one a core, or one in all on a GPU.
        games_per_worker: games that each process plays at once.
        max_games: games to finish; None: no limit.
        max_seconds: wall time from the start of the run; None: no limit.
        settings: of the search.
        output_dir: where `examples/` and the page of games go.
        seed: one seed and one number of workers give the same games again.
    """

    model: Path | None
    device: str
    num_workers: int | None
    games_per_worker: int
    max_games: int | None
    max_seconds: float | None
    settings: SearchSettings
    output_dir: Path
    seed: int


@dataclass(frozen=True)
class WorkerReady:
    """A worker has its network and starts to play.

    Attributes:
        evaluator: name of the evaluator, for people.
    """

    evaluator: str


@dataclass(frozen=True)
class Notice:
    """Something that the user should know, in one line; workers may say the same."""

    text: str


@dataclass(frozen=True)
class Progress:
    """Counters of one worker since its start.

    Attributes:
        worker: its number.
        evaluations: positions evaluated.
        batch_rows: positions that full batches would have held.
        mean_move: moves that the running games have played, on average.
        board: the position of one running game.
    """

    worker: int
    evaluations: int
    batch_rows: int
    mean_move: float
    board: Board | None


@dataclass(frozen=True)
class GameOver:
    """A finished game.

    Attributes:
        entries: name and bytes of each serialized example.
        score: of players 1 and 2.
        record: the game for the page.
    """

    entries: list[tuple[str, bytes]] = field(repr=False)
    score: tuple[int, int]
    record: GameRecord


@dataclass(frozen=True)
class WorkerFailed:
    """A worker ended before it was told to."""

    worker: int
    reason: str


@dataclass(frozen=True)
class FileWritten:
    """A file of examples is complete."""

    path: Path
    examples: int


Event = WorkerReady | Notice | Progress | GameOver | WorkerFailed | FileWritten
