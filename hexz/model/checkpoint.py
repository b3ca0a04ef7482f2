"""Checkpoint files: a network with everything needed to build it again."""

from __future__ import annotations

import io
import os
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import torch
from torch import Tensor, nn

from hexz.errors import InvalidModel, OutputError
from hexz.files import MAX_MODEL_BYTES, read_file, replacement
from hexz.model.network import HexzNet, ModelConfig
from hexz.model.peer import PeerConfig, PeerNet, is_peer
from hexz.model.script import ScriptNet, check_size, is_script
from hexz.places import checkpoint_of, find_model_file, local_path

_FORMAT: Final = "hexzctl model 1"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A network and where it comes from.

    Attributes:
        net: a `HexzNet` or a `PeerNet`, in inference mode on the CPU; or a `ScriptNet`.
        config: the size of a `HexzNet`, None for others.
        model_name: the name under which its checkpoints are numbered.
        number: the checkpoint's number.
        metadata: whatever else the writer recorded: numbers, strings, lists and dicts of them.
    """

    net: nn.Module
    config: ModelConfig | None
    model_name: str
    number: int
    metadata: dict[str, Any] = field(default_factory=dict)


def new_checkpoint(
    config: ModelConfig | None = None, *, seed: int = 0, model_name: str = "fresh"
) -> Checkpoint:
    """A network with random weights that depend on the seed alone."""
    config = config or ModelConfig()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = HexzNet(config)
    return Checkpoint(net.eval(), config, model_name, 0)


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The bytes of a checkpoint file. Others are written in their own form."""
    if isinstance(checkpoint.net, ScriptNet):
        return checkpoint.net.script
    state_dict = {key: value.detach().cpu() for key, value in checkpoint.net.state_dict().items()}
    content: dict[str, Any] = state_dict
    if checkpoint.config is not None:
        content = {
            "format": _FORMAT,
            "config": asdict(checkpoint.config),
            "state_dict": state_dict,
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
    require_uncompressed(data, origin)
    content = _read(io.BytesIO(data), origin)
    if is_peer(content):
        return _load_peer(content, origin, len(data))
    return _load_current(content, origin, len(data))


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
        return Checkpoint(ScriptNet(data, str(file)), None, *_named_by_place(str(file)))
    return decode_checkpoint(data, str(file))


def require_uncompressed(data: bytes, origin: str) -> None:
    """Raises InvalidModel unless the bytes are a zip file whose entries take as much room in
    memory as in the file: PyTorch compresses nothing, and a thousandth of the memory would be
    enough for a file that wants to exhaust it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
        raise InvalidModel(f"{origin} is no model file, or damaged") from None
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise InvalidModel(f"{origin} is no model file: it is compressed, as PyTorch's never are")
    if sum(entry.file_size for entry in entries) > len(data):
        raise InvalidModel(f"{origin} is damaged: its entries are larger than the file")


def _read(file: BinaryIO, origin: str) -> dict[str, Any]:
    """The content of a file of either form: a dict that is not checked yet."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about old or odd pickles; they load, or fail below
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged zip or pickle makes PyTorch raise
        raise InvalidModel(
            f"{origin} is no model file, or damaged, or holds more than weights"
        ) from error
    if not isinstance(content, dict):
        raise InvalidModel(f"{origin} is no model file: it holds a {type(content).__name__}")
    return content


def _load_current(content: dict[str, Any], origin: str, size: int) -> Checkpoint:
    """A checkpoint from the content of a file that `save_checkpoint` wrote."""
    if content.get("format") != _FORMAT:
        raise InvalidModel(
            f"{origin} is a model of an architecture or version that is not known here"
        )
    metadata = dict(_entry(content, "metadata", dict, origin))
    model_name = _entry(metadata, "model_name", str, origin)
    number = _entry(metadata, "number", int, origin)
    del metadata["model_name"], metadata["number"]
    try:
        config = ModelConfig(**_entry(content, "config", dict, origin))
    except (TypeError, InvalidModel) as error:
        raise InvalidModel(f"{origin} has a configuration that is not known: {error}") from error
    weights = _entry(content, "state_dict", dict, origin)
    outlook = any(str(key).startswith("outlook_heads.") for key in weights)
    net = _load_weights(lambda: HexzNet(config, outlook=outlook), weights, origin, size)
    return Checkpoint(net, config, model_name, number, metadata)


def _entry(content: Mapping[str, Any], key: str, kind: type, origin: str) -> Any:
    value = content.get(key)
    if type(value) is not kind:
        raise InvalidModel(f"{origin} is damaged: its {key} is missing or not a {kind.__name__}")
    return value


def _load_peer(state_dict: dict[str, Any], origin: str, size: int) -> Checkpoint:
    """A network of the Go server's own trainers; only its place tells its name and number."""
    try:
        config = PeerConfig.of(state_dict)
    except InvalidModel as error:
        raise InvalidModel(f"{origin} is a model of another architecture: {error}") from None
    net = _load_weights(lambda: PeerNet(config), state_dict, origin, size)
    return Checkpoint(net, None, *_named_by_place(origin))


def _named_by_place(origin: str) -> tuple[str, int]:
    """The name and number of a model whose file does not tell."""
    return checkpoint_of(Path(origin)) or (Path(origin).stem, 0)


def _load_weights(
    build: Callable[[], nn.Module], state_dict: Mapping[str, Any], origin: str, size: int
) -> nn.Module:
    """The network that `build` makes, with these weights, which are checked first. They are from a
    file of `size` bytes, and cannot be more: tensors may share or repeat what is in it."""
    with torch.device("meta"):  # shapes without memory: the configuration may be nonsense
        expected = build().state_dict()
    problem = _mismatch(expected, state_dict)
    if problem:
        raise InvalidModel(f"{origin} is a model of another architecture: {problem}")
    if sum(weights.numel() * weights.element_size() for weights in state_dict.values()) > size:
        raise InvalidModel(f"{origin} is damaged: its weights are larger than the file")
    for key, weights in state_dict.items():
        if not torch.isfinite(weights).all():
            raise InvalidModel(f"{origin} is damaged: {key} holds numbers that are not finite")
    net = build()
    net.load_state_dict(state_dict)
    return net.eval()


def _mismatch(expected: Mapping[str, Tensor], found: Mapping[str, Any]) -> str | None:
    """What is wrong with a state_dict, if anything."""
    for key in expected.keys() ^ found.keys():
        return f"{key} is {'missing' if key in expected else 'unexpected'}"
    for key, weights in found.items():
        if not isinstance(weights, Tensor):
            return f"{key} is not a tensor"
        if weights.shape != expected[key].shape:
            return f"{key} has shape {list(weights.shape)}, not {list(expected[key].shape)}"
    return None
