"""Recognises games that were played before: boards are random, so no two games begin on the same.

A file of fixed size remembers the start positions of about the last million games, whichever
symmetry of the board they are shown in, and survives restarts.
"""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import Final

from hexz.engine import CELLS, NUM_CELLS, SYMMETRIES, Move, Plane
from hexz.example import Example, solid_cells

_log = logging.getLogger(__name__)

_SETS: Final = 1 << 18
_WAYS: Final = 4  # games whose start positions fall into one set; a fifth replaces the oldest
_SET_BYTES: Final = _WAYS * 16
_INDEX: Final = {cell: index for index, cell in enumerate(CELLS)}
_MIRRORED: Final = [
    [_INDEX[Move("normal", *cell).transformed(symmetry)[1:]] for cell in CELLS]
    for symmetry in SYMMETRIES
]
"""For each symmetry, where the cells of the mirrored board lie in the board."""


def start_of(example: Example) -> str | None:
    """The board before the first move, as `Board.from_text` reads it; None if the example does
    not tell."""
    if example.initial_board is not None:
        return example.initial_board
    if example.move_number > 0:
        return None
    rocks, grass = solid_cells(example), example.planes[Plane.GRASS]
    return "".join("#" if rocks[cell] else ".12345"[int(grass[cell])] for cell in CELLS)


class GameMemory:
    """The games of a directory. Not for several threads at once.

    Where it cannot be written, what is new is remembered until the process ends.
    """

    def __init__(self, path: Path) -> None:
        self._table = bytearray(_SETS * _SET_BYTES)
        self._file: int | None = None
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            stored = os.pread(self._file, len(self._table), 0)
            self._table[: len(stored)] = stored
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def is_copy(self, start: str, game_id: str) -> bool:
        """Remembers a game, and tells whether another one with its start position was there.

        Args:
            start: the board before the first move, 105 characters.
            game_id: of the game; the same game may come again.
        """
        if len(start) != NUM_CELLS:
            raise ValueError(f"a board has {NUM_CELLS} cells, not {len(start)}")
        canonical = min("".join([start[cell] for cell in cells]) for cells in _MIRRORED)
        key, name = _digest(canonical), _digest(game_id)
        place = int.from_bytes(key, "little") % _SETS * _SET_BYTES
        known = self._table[place : place + _SET_BYTES]
        for way in range(0, _SET_BYTES, 16):
            if known[way : way + 8] == key:
                return bool(known[way + 8 : way + 16] != name)
        self._table[place : place + _SET_BYTES] = new = (key + name + known)[:_SET_BYTES]
        if self._file is not None:
            try:
                os.pwrite(self._file, new, place)
            except OSError as error:
                self._give_up(error)
        return False

    def _give_up(self, error: OSError) -> None:
        _log.warning("games are not remembered after a restart: %s", error)
        self.close()


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
