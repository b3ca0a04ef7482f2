"""Reads what `torch.save` wrote, without PyTorch and without running anything in it.

Such a file is a zip archive: `data.pkl` is a pickle that describes the content, and `data/N` are
the numbers of tensors. A pickle is a program, and Python's own reader runs it. This one knows only
the instructions that dicts, lists, numbers, strings and tensors need; it has a name for nothing
else, and takes no more memory than the file.
"""

from __future__ import annotations

import io
import math
import pickletools
import zipfile
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hexz.errors import InvalidModel

_MAX_PICKLE_BYTES: Final = 1 << 24
"""Of the description; that of a network of 100 blocks has some 100 KB."""
_MAX_DIMENSIONS: Final = 8
_DTYPES: Final = {
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


class _Damaged(Exception):
    """The bytes are not what PyTorch writes."""


class _Name(str):
    """A global of the pickle, as "module name". Nothing is imported."""

    __slots__ = ()


_MARK: Final = object()
_ORDERED_DICT: Final = _Name("collections OrderedDict")
_TENSOR: Final = _Name("torch._utils _rebuild_tensor_v2")
_PARAMETER: Final = _Name("torch._utils _rebuild_parameter")


def read_torch_file(data: bytes, origin: str) -> Any:
    """The content of a file: dicts, lists, tuples, numbers, strings, None, and arrays for tensors.

    Args:
        data: the bytes of the file.
        origin: where they come from, for error messages.

    Raises:
        InvalidModel: the file is damaged, compressed, or holds anything else.
    """
    require_uncompressed(data, origin)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _Reader(archive, len(data)).content()
    # What Python and NumPy raise of damaged archives, pickles and shapes, and memory that is asked
    # for by a file which claims more than it has.
    except (
        _Damaged, zipfile.BadZipFile, NotImplementedError, OSError, EOFError, RuntimeError,
        ArithmeticError, LookupError, TypeError, ValueError, AttributeError, MemoryError,
    ) as error:  # fmt: skip
        raise InvalidModel(
            f"{origin} is no model file, or damaged, or holds more than weights"
        ) from error


def require_uncompressed(data: bytes, origin: str) -> None:
    """Raises InvalidModel unless the bytes are a zip file whose entries take as much room in
    memory as in the file: PyTorch compresses nothing, and a thousandth of the memory would be
    enough for a file that wants to exhaust it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
        raise InvalidModel(f"{origin} is no model file, or damaged") from None
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise InvalidModel(f"{origin} is no model file: it is compressed, as PyTorch's never are")
    if sum(entry.file_size for entry in entries) > len(data):
        raise InvalidModel(f"{origin} is damaged: its entries are larger than the file")


class _Reader:
    """Runs the pickle of an archive on a stack of its own."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._archive = archive
        self._size = size
        [pickle] = [n for n in archive.namelist() if n.endswith("/data.pkl") and n.count("/") == 1]
        self._root = pickle.removesuffix("data.pkl")
        self._storages: dict[str, NDArray[Any]] = {}
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def content(self) -> Any:
        """What the pickle describes."""
        order = self._root + "byteorder"
        if order in self._archive.namelist():
            self._require(self._archive.read(order) == b"little")
        pickle = self._archive.read(self._root + "data.pkl")
        self._require(len(pickle) <= _MAX_PICKLE_BYTES)
        for opcode, argument, _ in pickletools.genops(pickle):
            if opcode.name == "STOP":
                [result] = self._stack
                return result
            self._run(opcode.name, argument)
        raise _Damaged

    @staticmethod
    def _require(condition: bool) -> None:
        if not condition:
            raise _Damaged

    def _run(self, name: str, argument: Any) -> None:  # noqa: PLR0912 - a line an instruction
        """One instruction; the list is all that there are."""
        push, pop = self._stack.append, self._pop
        match name:
            case "PROTO":
                self._require(argument == 2)
            case "MARK":
                push(_MARK)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                push({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[name])
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE":
                push(argument)
            case "EMPTY_DICT" | "EMPTY_LIST" | "EMPTY_TUPLE":
                push({"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}[name]())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                items = [pop() for _ in range(int(name[-1]))]
                push(tuple(reversed(items)))
            case "TUPLE":
                push(tuple(self._marked()))
            case "APPEND":
                item = pop()
                self._top(list).append(item)
            case "APPENDS":
                items = self._marked()
                self._top(list).extend(items)
            case "SETITEM":
                value, key = pop(), pop()
                self._top(dict)[key] = value
            case "SETITEMS":
                items = self._marked()
                self._require(len(items) % 2 == 0)
                self._top(dict).update(zip(items[::2], items[1::2], strict=True))
            case "BINPUT" | "LONG_BINPUT":
                self._memo[argument] = self._stack[-1]
            case "BINGET" | "LONG_BINGET":
                push(self._memo[argument])
            case "GLOBAL":
                push(_Name(argument))
            case "BINPERSID":
                push(self._storage(*pop()))
            case "REDUCE":
                arguments, function = pop(), pop()
                push(self._made(function, arguments))
            case "BUILD":  # what a state_dict says of itself, beside its tensors
                pop()
                self._top(dict)
            case _:
                raise _Damaged

    def _pop(self) -> Any:
        value = self._stack.pop()
        self._require(value is not _MARK)
        return value

    def _top(self, kind: type) -> Any:
        self._require(type(self._stack[-1]) is kind)
        return self._stack[-1]

    def _marked(self) -> list[Any]:
        """All above the last mark, which goes."""
        items: list[Any] = []
        while (value := self._stack.pop()) is not _MARK:
            items.append(value)
        return items[::-1]

    def _made(self, function: Any, arguments: Any) -> Any:
        makers: dict[_Name, Callable[..., Any]] = {
            _ORDERED_DICT: dict,
            _TENSOR: self._tensor,
            _PARAMETER: lambda tensor, *_: tensor,
        }
        self._require(type(function) is _Name and function in makers and type(arguments) is tuple)
        self._require(function != _ORDERED_DICT or arguments == ())
        return makers[function](*arguments)

    def _storage(self, kind: str, storage: _Name, key: str, _device: str, count: int) -> Any:
        """The numbers of one or more tensors, in the order of the file."""
        self._require(kind == "storage" and type(key) is str and type(count) is int)
        if key not in self._storages:
            module, _, name = storage.partition(" ")
            self._require(module == "torch")
            data = self._archive.read(f"{self._root}data/{key}")
            numbers = np.frombuffer(data, np.dtype(_DTYPES[name]).newbyteorder("<"))
            self._require(len(numbers) == count)
            self._storages[key] = numbers
        return self._storages[key]

    def _tensor(self, storage: Any, offset: int, shape: Any, strides: Any, *_: Any) -> NDArray[Any]:
        """A tensor as a view of its storage, no number of which lies outside."""
        self._require(type(storage) is np.ndarray and storage.ndim == 1)
        self._require(type(shape) is type(strides) is tuple and len(shape) == len(strides))
        self._require(len(shape) <= _MAX_DIMENSIONS)
        self._require(all(type(n) is int and n >= 0 for n in (offset, *shape, *strides)))
        self._require(math.prod(shape) * storage.itemsize <= self._size)
        if 0 in shape:
            return np.empty(shape, storage.dtype)
        last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
        self._require(last < len(storage))
        in_bytes = [stride * storage.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, in_bytes, writeable=False)
