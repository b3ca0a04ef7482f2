"""Posts to a train server: what is tried again, what is given up, and what is said about it."""

import contextlib
import gzip
import io
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import urllib3

from hexz.httpclient import TooMuch, read_answer
from hexz.schema.fleet import EXAMPLES_PATH, Receipt
from hexz.version import __version__
from hexz.worker.client import (
    MAX_BACKOFF_SECONDS,
    Closed,
    Rejected,
    ServerRefuses,
    TrainServer,
    _pause,
)

from ..redis_server import free_port
from ..waiting import wait_until
from .fake_server import Answer, FakeTrainServer

TIMEOUT = 20.0


@pytest.fixture
def client(server, notices) -> TrainServer:
    return TrainServer(server.url, "secret", notices.append)


def post(client: TrainServer, body: bytes = b"example") -> Receipt:
    return client.post(EXAMPLES_PATH, body, "application/x-protobuf", Receipt)


def in_turn(server: FakeTrainServer, *answers: Answer) -> None:
    """The server's next answers; the last one stays."""
    waiting = list(answers)
    server.answer = lambda _: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def test_a_post_is_what_the_server_expects(server, client):
    assert post(client, b"\x00\xff") == Receipt(checkpoint=7, accepted=1)
    (request,) = server.requests
    assert (request.path, request.body) == (EXAMPLES_PATH, b"\x00\xff")
    assert request.headers["Content-Type"] == "application/x-protobuf"
    assert request.headers["User-Agent"] == f"hexzctl/{__version__}"
    assert request.headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("path", ["", "/", "/behind/proxy", "/behind/proxy/"])
def test_a_path_in_the_url_is_kept(server, notices, path):
    """This server knows no other path than its own, and is asked again until the client closes."""
    client = TrainServer(server.url + path, None, notices.append)
    with ThreadPoolExecutor(1) as threads, contextlib.closing(client):
        threads.submit(post, client)
        server.wait_until(lambda: bool(server.requests))
    assert server.paths()[0] == path.rstrip("/") + EXAMPLES_PATH
    assert "Authorization" not in server.requests[0].headers


def test_a_connection_is_used_again(server, client):
    for _ in range(20):
        post(client)
    assert len({request.client for request in server.requests}) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 404])
def test_what_the_server_may_take_later_is_posted_until_it_is_taken(server, client, status):
    failure = Answer(status, "busy")
    in_turn(server, failure, failure, failure, Answer())
    assert post(client).accepted == 1
    assert [request.body for request in server.requests] == [b"example"] * 4


@pytest.mark.parametrize(
    "body", ["<html>Sign in to go on</html>", "", "[]", "{}", '{"checkpoint": 1, "accepted": -1}']
)
def test_an_answer_that_is_not_the_servers_is_none_and_is_told(server, client, notices, body):
    in_turn(server, Answer(200, body), Answer(200, body), Answer())
    assert post(client) == Receipt(checkpoint=7, accepted=1)
    assert len(server.requests) == 3
    assert "no train server" in notices[0]


def test_an_answer_is_read_no_further_than_it_can_be_meant(server, client, notices):
    long = Answer(200, " " * (50 << 20))
    in_turn(server, long, long, Answer())
    assert post(client).accepted == 1
    assert len(server.requests) == 3
    assert "an answer of more than 65,536 bytes" in notices[0]


def test_an_answer_in_drops_is_given_up():
    class Drops(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            time.sleep(0.01)
            buffer[0] = 32
            return 1

    with pytest.raises(TooMuch, match="no whole answer in time"):
        read_answer(
            urllib3.HTTPResponse(io.BufferedReader(Drops()), preload_content=False), 1 << 16, 0.1
        )


def test_an_answer_that_unpacks_to_much_is_not_unpacked():
    packed = gzip.compress(bytes(100 << 20))
    answer = urllib3.HTTPResponse(
        io.BytesIO(packed), {"Content-Encoding": "gzip"}, preload_content=False
    )
    assert read_answer(answer, 1 << 20, 10.0) == packed


def test_the_server_says_when_to_come_back(server, client):
    in_turn(server, Answer(503, "full", {"Retry-After": "1"}), Answer())
    started = time.monotonic()
    post(client)
    assert 1.0 <= time.monotonic() - started < 10.0


@pytest.mark.parametrize("status", [400, 409, 413])
def test_what_the_server_will_never_take_is_given_up(server, client, notices, status):
    in_turn(server, Answer(status, "a board\nthat breaks the rules"))
    with pytest.raises(Rejected, match="a board that breaks the rules") as error:
        post(client)
    assert error.value.status == status
    assert len(server.requests) == 1
    assert notices == []


@pytest.mark.parametrize("status", [401, 403, 426])
def test_a_server_that_refuses_the_worker_ends_it(server, client, status):
    in_turn(server, Answer(status, "install hexzctl 7"))
    with pytest.raises(ServerRefuses, match="install hexzctl 7") as error:
        post(client)
    assert "secret" not in str(error.value)
    assert len(server.requests) == 1


def test_a_server_that_is_not_up_yet_is_waited_for(notices):
    port = free_port()
    client = TrainServer(f"http://127.0.0.1:{port}", None, notices.append)
    waiting = threading.Thread(target=post, args=(client,), daemon=True)
    waiting.start()
    wait_until(lambda: notices, TIMEOUT)
    with FakeTrainServer(port) as server:
        server.wait_until(lambda: bool(server.requests))
        waiting.join(TIMEOUT)
    assert not waiting.is_alive()
    assert len(notices) == 1
    assert f"127.0.0.1:{port}" in notices[0]
    assert "Connection refused" in notices[0]


def test_an_outage_is_said_once(server, client, notices):
    in_turn(server, *[Answer(503, "the store is down")] * 5, Answer())
    post(client)
    assert len(notices) == 1
    assert "the store is down" in notices[0]


def test_a_connection_that_the_server_closed_is_no_outage(server, client, notices):
    in_turn(server, Answer(headers={"Connection": "close"}))
    for _ in range(5):
        post(client)
    assert len(server.requests) == 5
    assert notices == []


def test_closing_ends_a_post_without_an_answer(server, client):
    in_turn(server, Answer(503, "full", {"Retry-After": "3600"}))
    threading.Timer(0.3, client.close).start()
    started = time.monotonic()
    with pytest.raises(Closed):
        post(client)
    assert time.monotonic() - started < TIMEOUT / 2


def test_pauses_grow_to_a_limit_and_differ():
    for failures in (1, 2, 5, 20, 10**6):
        pauses = [_pause(failures, None) for _ in range(50)]
        assert 0 < min(pauses) < max(pauses) <= MAX_BACKOFF_SECONDS
    assert max(_pause(1, None) for _ in range(50)) < min(_pause(20, None) for _ in range(50))
    assert all(2.0 <= _pause(1, 2.0) <= 3.0 for _ in range(50))


@pytest.mark.parametrize(
    "url", ["", "host:8080", "ftp://host", "http://", "http://host:port", "http://[::1"]
)
def test_urls_that_are_none(url, notices):
    with pytest.raises(ServerRefuses, match="no URL of a train server"):
        TrainServer(url, None, notices.append)


@pytest.mark.parametrize("token", ["a\nb", "ä", "\x00"])
def test_tokens_that_no_header_can_have(token, notices):
    with pytest.raises(ServerRefuses, match="HEXZ_AUTH_TOKEN") as error:
        TrainServer("http://host", token, notices.append)
    assert token not in str(error.value)
