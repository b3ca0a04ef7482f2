"""`hexzctl worker` as a process, with a train server that the test controls and a real Redis."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from hexz.example import Example
from hexz.model.checkpoint import encode_checkpoint, new_checkpoint
from hexz.model.config import ModelConfig
from hexz.pubsub import ModelChannel
from hexz.schema.fleet import COMPACT_GAMES_PATH, EXAMPLES_PATH
from hexz.version import __version__
from hexz.wire.example import decode_example
from hexz.wire.game import read_compact
from hexz.worker.outbox import MAX_PENDING

from .. import fork_server
from ..redis_server import RedisServer, free_port
from ..worker.fake_server import Answer, FakeTrainServer, Request
from .processes import TIMEOUT, assert_one_error_line, environment, hexzctl

TOKEN = "secret"  # noqa: S105
STOP_SECONDS = 8.0
"""A worker ends in this time after SIGTERM; Cloud Run kills a job after 10 s."""


@pytest.fixture
def server() -> Iterator[FakeTrainServer]:
    with FakeTrainServer() as server:
        yield server


@pytest.fixture
def channel(redis_server: RedisServer) -> ModelChannel:
    """Redis with checkpoint 1."""
    channel = ModelChannel(redis_server.url, "tiny")
    publish(channel, 1)
    return channel


def publish(channel: ModelChannel, number: int) -> None:
    checkpoint = new_checkpoint(ModelConfig(blocks=1, filters=8), seed=number)
    channel.publish(number, encode_checkpoint(checkpoint))


@contextmanager
def worker(
    *options: object, url: str, redis_url: str, cwd: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A worker with one process that plays; it is killed if it still runs in the end."""
    process: subprocess.Popen[str] = fork_server.start(
        ["worker", "--num-workers", "1", *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env=environment(
            HEXZ_SERVER_URL=url,
            HEXZ_REDIS_URL=redis_url,
            MODEL_NAME="tiny",
            HEXZ_AUTH_TOKEN=TOKEN,
            **({} if cwd is None else {"TMPDIR": str(cwd)}),
        ),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str]) -> tuple[str, str]:
    """SIGTERM; the worker must end in time, and well. Returns its output and its errors."""
    without_core = seconds_without_core(process.pid)
    process.terminate()
    output = ends_within(STOP_SECONDS, process, time.monotonic(), without_core)
    assert process.returncode == 0, output
    return output


def ends_within(
    seconds: float, process: subprocess.Popen[str], started: float, without_core: float
) -> tuple[str, str]:
    """Waits for the end of a process, which must come so many seconds after `started`, those not
    counted in which other work on this machine left it no core. Returns its output and errors."""
    output = process.stdout.read(), process.stderr.read()
    without_core = seconds_without_core(process.pid) - without_core
    process.wait(TIMEOUT)
    assert time.monotonic() - started - without_core < seconds
    return output


def seconds_without_core(process_id: int) -> float:
    """How long the main thread of a process was ready to go on, and had to wait for a core."""
    with contextlib.suppress(OSError):  # only Linux counts it
        return int(Path(f"/proc/{process_id}/schedstat").read_text().split()[1]) / 1e9
    return 0.0


def examples_of(server: FakeTrainServer) -> list[Example]:
    """What was taken: whole games, and every example once."""
    examples = [decode_example(data) for data in server.examples]
    for game in map(read_compact, server.games):
        examples += [decode_example(data) for _, data in game.examples()]
    assert max(Counter(example.example_id for example in examples).values(), default=1) == 1
    games: dict[str, set[int]] = {}
    for example in examples:
        games.setdefault(example.game_id, set()).add(example.move_number)
    assert all(moves == set(range(len(moves))) for moves in games.values())
    return examples


def has_reported(server: FakeTrainServer) -> bool:
    """Whether a heartbeat has told of all that a worker does."""
    return any(beat.evaluations > beat.games > 0 < beat.examples for beat in server.heartbeats)


def refuse_examples(server: FakeTrainServer) -> None:
    """Refuses them from now on. Returns when one has been."""
    refused = threading.Event()

    def refuse(_: Request) -> Answer:
        refused.set()
        return Answer(503, "down")

    server.answer = refuse
    assert refused.wait(TIMEOUT)


def newest(server: FakeTrainServer) -> Callable[[], int]:
    return lambda: decode_example(server.examples[-1]).checkpoint if server.examples else 0


def test_finished_games_are_posted_example_by_example(server, channel, redis_server, tmp_path):
    with worker(url=server.url, redis_url=redis_server.url, cwd=tmp_path) as process:
        server.wait_until(lambda: len(server.examples) > 300 and has_reported(server))
        stdout, stderr = end(process)
    examples = examples_of(server)
    assert {(e.model_name, e.checkpoint, e.simulations <= 2) for e in examples} == {
        ("tiny", 1, True)
    }
    assert COMPACT_GAMES_PATH not in server.paths()
    assert {request.headers["User-Agent"] for request in server.requests} == {
        f"hexzctl/{__version__}"
    }
    assert {request.headers["Authorization"] for request in server.requests} == {"Bearer secret"}
    assert len({r.client for r in server.requests if r.path == EXAMPLES_PATH}) <= 5
    last = server.heartbeats[-1]
    assert (last.model_name, last.checkpoint, last.processes) == ("tiny", 1, 1)
    assert last.version == __version__
    assert last.examples <= len(examples)
    assert stderr == ""
    assert f"examples posted {len(examples):,}, waiting 0" in stdout.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []  # a worker keeps no files


def test_new_models_and_orders_are_followed_without_dropping_a_game(server, channel, redis_server):
    with worker(url=server.url, redis_url=redis_server.url) as process:
        server.wait_until(lambda: len(server.examples) > 100)
        publish(channel, 2)
        server.wait_until(lambda: newest(server)() == 2)
        server.order(post="games", games=5, simulations=3)
        server.wait_until(lambda: COMPACT_GAMES_PATH in server.paths())
        server.wait_until(lambda: read_compact(server.games[-1]).simulations[-1] == 3)
        _, stderr = end(process)
    assert stderr == ""
    games: dict[str, list[Example]] = {}
    for example in examples_of(server):
        games.setdefault(example.game_id, []).append(example)
    # Games are numbered as they start, and none of those that were under way is missing.
    numbers = {int(game.rsplit("-", 1)[1]) for game in games}
    both = [game for game in games.values() if len({e.checkpoint for e in game}) == 2]
    assert both
    assert numbers >= set(range(max(int(g[0].game_id.rsplit("-", 1)[1]) for g in both)))


def test_models_that_cannot_be_loaded_are_passed_over(server, channel, redis_server):
    channel.publish(2, b"no model")
    with worker(url=server.url, redis_url=redis_server.url) as process:
        assert "checkpoint 2 of tiny is no model file" in process.stderr.readline()
        publish(channel, 3)
        server.wait_until(lambda: newest(server)() == 3)
        channel.publish(4, b"no model")
        assert "checkpoint 4 of tiny is no model file" in process.stderr.readline()
        played = len(server.examples)
        server.wait_until(lambda: len(server.examples) > played + 100)
        assert newest(server)() == 3
        end(process)


def test_a_server_that_stops_for_a_while_loses_nothing(channel, redis_server):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    games = 64  # at once, so that the worker soon has more examples than it keeps
    options = ("--post", "games", "--games-per-process", games)
    with worker(*options, url=url, redis_url=redis_server.url) as process:
        assert url in process.stderr.readline()  # it waits for the server
        with FakeTrainServer(port) as before:
            before.wait_until(lambda: len(before.games) > 5)
        with FakeTrainServer(port) as after:
            after.answer = lambda _: Answer(503, "too many examples wait", {"Retry-After": "1"})
            after.wait_until(
                lambda: bool(after.heartbeats) and after.heartbeats[-1].pending >= MAX_PENDING
            )
            full = len(after.heartbeats)
            after.wait_until(lambda: len(after.heartbeats) > full)
            # Play pauses: what waits does not grow any more.
            assert after.heartbeats[-1].pending < MAX_PENDING + 105
            paused = after.heartbeats[-1].games
            after.answer = lambda _: Answer()
            after.wait_until(lambda: after.heartbeats[-1].games > paused)
            _, stderr = end(process)
            before.games += after.games
    examples = examples_of(before)
    numbers = {int(example.game_id.rsplit("-", 1)[1]) for example in examples}
    assert len(examples) > MAX_PENDING
    assert numbers >= set(range(max(numbers) - games))
    assert len(stderr.splitlines()) <= 2
    assert "Traceback" not in stderr


def refuse(_: Request) -> Answer:
    return Answer(503, "down", {"Retry-After": "60"})


def be_silent(_: Request) -> Answer:
    time.sleep(600)
    return Answer()


def be_slow(_: Request) -> Answer:
    time.sleep(0.5)
    return Answer()


@pytest.mark.parametrize("answer", [refuse, be_silent, be_slow])
def test_an_end_with_thousands_of_examples_waiting_is_in_time(
    server, channel, redis_server, answer
):
    """However the server behaves, and with a Redis that has gone."""
    options = ("--games-per-process", 64, "--post", "examples")
    with worker(*options, url=server.url, redis_url=redis_server.url) as process:
        server.answer = answer
        server.wait_until(lambda: bool(server.heartbeats) and server.heartbeats[-1].pending > 2000)
        redis_server.kill()
        _, stderr = end(process)
    assert "finished examples could not be posted" in stderr.splitlines()[-1]


def test_redis_may_come_late_and_restart_empty(server):
    redis = RedisServer()
    with worker(url=server.url, redis_url=redis.url) as process:
        server.wait_until(lambda: bool(server.heartbeats))
        with redis:
            publish(ModelChannel(redis.url, "tiny"), 3)
            server.wait_until(lambda: newest(server)() == 3)
        played = len(server.examples)
        server.wait_until(lambda: len(server.examples) > played + 200)
        with redis:
            publish(ModelChannel(redis.url, "tiny"), 4)
            server.wait_until(lambda: newest(server)() == 4)
            _, stderr = end(process)
    assert 1 <= len(stderr.splitlines()) <= 2
    assert "Redis" in stderr


def test_max_seconds_is_an_end_like_any_other(server, channel, redis_server):
    started = time.monotonic()
    with worker("--max-seconds", 4, url=server.url, redis_url=redis_server.url) as process:
        server.wait_until(lambda: bool(server.heartbeats))  # its clock runs
        running, without_core = time.monotonic(), seconds_without_core(process.pid)
        _, stderr = ends_within(4.0 + STOP_SECONDS, process, running, without_core)
    assert process.returncode == 0, stderr
    assert stderr == ""
    assert time.monotonic() - started >= 4.0
    assert examples_of(server)


def test_an_end_while_it_waits_is_quick():
    url, redis_url = (f"{kind}://127.0.0.1:{free_port()}" for kind in ("http", "redis"))
    with worker(url=url, redis_url=redis_url) as process:
        lines = [process.stderr.readline() for _ in range(2)]
        assert sorted("Redis" in line for line in lines) == [False, True]
        end(process)


def test_a_second_signal_ends_it_at_once(server, channel, redis_server):
    with worker(url=server.url, redis_url=redis_server.url) as process:
        server.wait_until(lambda: len(server.examples) > 100)
        refuse_examples(server)  # so that something waits to be posted
        children = psutil.Process(process.pid).children(recursive=True)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
        without_core = seconds_without_core(process.pid)
        _, stderr = ends_within(5.0, process, time.monotonic(), without_core)
        assert process.returncode == 130
        assert "Traceback" not in stderr
        _, alive = psutil.wait_procs(children, timeout=TIMEOUT)
        assert alive == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(426, "the server is 9.9.9: install hexzctl 9.9.9"), "install hexzctl 9.9.9"),
        (Answer(401, "the token is missing or wrong"), "token"),
        (Answer(400, "this server trains 'large', not 'tiny'"), "large"),
    ],
    ids=["version", "token", "model"],
)
def test_a_server_that_does_not_want_it_is_one_line(server, redis_server, answer, words):
    server.answer_heartbeat = lambda _: answer
    with worker(url=server.url, redis_url=redis_server.url) as process:
        _, stderr = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert_one_error_line(stderr, "hexzctl: error:", words, server.url)
    assert "secret" not in stderr


def test_options_replace_what_the_server_says(server, channel, redis_server):
    options = ("--search", "puct", "--runs-per-move", 7, "--games-per-process", 4)
    with worker(*options, "--post", "games", url=server.url, redis_url=redis_server.url) as process:
        server.wait_until(lambda: len(server.games) > 1)
        end(process)
    assert EXAMPLES_PATH not in server.paths()
    assert max(example.simulations for example in examples_of(server)) == 7


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--server-url", "host"], "train server"),
        (["--redis-url", "http://host"], "redis://"),
    ],
)
def test_urls_that_are_none_are_one_line(options, word):
    with worker(*options, url="http://host", redis_url="redis://:secret@host") as process:
        _, stderr = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert_one_error_line(stderr, word)
    assert "secret" not in stderr


def test_every_option_has_a_variable():
    result = hexzctl("worker", "--help")
    options = [
        line
        for line in result.stdout.splitlines()
        if line.startswith("  --") and not line.startswith("  --help")
    ]
    assert len(options) == 11
    for variable in (
        "HEXZ_CONFIG",
        "HEXZ_SERVER_URL",
        "HEXZ_REDIS_URL",
        "MODEL_NAME",
        "HEXZ_MAX_SECONDS",
    ):
        assert variable in result.stdout
    assert "HEXZ_AUTH_TOKEN" in result.stdout


def test_a_killed_worker_leaves_no_process(server, channel, redis_server):
    with worker(url=server.url, redis_url=redis_server.url) as process:
        server.wait_until(lambda: bool(server.examples))
        children = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(children, timeout=TIMEOUT)
    assert children
    assert alive == []
