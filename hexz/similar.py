"""What somebody meant who made a slip."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

_LEAST: Final = 0.75
"""A name that is so similar to another, of 1, is taken for a slip."""
_MOST_FILES: Final = 1000
"""So many of a directory are looked at."""


def closest(name: str, names: Iterable[str]) -> str | None:
    """Returns which of the names is meant by one that is none of them; None if that is not
    clear."""
    import difflib  # most commands make no slip

    found = difflib.get_close_matches(name, list(names), n=1, cutoff=_LEAST)
    return found[0] if found else None


def closest_path(path: Path) -> Path | None:
    """Returns the file or directory that is meant by a path where nothing is; None if that is not
    clear."""
    try:
        names = [found.name for found in islice(path.parent.iterdir(), _MOST_FILES)]
    except OSError:
        return None
    name = closest(path.name, names)
    return None if name is None else path.with_name(name)


def slip(path: Path) -> str:
    """Returns what to add to an error about a path: what is meant, if nothing is there and that is
    clear."""
    meant = None if path.exists() else closest_path(path)
    return "" if meant is None else f": did you mean {meant}?"
