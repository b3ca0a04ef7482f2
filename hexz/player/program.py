"""Players that are programs of others: they speak the protocol of docs/protocol.md."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import queue
import shlex
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import IO, Final, cast

import numpy as np

from hexz.engine import NUM_ACTIONS, Board, IllegalMove, Move, Suggestion
from hexz.engine.notation import position_text
from hexz.errors import HexzError
from hexz.player.player import AIM, Answer, Overloaded, Player, require_move
from hexz.player.protocol import MAX_LINE
from hexz.player.spec import Budget, PlayerSpec
from hexz.processes import Program

_log = logging.getLogger(__name__)

START_SECONDS: Final = 60.0
"""A program that is started has so long until it says its name; a network takes a while to load."""
GRACE_SECONDS: Final = 0.5
"""A move may come so much later than it should: the way through two pipes, on a busy machine."""
LONGEST_SECONDS: Final = 60.0
"""For a move that has no limit of time."""
LONGEST_WAIT: Final = 60.0
"""Between two starts of a program that fails again and again; the first one is a second."""

_MAX_LINES: Final = 256
"""Of an answer. More lines wait in the pipe, so a program cannot fill our memory."""
_MAX_NAME: Final = 100


class EngineFailed(HexzError):
    """A program that plays has crashed, hung, or answered with what is no legal move."""


class EngineProcess:
    """A running program, one question and answer at a time.

    Args:
        command: the program and its arguments.

    Raises:
        EngineFailed: it cannot be started, or does not say its name.

    Attributes:
        name: what it says that it is called.
    """

    def __init__(self, command: Sequence[str]) -> None:
        path = shutil.which(command[0])
        if path is None:
            raise EngineFailed(f"there is no program {command[0]}")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HEXZ_")}
        self.name = command[0]
        self._last_words = ""
        try:
            self._program = Program(
                [path, *command[1:]],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
            )
        except OSError as error:
            raise EngineFailed(f"{command[0]} cannot be started: {error.strerror}") from None
        self._input = cast("IO[bytes]", self._program.process.stdin)
        self._lines: queue.Queue[bytes | None] = queue.Queue(_MAX_LINES)
        threading.Thread(target=self._read, name="engine", daemon=True).start()
        listener = threading.Thread(target=self._listen, name="engine errors", daemon=True)
        listener.start()
        try:
            lines = self.ask("name", time.monotonic() + START_SECONDS)
        except EngineFailed as error:
            self.kill()
            listener.join(GRACE_SECONDS)
            words = f" ({self._last_words})" if self._last_words else ""
            raise EngineFailed(f"{error}{words}") from None
        said = "".join(letter for letter in lines[0] if letter.isprintable())
        self.name = said[:_MAX_NAME] or command[0]

    def ask(self, command: str, deadline: float) -> list[str]:
        """Sends a command and returns the lines of its answer, at least one.

        Args:
            command: a line.
            deadline: of the answer, on the clock of `time.monotonic`.

        Raises:
            EngineFailed: there is no such answer; the program is to be killed.
        """
        verb = command.partition(" ")[0]
        try:
            self._input.write(f"{command}\n".encode())
            self._input.flush()
        except (OSError, ValueError):
            raise EngineFailed(self._end()) from None
        lines: list[str] = []
        while (line := self._next(deadline, verb)) or not lines:
            if line:
                lines.append(line)
            if len(lines) > _MAX_LINES:
                raise EngineFailed(f"{self.name} answers {verb} without end")
        status, first = lines[0][0], lines[0][1:].strip()
        if status == "?":
            raise EngineFailed(f"{self.name} answers {verb} with: {first[:200]}")
        if status != "=":
            raise EngineFailed(
                f"{self.name} answers {verb} with {lines[0][:80]!r}, which begins "
                "neither with = nor with ?"
            )
        return [first, *lines[1:]]

    @property
    def is_alive(self) -> bool:
        return self._program.process.poll() is None

    def quit(self) -> None:
        """Tells it to end, and ends it."""
        with contextlib.suppress(EngineFailed):
            self.ask("quit", time.monotonic() + GRACE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """Ends it at once."""
        self._program.kill()
        with contextlib.suppress(OSError, ValueError):
            self._input.close()

    def _next(self, deadline: float, verb: str) -> str:
        """The next line, empty between two answers."""
        try:
            line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise EngineFailed(f"{self.name} does not answer {verb} in time") from None
        if line is None:
            raise EngineFailed(self._end())
        return line.decode("utf-8", "replace").strip()

    def _end(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._program.process.wait(GRACE_SECONDS)
        code = self._program.process.returncode
        if code is None:
            return f"{self.name} has closed its output"
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"{self.name} {how}"

    def _read(self) -> None:
        output = cast("IO[bytes]", self._program.process.stdout)
        while line := output.readline(MAX_LINE):
            self._put(line)
        self._put(None)
        output.close()

    def _put(self, line: bytes | None) -> None:
        """Waits for room, but not for ever: nobody takes lines of a program that was killed."""
        while True:
            try:
                self._lines.put(line, timeout=1)
            except queue.Full:
                if not self.is_alive:
                    return
            else:
                return

    def _listen(self) -> None:
        """Reads what it says to people, of which the last line may tell why it fails."""
        errors = cast("IO[bytes]", self._program.process.stderr)
        while line := errors.readline(MAX_LINE):
            text = line.decode("utf-8", "replace").strip()
            self._last_words = text[:200] or self._last_words
            _log.debug("%s: %s", self.name, text)
        errors.close()


class ProgramPlayer(Player):
    """The player `cmd`, a program that is asked one move at a time; it is started at once.

    A program that has crashed, hung, or said what is no move is killed, and started again for the
    next move, later and later if it goes on failing.

    Args:
        spec: with the command.

    Raises:
        EngineFailed: it cannot be started.
    """

    def __init__(self, spec: PlayerSpec) -> None:
        super().__init__(spec.budget)
        self._command = shlex.split(spec.path or "")
        self._lock = threading.Lock()
        self._is_closed = False
        self._failures = 0
        self._not_before = 0.0
        self._process: EngineProcess | None = None
        self.name = self._running().name

    def get_ready(self) -> None:
        """Starts the program if it is not running, and waits until that is allowed."""
        with self._lock:
            if self._process is None:
                time.sleep(max(0.0, self._not_before - time.monotonic()))
            self._running()

    def suggest(
        self, board: Board, budget: Budget | None = None, gone: threading.Event | None = None
    ) -> Answer:
        """Suggests a move; see `Player.suggest`.

        Raises:
            EngineFailed: the program has failed.
            Overloaded: it is still busy with other moves, or its start has taken all the time.
        """
        started = time.monotonic()
        require_move(board)
        budget = self.budget(budget)
        if not self._lock.acquire(timeout=(budget.seconds or LONGEST_SECONDS) / 2):
            raise Overloaded(f"{self.name} is still busy with other moves: try again later")
        try:
            suggestion = self._ask(self._running(), board, budget, started)
        except EngineFailed as error:
            if self._process is not None:
                _log.info("%s", error)
                self._process.kill()
                self._process = None
            raise
        finally:
            self._lock.release()
        self._failures = 0
        elapsed = time.monotonic() - started
        return Answer(suggestion=suggestion, simulations=0, depth=1, nodes=0, elapsed=elapsed)

    def close(self) -> None:
        """Ends the program; see `Player.close`."""
        self._is_closed = True
        process = self._process
        if process is None:
            return
        if self._lock.acquire(timeout=GRACE_SECONDS):
            process.quit()
            self._lock.release()
        else:
            process.kill()  # whoever waits for its move is told that it has ended

    def _ask(
        self, process: EngineProcess, board: Board, budget: Budget, started: float
    ) -> Suggestion:
        """A legal move of the program, once it has taken the position."""
        command, deadline = "genmove", time.monotonic() + LONGEST_SECONDS
        if budget.seconds is not None:
            left = budget.seconds - (time.monotonic() - started)
            if left <= 0:  # killed for that, it would never come to play
                raise Overloaded(f"{process.name} was still being started: try again later")
            deadline = time.monotonic() + left + GRACE_SECONDS
            command += f" time {max(AIM * left, 0.001):.3f}"
        if budget.simulations is not None:
            command += f" simulations {budget.simulations}"
        process.ask(f"board {position_text(board)}", deadline)
        words = process.ask(command, deadline)[0].split()
        try:
            move = Move.parse(words[0] if words else "")
            board.copy().play(move)
            value = float(words[1]) if len(words) > 1 else 0.0
        except IllegalMove as error:
            raise EngineFailed(f"{process.name} plays no legal move: {error}") from None
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise EngineFailed(f"{process.name} expects {words[1][:20]!r}, which is no number")
        return _suggestion(move, value)

    def _running(self) -> EngineProcess:
        """The program, which is started if it does not run."""
        if self._is_closed:
            raise EngineFailed(f"{self.name} has been ended")
        if self._process is not None and self._process.is_alive:
            return self._process
        wait = self._not_before - time.monotonic()
        if wait > 0:
            raise EngineFailed(f"{self.name} has failed and is started again in {wait:.0f} s")
        self._not_before = time.monotonic() + min(2.0**self._failures, LONGEST_WAIT)
        self._failures += 1
        self._process = process = EngineProcess(self._command)
        if self._is_closed:  # meanwhile, when there was nothing to end
            process.kill()
            raise EngineFailed(f"{self.name} has been ended")
        return process


def _suggestion(move: Move, value: float) -> Suggestion:
    visits = np.zeros(NUM_ACTIONS, np.int32)
    visits[move.index] = 1
    zeros = np.zeros(NUM_ACTIONS, np.float32)
    value = min(max(value, -1.0), 1.0)
    q = zeros.copy()
    q[move.index] = value
    return Suggestion(move, value, visits, q, zeros, [move])
