"""Checkpoint files: a network with everything needed to build it again."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hexz.errors import InvalidModel, OutputError
from hexz.example import MAX_NAME
from hexz.files import MAX_MODEL_BYTES, read_file, replacement
from hexz.model.config import ModelConfig
from hexz.model.peer import PeerConfig, is_peer
from hexz.model.script import ScriptNet, check_size, is_script
from hexz.model.torch_file import read_torch_file
from hexz.model.weights import Weights, checked, fresh_weights
from hexz.places import checkpoint_of, find_model_file, local_path

if TYPE_CHECKING:
    from hexz.model.network import HexzNet
    from hexz.model.peer_network import PeerNet

_FORMAT: Final = "hexzctl model 1"
_MOST_PARTS: Final = 1 << 20
"""Most names, values and letters of a level of what a file holds beside the numbers of tensors; a
network of 100 blocks has 60,000."""
_MOST_LEVELS: Final = 16


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A network and where it comes from.

    Attributes:
        weights: the network.
        model_name: the name under which its checkpoints are numbered.
        number: the checkpoint's number.
        metadata: whatever else the writer recorded: numbers, strings, lists and dicts of them.
    """

    weights: Weights | ScriptNet
    model_name: str
    number: int
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> ModelConfig | None:
        """The size of a network of hexz, None for others."""
        config = getattr(self.weights, "config", None)
        return config if isinstance(config, ModelConfig) else None

    @cached_property
    def net(self) -> HexzNet | PeerNet:
        """The network in PyTorch, see `network_of`.

        Raises:
            InvalidModel: it is TorchScript.
        """
        from hexz.model.networks import network_of

        return network_of(known_weights(self))


def known_weights(checkpoint: Checkpoint) -> Weights:
    """The weights of a network that is no program; raises InvalidModel if it is one."""
    if isinstance(checkpoint.weights, ScriptNet):
        raise InvalidModel(f"{checkpoint.weights.origin} is TorchScript, which can only be run")
    return checkpoint.weights


def new_checkpoint(
    config: ModelConfig | None = None, *, seed: int = 0, model_name: str = "fresh"
) -> Checkpoint:
    """A network with random weights that depend on the seed alone."""
    return Checkpoint(fresh_weights(config or ModelConfig(), seed), model_name, 0)


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The bytes of a checkpoint file, which takes PyTorch. Others are written in their own form."""
    if isinstance(checkpoint.weights, ScriptNet):
        return checkpoint.weights.script
    import torch

    tensors = {k: torch.from_numpy(v.copy()) for k, v in checkpoint.weights.tensors.items()}
    content: dict[str, Any] = tensors
    if checkpoint.config is not None:
        content = {
            "format": _FORMAT,
            "config": asdict(checkpoint.config),
            "state_dict": tensors,
            "metadata": {
                **checkpoint.metadata,
                "model_name": checkpoint.model_name,
                "number": checkpoint.number,
            },
        }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def save_checkpoint(checkpoint: Checkpoint, path: str | os.PathLike[str]) -> None:
    """Writes a checkpoint file, all of it or nothing. Its directory must exist.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        with replacement(path) as file:
            file.write(encode_checkpoint(checkpoint))
    except OSError as error:
        raise OutputError(f"cannot write the model {path}: {error.strerror or error}") from error


def decode_checkpoint(data: bytes, origin: str) -> Checkpoint:
    """The checkpoint in the bytes of a file, which need not be trusted: no code in it is run.

    Args:
        data: what `encode_checkpoint` returned, or the bare state_dict of a `PeerNet`.
        origin: where the bytes come from, such as a path or a URL: for error messages, and for
            the name and number of a `PeerNet`, which only its place tells.

    Raises:
        InvalidModel: the bytes are no model, or damaged, or of an unknown kind.
    """
    if is_script(data):
        raise InvalidModel(
            f"{origin} is TorchScript, which is a program: name the file itself if you trust it"
        )
    content = read_torch_file(data, origin)
    if not isinstance(content, dict):
        raise InvalidModel(f"{origin} is no model file: it holds a {type(content).__name__}")
    if not _is_plain(content, np.ndarray):
        raise InvalidModel(f"{origin} is no model file, or holds more than weights")
    size = sum(getattr(part, "nbytes", 0) for part in _tensors(content))
    if size > len(data):  # tensors may share or repeat what is in a file
        raise InvalidModel(f"{origin} is damaged: its weights are larger than the file")
    return _load_peer(content, origin) if is_peer(content) else _load_current(content, origin)


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Loads a model. No code in the file is run, see `hexz.model.script` for TorchScript.

    Args:
        path: of a model, see `find_model_file`; of TorchScript, the path of the file itself.

    Raises:
        InvalidModel: there is no model there, or it is damaged or of an unknown kind.
    """
    file = find_model_file(path)
    try:
        data = read_file(file, MAX_MODEL_BYTES)
    except OSError as error:
        raise InvalidModel(f"cannot read the model {path}: {error.strerror or error}") from error
    if is_script(data) and local_path(os.fspath(path)) == file:
        check_size(data, str(file))
        return Checkpoint(ScriptNet(data, str(file)), *_named_by_place(str(file)))
    return decode_checkpoint(data, str(file))


def _tensors(content: dict[Any, Any]) -> list[Any]:
    """All that may be a tensor in the content of a file of either form."""
    weights = content.get("state_dict")
    return [*content.values(), *(weights.values() if isinstance(weights, dict) else ())]


def _is_plain(content: dict[Any, Any], *others: type) -> bool:
    """Tells whether content is texts, numbers, and lists and dicts of them, or of other types, and
    not too much of it. A list in a file may hold itself, or another one a thousand times."""
    plain = {dict, list, tuple, str, bool, int, float, type(None), *others}
    level: list[Any] = [content]
    for _ in range(_MOST_LEVELS):
        dicts = [part for part in level if type(part) is dict]
        lists = [part for part in level if type(part) in (list, tuple)]
        keys = [key for part in dicts for key in part]
        if not ({*map(type, level)} <= plain and {*map(type, keys)} <= {str}):
            return False
        texts = [part for part in level if type(part) is str]
        if sum(map(len, chain(dicts, lists, texts, keys))) > _MOST_PARTS:
            return False
        level = [*chain(*lists, *(part.values() for part in dicts))]
    return not level


def _load_current(content: dict[str, Any], origin: str) -> Checkpoint:
    """A checkpoint from the content of a file that `save_checkpoint` wrote."""
    if content.get("format") != _FORMAT:
        raise InvalidModel(
            f"{origin} is a model of an architecture or version that is not known here"
        )
    metadata = dict(_entry(content, "metadata", dict, origin))
    model_name = _entry(metadata, "model_name", str, origin)
    number = _entry(metadata, "number", int, origin)
    if not 0 <= number < 1 << 31:
        raise InvalidModel(f"{origin} is damaged: its number, {number}, is none of a checkpoint")
    if not 0 < len(model_name) <= MAX_NAME or not model_name.isprintable():
        raise InvalidModel(f"{origin} is damaged: its model_name is none")
    if not _is_plain(metadata):
        raise InvalidModel(f"{origin} is damaged: its metadata holds more than numbers and texts")
    del metadata["model_name"], metadata["number"]
    try:
        config = ModelConfig(**{"kernel": "square"} | _entry(content, "config", dict, origin))
    except (TypeError, InvalidModel) as error:
        raise InvalidModel(f"{origin} has a configuration that is not known: {error}") from error
    weights = _entry(content, "state_dict", dict, origin)
    return Checkpoint(checked(config, weights, origin), model_name, number, metadata)


def _entry(content: Mapping[str, Any], key: str, kind: type, origin: str) -> Any:
    value = content.get(key)
    if type(value) is not kind:
        raise InvalidModel(f"{origin} is damaged: its {key} is missing or not a {kind.__name__}")
    return value


def _load_peer(state_dict: dict[str, Any], origin: str) -> Checkpoint:
    """A network of the Go server's own trainers; only its place tells its name and number."""
    try:
        config = PeerConfig.of(state_dict)
    except InvalidModel as error:
        raise InvalidModel(f"{origin} is a model of another architecture: {error}") from None
    return Checkpoint(checked(config, state_dict, origin), *_named_by_place(origin))


def _named_by_place(origin: str) -> tuple[str, int]:
    """The name and number of a model whose file does not tell."""
    return checkpoint_of(Path(origin)) or (Path(origin).stem, 0)
