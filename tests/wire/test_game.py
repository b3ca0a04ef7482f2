"""Compact games: what comes back from them, and what is refused."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import psutil
import pytest

from hexz.engine import FinishedGame
from hexz.errors import InvalidExample
from hexz.selfplay.examples import examples_of
from hexz.wire import hexz_pb2 as pb
from hexz.wire.example import decode_example, encode_example
from hexz.wire.game import MAX_COMPACT_BYTES, encode_compact, read_compact
from hexz.wire.versions import COMPACT_VERSION
from tests.games import finished_games

from .sample import assert_same

GAMES = finished_games(8)
ORIGIN: dict[str, Any] = {
    "game_id": "run1-7",
    "model_name": "flagz",
    "unix_micros": 1_700_000_000_000_000,
}


def compact(game: FinishedGame = GAMES[0]) -> bytes:
    return encode_compact(game, **ORIGIN)


def altered(game: FinishedGame = GAMES[0], **changes: Any) -> bytes:
    """A compact game as a program without scruples would write it."""
    message = pb.CompactGame.FromString(compact(game))
    for name, value in changes.items():
        setattr(message, name, value)
    return message.SerializeToString()


def rounded(game: FinishedGame) -> FinishedGame:
    """A game with policies in half precision."""
    return replace(game, policies=game.policies.astype(np.float16).astype(np.float32))


def both(game: FinishedGame) -> tuple[list[bytes], list[bytes]]:
    """Its examples, and those that come back from its compact form."""
    examples = examples_of(
        game,
        game_name=ORIGIN["game_id"],
        model_name=ORIGIN["model_name"],
        unix_micros=ORIGIN["unix_micros"],
    )
    found = [data for _, data in read_compact(compact(game)).examples()]
    return [encode_example(example) for example in examples], found


def test_the_examples_of_a_compact_game_are_those_of_the_game_but_for_rounded_policies():
    for game in GAMES:
        expected, found = both(rounded(game))
        assert found == expected
        for one, other in zip(*both(game), strict=True):
            before, after = decode_example(one), decode_example(other)
            assert_same(replace(before, policy=after.policy), after)
            np.testing.assert_allclose(after.policy, before.policy, rtol=2**-11, atol=2**-25)


def test_what_training_reads_is_that_of_the_examples():
    for game in GAMES:
        read = read_compact(compact(game))
        assert {name: getattr(read, name) for name in ORIGIN} == ORIGIN
        for i, (name, data) in enumerate(read.examples()):
            example = decode_example(data)
            assert name == example.example_id
            np.testing.assert_array_equal(read.planes[i].reshape(11, 11, 10), example.planes)
            np.testing.assert_array_equal(read.owners[i].reshape(11, 10), example.final_owner)
            assert (read.turns[i], read.margins[i]) == (example.turn, example.score_margin)


def test_unusual_numbers_come_back():
    count = len(GAMES[1].actions)
    large = np.where(np.arange(count) % 2, 2**31 - 1, 2**16 - 1)[:, None] - np.arange(220)
    game = replace(
        rounded(GAMES[1]),
        visits=np.where(GAMES[1].policies > 0, large, 0).astype(np.int32),
        simulations=np.full(count, 2**31 - 1, np.int32),
        checkpoints=np.arange(count, dtype=np.int32) * 1000,
        full_searches=np.arange(count) % 3 == 0,
        root_values=np.linspace(-1, 1, count, dtype=np.float32),
    )
    expected, found = both(game)
    assert found == expected


def test_an_example_takes_less_than_400_bytes():
    size = sum(len(compact(game)) for game in GAMES) / sum(len(game.actions) for game in GAMES)
    assert size < 400


def test_a_game_of_the_future_says_so_and_what_to_do():
    with pytest.raises(
        InvalidExample, match=r"version 2, .*; a newer hexzctl wrote it, and this is .*: update"
    ):
        read_compact(altered(version=COMPACT_VERSION + 1))
    for changes in ({"version": COMPACT_VERSION + 1}, {"actions": b""}):
        with pytest.raises(InvalidExample, match=r"; a newer hexzctl 99\.1\.0 wrote it.*: update"):
            read_compact(altered(**changes, writer_version="99.1.0"))


def policies_with(place: int, number: float) -> bytes:
    message = pb.CompactGame.FromString(compact())
    policies = np.frombuffer(message.policies, "<f2").copy()
    policies[place] = number
    return policies.tobytes()


MESSAGE = pb.CompactGame.FromString(compact())
VISITS, FULL = MESSAGE.visit_counts, MESSAGE.full_searches

BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "no version": ("no version", {"version": 0}),
    "cut off": ("cut off", {"writer_version": ""}),
    "a path as id": ("game_id", {"game_id": "../up"}),
    "no id": ("game_id", {"game_id": ""}),
    "a long id": ("game_id", {"game_id": "x" * 197}),
    "no model": ("model_name", {"model_name": ""}),
    "no time": ("unix_micros", {"unix_micros": 0}),
    "no board": ("initial_board", {"initial_board": ""}),
    "a rock more": ("initial_board", {"initial_board": MESSAGE.initial_board.replace(".", "#", 1)}),
    "a grass less": ("initial_board", {"initial_board": MESSAGE.initial_board.replace("1", ".")}),
    "a grass twice": ("initial_board", {"initial_board": MESSAGE.initial_board.replace("1", "2")}),
    "no moves": ("1 to 105 moves", {"actions": b""}),
    "an illegal move": ("action of move 0", {"actions": b"\xdb" + MESSAGE.actions[1:]}),
    "a move twice": ("action of move 1", {"actions": MESSAGE.actions[:1] * len(MESSAGE.actions)}),
    "too few moves": ("not over", {"actions": MESSAGE.actions[:-1]}),
    "a move after the end": ("over after", {"actions": MESSAGE.actions + b"\0"}),
    "policies cut off": ("policies ends", {"policies": MESSAGE.policies[:-2]}),
    "half a number": ("policies ends", {"policies": MESSAGE.policies[:-1]}),
    "policies go on": ("policies goes on", {"policies": MESSAGE.policies + b"\0\0"}),
    "not a number": ("not finite", {"policies": policies_with(0, np.nan)}),
    "infinity": ("not finite", {"policies": policies_with(0, np.inf)}),
    "negative": ("negative", {"policies": policies_with(0, -0.25)}),
    "more than 1": ("sum to 1", {"policies": policies_with(0, 0.5)}),
    "less than 1": ("sum to 1", {"policies": bytes(len(MESSAGE.policies))}),
    "priors": ("priors of move 0", {"priors": bytes(len(MESSAGE.priors))}),
    "visits cut off": ("visit_counts", {"visit_counts": MESSAGE.visit_counts[:-1]}),
    "a long varint": ("visit_counts", {"visit_counts": b"\xff" * 5 + VISITS}),
    "a large count": ("visit_counts", {"visit_counts": b"\xff" * 4 + b"\x0f" + VISITS}),
    "values cut off": ("root_values ends", {"root_values": MESSAGE.root_values[:-1]}),
    "values go on": ("root_values goes on", {"root_values": MESSAGE.root_values + b"\0"}),
    "a value of 2": (
        "network_values of move 0",
        {"network_values": np.float32(2).tobytes() + MESSAGE.network_values[4:]},
    ),
    "no value": (
        "network_values of move 0",
        {"network_values": np.float32(np.nan).tobytes() + MESSAGE.network_values[4:]},
    ),
    "simulations": ("simulations", {"simulations": b""}),
    "neither full nor fast": ("full_searches", {"full_searches": b"\2" + FULL[1:]}),
    "searches cut off": ("full_searches", {"full_searches": MESSAGE.full_searches[1:]}),
    "checkpoints": ("checkpoints", {"checkpoints": MESSAGE.checkpoints + b"\0"}),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_no_game_can_say_is_refused(name):
    reason, changes = BAD[name]
    with pytest.raises(InvalidExample, match=reason):
        read_compact(altered(**changes))


def test_bytes_that_are_no_game_are_refused():
    for data in (
        b"",
        b"x",
        encode_example(next(examples_of(GAMES[0], game_name="g", model_name="m", unix_micros=1))),
    ):
        with pytest.raises(InvalidExample):
            read_compact(data)
    with pytest.raises(InvalidExample, match="too many"):
        read_compact(bytes(MAX_COMPACT_BYTES + 1))


def mutations(rng: random.Random) -> Iterator[Callable[[bytes], bytes]]:
    """Ways to spoil bytes."""

    def place(data: bytes) -> int:
        return rng.randrange(len(data))

    yield lambda data: data[: place(data)]
    yield lambda data: data[place(data) :]
    while True:
        yield lambda data: (i := place(data), data[:i] + rng.randbytes(1) + data[i + 1 :])[1]
        yield lambda data: (i := place(data), data[:i] + rng.randbytes(3) + data[i:])[1]
        yield lambda data: (i := place(data), data[:i] + data[i + rng.randrange(9) :])[1]
        yield lambda data: (i := place(data), data[:i] + data[place(data) :])[1]


@pytest.mark.parametrize("count", [2000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_mutated_bytes_are_read_or_refused(count):
    rng = random.Random(count)
    bodies = [compact(game) for game in GAMES]
    refused, memory = 0, 0
    for number, mutate in zip(range(count), mutations(rng), strict=False):
        if number == count // 5:  # after which nothing grows that grows once
            memory = psutil.Process().memory_info().rss
        data = mutate(rng.choice(bodies))
        try:
            list(read_compact(data).examples())
        except InvalidExample:
            refused += 1
    assert refused > count // 2
    assert psutil.Process().memory_info().rss - memory < 20e6
