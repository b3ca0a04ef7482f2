"""Networks as files that programs of others load, checked before they appear.

TorchScript has the convention of `hexz.model.script`. ONNX takes `planes`, float32
[batch, 11, 11, 10], and returns `policy_logits`, float32 [batch, 220], illegal actions not masked,
and `value`, float32 [batch], both from the view of the player to move. Whatever else a network
sees is computed from the planes inside.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hexz.engine import COLS, NUM_ACTIONS, NUM_PLANES, ROWS, Board, Plane, RandomPlayer
from hexz.errors import HexzError, InvalidModel, OutputError
from hexz.files import replacement
from hexz.inference import Floats
from hexz.model.checkpoint import Checkpoint, encode_checkpoint
from hexz.model.description import facts_of
from hexz.model.peer_network import PeerNet
from hexz.model.script import ScriptNet
from hexz.version import __version__

Format = Literal["torchscript", "onnx"]
NUM_POSITIONS: Final = 1000
"""On which a file is compared with its network."""
TOLERANCE: Final = 1e-4
"""Largest difference of a logit or a value."""
ILLEGAL: Final = -1e32
"""The logit of an action that is not legal, in TorchScript."""

_OPSET: Final = 17
_PLANES: Final = [plane.name.lower() for plane in Plane]
_ACTIONS: Final = (
    "action = 110 * kind + 10 * row + column; kind 0 plants a flag, kind 1 places a value"
)
_INTERFACES: Final[dict[Format, dict[str, Any]]] = {
    "torchscript": {
        "inputs": {
            "board": "float32 [batch, 11, 11, 10]: the planes, from the view of the mover",
            "action_mask": "bool [batch, 2, 11, 10]: the legal actions",
        },
        "outputs": {
            "0": f"float32 [batch, 220]: a logit for each action, {ILLEGAL:g} if it is illegal",
            "1": "float32 [batch, 1]: the expected result for the mover, -1 to 1",
        },
    },
    "onnx": {
        "inputs": {"planes": "float32 [batch, 11, 11, 10]: from the view of the mover"},
        "outputs": {
            "policy_logits": "float32 [batch, 220]: a logit for each action; leave out the "
            "illegal ones before the softmax",
            "value": "float32 [batch]: the expected result for the mover, -1 to 1",
        },
    },
}

_Run = Callable[[Floats, NDArray[np.bool_]], tuple[Floats, Floats]]
"""Planes and legal actions [B, 220] to logits [B, 220] and values [B]."""


class ExportFailed(HexzError):
    """A network cannot be written in a format here, or would not be the same."""


def export(
    checkpoint: Checkpoint, form: Format, output: str | os.PathLike[str], *, rating: Any = None
) -> dict[str, Any]:
    """Writes a network to a file, and a card that describes it to `output` + ".json".

    Args:
        checkpoint: the network and where it comes from.
        form: the format.
        output: the path of the file; its directory must exist.
        rating: what is known of its strength, for the card.

    Returns:
        The card.

    Raises:
        ExportFailed: a package is missing, or the file would not compute the same.
        InvalidModel: the network is TorchScript already.
        OutputError: a file cannot be written.
    """
    if isinstance(checkpoint.weights, ScriptNet):
        raise InvalidModel("this is TorchScript already, and only its program knows what it is")
    data, run = (_torchscript if form == "torchscript" else _onnx)(checkpoint.net)
    difference = _difference(checkpoint.net, run)
    if not difference <= TOLERANCE:
        raise ExportFailed(
            f"the {form} file would not compute the same: a result differs by {difference:.2g}"
        )
    card = _card(checkpoint, form, data) | {
        "check": {"positions": NUM_POSITIONS, "largest difference": difference},
        "rating": rating,
    }
    try:
        for path, content in ((Path(output), data), (card_path(output), _text(card))):
            with replacement(path) as file:
                file.write(content)
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror or error}") from error
    return card


def card_path(output: str | os.PathLike[str]) -> Path:
    """The path of the card of an exported file."""
    return Path(f"{os.fspath(output)}.json")


def _text(card: dict[str, Any]) -> bytes:
    return (json.dumps(card, indent=2) + "\n").encode()


def _card(checkpoint: Checkpoint, form: Format, data: bytes) -> dict[str, Any]:
    return {
        "format": form,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        **_INTERFACES[form],
        "planes": _PLANES,
        "actions": _ACTIONS,
        "network": facts_of(checkpoint),
        "network sha256": hashlib.sha256(encode_checkpoint(checkpoint)).hexdigest(),
        "made by": f"hexzctl {__version__}",
        "made at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


# --- The formats ---------------------------------------------------------------------------------


class _Convention(nn.Module):
    """A network as TorchScript files have it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, board: Tensor, action_mask: Tensor) -> tuple[Tensor, Tensor]:
        net = self.net
        # A network that sees the legal moves is told, so that it need not find them out.
        tells = isinstance(net, PeerNet) and net.config.input == "rich_v1"
        logits, values = net(board, action_mask) if tells else net(board)
        return logits.masked_fill(~action_mask.flatten(1), ILLEGAL), values[:, None]


def _torchscript(net: nn.Module) -> tuple[bytes, _Run]:
    board = torch.zeros(2, NUM_PLANES, ROWS, COLS)
    mask = torch.ones(2, 2, ROWS, COLS, dtype=torch.bool)
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is a newer way, which C++ players lack
        made = _Convention(net)
        traced = torch.jit.trace(made, (board, mask), check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, buffer)
        loaded = torch.jit.load(io.BytesIO(buffer.getvalue()))  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def run(planes: Floats, legal: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        mask = torch.from_numpy(legal.reshape(-1, 2, ROWS, COLS))
        logits, values = loaded(torch.from_numpy(planes), mask)
        if not (logits.numpy()[~legal] == np.float32(ILLEGAL)).all():
            raise ExportFailed("the TorchScript file would not mask illegal actions")
        return logits.numpy(), values[:, 0].numpy()

    return buffer.getvalue(), run


def _onnx(net: nn.Module) -> tuple[bytes, _Run]:
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise ExportFailed(f"{error.name} is missing: pip install 'hexzctl[onnx]'") from None
    interface = _INTERFACES["onnx"]
    names = [*interface["inputs"]], [*interface["outputs"]]
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is a newer exporter, which is much slower
        torch.onnx.export(
            net,
            (torch.zeros(2, NUM_PLANES, ROWS, COLS),),
            buffer,  # type: ignore[arg-type]  # a file will do as well as a path
            input_names=names[0],
            output_names=names[1],
            dynamic_axes={name: {0: "batch"} for name in (*names[0], *names[1])},
            opset_version=_OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    model.producer_name, model.producer_version = "hexzctl", __version__
    model.doc_string = f"A network of Flagz. Planes: {', '.join(_PLANES)}. {_ACTIONS}."
    for value in (*model.graph.input, *model.graph.output):
        value.doc_string = (interface["inputs"] | interface["outputs"])[value.name]
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])

    def run(planes: Floats, _legal: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        logits, values = session.run(names[1], {names[0][0]: planes})
        return logits, values

    return data, run


# --- The check -----------------------------------------------------------------------------------


@torch.no_grad()
def _difference(net: nn.Module, run: _Run) -> float:
    """The largest difference of a legal logit or a value, over positions of all stages of games
    and batches of several sizes; NaN if there is one."""
    planes, legal = _positions()
    worst = 0.0
    for rows in (slice(0, 1), slice(1, 8), slice(8, 200), slice(200, NUM_POSITIONS)):
        logits, values = run(planes[rows], legal[rows])
        if logits.shape != (len(planes[rows]), NUM_ACTIONS) or values.shape != logits.shape[:1]:
            raise ExportFailed(f"the file would return the shapes {logits.shape}, {values.shape}")
        expected, expected_values = (x.numpy() for x in net(torch.from_numpy(planes[rows])))
        differences = np.abs(logits - expected)[legal[rows]], np.abs(values - expected_values)
        worst = max(worst, *(float(np.nan_to_num(d.max(), nan=np.inf)) for d in differences))
    return worst


def _positions() -> tuple[Floats, NDArray[np.bool_]]:
    """Planes and legal actions of positions of random games, the same in every process."""
    boards: list[Board] = []
    seed = 0
    while len(boards) < NUM_POSITIONS:
        board, player = Board.random(seed), RandomPlayer(seed)
        while not board.is_over:
            boards.append(board.copy())
            board.play(player.suggest(board).move)
        seed += 1
    boards = boards[:NUM_POSITIONS]
    return np.stack([b.planes() for b in boards]), np.stack([b.legal_mask() for b in boards])
