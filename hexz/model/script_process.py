"""The process that runs a TorchScript file; see script.py."""

from __future__ import annotations

import contextlib
import io
import os
import resource
from typing import Any, Final

import torch
from torch import Tensor, nn

from hexz.engine import COLS, GRID, NUM_ACTIONS, NUM_PLANES, ROWS, Board
from hexz.errors import InvalidModel
from hexz.inference import Evaluation
from hexz.model.legality import LegalMoves
from hexz.processes import Parent

MAX_ADDRESSES: Final = 1 << 34
"""Bytes of memory that the process may have, PyTorch and its libraries included."""


def serve(parent: Parent, script: bytes) -> None:
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
    of PyTorch would need a file each, so there is one. What the program prints is lost: our
    standard output may be what another program reads."""
    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
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
