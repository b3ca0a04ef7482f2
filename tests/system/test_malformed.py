"""Malformed bodies by the thousand: the server refuses them, and honest workers notice nothing."""

import io
import itertools
import json
import pickle
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest

from hexz.schema.fleet import CONDUCT_PATH
from hexz.wire import hexz_pb2 as pb
from hexz.wire.example import encode_example, encode_game
from hexz.wire.game import encode_compact

from ..games import finished_games, game_examples
from .train_server import ServerProcess

EXAMPLES, GAMES = "/training/examples", "/training/games"
COMPACT_GAMES = "/training/compact-games"
CONNECTIONS = 8
HONEST_EVERY = 20
MAX_GROWTH = 20e6
"""Bytes that the server may have more after the test: garbage, but not a share of each request."""

Body = tuple[str, bytes]
"""A path and what is posted to it."""


# --- Mutations of bytes --------------------------------------------------------------------------


def flipped(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncated(rng: random.Random, data: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def with_more(rng: random.Random, data: bytes) -> bytes:
    return data + rng.randbytes(rng.choice((1, 2, 100, 5000)))


def without_a_part(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data))
    return data[:start] + data[start + rng.choice((1, 4, 100)) :]


def with_a_part_twice(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data))
    return data[: start + 200] + data[start:]


def overwritten(rng: random.Random, data: bytes) -> bytes:
    start = rng.randrange(len(data))
    part = rng.choice((b"\0", b"\xff", b"\x80")) * rng.choice((1, 4, 100))
    return data[:start] + part + data[start + len(part) :]


def with_a_giant_field(rng: random.Random, data: bytes) -> bytes:
    """A field of protobuf that claims to have up to 2**63 bytes."""
    length = rng.choice((2**20, 2**31 - 1, 2**32, 2**63 - 1))
    varint = b""
    while length >= 128:
        varint += bytes([length & 127 | 128])
        length >>= 7
    return data + bytes([rng.randrange(1, 25) << 3 & 127 | 2]) + varint + bytes([length]) + b"abc"


def noise(rng: random.Random, data: bytes) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 10, len(data))))


def other_content(rng: random.Random, data: bytes) -> bytes:
    zipped, packed = b"PK\x03\x04" + data, b"\x1f\x8b\x08" + data
    return rng.choice((b'{"examples": []}', b"<html></html>", zipped, packed, b"\n" * 9))


BYTE_MUTATIONS = (
    flipped, flipped, flipped, truncated, with_more, without_a_part, with_a_part_twice,
    overwritten, with_a_giant_field, noise, other_content,
)  # fmt: skip


# --- Mutations of fields -------------------------------------------------------------------------

ARRAYS = ("board", "move_probs", "legal_moves", "priors", "visit_counts", "final_cells")


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def without_a_field(rng: random.Random, message: pb.NumpyExample) -> None:
    message.ClearField(rng.choice([field.name for field, _ in message.ListFields()]))


def with_an_array_of_another_kind(rng: random.Random, message: pb.NumpyExample) -> None:
    dtype = rng.choice(("<f4", ">f4", "<f8", "<i8", "|b1", "<c8", "|S4", "<U2", "<M8[s]"))
    shape = rng.choice(((0,), (), (220,), (2, 11, 10), (11, 11, 10), (11, 11, 11), (1,) * 30))
    setattr(message, rng.choice(ARRAYS), npy(np.zeros(shape, dtype)))


def with_numbers_that_are_none(rng: random.Random, message: pb.NumpyExample) -> None:
    number = rng.choice((np.nan, np.inf, -np.inf, -1, 1e30, 0.5))
    kind = rng.randrange(3)
    if kind == 0:
        planes = np.zeros((11, 11, 10), np.float32)
        planes.flat[rng.randrange(planes.size)] = number
        message.board = npy(planes)
    elif kind == 1:
        message.move_probs = npy(np.full((2, 11, 10), number, np.float32))
    else:
        message.root_value = message.network_value = number


def with_a_pickle(rng: random.Random, message: pb.NumpyExample) -> None:
    objects = np.array([{"a": 1}, None], dtype=object)
    field = rng.choice(ARRAYS)
    setattr(message, field, rng.choice((npy(objects), pickle.dumps(objects), pickle.dumps(print))))


def with_a_giant_array(rng: random.Random, message: pb.NumpyExample) -> None:
    """A header that claims to be followed by up to 2**80 numbers."""
    shape = rng.choice(("(1000000000,)", "(1048576, 1048576)", "(2,) * 9", f"({2**80},)", "(-1,)"))
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    data = b"\x93NUMPY\x01\x00v\x00" + header.encode() + bytes(16)
    setattr(message, rng.choice(ARRAYS), data)


def with_extreme_numbers(rng: random.Random, message: pb.NumpyExample) -> None:
    name = rng.choice(("move", "unix_micros", "turn", "action", "simulations", "score_margin"))
    for number in rng.sample((-(2**31), 2**31 - 1, 2**63 - 1, -1, 0, 1, 2, 105, 219, 220), 10):
        try:
            setattr(message, name, number)
        except ValueError:
            continue
        return


def with_extreme_texts(rng: random.Random, message: pb.NumpyExample) -> None:
    text = rng.choice(("", "../../etc/passwd", "a" * 9999, "\0", "\n", "ÿ𝔘", "#" * 105, "." * 105))
    name = rng.choice(("game_id", "example_id", "initial_board", "writer_version", "model"))
    if name == "model":
        message.model_key.name = text
    else:
        setattr(message, name, text)


def of_another_checkpoint(rng: random.Random, message: pb.NumpyExample) -> None:
    message.model_key.checkpoint = rng.choice((1, -1, 2**31 - 1, -(2**31)))


def with_another_result(rng: random.Random, message: pb.NumpyExample) -> None:
    message.result = rng.choice((-message.result or 1, 2, 0.5, float("nan")))


FIELD_MUTATIONS = (
    without_a_field, with_an_array_of_another_kind, with_numbers_that_are_none, with_a_pickle,
    with_a_giant_array, with_extreme_numbers, with_extreme_texts, of_another_checkpoint,
    with_another_result,
)  # fmt: skip


def mutated_example(rng: random.Random, body: bytes) -> bytes:
    if rng.random() < 0.4:
        return rng.choice(BYTE_MUTATIONS)(rng, body)
    message = pb.NumpyExample.FromString(body)
    rng.choice(FIELD_MUTATIONS)(rng, message)
    return bytes(message.SerializeToString())


def mutated_game(rng: random.Random, game: Sequence[bytes], other: Sequence[bytes]) -> bytes:
    bodies = list(game)
    place = rng.randrange(len(bodies))
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice(BYTE_MUTATIONS)(rng, encode_game(bodies))
    if kind == 1:
        del bodies[place]
    elif kind == 2:
        rng.shuffle(bodies)
    elif kind == 3:
        bodies[place] = other[min(place, len(other) - 1)]
    elif kind == 4:
        bodies = bodies[:place] or [b""] * 2000
    elif kind == 5:
        bodies += bodies
    else:
        bodies[place] = mutated_example(rng, bodies[place])
    return encode_game(bodies)


COLUMNS = (
    "actions", "policies", "priors", "visit_counts", "root_values", "network_values", "simulations",
    "full_searches", "checkpoints",
)  # fmt: skip


def mutated_compact(rng: random.Random, body: bytes, other: bytes) -> bytes:
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice(BYTE_MUTATIONS)(rng, body)
    message, stranger = map(pb.CompactGame.FromString, (body, other))
    name = rng.choice(COLUMNS)
    column = getattr(message, name)
    if kind == 1:
        setattr(message, name, getattr(stranger, name))
    elif kind == 2:
        message.initial_board = stranger.initial_board
    elif kind == 3:
        message.version = rng.choice((0, 2, 99, 2**32 - 1))
    elif kind == 4:
        values = rng.choice((np.nan, np.inf, -1, 2, 0)) * np.ones(len(column) // 2)
        setattr(message, name, values.astype("<f2").tobytes())
    else:
        setattr(message, name, rng.choice(BYTE_MUTATIONS[:7])(rng, column))
    return bytes(message.SerializeToString())


def malformed(
    rng: random.Random, games: Sequence[Sequence[bytes]], compact: Sequence[bytes]
) -> Body:
    """A mutation of a real body, or a real one at the wrong place."""
    game, other = rng.sample(games, 2)
    kind = rng.random()
    if kind < 0.55:
        return EXAMPLES, mutated_example(rng, rng.choice(game))
    if kind < 0.65:
        return GAMES, mutated_game(rng, game, other)
    if kind < 0.98:
        return COMPACT_GAMES, mutated_compact(rng, *rng.sample(compact, 2))
    bodies = (rng.choice(game), encode_game(game), rng.choice(compact))
    return rng.choice((EXAMPLES, GAMES, COMPACT_GAMES)), rng.choice(bodies)


# --- The test ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def games() -> list[list[bytes]]:
    return [[encode_example(example) for example in game] for game in game_examples(30, seed=3)]


@pytest.fixture(scope="module")
def compact() -> list[bytes]:
    return [
        encode_compact(game, game_id=f"c-{game.game_id}", model_name="flagz", unix_micros=1)
        for game in finished_games(20, seed=4)
    ]


@pytest.mark.parametrize("count", [500, pytest.param(30_000, marks=pytest.mark.soak)])
def test_malformed_bodies_are_refused_and_honest_ones_taken(tmp_path, games, compact, count):
    honest = itertools.chain.from_iterable(games[20:])
    lock = threading.Lock()
    statuses: Counter[int] = Counter()

    def post(server: ServerProcess, bodies: Sequence[Callable[[], Body]]) -> None:
        """Posts on one connection."""
        for make in bodies:
            path, body = make()
            status = server.post(body, path)
            assert status in (200, 400, 413), (status, path, body.hex())
            with lock:
                statuses[status] += 1
                good = next(honest) if statuses.total() % HONEST_EVERY == 0 else None
            if good is not None:
                answer = server.request("POST", EXAMPLES, good)
                assert (answer.status, json.loads(answer.data)["accepted"]) == (200, 1)

    def attack(server: ServerProcess, seeds: range) -> None:
        makers = [
            lambda seed=seed: malformed(random.Random(seed), games[:20], compact) for seed in seeds
        ]
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(lambda i: post(server, makers[i::CONNECTIONS]), range(CONNECTIONS)))

    with ServerProcess(tmp_path, "--minibatch-size", 10**6) as server:
        server.wait_until_ready()
        # Some games pass under another name, which the server would take for copies.
        assert server.post(next(honest)) == 200
        released = b'{"quarantined": false, "reason": "a test"}'
        headers = {"Content-Type": "application/json"}
        answer = server.request("POST", f"{CONDUCT_PATH}?worker=unnamed", released, **headers)
        assert answer.status == 200
        process = psutil.Process(server.process.pid)
        attack(server, range(count // 5))  # after which nothing grows that grows once
        before = process.memory_info().rss
        attack(server, range(count // 5, count))
        assert process.memory_info().rss - before < MAX_GROWTH
        # Some mutations change nothing that matters, such as a value of the search.
        assert statuses[400] > 0.7 * count
        status = server.status()
        assert status["problems"] == []
        assert status["examples"]["refused"].keys() <= {"400", "413", "503"}
        assert server.end() == 0
    assert "Traceback" not in server.errors.read_text()
