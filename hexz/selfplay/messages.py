"""What the processes of self-play are told, and what they report."""

from __future__ import annotations

from dataclasses import dataclass, field

from hexz.engine import SearchSettings
from hexz.inference import PreparedModel
from hexz.record import GameRecord
from hexz.schema.fleet import GameUnderWay


@dataclass(frozen=True)
class NewModel:
    """A network to play with from now on; running games go on with it.

    Attributes:
        checkpoint: its number.
        prepared: the network; see `prepare_for_play`.
    """

    checkpoint: int
    prepared: PreparedModel


@dataclass(frozen=True)
class NewSettings:
    """Settings for the games that start from now on.

    Attributes:
        search: settings of the search.
        games_per_process: games that each process plays at once.
        compact: whether finished games come as one compact game, not as examples.
    """

    search: SearchSettings
    games_per_process: int
    compact: bool = False


Command = NewModel | NewSettings


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """The work that the processes of a run share.

    Attributes:
        run_name: begins the id of every game, so no other run may have it.
        model_name: the name under which checkpoints are numbered.
        settings: how to begin.
        num_processes: that share the games.
        max_games: games to play in all; None: no limit.
        seed: one seed and one number of processes give the same games again.
    """

    run_name: str
    model_name: str
    settings: NewSettings
    num_processes: int
    max_games: int | None
    seed: int


@dataclass(frozen=True)
class Playing:
    """A process begins to play, or goes on, with a network.

    Attributes:
        process: its number.
        checkpoint: the number of the network.
        evaluator: name of the evaluator, for people.
    """

    process: int
    checkpoint: int
    evaluator: str


@dataclass(frozen=True)
class Notice:
    """Something that the user should know, in one line; processes may say the same."""

    text: str


@dataclass(frozen=True)
class Progress:
    """Counters of one process since its start.

    Attributes:
        process: its number.
        evaluations: positions evaluated.
        batch_rows: positions that full batches would have held.
        mean_move: moves that the running games have played, on average.
        game: one of them.
    """

    process: int
    evaluations: int
    batch_rows: int
    mean_move: float
    game: GameUnderWay | None


@dataclass(frozen=True)
class GameOver:
    """A finished game.

    Attributes:
        examples: the number of its examples.
        entries: name and bytes of each serialized example; none of a compact game.
        compact: the serialized compact game, if it shall be one.
        score: of players 1 and 2.
        record: the game for the page.
    """

    examples: int
    entries: list[tuple[str, bytes]] = field(repr=False)
    compact: bytes | None = field(repr=False)
    score: tuple[int, int]
    record: GameRecord


@dataclass(frozen=True)
class ProcessFailed:
    """A process ended before it was told to."""

    process: int
    reason: str


ProcessEvent = Playing | Notice | Progress | GameOver | ProcessFailed
