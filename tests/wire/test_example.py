"""Examples as messages: round trips, older writers, and bytes that are no examples."""

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hexz.errors import InvalidExample
from hexz.version import __version__
from hexz.wire import hexz_pb2 as pb
from hexz.wire.example import (
    MAX_GAME_BYTES,
    decode_example,
    decode_game,
    encode_example,
    encode_game,
    is_fast_search,
)
from hexz.wire.game import encode_compact
from tests.games import finished_games

from .sample import ADDED_FIELDS, assert_same, make_example, npy, old_example, old_message


@given(st.integers(0, 2**32), st.integers(0, 60))
def test_a_full_example_survives(seed: int, moves: int) -> None:
    example = make_example(seed, moves)
    decoded = decode_example(encode_example(example))
    assert_same(example, decoded, ignore=("writer_version",))
    assert decoded.writer_version == __version__


def test_decoded_arrays_are_read_only() -> None:
    decoded = decode_example(encode_example(make_example()))
    for name in ("planes", "policy", "legal_mask", "priors", "visits", "final_owner", "reply"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(decoded, name)[0] = 0


def test_an_example_has_about_8000_bytes() -> None:
    assert len(encode_example(make_example())) < 8000


def test_large_visit_counts_survive() -> None:
    example = make_example()
    visits = np.where(example.legal_mask, 4_000_000_000, 0).astype(np.uint32)
    decoded = decode_example(encode_example(make_example(visits=visits)))
    assert decoded.visits is not None
    assert np.array_equal(decoded.visits, visits)


def test_arrays_are_what_numpy_writes() -> None:
    message = pb.NumpyExample.FromString(encode_example(make_example()))
    example = make_example()
    assert message.board == npy(example.planes)
    assert message.move_probs == npy(example.policy.reshape(2, 11, 10))
    for data in (
        message.legal_moves,
        message.priors,
        message.visit_counts,
        message.final_cells,
        message.reply_probs,
    ):
        assert np.load(io.BytesIO(data), allow_pickle=False).size


def test_an_example_of_an_older_writer_lacks_the_added_fields() -> None:
    decoded = decode_example(old_message(make_example()).SerializeToString())
    assert_same(old_example(), decoded)
    assert all(getattr(decoded, name) is None for name in ADDED_FIELDS)


@pytest.mark.parametrize("name", sorted(set(ADDED_FIELDS) - {"legal_mask", "writer_version"}))
def test_each_added_field_may_be_absent(name: str) -> None:
    absent = ("final_owner", "final_value") if name.startswith("final_") else (name,)
    example = make_example(**dict.fromkeys(absent))
    assert_same(example, decode_example(encode_example(example)), ignore=("writer_version",))


def test_false_and_zero_are_not_absent() -> None:
    example = make_example(full_search=False, simulations=0, root_value=0.0, network_value=-0.0)
    assert_same(example, decode_example(encode_example(example)), ignore=("writer_version",))


@pytest.mark.parametrize(("full_search", "fast"), [(False, True), (True, False), (None, False)])
def test_fast_searches_are_told_without_decoding(full_search: bool | None, fast: bool) -> None:
    assert is_fast_search(encode_example(make_example(full_search=full_search))) is fast


def test_fields_of_a_newer_writer_are_skipped() -> None:
    data = encode_example(make_example()) + b"\xf2\x07\x03new"  # field 126, three bytes
    assert_same(make_example(), decode_example(data), ignore=("writer_version",))


def test_other_spellings_of_the_same_array_are_accepted() -> None:
    example = make_example()
    message = old_message(example)
    message.board = npy(np.asfortranarray(example.planes))
    file = io.BytesIO()
    np.lib.format.write_array(file, example.policy.reshape(2, 11, 10), version=(2, 0))
    message.move_probs = file.getvalue()
    assert_same(old_example(), decode_example(message.SerializeToString()))


def test_an_example_that_contradicts_itself_is_not_written() -> None:
    with pytest.raises(InvalidExample, match="policy sums to 0"):
        encode_example(make_example(policy=np.zeros(220, np.float32)))


def test_every_cut_is_noticed() -> None:
    data = encode_example(make_example())
    for length in range(len(data)):
        with pytest.raises(InvalidExample):
            decode_example(data[:length])


@given(st.binary(max_size=300))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidExample):
        decode_example(data)


@given(st.integers(0, 7000), st.integers(0, 255))
def test_a_damaged_byte_never_crashes(position: int, byte: int) -> None:
    data = bytearray(encode_example(make_example()))
    data[position % len(data)] = byte
    try:
        decode_example(bytes(data))
    except InvalidExample as error:
        assert "\n" not in str(error)  # noqa: PT017  most damage is not noticed, and need not be


def test_a_long_message_is_not_parsed() -> None:
    with pytest.raises(InvalidExample, match="too many for one example"):
        decode_example(bytes(1 << 20))


class Bomb:
    """Unpickling it would run code."""

    def __reduce__(self) -> Any:
        return pytest.fail, ("a pickle was loaded",)


def header(text: str, *, version: bytes = b"\x01\x00") -> bytes:
    width = 2 if version[0] == 1 else 4
    return b"\x93NUMPY" + version + len(text).to_bytes(width, "little") + text.encode("latin-1")


PLANES = make_example().planes
NAN = np.where(PLANES == 5, np.nan, PLANES).astype(np.float32)
GOOD_HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (11, 11, 10), }\n"

BAD_BOARDS: dict[str, tuple[bytes, str]] = {
    "absent": (b"", "the example has no board"),
    "no array": (b"PK\x03\x04 and so on", "board is not an array written by numpy.save"),
    "a pickle": (pickle.dumps(Bomb()), "board is not an array"),
    "pickled objects": (npy(np.array([Bomb()], object), allow_pickle=True), "board is |O [1]"),
    "structured": (npy(np.zeros(3, [("a", "<f4")])), "not one of a plain array"),
    "magic only": (b"\x93NUMPY", "not an array"),
    "no header": (b"\x93NUMPY\x01\x00", "cut off or too long"),
    "cut header": (npy(PLANES)[:100], "cut off or too long"),
    "version 9": (b"\x93NUMPY\x09\x00" + bytes(200), "unknown version"),
    "float64": (npy(PLANES.astype(np.float64)), "board is <f8 [11, 11, 10], not <f4"),
    "big-endian": (npy(PLANES.astype(">f4")), "board is >f4"),
    "9 planes": (npy(PLANES[:9]), "board is <f4 [9, 11, 10], not <f4 [11, 11, 10]"),
    "a scalar": (npy(np.float32(1)), "board is <f4 []"),
    "cut data": (npy(PLANES)[:-1], "cut off, 1 bytes are missing"),
    "trailing bytes": (npy(PLANES) + b"\x00", "board has 1 bytes after the array"),
    "not a number": (npy(NAN), "planes hold a number that is not a small integer"),
    "infinite": (npy(np.full_like(PLANES, np.inf)), "not a small integer"),
    "fractions": (npy(PLANES + np.float32(0.5)), "not a small integer"),
    "negative": (npy(PLANES - 1), "out of the range of its plane"),
    "too large": (npy(PLANES + 6), "out of the range of its plane"),
    "beyond int8": (npy(PLANES + 256), "not a small integer"),
    "a huge array": (
        header("{'descr': '<f4', 'fortran_order': False, 'shape': (999999999, 999999999), }"),
        "board is <f4 [999999999, 999999999], not",
    ),
    "a size of a million digits": (
        header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'9' * 60000},), }}"),
        "cut off or too long",
    ),
    "a size of 400 digits": (
        header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'9' * 400},), }}"),
        "board is <f4",
    ),
    "a header of 4 GB": (
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(200),
        "cut off or too long",
    ),
    "code": (header("__import__('os').abort()"), "not one of a plain array"),
    "deep brackets": (header("(" * 400), "not one of a plain array"),
    "another key": (header(GOOD_HEADER.replace("shape", "shade")), "not one of a plain array"),
    "an extra key": (header(GOOD_HEADER.replace(", }", ", 'x': 1}")), "not one of a plain array"),
    "a negative shape": (header(GOOD_HEADER.replace("(11", "(-11")), "not one of a plain array"),
    "no data": (header(GOOD_HEADER), "cut off, 4840 bytes are missing"),
}


@pytest.mark.parametrize("name", BAD_BOARDS)
def test_a_bad_array_is_refused_with_its_reason(name: str) -> None:
    data, reason = BAD_BOARDS[name]
    message = old_message(make_example())
    message.board = data
    with pytest.raises(InvalidExample) as caught:
        decode_example(message.SerializeToString())
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def change(**values: Any) -> Callable[[pb.NumpyExample], None]:
    def apply(message: pb.NumpyExample) -> None:
        for name, value in values.items():
            setattr(message, name, value)

    return apply


BAD_MESSAGES: dict[str, tuple[Callable[[pb.NumpyExample], Any], str]] = {
    "no policy": (change(move_probs=b""), "the example has no move_probs"),
    "no model": (lambda m: m.ClearField("model_key"), "the example has no model_key"),
    "no model name": (lambda m: m.model_key.ClearField("name"), "model_name is not a text"),
    "no game": (change(game_id=""), "the example has no game_id"),
    "no time": (change(unix_micros=0), "the example has no unix_micros"),
    "no end": (change(writer_version=""), "cut off: it has no writer_version"),
    "result 0.5": (change(result=0.5), "result is 0.5"),
    "result NaN": (change(result=float("nan")), "result is nan"),
    "root value NaN": (change(root_value=float("nan")), "root_value is not a finite number"),
    "network value 2": (change(network_value=2.0), "network_value is 2, not in -1..1"),
    "infinite value": (change(network_value=float("inf")), "network_value is not a finite number"),
    "unpacked mask": (change(legal_moves=npy(np.ones(220, np.uint8))), "legal_moves is |u1 [220]"),
    "mask bits beyond": (change(legal_moves=npy(np.full(28, 255, np.uint8))), "beyond the last"),
    "priors of all": (change(priors=npy(np.zeros(220, "<f2"))), "priors is <f2 [220], not"),
    "no mask": (change(legal_moves=b""), "needs legal_moves"),
    "signed visits": (
        lambda m: change(visit_counts=npy(np.load(io.BytesIO(m.visit_counts)).astype("<i2")))(m),
        "visit_counts is <i2",
    ),
    "final cells": (change(final_cells=npy(np.full((2, 11, 10), 9, np.int8))), "out of range"),
    "simulations": (change(simulations=-1), "simulations is -1"),
    "action": (change(action=220), "action is 220"),
    "turn": (change(turn=3), "turn is 3"),
    "move": (change(move=105), "move_number is 105"),
    "checkpoint": (lambda m: setattr(m.model_key, "checkpoint", -1), "checkpoint is -1"),
    "initial board": (change(initial_board="x" * 105), "initial_board is not 105"),
    "example id": (change(example_id="../../etc/passwd"), "no plain name"),
    "long game id": (change(game_id="g" * 201), "game_id is not a text of 1 to 200"),
    "game id of two lines": (change(game_id="a\nb"), "game_id is not a text"),
}


@pytest.mark.parametrize("name", BAD_MESSAGES)
def test_a_bad_message_is_refused_with_its_reason(name: str) -> None:
    apply, reason = BAD_MESSAGES[name]
    message = pb.NumpyExample.FromString(encode_example(make_example()))
    apply(message)
    with pytest.raises(InvalidExample) as caught:
        decode_example(message.SerializeToString())
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_game_keeps_the_bytes_of_its_examples() -> None:
    bodies = [encode_example(make_example(moves=moves)) for moves in range(3)]
    assert decode_game(encode_game(bodies)) == bodies


@pytest.mark.parametrize("count", [0, 106])
def test_a_game_of_no_or_too_many_examples_is_refused(count: int) -> None:
    with pytest.raises(InvalidExample, match=f"a game has 1 to 105 examples, not {count}"):
        decode_game(encode_game([b"x"] * count))


def test_bytes_that_are_no_game_are_refused() -> None:
    data = encode_game([encode_example(make_example())])
    for bad in (data[:-1], data + b"\n", b"\xff"):
        with pytest.raises(InvalidExample, match="not a NumpyExamples message, or cut off"):
            decode_game(bad)
    with pytest.raises(InvalidExample, match="too many for one game"):
        decode_game(bytes(MAX_GAME_BYTES + 1))


def of_version(writer: str, **changes: Any) -> bytes:
    message = pb.NumpyExample.FromString(encode_example(make_example()))
    change(**changes, writer_version=writer)(message)
    return message.SerializeToString()


def compact_game(**changes: Any) -> bytes:
    [game] = finished_games(1)
    data = encode_compact(game, game_id="g", model_name="flagz", unix_micros=1)
    message = pb.CompactGame.FromString(data)
    for name, value in changes.items():
        setattr(message, name, value)
    return message.SerializeToString()


OTHER_BOARD = npy(np.zeros((12, 11, 10), np.float32))
UNKNOWN_KIND = b"\x12\x02\xff\xfe" + b"\x5a\x01\xff" + b"\xfa\x01\x05hello"

FUTURE: dict[str, tuple[bytes, str]] = {
    "another board": (of_version("99.1.0", board=OTHER_BOARD), r"board is .*hexzctl 99\.1\.0"),
    "no board": (of_version("99.1.0", board=b""), r"has no board; .* hexzctl 99\.1\.0"),
    "an unknown kind": (
        UNKNOWN_KIND + pb.Written(writer_version="99.1.0").SerializeToString(),
        r"not a NumpyExample message.* hexzctl 99\.1\.0",
    ),
    "two lines": (of_version("99.1.0\n", board=b""), r"has no board; .* hexzctl 99\.1\.0 wrote"),
    "a game": (
        compact_game(version=2, writer_version="99.1.0"),
        r"not a NumpyExample message.* hexzctl 99\.1\.0",
    ),
    "a game of no known writer": (
        compact_game(version=2, writer_version=""),
        "not a NumpyExample message, or cut off; a newer hexzctl wrote it",
    ),
}


@pytest.mark.parametrize("name", FUTURE)
def test_what_a_newer_version_wrote_says_so_and_what_to_do(name: str) -> None:
    data, reason = FUTURE[name]
    with pytest.raises(InvalidExample, match=rf"{reason}.*, and this is [\d.]+: update") as caught:
        decode_example(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["no board", "a game"])
def test_so_it_does_where_only_its_search_is_asked_for(name: str) -> None:
    data, reason = FUTURE[name]
    with pytest.raises(InvalidExample, match=reason):
        is_fast_search(data)


NOT_OF_THE_FUTURE: dict[str, bytes] = {
    "ours": of_version(__version__, board=b""),
    "a version before": of_version("0.1.9", board=OTHER_BOARD),
    "of somebody else": of_version("of somebody else", board=b""),
    "cut off": of_version("99.1.0")[:-2],
    "a game of today": compact_game(),
    "another program's": b"\x08\x02\x12\x05hello",
    "text": b"To whom it may concern: hello",
    "nothing": b"",
}


@pytest.mark.parametrize("name", NOT_OF_THE_FUTURE)
def test_what_no_newer_version_wrote_does_not_say_so(name: str) -> None:
    with pytest.raises(InvalidExample) as caught:
        decode_example(NOT_OF_THE_FUTURE[name])
    assert "newer" not in str(caught.value)
