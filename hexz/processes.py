"""Child processes: functions of ours, each in an interpreter of its own, and programs of others.

Both end with this process, however that comes about, and get no Ctrl-C of a terminal.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from typing import Any, Final, NoReturn

from hexz import leash
from hexz.ending import leave
from hexz.errors import HexzError, reason_of
from hexz.output import lossy_output

GRACE_SECONDS: Final = 1.0
"""A child whose parent is gone has so long to end in good order; then it is killed."""

END_SECONDS: Final = 4.0
"""A child that has closed its connection ends within this time, or is killed."""

MOST_STARTS: Final = 4
"""A child that was never ready is given up after so many starts in a row."""
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
"""Pauses before the next start double from the first to the longest."""

_HELD_BACK: Final = (signal.SIGINT, signal.SIGTERM)

_RUN_CHILD: Final = (
    "import sys; sys.path = sys.argv[4:]; from hexz.processes import run_child; run_child()"
)


class ChildFailed(HexzError):
    """A child ended before its work was done.

    Attributes:
        reason: why, in one line.
        is_final: whether trying again would not help.
    """

    def __init__(self, reason: str, is_final: bool) -> None:
        super().__init__(reason, is_final)
        self.reason = reason
        self.is_final = is_final

    def __str__(self) -> str:
        return self.reason


class ChildDied(ChildFailed):
    """A child ended and did not say why: it was killed, or could not even be started."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, is_final=False)
        self.args = (reason,)  # for pickle


class ToldToEnd(Exception):
    """The parent wants this child to end, or is gone."""


class _Leashed:
    """A process that is killed when this one ends, as the end of a pipe tells.

    Attributes:
        process: the process, in a group of its own, which a terminal's signals do not reach.
    """

    process: subprocess.Popen[bytes]

    def _start(
        self, command: Callable[[int], Sequence[str]], descriptors: Sequence[int], **options: Any
    ) -> None:
        """Starts a command, which is told the pipe's other end; it gets these descriptors, too."""
        read_end, self._leash = os.pipe()
        try:
            self.process = subprocess.Popen(
                command(read_end), pass_fds=[read_end, *descriptors], process_group=0, **options
            )
        except BaseException:
            os.close(self._leash)
            raise
        finally:
            os.close(read_end)

    def kill(self) -> None:
        """Ends it at once, and what it started in its group and outlived it."""
        if self._leash < 0:
            return  # its process id may be another's by now
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._leash)
        self._leash = -1


class Program(_Leashed):
    """A program of others, as a Redis server.

    Args:
        command: the program's path and its arguments.
        options: of `subprocess.Popen`.
    """

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        python = [sys.executable, "-I", "-S", leash.__file__]
        self._start(lambda read_end: [*python, str(read_end), *command], [], **options)


class Child(_Leashed):
    """A function of ours in a fresh interpreter, which does what its parent decides.

    It imports what we do, but nothing that lies in the current directory. It has our environment
    without the variables HEXZ_*: settings come as arguments. SIGINT and SIGTERM are ignored unless
    the function says otherwise. One thread may receive while others send.

    Args:
        target: called with the `Parent` and the arguments. That it returns is the child's end; an
            exception is its failure, which `receive` raises here.
        args: of the function.
        log: the file to which is added what it prints, and where it failed; None: it prints where
            we do.

    Raises:
        ChildFailed: it cannot be started.
    """

    def __init__(
        self, target: Callable[..., object], *args: object, log: Path | None = None
    ) -> None:
        self._sending = threading.Lock()
        python = [sys.executable, "-P", "-c", _RUN_CHILD]
        name = f"{target.__module__}.{target.__qualname__}"  # for people who look at processes
        path = [entry for entry in sys.path if entry]  # "" is the current directory
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HEXZ_")}
        try:
            with contextlib.ExitStack() as stack:
                self._connection, remote = Pipe()
                stack.enter_context(remote)
                output = None if log is None else stack.enter_context(log.open("ab"))
                stack.enter_context(_signals_held_back())
                self._start(
                    lambda read_end: [*python, name, str(read_end), str(remote.fileno()), *path],
                    [remote.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=environment,
                )
        except OSError as error:
            raise ChildDied(f"a process cannot be started: {error.strerror}") from None
        self.send((target, args, log is not None))

    @property
    def is_open(self) -> bool:
        """Tells whether something may still be received."""
        return not self._connection.closed

    def fileno(self) -> int:
        """The descriptor that can be read when there is something to receive."""
        return self._connection.fileno()

    def send(self, message: object) -> None:
        """Sends it a message. One that has ended cannot hear it; `receive` tells that."""
        with self._sending, contextlib.suppress(OSError):
            self._connection.send(message)

    def receive(self) -> Any:
        """Waits for the next message of it, and returns it.

        Raises:
            EOFError: the function has returned, and so there is none.
            ChildFailed: the child has failed.
        """
        try:
            message = self._connection.recv()
        except (EOFError, OSError):
            self._disconnect()
            message = self._end_of_life()
        if isinstance(message, ChildFailed):
            self._disconnect()
            raise message
        return message

    def tell_to_end(self) -> None:
        """Ends what it can receive; what it still sends can be received here."""
        with (
            self._sending,
            contextlib.suppress(OSError),
            socket.fromfd(self.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as end,
        ):
            end.shutdown(socket.SHUT_WR)

    def end(self, seconds: float) -> bool:
        """Tells it to end, and takes nothing more from it.

        Returns:
            Whether it did within so many seconds; otherwise it was killed.
        """
        self._disconnect()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        else:
            return True
        finally:
            self.kill()

    def kill(self) -> None:
        super().kill()
        self._disconnect()  # last, since a thread may wait until the child takes a message

    def _disconnect(self) -> None:
        with self._sending:
            self._connection.close()

    def _end_of_life(self) -> ChildFailed:
        """Why a child has ended that said nothing of it; raises EOFError if its work is done."""
        try:
            code = self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return ChildDied(f"did not end within {END_SECONDS:.0f} s")
        finally:
            self.kill()
        if code == 0:
            raise EOFError
        return ChildDied(_cause_of_death(code))


class Parent:
    """The parent, as a child knows it. One thread may receive while others send."""

    def __init__(self, connection: Connection) -> None:
        self._sending = threading.Lock()
        self._connection = connection

    def send(self, message: object) -> None:
        """Sends it a message, and waits while it does not receive. Raises ToldToEnd."""
        try:
            with self._sending:
                self._connection.send(message)
        except OSError:
            raise ToldToEnd from None

    def receive(self) -> Any:
        """Waits for the next message, and returns it. Raises ToldToEnd."""
        try:
            return self._connection.recv()
        except (EOFError, OSError):
            raise ToldToEnd from None

    def poll(self, seconds: float | None = 0.0) -> bool:
        """Waits for a message, or to be told to end; None is for ever. Returns if it came."""
        try:
            return self._connection.poll(seconds)
        except OSError:
            return True


class Restarts:
    """Decides when a child that has failed is started again, for whoever needs it to go on.

    What fails for good is given up at once, and what was never ready after MOST_STARTS; what was
    ready once is started again however long that takes, since its cause may pass: memory that
    another program has taken, a store that cannot be reached.
    """

    def __init__(self) -> None:
        self._was_ready = False
        self._failures = 0

    def ready(self) -> None:
        """Takes note that the child does its work."""
        self._was_ready = True

    def succeeded(self) -> None:
        """Takes note that nothing is wrong any more: pauses begin anew."""
        self._failures = 0

    def pause(self, failure: ChildFailed) -> float:
        """Returns the seconds to wait before the next start; raises ChildFailed if there is to be
        none."""
        self._failures += 1
        if failure.is_final:
            raise failure
        if not self._was_ready and self._failures >= MOST_STARTS:
            reason = f"{failure.reason} ({self._failures} starts in a row, and never ready)"
            raise ChildFailed(reason, is_final=True)
        return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures - 1, 16))


def ready(children: Sequence[Child], seconds: float) -> list[Child]:
    """Waits for children, and returns those of which something can be received, be it their end."""
    return wait(children, seconds)  # type: ignore[arg-type, return-value]


def run_child() -> NoReturn:
    """Runs the function of a child, whose arguments come from its `Child`."""
    for signum in _HELD_BACK:
        signal.signal(signum, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
    read_end, descriptor = sys.argv[2:4]
    connection = Connection(int(descriptor))
    parent = Parent(connection)
    has_log = False
    with lossy_output():
        try:
            _end_with_parent(int(read_end))
            # A fork, such as gunicorn makes, ends with our parent too, but does not speak for us.
            os.register_at_fork(after_in_child=lambda: _end_with_parent(int(read_end)))
            os.register_at_fork(after_in_child=connection.close)
            target, args, has_log = parent.receive()
            target(parent, *args)
        except ToldToEnd:
            pass
        except Exception as error:
            if has_log:
                traceback.print_exc(limit=0 if isinstance(error, HexzError) else None)
            with contextlib.suppress(ToldToEnd):
                final = isinstance(error, HexzError) and error.is_final
                parent.send(ChildFailed(reason_of(error), final))
            leave(1)
        leave(0)


def _end_with_parent(read_end: int) -> None:
    def wait_for_it() -> None:
        os.read(read_end, 1)
        time.sleep(GRACE_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait_for_it, name="leash", daemon=True).start()


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Holds signals back from what is started meanwhile, until it can ignore them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cause_of_death(code: int) -> str:
    if code == -signal.SIGKILL:
        return "killed by SIGKILL, as happens when memory runs out"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
