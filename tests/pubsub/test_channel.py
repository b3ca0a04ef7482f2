"""`ModelChannel` on a real Redis server: what is there, what followers see, what heals."""

import queue
import signal
import threading
import time
import tracemalloc
from collections.abc import Iterator

import pytest

from hexz.errors import ChannelError
from hexz.pubsub import ModelChannel, PublishedModel
from hexz.pubsub.channel import KEEP, POLL_SECONDS, TIMEOUT_SECONDS

from ..redis_server import RedisServer, free_port
from ..waiting import wait_until

TIMEOUT = 20.0


@pytest.fixture
def channel(redis_server: RedisServer) -> Iterator[ModelChannel]:
    channel = ModelChannel(redis_server.url, "tiny")
    yield channel
    channel.close()


class Follower:
    """Follows a channel in a thread, as a worker does."""

    def __init__(self, url: str, model_name: str = "tiny") -> None:
        self.channel = ModelChannel(url, model_name)
        self.stop = threading.Event()
        self.notices: queue.Queue[str] = queue.Queue()
        self.models: queue.Queue[PublishedModel] = queue.Queue()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        for model in self.channel.follow(self.stop, self.notices.put):
            self.models.put(model)

    def next(self, timeout: float = TIMEOUT) -> PublishedModel:
        return self.models.get(timeout=timeout)

    def __enter__(self) -> "Follower":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(TIMEOUT)
        assert not self.thread.is_alive()
        self.channel.close()


@pytest.fixture
def follower(redis_server: RedisServer) -> Iterator[Follower]:
    with Follower(redis_server.url) as follower:
        yield follower


def wait_for_subscribers(server: RedisServer, count: int) -> None:
    name = "hexz:flagz:tiny:checkpoints"
    with server.client() as client:
        wait_until(lambda: client.pubsub_numsub(name)[0][1] == count, TIMEOUT)


def test_keys_and_announcement(redis_server, channel):
    with redis_server.client() as client, client.pubsub() as subscription:
        subscription.subscribe("hexz:flagz:tiny:checkpoints")
        assert subscription.get_message(timeout=TIMEOUT)["type"] == "subscribe"
        channel.publish(7, b"model")
        assert subscription.get_message(timeout=TIMEOUT)["data"] == b"7"
        assert client.get("hexz:flagz:tiny:checkpoint") == b"7"
        assert client.get("hexz:flagz:tiny:model:7") == b"model"
        assert len(client.get("hexz:flagz:tiny:sha256:7")) == 64


def test_all_changes_and_the_announcement_are_one_transaction(redis_server, channel):
    with redis_server.client() as client, client.monitor() as monitor:
        channel.publish(7, b"model")
        names: list[str] = []
        while names[-1:] != ["EXEC"]:
            names.append(monitor.next_command()["command"].split()[0])
    changes = names[names.index("MULTI") :]
    assert changes[-2:] == ["PUBLISH", "EXEC"]
    assert changes.count("SET") == 3
    assert names.count("SET") == 3


def test_latest(channel):
    assert channel.latest() is None
    channel.publish(0, b"first")
    channel.publish(1, b"second")
    assert channel.latest() == PublishedModel(1, b"second")


def test_what_is_too_large_to_be_a_model_is_not_fetched(redis_server, channel, monkeypatch):
    monkeypatch.setattr("hexz.pubsub.channel.MAX_MODEL_BYTES", 1 << 20)
    channel.publish(1, b"one")
    with redis_server.client() as client:
        client.setrange("hexz:flagz:tiny:model:1", 100 << 20, b"x")
        client.setrange("hexz:flagz:tiny:sha256:1", 100 << 20, b"x")
        tracemalloc.start()
        try:
            with pytest.raises(ChannelError, match="more than a model has"):
                channel.latest()
            client.setrange("hexz:flagz:tiny:checkpoint", 100 << 20, b"x")
            assert channel.latest() is None
            assert tracemalloc.get_traced_memory()[1] < 1 << 20
        finally:
            tracemalloc.stop()


def test_models_are_kept_apart_by_name(redis_server, channel):
    channel.publish(3, b"model")
    assert ModelChannel(redis_server.url, "other").latest() is None


def test_the_last_few_models_are_kept(redis_server, channel):
    """Also where numbers jump, or start again at 0 with a new store."""
    for number in (0, 1, 50, 51, 0, 1, 2, 2):
        channel.publish(number, b"model")
    with redis_server.client() as client:
        client.rpush("hexz:flagz:tiny:published", "not a number")
        channel.publish(2, b"model")
        kept = {key.decode().rpartition(":")[2] for key in client.keys("hexz:flagz:tiny:model:*")}
        digests = {key.rpartition(b":")[2].decode() for key in client.keys("*:sha256:*")}
    assert kept == digests == {"0", "1", "2"}
    assert len(kept) == KEEP


def test_a_lower_number_replaces_a_higher_one(channel):
    channel.publish(5, b"five")
    channel.publish(2, b"two")
    assert channel.latest() == PublishedModel(2, b"two")


def test_no_reader_ever_sees_a_number_without_its_model(redis_server, channel):
    """Both change in one step, and a replaced model outlives its number for a while."""
    channel.publish(0, b"0")
    reader = ModelChannel(redis_server.url, "tiny")
    seen = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.append(reader.latest())

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(1, 300):
        read_before = len(seen)
        channel.publish(number, str(number).encode() * 1000)
        while len(seen) == read_before:
            time.sleep(0)
    stop.set()
    thread.join()
    assert None not in seen
    assert len({model.checkpoint for model in seen}) > 100


@pytest.mark.parametrize(
    "damage",
    [
        ("SET", "hexz:flagz:tiny:model:4", "another"),
        ("DEL", "hexz:flagz:tiny:model:4"),
        ("SET", "hexz:flagz:tiny:sha256:4", "0" * 64),
        ("DEL", "hexz:flagz:tiny:sha256:4"),
        ("DEL", "hexz:flagz:tiny:checkpoint"),
        ("SET", "hexz:flagz:tiny:checkpoint", "four"),
        ("SET", "hexz:flagz:tiny:checkpoint", "4" * 5000),
        ("FLUSHALL",),
    ],
    ids=lambda damage: "-".join(damage)[:40],
)
def test_what_redis_lost_is_not_delivered_and_can_be_restored(redis_server, channel, damage):
    channel.publish(4, b"model")
    assert not channel.restore(4, b"model")
    with redis_server.client() as client:
        client.execute_command(*damage)
    assert channel.latest() is None
    assert channel.restore(4, b"model")
    assert channel.latest() == PublishedModel(4, b"model")
    assert not channel.restore(4, b"model")


def test_a_follower_gets_the_newest_model_and_each_newer_one(channel, follower):
    channel.publish(1, b"one")
    assert follower.next() == PublishedModel(1, b"one")
    channel.publish(2, b"two")
    assert follower.next() == PublishedModel(2, b"two")
    channel.publish(2, b"two of a new store")
    assert follower.next() == PublishedModel(2, b"two of a new store")


def test_a_follower_gets_a_model_once(redis_server, channel, follower):
    channel.publish(1, b"one")
    assert follower.next().checkpoint == 1
    wait_for_subscribers(redis_server, 1)
    channel.publish(1, b"one")
    channel.publish(2, b"two")
    assert follower.next().checkpoint == 2
    assert follower.models.empty()


def test_a_busy_follower_skips_what_was_replaced(redis_server, channel):
    models = ModelChannel(redis_server.url, "tiny").follow(threading.Event(), print)
    channel.publish(1, b"one")
    assert next(models).checkpoint == 1
    for number in range(2, 10):
        channel.publish(number, b"more")
    assert next(models).checkpoint == 9
    models.close()


def test_a_follower_waits_for_a_server_that_is_not_up_yet(redis_server, channel):
    redis_server.kill()
    with Follower(redis_server.url) as follower:
        notice = follower.notices.get(timeout=TIMEOUT)
        assert notice.endswith("refused; trying again until it works")
        redis_server.start()
        channel.publish(1, b"one")
        assert follower.next().checkpoint == 1
        assert follower.notices.empty()


def test_a_follower_survives_a_restart_that_lost_everything(redis_server, channel, follower):
    channel.publish(1, b"one")
    assert follower.next().checkpoint == 1
    for number in (2, 3):
        redis_server.kill()
        assert "trying again" in follower.notices.get(timeout=TIMEOUT)
        redis_server.start()
        assert channel.restore(number, b"more")
        assert follower.next().checkpoint == number
    assert follower.notices.empty()


def test_a_follower_does_not_mind_a_flush(redis_server, channel, follower):
    channel.publish(1, b"one")
    assert follower.next().checkpoint == 1
    with redis_server.client() as client:
        client.flushall()
    assert channel.restore(1, b"one")
    channel.publish(2, b"two")
    assert follower.next().checkpoint == 2
    assert follower.notices.empty()


def test_a_model_that_redis_loses_and_gets_back_is_no_other_one(redis_server, channel, monkeypatch):
    """Though its digest is gone for a moment, just when a follower compares it."""
    channel.publish(1, b"one")
    last, text = channel.latest(), channel._text

    def text_of_one_who_loses(name, checkpoint=None):
        if name == "sha256":
            monkeypatch.undo()
            with redis_server.client() as client:
                client.flushall()
            assert text(name, checkpoint) == b""
            assert channel.restore(1, b"one")
            return b""
        return text(name, checkpoint)

    monkeypatch.setattr(channel, "_text", text_of_one_who_loses)
    assert channel._newest(last) is None
    assert channel._newest(None) == last


def test_a_follower_finds_a_model_whose_announcement_it_missed(
    redis_server, channel, follower, monkeypatch
):
    monkeypatch.setattr("hexz.pubsub.channel.POLL_SECONDS", 1.0)
    channel.publish(1, b"one")
    assert follower.next().checkpoint == 1
    time.sleep(0.5)  # longer than anything but the wait for an announcement
    with redis_server.client() as client:
        client.mset(
            {
                "hexz:flagz:tiny:model:2": b"two",
                "hexz:flagz:tiny:sha256:2": PublishedModel(2, b"two").sha256,
                "hexz:flagz:tiny:checkpoint": 2,
            }
        )
    assert follower.next() == PublishedModel(2, b"two")
    assert follower.notices.empty()


def test_a_follower_whose_connections_are_cut_hears_the_next_announcement(
    redis_server, channel, follower
):
    channel.publish(1, b"one")
    assert follower.next().checkpoint == 1
    wait_for_subscribers(redis_server, 1)
    with redis_server.client() as client:
        client.client_kill_filter(_type="pubsub")
        client.client_kill_filter(_type="normal", skipme=True)
    wait_for_subscribers(redis_server, 1)
    started = time.monotonic()
    channel.publish(2, b"two")
    assert follower.next().checkpoint == 2
    assert time.monotonic() - started < POLL_SECONDS / 2


def test_an_announcement_that_is_too_large_takes_no_memory(redis_server, channel, follower):
    channel.publish(1, b"one")
    assert follower.next().checkpoint == 1
    wait_for_subscribers(redis_server, 1)
    with redis_server.client() as client:
        tracemalloc.start()
        try:
            announcement = b"9" * (100 << 20)
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            client.publish("hexz:flagz:tiny:checkpoints", announcement)
            channel.publish(2, b"two")
            assert follower.next().checkpoint == 2
            # What is sent is in memory once more, as the client packs it.
            assert tracemalloc.get_traced_memory()[1] - before < len(announcement) * 3 // 2
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("state", ["idle", "frozen", "down"])
def test_a_follower_stops_at_once(redis_server, channel, state, monkeypatch):
    monkeypatch.setattr("hexz.pubsub.channel.POLL_SECONDS", 0.1)
    channel.publish(1, b"one")
    with Follower(redis_server.url) as follower:
        follower.next()
        if state == "frozen":
            redis_server.program.process.send_signal(signal.SIGSTOP)
            time.sleep(0.5)  # several polls, so that it waits for an answer
        elif state == "down":
            redis_server.kill()
            follower.notices.get(timeout=TIMEOUT)
        started = time.monotonic()
        follower.stop.set()
        follower.thread.join(TIMEOUT)
        assert time.monotonic() - started < TIMEOUT_SECONDS / 2


def test_an_unreachable_server_is_one_line_without_the_password():
    channel = ModelChannel(f"redis://user:sesame@127.0.0.1:{(port := free_port())}/0", "tiny")
    for call in (
        channel.latest,
        lambda: channel.publish(1, b"one"),
        lambda: channel.restore(1, b"one"),
    ):
        with pytest.raises(ChannelError, match=f"Redis at 127.0.0.1:{port}: .*refused") as error:
            call()
        assert "sesame" not in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "http://:sesame@localhost",
        "redis://:ses/ame@localhost",
        "redis://user:12/sesame@localhost",
        "redis://user:12?sesame@localhost",
        "redis://user:12#sesame@localhost",
        "redis://:sesame@",
        "redis://:sesame@localhost:port",
        "redis://:sesame@[localhost",
        "redis://:sesame@localhost?db=first",
        "redis://:sesame@localhost?colour=red",
        "redis://:sesame@localhost?decode_responses=yes",
        "rediss://:sesame@localhost?ssl_colour=red",
    ],
)
def test_a_bad_url_is_refused_without_the_password(url):
    with pytest.raises(ChannelError, match=r"URL of Redis") as error:
        ModelChannel(url, "tiny")
    assert "ame" not in str(error.value).replace("name", "")
    assert error.value.__cause__ is None
