"""TorchScript files: networks that are programs.

`forward(board float32 [B, 11, 11, 10], mask bool [B, 2, 11, 10])` returns logits float32 [B, 220],
illegal ones at -1e32, and values float32 [B, 1], both from the view of the player to move.

A program may do whatever PyTorch can, which is more than to compute. So one is only run if a person
names its file, never from a store or from Redis; and in a process of its own, which can open no
file, write none, and take no more memory than it needs.
"""

from __future__ import annotations

import hashlib
import io
import re
import weakref
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from hexz.engine import NUM_ACTIONS
from hexz.errors import InvalidEvaluation, InvalidModel
from hexz.files import MAX_MODEL_BYTES
from hexz.inference import Evaluation, Evaluator, Floats, PreparedModel
from hexz.processes import Child, ChildFailed, Parent, ready

MAX_CODE_BYTES: Final = 1 << 24
"""Most that the code of a file may have, unpacked; that of a network has some 100 KB."""
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
    """The facts that a file tells without being run."""
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


@dataclass(frozen=True, eq=False)
class ScriptNet:
    """A TorchScript file, which is not loaded here; `prepare_model` makes of it what can be asked.

    Attributes:
        script: the bytes of the file.
        origin: where they come from, for error messages.
    """

    script: bytes = field(repr=False)
    origin: str

    def digest(self) -> str:
        """SHA-256 of the file, in hexadecimal."""
        return hashlib.sha256(self.script).hexdigest()


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


def _serve(parent: Parent, script: bytes) -> None:
    """The process of the program, which alone needs PyTorch."""
    from hexz.model.script_process import serve

    serve(parent, script)
