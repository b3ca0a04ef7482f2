"""What happens at present, in words, and when the next checkpoint is to be expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from hexz.schema.fleet import Heartbeat, WorkerSettings
from hexz.schema.status import JournalStatus, TrainingStatus, WatchedGame

USUAL_MOVES: Final = 65
"""A game has about so many: 60 of an untrained network, 70 of a strong one."""

FEW_GAMES: Final = 20
"""If fewer were over in the last minute, what workers evaluate tells more about the next one: the
first games of all processes are over at about the same time."""

EVALUATED_SHARE: Final = 0.7
"""Of the positions that a search visits; the others it knows (docs/performance.md)."""


class Seen(NamedTuple):
    """What a forecast is made of.

    Attributes:
        checkpoint: the newest one; None before it is known.
        workers: those that were heard of a short time ago.
        settings: how they play.
        examples_per_second: taken over the last minute.
        journal, training: their states.
        seconds_per_step: of the last training; None if nothing was trained yet.
        steps: optimizer steps of a training.
        game: a game under way.
    """

    checkpoint: int | None
    workers: Sequence[Heartbeat]
    settings: WorkerSettings | None
    examples_per_second: float
    journal: JournalStatus
    training: TrainingStatus
    seconds_per_step: float | None
    steps: float
    game: WatchedGame | None


def seconds_to_checkpoint(seen: Seen) -> float | None:
    """The seconds until there is the next checkpoint, about; None if that is unknown."""
    if seen.checkpoint is None or not (seen.workers or _is_full(seen)):
        return None
    progress = seen.training.progress
    if progress is not None:
        done = progress.step - 1  # in the time that is known
        return progress.seconds / done * (progress.steps - progress.step) if done else None
    training = seen.steps * (seen.seconds_per_step or 0.0)
    if _is_full(seen):
        return training or None
    per_second = seen.examples_per_second
    if per_second * 60 < FEW_GAMES * USUAL_MOVES:
        per_second = max(per_second, expected_examples(seen.workers, seen.settings))
    return _missing(seen) / per_second + training if per_second else None


def expected_examples(workers: Sequence[Heartbeat], settings: WorkerSettings | None) -> float:
    """The examples a second that workers will post, by what they evaluate: before the first games
    are over there are none."""
    if settings is None:
        return 0.0
    evaluated = sum(worker.evaluations_per_second for worker in workers)
    return evaluated / (EVALUATED_SHARE * settings.search.mean_simulations)


def happening(seen: Seen) -> str:
    """Tells what happens, in a sentence or two."""
    if seen.checkpoint is None:
        return "Starting: the newest checkpoint is loaded, or the first one made."
    if seen.training.activity == "paused" or _is_full(seen):
        return _training(seen, seen.checkpoint + 1)
    if not seen.workers:
        return "No worker plays yet."
    if all(worker.checkpoint is None for worker in seen.workers):
        return "A worker has come, and prepares the network to play with."
    games = "Games are played"
    if not seen.examples_per_second:
        games = f"The first games are played{_first_game(seen.game)}"
    need = f"Checkpoint {seen.checkpoint + 1} needs {_missing(seen):,} more examples"
    return f"{games}. {need}{_left(seen)}."


def _training(seen: Seen, number: int) -> str:
    progress = seen.training.progress
    if progress is not None:
        share = progress.step / progress.steps
        return f"Checkpoint {number} is being trained: {share:.0%} is done{_left(seen)}."
    if seen.training.activity == "paused":
        return f"The training of checkpoint {number} failed, and is tried again soon."
    return f"The examples of checkpoint {number} are there, and its training begins."


def _first_game(game: WatchedGame | None) -> str:
    if game is None:
        return ""
    return f", now at move {len(game.moves)} of some {USUAL_MOVES}"


def _left(seen: Seen) -> str:
    seconds = seconds_to_checkpoint(seen)
    return "" if seconds is None else f", which takes about {duration(seconds)}"


def duration(seconds: float) -> str:
    """A duration in words."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{seconds / 3600:.1f} hours"


def _missing(seen: Seen) -> int:
    return max(0, seen.journal.minibatch_size - seen.journal.open_batch)


def _is_full(seen: Seen) -> bool:
    return seen.journal.sealed_batches > 0 or seen.training.progress is not None
