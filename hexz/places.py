"""Where checkpoints lie, and which place a path or a URL of a user names.

    {root}/models/flagz/{model_name}/ratings.json
                                    /checkpoints/{number}/model.pt
                                                         /examples/{batch}.zip
                                                         /training-{sha256[:12]}.pt
                                                         /metadata.json

The root of a store is a directory or `gs://bucket/prefix`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from hexz.errors import InvalidModel, InvalidSettings, NoModel
from hexz.similar import closest, slip

MODELS: Final = "models/flagz"
"""The folder of the models, below the root."""
DEFAULT_MODEL: Final = "flagz"
"""The name of a model to which nobody gives one."""
MODEL_FILE: Final = "model.pt"
SHIPPED: Final = "shipped"
"""Names the network that ships with hexz where a place of a model is asked for."""
SHIPPED_FILE: Final = Path(__file__).with_name("data") / MODEL_FILE
RATINGS_FILE: Final = "ratings.json"
METADATA_FILE: Final = "metadata.json"

_CHECKPOINTS: Final = "checkpoints"
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_PLACE: Final = re.compile(
    rf"(?P<root>(?:.*?/)?){MODELS}/(?P<name>[^/]+)"
    rf"(?:/{_CHECKPOINTS}(?:/(?P<number>[0-9]{{1,9}})(?:/{re.escape(MODEL_FILE)})?)?)?/*"
)


def model_folder(model_name: str) -> str:
    """The folder of a model, below the root."""
    return f"{MODELS}/{model_name}"


def checkpoints_folder(model_name: str) -> str:
    """The folder of the checkpoints of a model, below the root; each is a folder in it."""
    return f"{model_folder(model_name)}/{_CHECKPOINTS}"


def checkpoint_number(text: str) -> int | None:
    """The number of a checkpoint from the name of its folder, None if it is no number."""
    return int(text) if _NUMBER.fullmatch(text) else None


def is_in_bucket(place: str) -> bool:
    """Tells whether a place is in Cloud Storage, and not on this machine.

    Raises:
        InvalidSettings: the text is empty, or a URL of another kind.
    """
    if place.startswith("gs://"):
        return True
    if not place or "://" in place:
        raise InvalidSettings(f"{place!r} is no place here: use a path or gs://bucket/prefix")
    return False


def local_path(text: str) -> Path:
    """The path on this machine that a user names, with ~ for the home directory.

    Raises:
        InvalidSettings: the text is empty, or a URL, or begins with ~ and an unknown name.
    """
    if not text or "://" in text:
        raise InvalidSettings(f"{text!r} is no path on this machine, and nothing else will do here")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise InvalidSettings(f"nobody is called {text.partition('/')[0][1:]} here") from None


def is_file(text: str) -> bool:
    """Tells whether a user names a file on this machine, or SHIPPED."""
    return text == SHIPPED or ("://" not in text and local_path(text or ".").is_file())


@dataclass(frozen=True)
class Place:
    """A store, a model in it, or a checkpoint of that model.

    Attributes:
        root: of the store, a directory or a URL.
        model_name: None for the whole store.
        number: of the checkpoint; None for the whole model or store.
    """

    root: str
    model_name: str | None = None
    number: int | None = None


def read_place(text: str) -> Place:
    """The place that a user names by its root, or by the path or URL of anything below it."""
    match = _PLACE.fullmatch(text)
    if match is None:
        return Place(text)
    root = match["root"].rstrip("/") or match["root"][:1] or "."
    return Place(root, match["name"], None if match["number"] is None else int(match["number"]))


def checkpoint_of(file: Path) -> tuple[str, int] | None:
    """The name and the number of a model from the place of its file, None if it lies elsewhere."""
    number = checkpoint_number(file.parent.name)
    if number is None or file.parent.parent.name != _CHECKPOINTS:
        return None
    return file.parents[2].name, number


def find_model_file(place: str | os.PathLike[str]) -> Path:
    """The file of the model that a user names.

    Args:
        place: a file; the directory of a checkpoint; the directory of a model, of which the newest
            checkpoint counts; a store with one model in it; or SHIPPED.

    Raises:
        InvalidSettings: it is no path on this machine.
        NoModel: there is no model there.
        InvalidModel: there are several, or the place cannot be read.
    """
    if os.fspath(place) == SHIPPED:
        return SHIPPED_FILE
    path = local_path(os.fspath(place))
    try:
        if path.is_file():
            return path
        if not path.is_dir():
            raise NoModel(f"there is no model {path}{_hint(path)}")
        if (path / MODEL_FILE).is_file():
            return path / MODEL_FILE
        return _newest(path) or _newest(_only_model(path)) or _no_model(path)
    except OSError as error:
        raise InvalidModel(f"cannot read the model {path}: {error.strerror or error}") from error


def _hint(path: Path) -> str:
    """What to do where there is no model."""
    if closest(str(path), [SHIPPED]):
        return f": did you mean {SHIPPED}?"
    default = ": `hexzctl train` makes one, in hexz-data"
    return slip(path) or f"{default}; `{SHIPPED}` is the one that comes with it"


def _newest(model: Path) -> Path | None:
    """The file of the newest checkpoint in the directory of a model."""
    files = {
        number: file
        for file in model.glob(f"{_CHECKPOINTS}/*/{MODEL_FILE}")
        if (number := checkpoint_number(file.parent.name)) is not None
    }
    return files[max(files)] if files else None


def _only_model(store: Path) -> Path:
    models = sorted(path for path in store.glob(f"{MODELS}/*") if path.is_dir())
    if len(models) > 1:
        names = ", ".join(path.name for path in models)
        raise InvalidModel(f"{store} holds the models {names}: name one, as in {models[0]}")
    return models[0] if models else store


def _no_model(path: Path) -> NoReturn:
    raise NoModel(
        f"{path} holds no model: expected {MODEL_FILE} or {_CHECKPOINTS}/{{number}}/{MODEL_FILE}"
    )
