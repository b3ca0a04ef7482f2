"""Inputs that are worth to be tried again: good ones, and those that fuzzing has kept, a line of
base64 each in tests/data/fuzz; and others that are made of them."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parents[1] / "data" / "fuzz"
_NUMBERS: Final = (b"0", b"-1", b"1e999", b"NaN", b"18446744073709551616", b"\xff\xff\xff\xff\x0f")


def kept(name: str) -> list[bytes]:
    """What fuzzing has kept for a harness."""
    file = FOLDER / f"{name}.txt"
    return [base64.b64decode(line) for line in file.read_text().split()] if file.exists() else []


def keep(name: str, inputs: list[bytes]) -> None:
    """Keeps these for a harness and no others."""
    FOLDER.mkdir(exist_ok=True)
    lines = sorted({base64.b64encode(data).decode() for data in inputs}, key=lambda t: (len(t), t))
    (FOLDER / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))


def mutated(inputs: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Yields inputs that are made of others: bits flipped, parts cut out, repeated, exchanged."""
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(rng.choice(inputs))
        for _ in range(rng.choice((1, 1, 2, 8))):
            start = rng.randrange(len(data) + 1)
            end = min(len(data), start + rng.choice((1, 2, 8, 64)))
            match rng.randrange(6):
                case 0 if start < end:
                    data[start] ^= 1 << rng.randrange(8)
                case 1:
                    del data[start:end]
                case 2:
                    data[start:start] = data[start:end] * rng.choice((1, 2, 50))
                case 3:
                    data[start:end] = rng.randbytes(end - start)
                case 4:
                    other = rng.choice(inputs)
                    cut = rng.randrange(len(other) + 1)
                    data[start:end] = other[cut : cut + 64]
                case _:
                    data[start:end] = rng.choice(_NUMBERS)
        yield bytes(data)
