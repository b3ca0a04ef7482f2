"""Examples as `NumpyExample` messages, in the form in which workers post and store them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from hexz.engine import COLS, MAX_MOVES, NUM_ACTIONS, NUM_PLANES, ROWS
from hexz.errors import InvalidExample
from hexz.example import Example, validate_example
from hexz.version import __version__
from hexz.wire import hexz_pb2 as pb
from hexz.wire.archive import MAX_EXAMPLE_BYTES
from hexz.wire.arrays import pack, unpack
from hexz.wire.versions import naming_newer_writer

MAX_GAME_BYTES: Final = 1 << 20
"""Longest serialized game that is read; 105 examples of today have about 800,000 bytes."""

_PLANES: Final = (NUM_PLANES, ROWS, COLS)
_POLICY: Final = (2, ROWS, COLS)
_MASK_BYTES: Final = (NUM_ACTIONS + 7) // 8

# Fields that every example has, whoever wrote it. Any other comes with a writer_version.
_FIRST_FIELDS: Final = frozenset(
    ["unix_micros", "board", "move_probs", "result", "model_key", "game_id", "move"]
)


def encode_example(example: Example) -> bytes:
    """The serialized `NumpyExample`; raises InvalidExample if the example contradicts itself.

    `writer_version` is written as the version of this package, whatever the example says.
    """
    validate_example(example)
    message = pb.NumpyExample(
        unix_micros=example.unix_micros,
        board=pack(example.planes),
        move_probs=pack(example.policy.reshape(_POLICY)),
        result=example.result,
        model_key=pb.ModelKey(name=example.model_name, checkpoint=example.checkpoint),
        game_id=example.game_id,
        move=example.move_number,
        turn=example.turn,
        example_id=example.example_id,
        initial_board=example.initial_board,
        action=example.action,
        root_value=example.root_value,
        network_value=example.network_value,
        simulations=example.simulations,
        score_margin=example.score_margin,
        writer_version=__version__,
    )
    if example.full_search is not None:
        message.full_search = example.full_search
    if (legal := example.legal_mask) is not None:
        message.legal_moves = pack(np.packbits(legal))
        if example.priors is not None:
            message.priors = pack(example.priors[legal].astype("<f2"))
        if example.visits is not None:
            message.visit_counts = pack(_narrowed(example.visits[legal]))
    if example.reply is not None:
        message.reply_probs = pack(example.reply.reshape(_POLICY).astype("<f2"))
    if example.final_owner is not None and example.final_value is not None:
        message.final_cells = pack(np.stack([example.final_owner, example.final_value]))
    return message.SerializeToString()


def decode_example(data: bytes) -> Example:
    """The example of a serialized `NumpyExample`, checked by `validate_example`.

    Raises:
        InvalidExample: the bytes are no such message, are cut off, or hold an unsound example; if
            a newer version wrote it, says which.
    """
    with naming_newer_writer(data):
        example = _example_of(_parse(data))
        validate_example(example)
    return example


def _example_of(message: pb.NumpyExample) -> Example:
    legal = _legal_mask(message)
    final = _array(message, "final_cells", ("|i1",), _POLICY)
    reply = _array(message, "reply_probs", ("<f2",), _POLICY)
    return Example(
        planes=unpack("board", message.board, ("<f4",), _PLANES),
        policy=unpack("move_probs", message.move_probs, ("<f4",), _POLICY).reshape(NUM_ACTIONS),
        result=_result(message.result),
        model_name=message.model_key.name,
        checkpoint=message.model_key.checkpoint,
        game_id=message.game_id,
        move_number=message.move,
        unix_micros=message.unix_micros,
        turn=message.turn or None,
        example_id=message.example_id or None,
        initial_board=message.initial_board or None,
        action=_optional(message, "action"),
        legal_mask=legal,
        priors=_of_legal(message, "priors", ("<f2",), legal, np.float32),
        visits=_of_legal(message, "visit_counts", ("<u2", "<u4"), legal, np.uint32),
        root_value=_optional(message, "root_value"),
        network_value=_optional(message, "network_value"),
        simulations=_optional(message, "simulations"),
        full_search=_optional(message, "full_search"),
        final_owner=None if final is None else final[0],
        final_value=None if final is None else final[1],
        score_margin=_optional(message, "score_margin"),
        reply=None if reply is None else _read_only(reply.reshape(NUM_ACTIONS).astype(np.float32)),
        writer_version=message.writer_version or None,
    )


def is_fast_search(data: bytes) -> bool:
    """Tells whether the search of a serialized `NumpyExample` was a fast one; costs a tenth of
    what decoding it does. False if it does not say.

    Raises:
        InvalidExample: the bytes are no such message, or are cut off; if a newer version wrote
            them, says which.
    """
    with naming_newer_writer(data):
        return _optional(_parse(data), "full_search") is False


def encode_game(examples: Iterable[bytes]) -> bytes:
    """The serialized `NumpyExamples` of a game, from its serialized examples in the order of the
    moves."""
    return pb.NumpyExamples(examples=examples).SerializeToString()


def decode_game(data: bytes) -> list[bytes]:
    """The serialized examples in a serialized `NumpyExamples`, not decoded themselves.

    Raises:
        InvalidExample: the bytes are no such message, are cut off, or hold no example or more of
            them than a game has moves.
    """
    if len(data) > MAX_GAME_BYTES:
        raise InvalidExample(f"{len(data)} bytes are too many for one game")
    try:
        message = pb.NumpyExamples.FromString(data)
    except DecodeError:
        raise InvalidExample("the bytes are not a NumpyExamples message, or cut off") from None
    if not 1 <= len(message.examples) <= MAX_MOVES:
        raise InvalidExample(f"a game has 1 to {MAX_MOVES} examples, not {len(message.examples)}")
    return list(message.examples)


def _parse(data: bytes) -> pb.NumpyExample:
    if len(data) > MAX_EXAMPLE_BYTES:
        raise InvalidExample(f"{len(data)} bytes are too many for one example")
    try:
        message = pb.NumpyExample.FromString(data)
    except DecodeError:
        raise InvalidExample("the bytes are not a NumpyExample message, or cut off") from None
    first_fields = (
        message.board, message.move_probs, message.HasField("model_key"), message.game_id,
        message.unix_micros,
    )  # fmt: skip
    if not (all(first_fields) and message.writer_version):
        _check_presence(message)
    return message


def _check_presence(message: pb.NumpyExample) -> None:
    present = {field.name for field, _ in message.ListFields()}
    missing = {"board", "move_probs", "model_key", "game_id", "unix_micros"} - present
    if missing:
        raise InvalidExample(f"the example has no {min(missing)}")
    if not present <= _FIRST_FIELDS and "writer_version" not in present:
        raise InvalidExample("the example is cut off: it has no writer_version at its end")


def _result(result: float) -> int:
    if result not in (-1, 0, 1):
        raise InvalidExample(f"result is {result:g}, not -1, 0 or 1")
    return int(result)


def _optional(message: pb.NumpyExample, name: str) -> Any:
    value = getattr(message, name) if message.HasField(name) else None
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidExample(f"{name} is not a finite number")
    return value


def _array(
    message: pb.NumpyExample, name: str, dtypes: tuple[str, ...], shape: tuple[int, ...]
) -> npt.NDArray[Any] | None:
    data: bytes = getattr(message, name)
    return unpack(name, data, dtypes, shape) if data else None


def _legal_mask(message: pb.NumpyExample) -> npt.NDArray[np.bool_] | None:
    packed = _array(message, "legal_moves", ("|u1",), (_MASK_BYTES,))
    if packed is None:
        return None
    bits = np.unpackbits(packed)
    if bits[NUM_ACTIONS:].any():
        raise InvalidExample("legal_moves has bits beyond the last action")
    return _read_only(bits[:NUM_ACTIONS].astype(np.bool_))


def _of_legal(
    message: pb.NumpyExample,
    name: str,
    dtypes: tuple[str, ...],
    legal: npt.NDArray[np.bool_] | None,
    dtype: type[np.generic],
) -> npt.NDArray[Any] | None:
    """An array over all actions from one over the legal actions."""
    if legal is None:
        if getattr(message, name):
            raise InvalidExample(f"{name} needs legal_moves")
        return None
    values = _array(message, name, dtypes, (int(np.count_nonzero(legal)),))
    if values is None:
        return None
    array = np.zeros(NUM_ACTIONS, dtype)
    array[legal] = values
    return _read_only(array)


def _narrowed(counts: npt.NDArray[np.uint32]) -> npt.NDArray[Any]:
    return counts.astype("<u2" if counts.max() < 1 << 16 else "<u4")


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.flags.writeable = False
    return array
