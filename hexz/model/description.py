"""What a model file is, for people. Nothing in the file is run."""

from __future__ import annotations

import os
from typing import Any, Final

from hexz.model.checkpoint import Checkpoint, load_checkpoint
from hexz.model.config import ModelConfig
from hexz.model.peer import PeerConfig
from hexz.model.script import ScriptNet, contents
from hexz.places import find_model_file

_KINDS: Final = {
    ModelConfig: "network of hexzctl",
    PeerConfig: "network of the Go server's own trainer",
    ScriptNet: "TorchScript, a program: run only if you name the file",
}


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The facts about a model file; see `facts_of`.

    Args:
        path: see `load_checkpoint`.

    Raises:
        InvalidModel: it is no model, or damaged, or of an unknown kind.
    """
    return {**facts_of(load_checkpoint(path)), "bytes": find_model_file(path).stat().st_size}


def facts_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """The kind of a network, its architecture, its size and what its file says of itself."""
    network = checkpoint.weights
    facts: dict[str, Any] = {
        "kind": _KINDS[type(getattr(network, "config", network))],
        "name": checkpoint.model_name,
        "checkpoint": checkpoint.number,
    }
    if isinstance(network, ScriptNet):
        return facts | contents(network.script)
    config = network.config
    if isinstance(config, ModelConfig):
        facts["architecture"] = (
            f"{config.blocks} residual blocks of {config.filters} filters, {config.kernel} kernels"
        )
    else:
        facts["architecture"] = str(config)
    facts["parameters"] = network.num_parameters
    facts["computes in"] = "int8 on a CPU, float16 on a GPU"
    known = {*facts, "model", "unix_seconds"}  # the last tells when a store saved a checkpoint
    return facts | {key: fact for key, fact in checkpoint.metadata.items() if key not in known}
