"""Threads that answer requests."""

import threading

import pytest

from hexz.threads import Threads


def test_as_many_tasks_run_at_once_as_may_and_no_more():
    threads = Threads(3, "test")
    gate, started = threading.Event(), threading.Semaphore(0)

    def task() -> str:
        started.release()
        gate.wait()
        return threading.current_thread().name

    futures = [threads.submit(task) for _ in range(5)]
    for _ in range(3):
        assert started.acquire(timeout=20)
    assert not started.acquire(blocking=False)
    gate.set()
    assert {future.result(20) for future in futures} <= {f"test-{i}" for i in range(3)}


def test_a_thread_serves_again_and_others_are_started_only_when_needed():
    threads = Threads(100, "again")
    names = {threads.submit(lambda: threading.current_thread().name).result(20) for _ in range(50)}
    assert len(names) <= 3


def test_an_error_is_told_and_harms_nobody():
    threads = Threads(1, "error")
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(20)
    assert threads.submit(lambda: 7).result(20) == 7


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_tasks_are_done_though_the_system_has_no_thread_to_spare_for_a_while(monkeypatch):
    threads = Threads(2, "short")
    with monkeypatch.context() as changed:
        changed.setattr(threading.Thread, "start", no_thread)
        assert [threads.submit(int, n).result(20) for n in range(3)] == [0, 1, 2]
    meeting = threading.Barrier(2)  # of as many threads as there may be
    assert {f.result(20) for f in [threads.submit(meeting.wait, 20) for _ in range(2)]} == {0, 1}


def test_without_a_single_thread_there_is_nobody_to_run_tasks(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.raises(RuntimeError, match="new thread"):
        Threads(2, "none")
