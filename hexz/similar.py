"""What somebody meant who made a slip."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

_MOST_SLIPS: Final = 2
_LETTERS: Final = 4
"""So many of the name that is meant are there for each slip: short names are soon like others."""
_MOST_FILES: Final = 1000
"""So many of a directory are looked at."""


def closest(name: str, names: Iterable[str]) -> str | None:
    """Returns which of the names was meant by somebody who wrote another one, with a letter or two
    missing, doubled, swapped or wrong; None if that is not clear."""
    names = sorted(names)
    for slips in range(_MOST_SLIPS + 1):
        for other in names:
            if slips * _LETTERS <= len(other) and _is_within(slips, name, other):
                return other
    return None


def _is_within(slips: int, name: str, other: str) -> bool:
    """Whether so many slips, or fewer, make one of the other."""
    while name[:1] and name[:1] == other[:1]:
        name, other = name[1:], other[1:]
    if abs(len(name) - len(other)) > slips:
        return False
    if not name or not other:
        return True
    if slips == 0:
        return False
    rests = [(name[1:], other[1:]), (name[1:], other), (name, other[1:])]
    if name[:2] == other[1::-1]:
        rests.append((name[2:], other[2:]))
    return any(_is_within(slips - 1, *rest) for rest in rests)


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
    meant = None if os.path.exists(path) else closest_path(path)
    return "" if meant is None else f": did you mean {meant}?"
