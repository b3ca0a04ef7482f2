"""What a directory of results was asked for, so that it is not taken for an answer to another
question."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from hexz.files import atomic_file

_NAME: Final = "asked.json"


def ask(directory: Path, facts: Mapping[str, Any]) -> None:
    """Makes the directory, and keeps what its results are to follow from; more may be added later.

    Raises:
        ValueError: it has results that follow from something else; says which facts differ.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / _NAME
    known = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
    asked = msgspec.json.decode(msgspec.json.encode(facts))
    different = [name for name in asked if known.get(name, asked[name]) != asked[name]]
    if different:
        raise ValueError(
            f"{directory} has results with another {', '.join(different)}: name another directory"
        )
    with atomic_file(path) as file:
        file.write(msgspec.json.encode({**known, **asked}))
