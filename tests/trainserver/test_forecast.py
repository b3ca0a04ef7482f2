"""What the status says of the present and of the next checkpoint, and the game to watch."""

from typing import Any

import pytest

from hexz.engine import Board
from hexz.schema.fleet import FleetSettings, GameUnderWay, Heartbeat
from hexz.schema.status import JournalStatus, Progress, TrainingStatus
from hexz.trainserver.forecast import Seen, duration, happening, seconds_to_checkpoint
from hexz.trainserver.watching import watched_game


def heartbeat(worker: str = "a", **changes: Any) -> Heartbeat:
    """Of a worker that evaluates 1,190 positions a second: 100 moves of 17 simulations."""
    values: dict[str, Any] = {
        "version": "1", "model_name": "m", "checkpoint": 0, "device": "", "processes": 1,
        "games": 0, "evaluations": 1190, "examples": 0, "pending": 0, "seconds": 1.0,
    }  # fmt: skip
    return Heartbeat(worker=worker, **values | changes)


def game(seed: int = 1, moves: int = 3) -> GameUnderWay:
    board = Board.random(seed)
    text, actions = board.to_text(), []
    for _ in range(moves):
        actions.append(board.legal_moves()[0].index)
        board.play_index(actions[-1])
    return GameUnderWay(board=text, moves=actions)


def seen(
    *, open_batch: int = 0, sealed: int = 0, training: TrainingStatus | None = None, **changes: Any
) -> Seen:
    """A server whose minibatches have 1,000 examples and its trainings 50 steps."""
    values: dict[str, Any] = {
        "checkpoint": 4, "workers": [heartbeat()], "settings": FleetSettings().at(0),
        "examples_per_second": 0.0, "training": training or TrainingStatus(activity="idle"),
        "seconds_per_step": 0.5, "steps": 50, "game": watched_game([heartbeat(game=game())]),
        "journal": JournalStatus(
            waiting=0, open_batch=open_batch, sealed_batches=sealed, minibatch_size=1000,
            max_backlog=4,
        ),
    }  # fmt: skip
    return Seen(**values | changes)


def training(step: int) -> TrainingStatus:
    """It began 10 s ago."""
    progress = Progress(batch=1, step=step, steps=50, seconds=10.0, loss=None)
    return TrainingStatus(activity="training", progress=progress)


@pytest.mark.parametrize(("state", "seconds", "words"), [
    (seen(checkpoint=None), None, "Starting: "),
    (seen(workers=[]), None, "No worker plays yet."),
    (seen(workers=[heartbeat(checkpoint=None)]), 35, "A worker has come"),
    (seen(), 35, "The first games are played, now at move 3 of some 65. Checkpoint 5 needs 1,000 "
     "more examples, which takes about 35 s."),
    (seen(examples_per_second=1.0), 35, "Games are played. "),  # one is over, the others soon
    (seen(open_batch=600, examples_per_second=400.0), 26, "Games are played. Checkpoint 5 needs "
     "400 more examples, which takes about 26 s."),
    (seen(workers=[heartbeat(seconds=0.0)]), None, "The first games are played, now at move 3 of "
     "some 65. Checkpoint 5 needs 1,000 more examples."),
    (seen(sealed=1), 25, "The examples of checkpoint 5 are there"),
    (seen(sealed=1, training=training(1)), None, "Checkpoint 5 is being trained: 2% is done."),
    (seen(sealed=1, training=training(26)), 9.6, "Checkpoint 5 is being trained: 52% is done, "
     "which takes about 10 s."),
    (seen(sealed=1, training=TrainingStatus(activity="paused")), 25, "The training of checkpoint "
     "5 failed, and is tried again soon."),
])  # fmt: skip
def test_the_present_and_what_comes_next(state: Seen, seconds: float | None, words: str) -> None:
    assert seconds_to_checkpoint(state) == (seconds and pytest.approx(seconds, abs=0.5))
    assert happening(state).startswith(words)


def test_times_are_told_as_people_do() -> None:
    assert [duration(x) for x in (0.1, 99, 130, 5900, 9000)] == [
        "1 s", "99 s", "2 min", "98 min", "2.5 hours"
    ]  # fmt: skip


def test_the_game_to_watch_is_one_that_the_rules_allow() -> None:
    sound, board = game(2), game(1).board
    workers = [
        heartbeat("d", game=game(3)),
        heartbeat("c", game=sound),
        heartbeat("b", game=GameUnderWay(board=board, moves=[0, 0])),
        heartbeat("aa", game=GameUnderWay(board="x" * 105, moves=[])),
        heartbeat("a"),
    ]
    watched = watched_game(workers)
    assert watched is not None
    assert (watched.worker, watched.board, watched.moves) == ("c", sound.board, sound.moves)
    assert watched_game(workers[2:]) is None
