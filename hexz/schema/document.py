"""Documents of settings: TOML files of people."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from hexz.errors import InvalidSettings
from hexz.files import read_file

MAX_DOCUMENT_BYTES: Final = 1 << 16
"""Longest document; all settings with their explanations would take a tenth."""

_MOST_DOTS: Final = 100


def read_document(path: Path) -> dict[str, Any]:
    """Reads a document; raises InvalidSettings, which names the file and what is wrong."""
    import tomllib  # most commands read no file, and all import this

    try:
        text = read_file(path, MAX_DOCUMENT_BYTES).decode()
        # tomllib takes memory with the square of a key's depth: 4 GB for one of 60 KB.
        if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
            raise InvalidSettings(f"{path} has a line with more than {_MOST_DOTS} dots")
        return tomllib.loads(text)
    except OSError as error:
        raise InvalidSettings(f"cannot read {path}: {error.strerror or error}") from None
    except InvalidSettings:
        raise
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, or it is not UTF-8
        raise InvalidSettings(f"{path} is not TOML: {error}") from None
