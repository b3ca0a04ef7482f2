"""`hexzctl train-server` as a process: how it starts, refuses, survives and ends."""

import contextlib
import itertools
import resource
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from hexz.checkpoints import open_store
from hexz.model.checkpoint import decode_checkpoint
from hexz.wire.archive import read_examples
from hexz.wire.example import decode_example, encode_example, encode_game

from ..games import game_examples
from ..redis_server import free_port
from .processes import assert_one_error_line, hexzctl
from .train_server import ServerProcess

TOKEN = "a-secret-of-24-characters"  # noqa: S105
BATCH = 150


@pytest.fixture(scope="module")
def games() -> list[list[bytes]]:
    return [[encode_example(example) for example in game] for game in game_examples(30, seed=2)]


@pytest.fixture(scope="module")
def bodies(games) -> list[bytes]:
    return list(itertools.chain.from_iterable(games))


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[ServerProcess]:
    """A server that trains on nothing, and wants a token."""
    directory = tmp_path_factory.mktemp("server")
    with ServerProcess(directory, "--minibatch-size", 10**6, HEXZ_AUTH_TOKEN=TOKEN) as server:
        yield server.wait_until_ready()
        server.end()


def trained_ids(directory: Path) -> list[str]:
    """The ids in the zips of all checkpoints, which must be consecutive."""
    store = open_store(str(directory), "flagz")
    numbers = [info.number for info in store.list()]
    assert numbers == list(range(len(numbers)))
    names = []
    for number in numbers:
        decode_checkpoint(store.load(number), origin=str(directory))
        for batch in store.batches(number):
            with store.examples(number, batch) as path:
                names += [decode_example(data).example_id for _, data in read_examples(path)]
    return names


def ids_of(bodies: list[bytes]) -> list[str]:
    return sorted(decode_example(body).example_id for body in bodies)


# --- Starting ----------------------------------------------------------------------------------


def test_help_lists_options_and_variables():
    text = hexzctl("train-server", "--help").stdout
    for word in (
        "--model-name", "MODEL_NAME", "--minibatch-size", "MINIBATCH_SIZE", "--port", "PORT",
        "--store", "HEXZ_STORE", "--redis-url", "HEXZ_REDIS_URL", "HEXZ_AUTH_TOKEN",
        "--allow-unauthenticated", "HEXZ_ALLOW_UNAUTHENTICATED",
    ):  # fmt: skip
        assert word in text


@pytest.mark.parametrize(
    ("options", "variables", "words"),
    [
        (["--model-name", "../x"], {}, ["'../x'", "letters"]),
        ([], {"MODEL_NAME": "a b"}, ["'a b'"]),
        (["--store", "s3://bucket"], {}, ["s3://bucket", "gs://"]),
        (["--redis-url", "http://host"], {}, ["Redis"]),
        (["--settings", "none.toml"], {}, ["none.toml"]),
        (["--host", "0.0.0.0"], {}, ["HEXZ_AUTH_TOKEN", "--allow-unauthenticated"]),  # noqa: S104
        (
            ["--host", "no.such.host.invalid", "--allow-unauthenticated"],
            {},
            ["cannot listen", "no.such.host.invalid"],
        ),
        ([], {"HEXZ_AUTH_TOKEN": "short"}, ["HEXZ_AUTH_TOKEN", "openssl"]),
        (["--window-max", "10"], {}, ["window_max"]),
        (["--data-dir", "/dev/null/x"], {}, ["/dev/null"]),
        (["--store", "/dev/null/x"], {}, ["/dev/null"]),
        (["--device", "cuda"], {}, ["cuda"]),
    ],
)
def test_what_cannot_work_is_one_line(tmp_path, options, variables, words):
    if "cuda" in words and shutil.which("nvidia-smi"):
        pytest.skip("this machine has CUDA")
    result = hexzctl(
        "train-server", "--store", tmp_path, "--data-dir", tmp_path, "--port", 0, *options,
        **variables,
    )  # fmt: skip
    assert result.returncode == 1
    assert_one_error_line(result.stderr, *words)


def test_a_port_that_is_taken_is_one_line(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = hexzctl("train-server", "--data-dir", tmp_path, "--port", port)
    assert result.returncode == 1
    assert_one_error_line(result.stderr, "cannot listen", str(port), "in use")


def test_a_second_server_on_the_same_data_is_one_line(server):
    directory = server.errors.parent
    result = hexzctl("train-server", "--store", directory, "--data-dir", directory, "--port", 0)
    assert result.returncode == 1
    assert_one_error_line(result.stderr, "another train server uses", str(directory))


def test_gunicorn_runs_it_too(tmp_path, bodies):
    address = f"127.0.0.1:{free_port()}"
    with ServerProcess(
        tmp_path, gunicorn_at=address, HEXZ_STORE=str(tmp_path),
        HEXZ_DATA_DIR=str(tmp_path), MODEL_NAME="flagz", HEXZ_BLOCKS="1", HEXZ_FILTERS="8",
    ) as server:  # fmt: skip
        server.wait_until_ready()
        assert server.post(bodies[0]) == 200
        assert server.status()["journal"]["minibatch_size"] == 4096
        assert server.end() == 0


def test_gunicorn_ends_with_one_line_if_it_cannot_work(tmp_path):
    address = f"127.0.0.1:{free_port()}"
    with ServerProcess(tmp_path, gunicorn_at=address, MODEL_NAME="a/b") as server:
        assert server.process.wait(60) != 0
    lines = server.errors.read_text().splitlines()
    assert [line for line in lines if "'a/b'" in line] == [
        line for line in lines if line.startswith("hexzctl: error:")
    ]
    assert "Traceback" not in "\n".join(lines)


def test_gunicorn_on_other_addresses_serves_only_those_with_a_token(tmp_path):
    port = free_port()
    with ServerProcess(
        tmp_path, gunicorn_at=f"0.0.0.0:{port}", HEXZ_STORE=str(tmp_path),
        HEXZ_DATA_DIR=str(tmp_path), HEXZ_BLOCKS="1", HEXZ_FILTERS="8",
    ) as server:  # fmt: skip
        server.url = f"http://127.0.0.1:{port}"
        server.wait_until_ready()
        answer = server.request("GET", "/status")
        assert answer.status == 403
        assert b"HEXZ_AUTH_TOKEN" in answer.data


NUM_CONNECTIONS = 1500


@pytest.mark.skipif(
    resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 2 * NUM_CONNECTIONS,
    reason="needs so many open files",
)
@pytest.mark.parametrize("by_gunicorn", [False, True], ids=["command", "gunicorn"])
def test_1500_connections_are_kept_and_the_next_one_is_served(tmp_path, by_gunicorn):
    """However it is started, and with whatever soft limit of open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    gunicorn_at = f"127.0.0.1:{free_port()}" if by_gunicorn else None
    variables = {"HEXZ_BLOCKS": "1", "HEXZ_FILTERS": "8", "HEXZ_DATA_DIR": str(tmp_path)}
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    with ServerProcess(
        tmp_path, gunicorn_at=gunicorn_at, HEXZ_STORE=str(tmp_path), **variables
    ) as server, contextlib.ExitStack() as stack:  # fmt: skip
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        server.wait_until_ready()
        place = urlsplit(server.url)
        connections = []
        for _ in range(NUM_CONNECTIONS + 1):
            connection = socket.create_connection((place.hostname, place.port), timeout=20)
            connections.append(stack.enter_context(connection))
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while not answer.endswith(b"\r\n\r\nok\n"):
                answer += connection.recv(4096) or pytest.fail(str(answer))
        for connection in connections:
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):  # it is open, and has no more to say
                connection.recv(1)
        server.end()


# --- What comes over the wire --------------------------------------------------------------------


def raw(server: ServerProcess, head: str, body: bytes = b"") -> bytes:
    """The first answer to a hand-made request."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        head = f"{head}\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        connection.sendall(head.encode() + body)
        return connection.recv(65536)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ("Transfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked", b"zz\r\nabc\r\n0\r\n\r\n", 400),
        ("Transfer-Encoding: chunked", b"11170\r\n" + bytes(70000) + b"\r\n0\r\n\r\n", 413),
        ("Content-Length: 70000", bytes(70000), 413),
        ("Content-Length: 99999999999999999999", b"", 400),
        ("Content-Length: -1", b"", 400),
        ("Content-Length: many", b"", 400),
        ("Content-Length: 0", b"", 400),
        ("X-Nothing: 1", b"", 400),
    ],
)
def test_bodies_of_all_sizes(server, headers, body, status):
    answer = raw(server, f"POST /training/examples HTTP/1.1\r\n{headers}", body)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer


def test_an_example_in_chunks_is_taken(server, bodies):
    body = bodies[0]
    chunks = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (100, body[:100], len(body) - 100, body[100:])
    answer = raw(server, "POST /training/examples HTTP/1.1\r\nTransfer-Encoding: chunked", chunks)
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_token_is_wanted_and_appears_nowhere(server, bodies):
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong-token-of-mine"}):
        assert server.request("POST", "/training/examples", bodies[1], **headers).status == 401
    assert server.post(bodies[1]) == 200
    assert server.status()["examples"]["refused"]["401"] >= 2
    printed = server.errors.read_text()
    commands = [" ".join(process.cmdline()) for process in server.processes()]
    for secret in (TOKEN, "wrong-token-of-mine"):
        assert secret not in printed
        assert not [command for command in commands if secret in command]
    assert not [command for command in commands if "redis://" in command]


@pytest.mark.soak
def test_clients_that_stop_in_mid_request_do_not_stop_the_server(server, bodies):
    address = urlsplit(server.url)
    head = f"POST /training/games HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    stalled = [socket.create_connection((address.hostname, address.port)) for _ in range(16)]
    for connection in stalled:
        connection.sendall(f"{head}Content-Length: 100000\r\n\r\nabc".encode())
    time.sleep(1)
    assert server.post(bodies[2]) == 200
    for connection in stalled:
        connection.close()


# --- Surviving -----------------------------------------------------------------------------------


def test_a_killed_server_leaves_nothing_behind_and_the_next_one_goes_on(tmp_path, games, bodies):
    options = ("--minibatch-size", BATCH)
    with ServerProcess(tmp_path, *options) as server:
        server.wait_until_ready()
        for body in bodies[: BATCH + 20]:
            assert server.post(body) == 200
        server.wait_for_checkpoint(1)
        server.kill()
    with ServerProcess(tmp_path, *options) as server:
        server.wait_until_ready()
        status = server.status()
        assert (status["checkpoint"], status["journal"]["waiting"]) == (1, 20)
        rest = bodies[BATCH + 20 : 2 * BATCH]
        for body in rest:
            assert server.post(body) == 200
        server.wait_for_checkpoint(2)
        assert server.end(signal.SIGINT, group=True) == 0
    assert sorted(trained_ids(tmp_path)) == ids_of(bodies[: 2 * BATCH])
    assert "Traceback" not in server.errors.read_text()


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs the limits of Linux")
def test_a_full_disk_refuses_examples_and_loses_none(tmp_path, bodies):
    with ServerProcess(tmp_path, "--minibatch-size", BATCH) as server:
        server.wait_until_ready()
        limits = {}
        for process in server.processes():
            limits[process.pid] = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            _, hard = limits[process.pid]
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (300_000, hard))
        statuses = [server.post(body) for body in bodies[:BATCH]]
        assert set(statuses) == {200, 503}
        assert statuses == sorted(statuses)
        answer = server.request("POST", "/training/examples", bodies[BATCH - 1])
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        status = server.status()
        assert status["checkpoint"] == 0
        assert not status["ready"]
        assert any("File too large" in problem for problem in status["problems"])
        assert server.request("GET", "/readyz").status == 503
        assert b"hexz_problems 1.0" in server.request("GET", "/metrics").data
        for pid, limit in limits.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)
        assert {server.post(body) for body in bodies[:BATCH]} == {200}
        assert server.request("GET", "/readyz").status == 200
        assert server.status()["problems"] == []
        server.wait_for_checkpoint(1)
        assert server.end() == 0
        log = server.errors.read_text()
        assert log.count("examples are refused") == log.count("examples are taken again") == 1
    assert sorted(trained_ids(tmp_path)) == ids_of(bodies[:BATCH])


def test_the_second_server_of_a_model_stops_when_it_would_overwrite(tmp_path, bodies):
    store = ("--store", tmp_path / "store", "--minibatch-size", BATCH)
    with ServerProcess(tmp_path / "a", *store) as first, ServerProcess(
        tmp_path / "b", *store
    ) as second:  # fmt: skip
        for server in (first, second):
            server.wait_until_ready()
        for body in bodies[:BATCH]:
            first.post(body)
        first.wait_for_checkpoint(1)
        seen = second.processes()
        for body in bodies[BATCH : 2 * BATCH]:
            second.post(body)
        assert second.process.wait(60) == 1
        assert psutil.wait_procs(seen, timeout=15)[1] == []
        errors = [line for line in second.errors.read_text().splitlines() if " INFO " not in line]
        assert_one_error_line("\n".join(errors), "another train server", "MODEL_NAME")
        assert first.status()["problems"] == []
        assert first.end() == 0
    assert sorted(trained_ids(tmp_path / "store")) == ids_of(bodies[:BATCH])


# --- Ending --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signum", "group"),
    [
        (signal.SIGTERM, False),
        (signal.SIGINT, True),
        pytest.param(signal.SIGINT, False, marks=pytest.mark.soak),
        pytest.param(signal.SIGTERM, True, marks=pytest.mark.soak),
    ],
)
def test_signals_end_it_soon_and_quietly(tmp_path, signum, group, games):
    """A terminal sends Ctrl-C to the whole process group."""
    with ServerProcess(tmp_path, "--minibatch-size", 10**6) as server:
        server.wait_until_ready()
        assert server.post(encode_game(games[0]), "/training/games") == 200
        started = time.monotonic()
        assert server.end(signum, group=group) == 0
        assert time.monotonic() - started < 10
    assert "Traceback" not in server.errors.read_text()


@pytest.mark.parametrize("seconds", [0.0, pytest.param(1.0, marks=pytest.mark.soak)])
def test_an_end_while_it_starts_is_quiet(tmp_path, seconds):
    with ServerProcess(tmp_path) as server:
        time.sleep(seconds)  # to hit another stage of its start
        server.end(signal.SIGINT, group=True)
    assert "Traceback" not in server.errors.read_text()


def test_an_end_in_training_keeps_the_batch(tmp_path, bodies):
    with ServerProcess(tmp_path, "--minibatch-size", BATCH, "--reuse", 500) as server:
        server.wait_until_ready()
        for body in bodies[:BATCH]:
            assert server.post(body) == 200
        server.wait_for(lambda status: status["training"]["progress"])
        started = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - started < 10
    with ServerProcess(tmp_path, "--minibatch-size", BATCH) as server:
        server.wait_until_ready()
        server.wait_for_checkpoint(1)
        server.end()
    assert sorted(trained_ids(tmp_path)) == ids_of(bodies[:BATCH])
