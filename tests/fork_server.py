"""Processes that have imported PyTorch and hexz when they start, which takes seconds otherwise.

A server, one for each process of pytest, imports them once. It forks each `hexzctl` that `start`
starts, and that leaves a copy of itself behind before it does anything, which forks its children.
These processes have arguments, environment, directory, files, session, signals and exit code as any
other. Four things differ: the server is their parent, or the copy; what they should have imported
may be there without; they end without freeing their memory; and at SIGUSR2 they write the stacks of
all their threads to standard error.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import fcntl
import functools
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import traceback
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, AnyStr, Final, NoReturn

_NOT_PRELOADED: Final = ("__main__", "cloud", "openvino", "openvino_conversion", "plot", "rpc")
"""Modules that import what starts threads, which a fork would lack, or what few need."""

_PAUSES: Final[dict[tuple[str, str], float]] = {
    ("hexz.worker.run", "HEARTBEAT_SECONDS"): 0.25,
    ("hexz.player.network", "FOLLOW_SECONDS"): 0.25,
    ("hexz.trainserver.announcer", "CHECK_SECONDS"): 0.25,
    ("hexz.trainserver.app", "RETRY_SECONDS"): 1,  # which the refused are told
}
"""How long they pause between two reports or looks, by module and constant."""

_FORKS: Final = sys.platform == "linux"
"""Libraries of macOS do not survive it."""

_REQUEST_BYTES: Final = 1 << 20
_MAX_FILES: Final = 16
_NUMBER: Final = struct.Struct("i")
_TITLE_BYTES: Final = 4000
_RUN_CHILD: Final = "run_child"


# --- For those who start processes ----------------------------------------------------------------


def start(arguments: Sequence[object], **options: Any) -> subprocess.Popen[Any]:
    """Starts `hexzctl` with these arguments, and options of `subprocess.Popen`."""
    program = ["hexzctl"] if _FORKS else [sys.executable, "-m", "hexzctl"]
    return (Forked if _FORKS else subprocess.Popen)([*program, *map(str, arguments)], **options)


class Forked(subprocess.Popen[AnyStr]):
    """Such a process: `hexzctl` with arguments, or a child of `hexz.processes`."""

    _lock: Final = threading.Lock()
    _alive: int

    def _execute_child(
        self, args: Sequence[object], _executable: Any, _preexec_fn: Any, _close_fds: Any,
        pass_fds: Sequence[int], cwd: Any, env: Mapping[str, str] | None, _startupinfo: Any,
        _creationflags: Any, _shell: Any, p2cread: int, p2cwrite: int, c2pread: int, c2pwrite: int,
        errread: int, errwrite: int, _restore_signals: Any, _gid: Any, _gids: Any, _uid: Any,
        _umask: Any, start_new_session: bool, process_group: int,
    ) -> None:  # fmt: skip
        """Does what that of `subprocess.Popen` does, by a request to the server."""
        assert _preexec_fn is None
        self._alive, alive = os.pipe()
        request = {
            "arguments": [str(argument) for argument in args],
            "directory": os.path.abspath(cwd or "."),
            "environment": dict(os.environ if env is None else env),
            "descriptors": [0, 1, 2, *pass_fds],
            "new_session": start_new_session,
            "new_group": process_group >= 0,
        }
        standard: list[int] = [  # -1 is what we have ourselves
            i if file < 0 else file for i, file in enumerate((p2cread, c2pwrite, errwrite))
        ]
        self.pid = self._ask(request, alive, *standard, *pass_fds)
        os.close(alive)
        self._child_created = True
        self._close_pipe_fds(  # type: ignore[attr-defined]
            p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite
        )

    def _ask(self, request: Mapping[str, object], *files: int) -> int:
        with self._lock:
            socket.send_fds(_server(), [json.dumps(request).encode()], files)
            answer = _server().recv(_NUMBER.size)
        if not answer:
            raise OSError("the fork server has ended")
        return int(_NUMBER.unpack(answer)[0])

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        """Does what os.waitpid would."""
        poll = select.poll()
        poll.register(self._alive)
        if not poll.poll(0 if wait_flags & os.WNOHANG else None):
            return 0, 0
        os.close(self._alive)
        return self.pid, self._ask({"dead": self.pid})

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        with self._waitpid_lock:  # type: ignore[attr-defined]
            if self.returncode is None:
                pid, status = self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)  # type: ignore[attr-defined]
            return self.returncode


def fork_children() -> None:
    """Has what `hexz.processes` starts as children of this process forked from now on."""
    from hexz import processes

    if not _FORKS:
        return
    forking = types.SimpleNamespace(**{**vars(subprocess), "Popen": _start_child})
    setattr(processes, "subprocess", forking)  # noqa: B010


def _start_child(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    is_ours = any(_RUN_CHILD in part for part in command)
    return (Forked if is_ours else subprocess.Popen)(command, **options)


@functools.cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            [sys.executable, "-P", __file__, str(theirs.fileno()), "-" * _TITLE_BYTES],
            pass_fds=[theirs.fileno()],
            # Threads would not live on in a fork.
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
    return ours


# --- The server, and what it forks ----------------------------------------------------------------


def serve(requests: socket.socket) -> Sequence[str]:
    """Forks a process for each request, in which alone it returns, with the arguments."""
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    running: dict[int, int] = {}
    while True:
        ready = select.select([requests, woken], [], [])[0]
        if woken in ready:
            woken.recv(1000)
            for pid in list(running):
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                    os.close(running.pop(pid))
        if requests not in ready:
            continue
        data, files, *_ = socket.recv_fds(requests, _REQUEST_BYTES, _MAX_FILES)
        if not data:
            os._exit(0)
        request = json.loads(data)
        if "dead" in request:
            requests.send(_NUMBER.pack(os.waitpid(request["dead"], 0)[1]))
            continue
        if (pid := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            for end in (requests, woken, waker):
                end.close()
            for alive in (*running.values(), files[0]):
                os.close(alive)
            return _become(request, files[1:])
        running[pid] = files[0]
        for file in files[1:]:
            os.close(file)
        requests.send(_NUMBER.pack(pid))


def _become(request: Mapping[str, Any], files: Sequence[int]) -> Sequence[str]:
    """Makes a fork of the server what was asked for; returns its arguments."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for signum in (signal.SIGTERM, signal.SIGHUP):  # which the tests may ignore, under nohup
        signal.signal(signum, signal.SIG_DFL)
    if request["new_session"]:
        os.setsid()
    elif request["new_group"]:
        os.setpgid(0, 0)
    _place(files, request["descriptors"])
    if request["new_session"] and os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(request["directory"])
    os.environ.clear()
    os.environ.update(request["environment"])
    # They look for a terminal when they are made.
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, errors="backslashreplace", closefd=False)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    faulthandler.register(signal.SIGUSR2)
    arguments: list[str] = request["arguments"]
    _show(arguments)
    return arguments


def _place(files: Sequence[int], descriptors: Sequence[int]) -> None:
    """Moves open files to these descriptors, which are inherited, as those of a program are."""
    # First out of the way, as one may lie where another is to be.
    moved = [fcntl.fcntl(file, fcntl.F_DUPFD, 1000) for file in files]
    for file in files:
        os.close(file)
    for file, descriptor in zip(moved, descriptors, strict=True):
        os.dup2(file, descriptor)
        os.close(file)


def _show(arguments: Sequence[str]) -> None:
    """Lets `ps` show these arguments, on Linux: the kernel reads them from our memory."""
    with contextlib.suppress(OSError):
        import ctypes

        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[45]), int(fields[46])
        title = "\0".join(arguments).encode()[: end - start - 1]
        ctypes.memset(start, 0, end - start)
        ctypes.memmove(start, title, len(title))


def _with_a_copy(arguments: Sequence[str]) -> Sequence[str]:
    """Leaves a copy of this process behind that forks its children; returns in these, too."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        ours.close()
        _show(["fork server"])
        return serve(theirs)
    theirs.close()
    _server.cache_clear()
    globals()["_server"] = lambda: ours
    return arguments


def main() -> None:
    import torch
    import typer.rich_utils  # noqa: F401

    import hexz
    import hexzctl

    for package in (hexz, hexzctl):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.rpartition(".")[2] not in _NOT_PRELOADED:
                importlib.import_module(module.name)
    for (module_name, constant), seconds in _PAUSES.items():
        assert hasattr(sys.modules[module_name], constant)
        setattr(sys.modules[module_name], constant, seconds)
    torch.set_num_threads(1)
    assert len(os.listdir("/proc/self/task")) == 1, "something that is imported starts threads"
    gc.collect()
    gc.freeze()
    arguments = serve(socket.socket(fileno=int(sys.argv[1])))
    if arguments[0] == "hexzctl":
        sys.path.insert(0, str(Path.cwd()))
        arguments = _with_a_copy(arguments)
    if arguments[0] == "hexzctl":
        from hexzctl.cli import main as hexzctl_main

        sys.argv = list(arguments)
        fork_children()
        _run(hexzctl_main)
    else:
        from hexz.processes import run_child

        sys.argv = ["-c", *arguments[arguments.index("-c") + 2 :]]
        sys.path = sys.argv[4:]
        _run(run_child)


def _run(function: Callable[[], object]) -> NoReturn:
    """Calls the function of a program, and ends as that would, except that nothing is freed: all
    memory that is shared with the server would be copied for that."""
    code: object = 1
    try:
        function()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = 120
    os._exit(code if isinstance(code, int) else code is not None)


if __name__ == "__main__":
    main()
