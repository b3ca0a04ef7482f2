"""Threads that answer requests, as many as are needed up to a limit.

Whoever hands a request over is the one thread that reads for all clients, so it never waits for
another thread to start: each thread that takes a request has the next one started first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_Task = Callable[[], object]


class Threads(Executor):
    """Runs tasks in threads that live as long as the process, and do not keep it from ending.

    Args:
        most: tasks that run at once; others wait.
        name: of the threads, to which a number is added.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most: Final = most
        self._name: Final = name
        self._tasks: SimpleQueue[_Task] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._start()

    def run(self, task: _Task) -> None:
        """Runs a task that raises nothing."""
        self._tasks.put(task)

    def submit(self, task: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Runs a task, and tells what it returns or raises."""
        future: Future[T] = Future()
        self.run(lambda: _settle(future, lambda: task(*args, **kwargs)))
        return future

    def _start(self) -> None:
        with self._lock:
            if self._idle or self._threads == self._most:
                return
            number = self._threads
            self._threads += 1
            self._idle += 1
        thread = threading.Thread(target=self._work, name=f"{self._name}-{number}", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            with self._lock:
                self._threads -= 1
                self._idle -= 1
            raise

    def _work(self) -> None:
        while True:
            task = self._tasks.get()
            with self._lock:
                self._idle -= 1
            with suppress(RuntimeError):  # the system has no thread to spare: those there are do
                self._start()
            task()
            with self._lock:
                self._idle += 1


def _settle(future: Future[Any], task: _Task) -> None:
    if future.set_running_or_notify_cancel():
        try:
            future.set_result(task())
        except BaseException as error:
            future.set_exception(error)
