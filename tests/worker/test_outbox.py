"""Examples on their way to the train server."""

import threading

import pytest

from hexz.schema.fleet import COMPACT_GAMES_PATH, EXAMPLES_PATH
from hexz.worker.client import POSTS_AT_ONCE, ServerRefuses, TrainServer
from hexz.worker.outbox import MAX_PENDING, Outbox

from .fake_server import Answer, Request

TIMEOUT = 30.0


@pytest.fixture
def outbox(server, notices) -> Outbox:
    return Outbox(TrainServer(server.url, None, notices.append), notices.append)


def bodies(count: int, game: int = 0) -> list[bytes]:
    return [b"%d-%d" % (game, number) for number in range(count)]


def test_every_example_is_posted_once_and_on_its_own(server, outbox):
    for game in range(10):
        outbox.put(bodies(30, game))
    assert outbox.drain(TIMEOUT)
    assert set(server.paths()) == {EXAMPLES_PATH}
    assert sorted(server.examples) == sorted(b for game in range(10) for b in bodies(30, game))
    assert (outbox.taken, outbox.pending) == (300, 0)
    assert len({request.client for request in server.requests}) == POSTS_AT_ONCE


def test_a_compact_game_in_one_request(server, outbox):
    outbox.put_game(b"game", 30)
    assert outbox.drain(TIMEOUT)
    assert server.paths() == [COMPACT_GAMES_PATH]
    assert server.games == [b"game"]
    assert outbox.taken == 30


def test_failures_lose_nothing(server, outbox):
    failing = iter(range(1000))
    server.answer = lambda _: Answer(503 if next(failing) % 3 == 0 else 200)
    outbox.put(bodies(60))
    assert outbox.drain(TIMEOUT)
    assert sorted(server.examples) == sorted(bodies(60))


def test_there_is_no_room_while_the_server_does_not_answer(server, outbox):
    gate = threading.Event()

    def answer(_: Request) -> Answer:
        gate.wait(TIMEOUT)
        return Answer()

    server.answer = answer
    for game in range(MAX_PENDING // 100):
        outbox.put_game(b"%d" % game, 100)
    assert outbox.wait_for_room(0.0)
    outbox.put(bodies(100))
    assert not outbox.wait_for_room(0.1)
    assert not outbox.drain(0.1)
    gate.set()
    assert outbox.wait_for_room(TIMEOUT)
    assert outbox.drain(TIMEOUT)


def test_rejected_examples_are_counted_and_said_once(server, outbox, notices):
    server.answer = lambda request: (
        Answer(409, "the current checkpoint is 9") if request.body.endswith(b"3") else Answer()
    )
    outbox.put(bodies(40))
    assert outbox.drain(TIMEOUT)
    assert (outbox.taken, outbox.pending) == (36, 0)
    (notice,) = notices
    assert "the current checkpoint is 9" in notice


def test_a_refusal_is_the_end(server, outbox):
    server.answer = lambda _: Answer(401, "the token is wrong")
    outbox.put(bodies(100))
    assert not outbox.drain(TIMEOUT)
    assert isinstance(outbox.failure, ServerRefuses)
    assert "the token is wrong" in str(outbox.failure)
    assert len(server.requests) <= POSTS_AT_ONCE
