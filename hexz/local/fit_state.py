"""What a fit goes on from after an interruption: a file beside the model, until the fit is done."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from hexz.errors import HexzError
from hexz.files import MAX_MODEL_BYTES, atomic_file

_MAX_BYTES: Final = {"fit.json": 1 << 24, "model.pt": MAX_MODEL_BYTES, "training.pt": 1 << 33}


class CannotResume(HexzError):
    """What an interrupted fit has left belongs to another one, or is damaged."""


@dataclass(frozen=True, kw_only=True)
class FitState:
    """The state of an unfinished fit.

    Attributes:
        settings: of the fit, and its sources; another fit has others.
        start: the name and the number of the network that it began with, if it was not a new one.
        examples, held_out: that it trains on, and measures with.
        step, share, seconds: of the fit so far.
        curve: what was measured.
        model: the checkpoint.
        training: what `Learner.training_state` returned then.
    """

    settings: dict[str, Any]
    start: list[Any] | None
    examples: int
    held_out: int
    step: int
    share: float
    seconds: float
    curve: list[dict[str, Any]]
    model: bytes
    training: bytes

    def save(self, path: Path) -> None:
        """Writes the file; raises OutputError if that fails."""
        facts = {name: value for name, value in vars(self).items() if name not in _PARTS}
        with atomic_file(path) as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr("fit.json", msgspec.json.encode(facts))
            archive.writestr("model.pt", self.model)
            archive.writestr("training.pt", self.training)


_PARTS: Final = ("model", "training")
"""What has a file of its own in the archive, and is no fact of `fit.json`."""


def load_state(path: Path, settings: dict[str, Any]) -> FitState | None:
    """What an interrupted fit has left there; None if there is nothing.

    Raises:
        CannotResume: it is of a fit with other settings, or damaged.
    """
    if not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            parts = {name: _read(archive, name) for name in _MAX_BYTES}
        facts = msgspec.json.decode(parts["fit.json"], type=dict[str, Any])
        facts |= {"model": parts["model.pt"], "training": parts["training.pt"]}
        state = msgspec.convert(facts, FitState)
    except (OSError, EOFError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile):
        raise CannotResume(f"{path} is damaged: delete it to begin the fit anew") from None
    if state.settings != msgspec.json.decode(msgspec.json.encode(settings)):
        raise CannotResume(
            f"{path} is of an interrupted fit with other settings or sources: repeat its command "
            "to go on, or delete it to begin anew"
        )
    return state


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > _MAX_BYTES[name]:
        raise ValueError("too large")
    return archive.read(info)
