"""Children of ours: what they are told and tell, what they have from us, and how they end."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from hexz import processes
from hexz.errors import InvalidModel, StoreUnavailable
from hexz.processes import Child, ChildDied, ChildFailed, Parent, Restarts, ready

from .waiting import wait_until

TIMEOUT = 30.0


@pytest.fixture
def start() -> Iterator[Callable[..., Child]]:
    """Starts children, and kills them in the end."""
    children: list[Child] = []

    def run(*arguments: object, log: Path | None = None) -> Child:
        children.append(Child(*arguments, log=log))  # type: ignore[arg-type]
        return children[-1]

    yield run
    for child in children:
        child.kill()


def assert_ended(process: psutil.Process) -> None:
    wait_until(
        lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, TIMEOUT
    )


def echo(parent: Parent) -> None:
    while True:
        parent.send(parent.receive())


def send_to(parent: Parent, *messages: object) -> None:
    for message in messages:
        parent.send(message)


def fail(parent: Parent, error: Exception) -> None:
    raise error


def sleep(parent: Parent) -> None:
    parent.send(os.getpid())
    time.sleep(600)


def send_after_the_end(parent: Parent) -> None:
    parent.poll(None)
    parent.send("last words")


def test_messages_go_both_ways_however_large(start):
    child = start(echo)
    for message in ("hello", {"a": [1, 2]}, b"x" * 10_000_000):
        child.send(message)
        assert child.receive() == message


def test_a_function_that_returns_is_a_child_that_is_done(start):
    child = start(send_to, 1, "two")
    assert [child.receive(), child.receive()] == [1, "two"]
    assert child.is_open
    with pytest.raises(EOFError):
        child.receive()
    assert not child.is_open
    assert child.process.returncode == 0


@pytest.mark.parametrize(
    ("error", "reason", "is_final"),
    [
        (InvalidModel("no model.pt there"), "no model.pt there", True),
        (StoreUnavailable("no network"), "no network", False),
        (ValueError("two\nlines"), "ValueError: two lines", False),
        (MemoryError(), "MemoryError: no message", False),
    ],
)
def test_an_exception_is_told_in_one_line(start, capfd, error, reason, is_final):
    child = start(fail, error)
    with pytest.raises(ChildFailed) as caught:
        child.receive()
    assert (str(caught.value), caught.value.is_final) == (reason, is_final)
    assert not child.is_open
    child.process.wait(TIMEOUT)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("signum", "reason"),
    [(signal.SIGKILL, "killed by SIGKILL, as happens when memory runs out"),
     (signal.SIGABRT, "killed by SIGABRT")],
)  # fmt: skip
def test_a_child_that_is_killed_says_so(start, signum, reason):
    child = start(sleep)
    os.kill(child.receive(), signum)
    with pytest.raises(ChildDied, match=reason):
        child.receive()


def test_how_a_child_died_can_be_told_by_another(start):
    child = start(send_to, ChildDied("killed"))
    with pytest.raises(ChildDied, match="killed"):
        child.receive()


def test_an_exit_code_is_a_failure(start):
    child = start(exit_with, 3)
    with pytest.raises(ChildFailed, match="ended with exit code 3"):
        child.receive()


def exit_with(parent: Parent, code: int) -> None:
    os._exit(code)


def test_what_cannot_be_started_is_a_failure(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(ChildFailed, match="cannot be started: No such file or directory"):
        Child(echo)


def test_the_end_is_heard_and_answered(start):
    child = start(send_after_the_end)
    child.tell_to_end()
    assert child.receive() == "last words"
    with pytest.raises(EOFError):
        child.receive()


def test_a_child_that_does_not_end_is_killed(start):
    child = start(sleep)
    child.receive()
    assert not child.end(0.1)
    assert child.process.returncode == -signal.SIGKILL
    assert start(echo).end(TIMEOUT)


def test_messages_to_one_that_has_ended_are_lost(start):
    child = start(exit_with, 0)
    child.process.wait(TIMEOUT)
    child.send(b"x" * 10_000_000)
    with pytest.raises(EOFError):
        child.receive()
    child.send("more")
    child.tell_to_end()


def test_whoever_has_something_to_say_is_ready(start):
    silent, talking = start(sleep), start(sleep)
    silent.receive()
    assert ready([silent], 0.0) == []
    assert ready([silent, talking], TIMEOUT) == [talking]
    silent.process.kill()
    assert ready([silent], TIMEOUT) == [silent]


def surroundings(parent: Parent) -> None:
    parent.send((random.__file__, processes.__file__, dict(os.environ), os.getcwd()))


def test_a_child_imports_nothing_from_the_current_directory(start, tmp_path, monkeypatch):
    for name in ("random.py", "hexz/__init__.py", "hexz/processes.py", "signal.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("raise SystemExit('imported from the current directory')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    child = start(surroundings)
    assert child.receive()[:2] == (random.__file__, processes.__file__)


def test_a_child_does_not_have_our_settings(start, monkeypatch):
    monkeypatch.setenv("HEXZ_MAX_SECONDS", "8")
    monkeypatch.setenv("OTHER_SETTING", "8")
    environment = start(surroundings).receive()[2]
    assert environment["OTHER_SETTING"] == "8"
    assert not [name for name in environment if name.startswith("HEXZ_")]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signals_that_mean_the_parent_do_not_end_a_child(start, signum):
    child = start(echo)
    for _ in range(20):  # while it starts, and afterwards
        child.process.send_signal(signum)
        time.sleep(0.01)
    child.send("hello")
    assert child.receive() == "hello"
    assert os.getpgid(child.process.pid) != os.getpgid(0)


def test_what_a_child_prints_is_added_to_its_log(start, tmp_path):
    log = tmp_path / "log"
    for text in ("first\n", "second\n"):
        start(print_it, text, log=log).process.wait(TIMEOUT)
    assert log.read_text() == "first\nsecond\n"


def print_it(parent: Parent, text: str) -> None:
    print(text, end="")


def test_words_that_cannot_be_written_do_not_end_a_child(start):
    child = start(print_and_send, log=Path("/dev/full"))
    assert child.receive() == "went on"
    with pytest.raises(EOFError):
        child.receive()


def print_and_send(parent: Parent) -> None:
    print("x" * 100_000, flush=True)
    print("x" * 100_000, file=sys.stderr, flush=True)
    parent.send("went on")


def test_a_child_does_not_wait_for_its_threads(start):
    child = start(leave_a_thread)
    assert child.receive() == "done"
    with pytest.raises(EOFError):
        child.receive()


def leave_a_thread(parent: Parent) -> None:
    threading.Thread(target=time.sleep, args=(600,)).start()
    parent.send("done")


FAILURE = ChildDied("killed")


def test_what_was_never_ready_is_given_up():
    restarts = Restarts()
    assert [restarts.pause(FAILURE) for _ in range(processes.MOST_STARTS - 1)] == [1.0, 2.0, 4.0]
    with pytest.raises(ChildFailed, match=r"killed \(4 starts"):
        restarts.pause(FAILURE)


def test_what_was_ready_once_is_started_again_for_ever():
    restarts = Restarts()
    restarts.ready()
    pauses = [restarts.pause(FAILURE) for _ in range(100)]
    assert pauses[:8] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert set(pauses[8:]) == {60.0}
    restarts.succeeded()
    assert restarts.pause(FAILURE) == 1.0


def test_what_fails_for_good_is_given_up_at_once():
    restarts = Restarts()
    restarts.ready()
    with pytest.raises(ChildFailed, match="no such model"):
        restarts.pause(ChildFailed("no such model", is_final=True))


def test_children_leave_no_descriptors(start):
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        start(echo).kill()
        with pytest.raises(EOFError):
            start(exit_with, 0).receive()
    assert len(os.listdir("/dev/fd")) == before


OWNER = """
import sys
from hexz.processes import Child
from tests import test_processes as tests
child = Child(getattr(tests, sys.argv[1]))
print(*child.receive(), flush=True)
sys.stdin.readline()
"""


def stuck(parent: Parent) -> None:
    """Hears nothing, in this process and in one that it forks."""
    fork = os.fork()
    if fork:
        parent.send((os.getpid(), fork))
    time.sleep(600)


def in_order(parent: Parent) -> None:
    """Notices the end of its parent."""
    parent.send((os.getpid(),))
    parent.receive()


@pytest.mark.parametrize("target", [stuck, in_order])
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, None])
def test_a_child_ends_with_its_parent(target, signum):
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, target.__name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as owner:
        assert owner.stdin is not None
        assert owner.stdout is not None
        family = [psutil.Process(int(word)) for word in owner.stdout.readline().split()]
        if signum is None:
            owner.stdin.write("\n")
            owner.stdin.flush()
        else:
            owner.send_signal(signum)
        owner.wait(TIMEOUT)
    for process in family:
        assert_ended(process)
