"""TorchScript files: networks that are programs.

`forward(board float32 [B, 11, 11, 10], mask bool [B, 2, 11, 10])` returns logits float32 [B, 220],
illegal ones at -1e32, and values float32 [B, 1], both from the view of the player to move.

A program may do whatever PyTorch can, which is more than to compute. So one is only run if a person
names its file, never from a store or from Redis; and in a process of its own, which can open no
file, write none, and take no more memory than it needs.
"""

from __future__ import annotations

import contextlib
import io
import re
import resource
import weakref
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from hexz.engine import COLS, GRID, NUM_ACTIONS, NUM_PLANES, ROWS, Board
from hexz.errors import InvalidEvaluation, InvalidModel
from hexz.files import MAX_MODEL_BYTES
from hexz.inference import Evaluation, Evaluator, Floats, PreparedModel
from hexz.model.legality import LegalMoves
from hexz.processes import Child, ChildFailed, Parent, ready

MAX_CODE_BYTES: Final = 1 << 24
"""Most that the code of a file may have, unpacked; that of a network has some 100 KB."""
MAX_ADDRESSES: Final = 1 << 34
"""Bytes of memory that the process may have, PyTorch and its libraries included."""
MAX_SECONDS: Final = 60.0
"""Longest that an evaluation, or the start, may take."""

_CODE: Final = re.compile(r"[^/]+/code/.*")


def is_script(data: bytes) -> bool:
    """Tells whether the bytes of a file are TorchScript; it may still be damaged."""
    return bool(_entries(data, _CODE))


def check_size(data: bytes, origin: str) -> None:
    """Raises InvalidModel if a file takes more room in memory than it may."""
    if sum(entry.file_size for entry in _entries(data, _CODE)) > MAX_CODE_BYTES:
        raise InvalidModel(f"{origin} holds more than {MAX_CODE_BYTES >> 20} MB of code")
    if sum(entry.file_size for entry in _entries(data)) > MAX_MODEL_BYTES:
        raise InvalidModel(f"{origin} holds more than {MAX_MODEL_BYTES >> 30} GB")


def contents(data: bytes) -> dict[str, Any]:
    """What can be said of a file without running it."""
    code = _entries(data, _CODE)
    weights = _entries(data, re.compile(r"[^/]+/(data|constants)/\d+"))
    return {
        "architecture": "unknown: it is code",
        "code files": len(code),
        "code bytes": sum(entry.file_size for entry in code),
        "weight bytes": sum(entry.file_size for entry in weights),
        "computes in": "float32 through PyTorch on a CPU, in a process of its own",
    }


def _entries(data: bytes, names: re.Pattern[str] = re.compile(".*")) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [entry for entry in archive.infolist() if names.fullmatch(entry.filename)]
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
        return []


class ScriptNet(nn.Module):
    """A TorchScript file, which is not loaded here; `prepare_model` makes of it what can be asked.

    Args:
        script: the bytes of the file.
        origin: where they come from, for error messages.
    """

    def __init__(self, script: bytes, origin: str) -> None:
        super().__init__()
        self.script = script
        self.origin = origin


@dataclass(eq=False)
class ScriptModel(PreparedModel):
    """A TorchScript file that was found to keep the convention.

    Attributes:
        script, origin: see `ScriptNet`.
        batch_size: the largest number of positions evaluated at once.
    """

    script: bytes = field(repr=False)
    origin: str
    batch_size: int
    _first: ScriptEvaluator | None = field(default=None, repr=False)

    @classmethod
    def prepare(cls, net: ScriptNet, *, batch_size: int) -> ScriptModel:
        """Loads a file once; raises InvalidModel if it does not keep the convention."""
        first = ScriptEvaluator(net.script, net.origin, batch_size)
        return cls(net.script, net.origin, batch_size, first)

    def load(self) -> ScriptEvaluator:
        """Starts the process of the program; see `PreparedModel.load`."""
        first, self._first = self._first, None
        return first or ScriptEvaluator(self.script, self.origin, self.batch_size)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_first": None}


class ScriptEvaluator(Evaluator):
    """Evaluates through PyTorch in a process of its own; see `Evaluator`.

    Raises:
        InvalidModel: the file is damaged, or does not keep the convention.
    """

    name = "TorchScript float32 on cpu"

    @property
    def process_id(self) -> int:
        """The process of the program."""
        return self._child.process.pid

    def __init__(self, script: bytes, origin: str, batch_size: int) -> None:
        self.batch_size = batch_size
        self._origin = origin
        self._child = Child(_serve, script)
        self._end = weakref.finalize(self, self._child.kill)
        try:
            self._receive()
        except InvalidEvaluation as error:
            self._end()
            raise InvalidModel(str(error)) from None
        # One thread asks, so that answers come in the order of the questions.
        self._asking = ThreadPoolExecutor(1, "script")

    def start(self, planes: Floats) -> Callable[[], Evaluation]:
        """Begins an evaluation; see `Evaluator.start`. Raises InvalidEvaluation if it fails."""
        return self._asking.submit(self._ask, planes.copy()).result

    def _ask(self, planes: Floats) -> Evaluation:
        logits = np.empty((len(planes), NUM_ACTIONS), np.float32)
        values = np.empty(len(planes), np.float32)
        for start in range(0, len(planes), self.batch_size):
            rows = slice(start, start + self.batch_size)
            self._child.send(planes[rows])
            logits[rows], values[rows] = self._receive()
        return logits, values

    def _receive(self) -> Any:
        """The next message of the program; what is wrong with it is InvalidEvaluation."""
        try:
            if not self._child.is_open or not ready([self._child], MAX_SECONDS):
                self._child.kill()
                raise InvalidEvaluation(f"{self._origin} gave no answer in {MAX_SECONDS:.0f} s")
            return self._child.receive()
        except (ChildFailed, EOFError) as error:
            raise InvalidEvaluation(f"{self._origin} {error}") from None


# --- In the process of the program ---------------------------------------------------------------


def _serve(parent: Parent, script: bytes) -> None:
    """Answers planes with logits and values."""
    legal = LegalMoves()
    _warm_up()
    _lock_in()
    run = _load(script)
    board = torch.from_numpy(Board.random(1).planes()[None]).expand(2, -1, -1, -1).contiguous()
    _evaluate(run, board, legal)
    parent.send(None)
    while True:
        parent.send(_evaluate(run, torch.from_numpy(parent.receive()), legal))


def _load(script: bytes) -> Any:
    try:
        module = torch.jit.load(io.BytesIO(script), map_location="cpu")  # type: ignore[no-untyped-call]
        module.eval()
        with contextlib.suppress(RuntimeError):  # it is slower without
            module = torch.jit.freeze(module)
    except Exception as error:  # whatever a damaged file, or a program, makes PyTorch raise
        raise InvalidModel(f"cannot be loaded as TorchScript: {_last_line(error)}") from None
    return module


@torch.inference_mode()
def _evaluate(run: Any, planes: Tensor, legal: LegalMoves) -> Evaluation:
    try:
        outputs = run(planes, legal(planes))
    except Exception as error:
        raise InvalidModel(f"fails as a network: {_last_line(error)}") from None
    if not isinstance(outputs, tuple) or len(outputs) != 2:
        raise InvalidModel("does not return logits and values")
    logits, values = outputs
    for name, tensor, size in (("logits", logits, NUM_ACTIONS), ("values", values, 1)):
        if not isinstance(tensor, Tensor) or tensor.dtype != torch.float32:
            raise InvalidModel(f"returns {name} that are no float32")
        if tensor.shape != (len(planes), size):
            raise InvalidModel(f"returns {name} of the shape {list(tensor.shape)}")
    return logits.numpy(), values[:, 0].numpy()


def _warm_up() -> None:
    """Has PyTorch open what files it needs."""
    with torch.inference_mode():
        x = torch.zeros(2, NUM_PLANES, ROWS, COLS)
        x = nn.Sequential(nn.Conv2d(NUM_PLANES, 8, 3, padding=1), nn.BatchNorm2d(8))(x)
        nn.Linear(8 * GRID, 2)(x.flatten(1)).softmax(1)


def _lock_in() -> None:
    """From here on this process can open nothing, write to no file, and take little memory. Threads
    of PyTorch would need a file each, so there is one."""
    torch.set_num_threads(1)
    for limit, most in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, MAX_ADDRESSES),
    ):
        with contextlib.suppress(OSError, ValueError):  # a system may lack one
            resource.setrlimit(limit, (most, most))


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
