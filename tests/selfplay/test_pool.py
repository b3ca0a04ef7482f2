"""The processes of self-play: what they are told while they play, and what they send."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import psutil
import pytest

from hexz.engine import SearchSettings
from hexz.inference.openvino import OpenVinoModel
from hexz.model.checkpoint import new_checkpoint
from hexz.model.config import ModelConfig
from hexz.selfplay.messages import (
    Assignment,
    GameOver,
    NewModel,
    NewSettings,
    Notice,
    Playing,
    ProcessEvent,
)
from hexz.selfplay.pool import SelfPlayPool, WorkersFailed, prepare_for_play
from hexz.wire.example import decode_example

from ..system.processes import spawned
from ..waiting import wait_until

TIMEOUT = 60.0
LOOK_SECONDS = 0.1
"""Between two looks at the CPU time of a process, which is counted in hundredths of a second."""
QUICK = NewSettings(SearchSettings(algorithm="gumbel", simulations=2), games_per_process=8)


def model(number: int, *, filters: int = 8) -> NewModel:
    prepared = prepare_for_play(
        new_checkpoint(ModelConfig(blocks=1, filters=filters), seed=number).weights,
        device="cpu",
        num_processes=1,
        games_per_process=QUICK.games_per_process,
        notify=pytest.fail,
    )
    return NewModel(number, prepared)


def damaged_model(number: int) -> NewModel:
    prepared = model(number).prepared
    assert isinstance(prepared, OpenVinoModel)
    return NewModel(number, replace(prepared, compiled=b"no model"))


@pytest.fixture
def pool() -> Iterator[SelfPlayPool]:
    """One process that plays with checkpoint 1."""
    assignment = Assignment(
        run_name="run",
        model_name="tiny",
        settings=QUICK,
        num_processes=1,
        max_games=None,
        seed=1,
    )
    with SelfPlayPool(assignment, model(1)) as pool:
        receive_until(pool, lambda event: event == playing(1))
        yield pool


def playing(checkpoint: int) -> Playing:
    return Playing(0, checkpoint, "OpenVINO int8 on cpu")


def receive_until(pool: SelfPlayPool, found: Callable[[ProcessEvent], bool]) -> list[ProcessEvent]:
    """What arrives up to some event."""
    events: list[ProcessEvent] = []
    deadline = time.monotonic() + TIMEOUT
    while not (events and found(events[-1])):
        assert pool.is_running, events
        assert time.monotonic() < deadline, events
        events += pool.receive(0.1)
    return events


def wait_until_stuck() -> None:
    """Until the process has filled the pipe with games that nobody receives: it takes no more CPU
    time then."""
    [process] = spawned(psutil.Process().children(recursive=True), "run_process")
    looks = [-1.0]

    def stands_still() -> bool:
        time.sleep(LOOK_SECONDS)
        times = process.cpu_times()
        looks.append(times.user + times.system)
        return looks[-1] == looks[-2]

    wait_until(stands_still, TIMEOUT)


def checkpoints_of(event: ProcessEvent) -> list[int]:
    """The checkpoints in the examples of a finished game; none of other events."""
    if not isinstance(event, GameOver):
        return []
    return [decode_example(data).checkpoint for _, data in event.entries]


def test_a_new_model_goes_on_with_the_running_games(pool):
    pool.send(model(2))
    events = receive_until(pool, lambda event: event == playing(2))
    assert all(set(checkpoints_of(event)) <= {1} for event in events)
    events = receive_until(pool, lambda event: 2 in checkpoints_of(event))
    assert sorted(checkpoints_of(events[-1])) == checkpoints_of(events[-1])
    assert 1 in checkpoints_of(events[-1])  # a game that was begun before


def test_of_several_new_models_the_last_is_the_one_that_stays(pool):
    for number in (2, 3, 4):
        pool.send(model(number))
    events = receive_until(pool, lambda event: event == playing(4))
    assert [e.checkpoint for e in events if isinstance(e, Playing)] in ([2, 4], [2, 3, 4], [4])
    pool.send(NewSettings(QUICK.search, 4))
    events = receive_until(pool, lambda event: set(checkpoints_of(event)) == {4})
    assert not [event for event in events if isinstance(event, Playing)]


def test_a_model_that_cannot_be_used_is_noted_and_the_last_one_plays_on(pool):
    pool.send(damaged_model(2))
    events = receive_until(pool, lambda event: isinstance(event, Notice))
    assert isinstance(events[-1], Notice)
    assert "checkpoint 2" in events[-1].text
    receive_until(pool, lambda event: set(checkpoints_of(event)) == {1})
    pool.send(model(3))
    receive_until(pool, lambda event: event == playing(3))


def test_new_settings_are_those_of_later_games(pool):
    pool.send(NewSettings(SearchSettings(algorithm="gumbel", simulations=5), 3))

    def simulations(event: ProcessEvent) -> int:
        if not isinstance(event, GameOver):
            return 0
        return max(decode_example(data).simulations for _, data in event.entries)

    events = receive_until(pool, lambda event: simulations(event) == 5)
    assert {simulations(event) for event in events} <= {0, 2, 5}


def test_a_process_that_waits_for_its_parent_still_hears_it(pool):
    """The pipes of both directions hold far less than a model or some games."""
    wait_until_stuck()
    sender = threading.Thread(target=pool.send, args=(model(2, filters=256),), daemon=True)
    sender.start()
    sender.join(TIMEOUT)
    assert not sender.is_alive()
    receive_until(pool, lambda event: event == playing(2))


def test_the_end_brings_what_was_finished_and_is_quick(pool):
    receive_until(pool, lambda event: isinstance(event, GameOver))
    wait_until_stuck()
    pool.send(model(2))  # is in preparation when the end comes
    started = time.monotonic()
    events = list(pool.end())
    assert time.monotonic() - started < 4.0
    assert [event for event in events if isinstance(event, GameOver)]
    assert not pool.is_running
    pool.check()


def test_a_first_model_that_cannot_be_used_is_a_failure():
    assignment = Assignment(
        run_name="run",
        model_name="tiny",
        settings=QUICK,
        num_processes=1,
        max_games=None,
        seed=1,
    )
    with SelfPlayPool(assignment, damaged_model(3)) as pool:
        while pool.is_running:
            list(pool.receive(0.1))
        with pytest.raises(WorkersFailed, match="all workers failed"):
            pool.check()
