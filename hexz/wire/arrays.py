"""Arrays as `numpy.save` bytes, read without trusting them.

The header is matched against one pattern and compared with what the caller expects, so nothing in
it is evaluated and nothing is allocated for it. Format: numpy/lib/format, versions 1 to 3.
"""

from __future__ import annotations

import io
import math
import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from hexz.errors import InvalidExample

_MAGIC: Final = b"\x93NUMPY"
_HEADER_LENGTH_BYTES: Final = {1: 2, 2: 4, 3: 4}
_MAX_HEADER: Final = 512
_HEADER: Final = re.compile(
    rb"\{ ?'descr': ?'([^']{1,8})', ?'fortran_order': ?(True|False), ?"
    rb"'shape': ?\(([0-9, ]*)\),? ?\} *\n?"
)


class _Header(NamedTuple):
    descr: str
    fortran_order: bool
    shape: tuple[int, ...]
    end: int
    """Offset of the first byte of the data."""


def pack(array: npt.NDArray[Any]) -> bytes:
    """The bytes that `numpy.save` would write for an array."""
    return header_bytes(array.dtype.str, array.shape) + array.tobytes()


def unpack(
    name: str, data: bytes, dtypes: tuple[str, ...], shape: tuple[int, ...]
) -> npt.NDArray[Any]:
    """The array in the bytes, a read-only view of them.

    Args:
        name: what to call the array in error messages.
        data: `numpy.save` bytes and nothing after them.
        dtypes: the dtypes that are accepted, such as `"<f4"`.
        shape: the only shape that is accepted.

    Raises:
        InvalidExample: it is no array, another one than expected, cut off, or has bytes after it.
    """
    if data.startswith(expected := header_bytes(dtypes[0], shape)):
        header = _Header(dtypes[0], False, shape, len(expected))
    else:
        header = _read_header(name, data)
    if header.descr not in dtypes or header.shape != shape:
        raise InvalidExample(
            f"{name} is {header.descr} {list(header.shape)}, not {dtypes[0]} {list(shape)}"
        )
    dtype = np.dtype(header.descr)
    surplus = len(data) - header.end - dtype.itemsize * math.prod(shape)
    if surplus:
        what = (
            f"is cut off, {-surplus} bytes are missing"
            if surplus < 0
            else (f"has {surplus} bytes after the array")
        )
        raise InvalidExample(f"{name} {what}")
    order: Any = "F" if header.fortran_order else "C"
    return np.frombuffer(data, dtype, offset=header.end).reshape(shape, order=order)


@lru_cache(maxsize=1024)
def header_bytes(descr: str, shape: tuple[int, ...]) -> bytes:
    """The bytes that `numpy.save` writes before those of an array."""
    file = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue()


def _read_header(name: str, data: bytes) -> _Header:
    start = len(_MAGIC) + 2
    if not data.startswith(_MAGIC) or len(data) < start:
        raise InvalidExample(f"{name} is not an array written by numpy.save")
    width = _HEADER_LENGTH_BYTES.get(data[len(_MAGIC)])
    if width is None:
        raise InvalidExample(f"{name} has an unknown version of the numpy format")
    length = int.from_bytes(data[start : start + width], "little")
    end = start + width + length
    if length > _MAX_HEADER or end > len(data):
        raise InvalidExample(f"{name} has a numpy header that is cut off or too long")
    match = _HEADER.fullmatch(data, start + width, end)
    if match is None:
        raise InvalidExample(f"{name} has a numpy header that is not one of a plain array")
    descr, fortran_order, sizes = (group.decode("latin-1") for group in match.groups())
    # 19 digits and more are no size of an array and would only cost time to parse.
    shape = tuple(int(size[:19]) for size in sizes.replace(" ", "").split(",") if size)
    return _Header(descr, fortran_order == "True", shape, end)
