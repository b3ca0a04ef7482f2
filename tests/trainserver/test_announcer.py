"""The announcer keeps the newest model in a real Redis, whatever happens to that."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from hexz.errors import ChannelError
from hexz.pubsub import ModelChannel, PublishedModel
from hexz.trainserver import announcer as announcer_module
from hexz.trainserver.announcer import Announcer

from ..redis_server import RedisServer
from ..waiting import wait_until


@pytest.fixture(autouse=True)
def _quick_checks(monkeypatch):
    monkeypatch.setattr(announcer_module, "CHECK_SECONDS", 0.05)


@pytest.fixture
def announcer(redis_server) -> Iterator[Announcer]:
    announcer = Announcer(redis_server.url, "flagz")
    yield announcer
    announcer.close()


def published(url: str) -> PublishedModel | None:
    channel = ModelChannel(url, "flagz")
    try:
        return channel.latest()
    except ChannelError:
        return None
    finally:
        channel.close()


def test_models_are_published_in_their_order(announcer, redis_server):
    for number in range(3):
        announcer.announce(number, b"model %d" % number)
        expected = PublishedModel(number, b"model %d" % number)
        wait_until(lambda e=expected: published(redis_server.url) == e)  # type: ignore[misc]


def test_an_announcement_is_heard_at_once(redis_server, monkeypatch):
    monkeypatch.setattr(announcer_module, "CHECK_SECONDS", 60)
    with redis_server.client() as client, client.pubsub() as subscription:
        subscription.subscribe("hexz:flagz:flagz:checkpoints")
        assert subscription.get_message(timeout=5)["type"] == "subscribe"
        with closing(Announcer(redis_server.url, "flagz")) as announcer:
            announcer.announce(4, b"model")
            message = subscription.get_message(timeout=30)
    assert message is not None
    assert message["data"] == b"4"


def test_what_redis_lost_is_published_again(announcer, redis_server):
    model = PublishedModel(7, b"model")
    announcer.announce(7, b"model")
    wait_until(lambda: published(redis_server.url) == model)
    with redis_server.client() as client:
        client.flushall()
    wait_until(lambda: published(redis_server.url) == model)
    redis_server.kill()
    redis_server.start()
    wait_until(lambda: published(redis_server.url) == model)


def test_an_outage_is_a_problem_until_it_is_over(announcer, redis_server, caplog):
    redis_server.kill()
    announcer.announce(1, b"model")
    wait_until(lambda: announcer.problem)
    time.sleep(0.3)  # some more attempts
    assert len(caplog.messages) == 1
    assert f":{redis_server.url.rsplit(':', 1)[1]}" in announcer.problem
    redis_server.start()
    wait_until(lambda: announcer.problem is None)
    wait_until(lambda: published(redis_server.url) == PublishedModel(1, b"model"))


def test_a_bug_is_a_problem_and_does_not_end_the_announcing(
    announcer, redis_server, monkeypatch, caplog
):
    def fail(checkpoint: int, model: bytes) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(announcer._channel, "publish", fail)
        announcer.announce(1, b"model")
        wait_until(lambda: announcer.problem == "RuntimeError: a bug")
    wait_until(lambda: announcer.problem is None)
    assert published(redis_server.url) == PublishedModel(1, b"model")
    assert "Traceback" in caplog.text


def test_a_redis_that_refuses_us_is_a_problem_that_keeps_the_password():
    directives = "port {port}\nrequirepass right"
    with RedisServer(directives, "redis://:right@127.0.0.1:{port}") as server:
        url = server.url.replace("right", "wrong-password")
        announcer = Announcer(url, "flagz")
        announcer.announce(1, b"model")
        wait_until(lambda: announcer.problem)
        assert "password" in announcer.problem
        assert "wrong-password" not in announcer.problem
        announcer.close()


def test_a_url_that_cannot_be_used_is_refused():
    with pytest.raises(ChannelError):
        Announcer("http://host", "flagz")


def test_a_private_redis_that_is_killed_comes_back_with_the_model():
    announcer = Announcer(None, "flagz")
    assert announcer.private_url is not None
    announcer.announce(3, b"model")
    wait_until(lambda: published(announcer.private_url) == PublishedModel(3, b"model"))
    process = announcer._private.process
    process.kill()
    wait_until(lambda: published(announcer.private_url) == PublishedModel(3, b"model"))
    wait_until(lambda: announcer.problem is None)
    last = announcer._private.process
    announcer.close()
    assert last.poll() is not None


def test_a_redis_that_is_down_does_not_delay_the_end(announcer, redis_server):
    redis_server.kill()
    announcer.announce(1, b"model")
    wait_until(lambda: announcer.problem)
    started = time.monotonic()
    announcer.close()
    assert time.monotonic() - started < 4
