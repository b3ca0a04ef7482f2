"""Which version of hexzctl wrote a message, where this one cannot read it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Final

from google.protobuf.message import DecodeError

from hexz.errors import InvalidExample
from hexz.version import __version__
from hexz.wire import hexz_pb2 as pb

COMPACT_VERSION: Final = 1
"""The newest version of `CompactGame` that is read, and the one that is written."""

_VERSION: Final = re.compile(r"(\d{1,9})\.(\d{1,9})(\.\d{1,9})?")


@contextlib.contextmanager
def naming_newer_writer(data: bytes) -> Iterator[None]:
    """Adds to the reason of an InvalidExample that a newer hexzctl wrote the message, and which,
    if one did."""
    try:
        yield
    except InvalidExample as error:
        raise InvalidExample(f"{error}{_newer_writer(data)}") from None


def _newer_writer(data: bytes) -> str:
    theirs = _VERSION.match(_writer(data))
    if theirs and _number(theirs) > _number(_VERSION.match(__version__)):
        name = f"hexzctl {theirs[0]}"
    elif _is_newer_game(data):
        name = "hexzctl"
    else:
        return ""
    return f"; a newer {name} wrote it, and this is {__version__}: update this one"


def _number(version: re.Match[str] | None) -> tuple[int, ...]:
    return (int(version[1]), int(version[2])) if version else ()


def _writer(data: bytes) -> str:
    try:
        return pb.Written.FromString(data).writer_version
    except DecodeError:
        return ""


def _is_newer_game(data: bytes) -> bool:
    try:
        game = pb.CompactGame.FromString(data)
    except DecodeError:
        return False
    # Messages of other programs may begin with a number as well.
    return game.version > COMPACT_VERSION and bool(game.game_id and game.initial_board)
