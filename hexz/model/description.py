"""What a model file is, for people. Nothing in the file is run."""

from __future__ import annotations

import os
from typing import Any, Final

from hexz.model.checkpoint import Checkpoint, load_checkpoint
from hexz.model.network import HexzNet
from hexz.model.peer import PeerNet
from hexz.model.script import ScriptNet, contents

_KINDS: Final = {
    HexzNet: "network of hexzctl",
    PeerNet: "network of the Go server's own trainer",
    ScriptNet: "TorchScript, a program: run only if you name the file",
}


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The facts about a model file; see `facts_of`.

    Args:
        path: see `load_checkpoint`.

    Raises:
        InvalidModel: it is no model, or damaged, or of an unknown kind.
    """
    return {**facts_of(load_checkpoint(path)), "bytes": os.stat(path).st_size}


def facts_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """The kind of a network, its architecture, its size and what its file says of itself."""
    net = checkpoint.net
    facts: dict[str, Any] = {
        "kind": _KINDS[type(net)],
        "name": checkpoint.model_name,
        "checkpoint": checkpoint.number,
    }
    if isinstance(net, ScriptNet):
        return facts | contents(net.script)
    if isinstance(net, HexzNet):
        config = net.config
        facts["architecture"] = f"{config.blocks} residual blocks of {config.filters} filters"
    elif isinstance(net, PeerNet):
        facts["architecture"] = str(net.config)
    facts["parameters"] = sum(weights.numel() for weights in net.parameters())
    facts["computes in"] = "int8 on a CPU, float16 on a GPU"
    known = {*facts, "model"}
    return facts | {key: fact for key, fact in checkpoint.metadata.items() if key not in known}
