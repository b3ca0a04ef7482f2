"""Tensors to train on: everything about a position is mirrored together, and targets are right."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from hexz.engine import SYMMETRIES, Board, transform_planes, transform_policy
from hexz.example import Example
from hexz.training.batch import Batch, make_batch
from hexz.training.rows import to_rows
from tests.search.helpers import random_game
from tests.wire.sample import make_example, old_example

MIDDLE_OF_GAMES = [random_game(seed)[moves] for seed in range(8) for moves in (0, 20, 40)]


def batch_of(
    examples: list[Example],
    symmetries: list[int],
    margin_share: float = 0.25,
    root_value_share: float = 0.3,
) -> Batch:
    rows = torch.from_numpy(to_rows(examples).view(np.uint8).reshape(len(examples), -1))
    return make_batch(
        rows,
        torch.tensor(symmetries),
        margin_share=margin_share,
        root_value_share=root_value_share,
    )


def example_of(board: Board, seed: int = 0) -> Example:
    """An example with other arrays on every board; of its outcome, only the owners matter here."""
    rng = np.random.default_rng(seed)
    legal = board.legal_mask()
    policy = np.where(legal, rng.exponential(size=220), 0)
    return replace(
        make_example(),
        planes=board.planes(),
        legal_mask=legal,
        policy=(policy / policy.sum()).astype(np.float32),
        final_owner=_owners(rng),
        reply=_reply(rng),
    )


def _reply(rng: np.random.Generator) -> np.ndarray:
    reply = rng.exponential(size=(2, 11, 10))
    reply[:, 1::2, 9] = 0
    return (reply / reply.sum()).astype(np.float32).reshape(220)


def _owners(rng: np.random.Generator) -> np.ndarray:
    owners = rng.integers(-1, 2, (11, 10)).astype(np.int8)
    owners[1::2, 9] = 0
    return owners


def mirrored(board: Board, symmetry: int, seed: int) -> Example:
    """What the engine says about the mirrored board, with the same targets mirrored."""
    original = example_of(board, seed)
    reflection = board.transformed(symmetry)
    return replace(
        original,
        planes=reflection.planes(),
        legal_mask=reflection.legal_mask(),
        policy=transform_policy(original.policy, symmetry),
        final_owner=transform_planes(original.final_owner, symmetry),
        reply=transform_policy(original.reply, symmetry),
    )


def assert_same(one: Batch, other: Batch) -> None:
    for name, a, b in zip(Batch._fields, one, other, strict=True):
        assert a.dtype == b.dtype, name
        assert torch.equal(a, b), name


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_a_mirrored_example_is_the_example_of_the_mirrored_board(symmetry):
    count = len(MIDDLE_OF_GAMES)
    found = batch_of(
        [example_of(board, seed) for seed, board in enumerate(MIDDLE_OF_GAMES)], [symmetry] * count
    )
    expected = batch_of(
        [mirrored(board, symmetry, seed) for seed, board in enumerate(MIDDLE_OF_GAMES)], [0] * count
    )
    assert_same(found, expected)


def test_each_example_of_a_batch_is_mirrored_in_its_own_way():
    symmetries = [seed % 4 for seed in range(len(MIDDLE_OF_GAMES))]
    examples = [example_of(board, seed) for seed, board in enumerate(MIDDLE_OF_GAMES)]
    together = batch_of(examples, symmetries)
    alone = [batch_of([e], [s]) for e, s in zip(examples, symmetries, strict=True)]
    assert_same(together, Batch(*map(torch.cat, zip(*alone, strict=True))))


def test_mirroring_moves_something():
    example = example_of(MIDDLE_OF_GAMES[1])
    found = batch_of([example] * 4, list(SYMMETRIES))
    for tensor in (found.planes, found.policy, found.legal, found.ownership, found.reply):
        assert len({row.numpy().tobytes() for row in tensor}) == 4


def test_no_probability_is_lost_or_put_on_an_illegal_action():
    examples = [example_of(board, seed) for seed, board in enumerate(MIDDLE_OF_GAMES)]
    for symmetry in SYMMETRIES:
        found = batch_of(examples, [symmetry] * len(examples))
        assert torch.allclose(found.policy.sum(1), torch.ones(len(examples)), atol=1e-3)
        assert (found.policy[~found.legal] == 0).all()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 0.7 * (0.75 * 1 + 0.25 * math.tanh(6 / 15)) + 0.3 * -0.5),
        ({"root_value": None}, 0.75 * 1 + 0.25 * math.tanh(6 / 15)),
        ({"score_margin": None}, 0.7 * 1 + 0.3 * -0.5),
        ({"score_margin": None, "root_value": None}, 1),
        ({"score_margin": -15, "result": -1, "root_value": None}, -0.75 - 0.25 * math.tanh(1)),
        ({"score_margin": 0, "result": 0, "root_value": None}, 0),
    ],
)
def test_the_value_target_mixes_what_there_is(changes, expected):
    example = replace(make_example(), score_margin=6, result=1, root_value=-0.5)
    found = batch_of([replace(example, **changes)], [0])
    assert found.value.item() == pytest.approx(expected, abs=1e-5)


def test_an_example_of_the_first_format_has_policy_and_result():
    found = batch_of([old_example()], [0])
    assert found.policy.sum().item() == pytest.approx(1, abs=1e-3)
    assert found.has_ownership.item() == found.has_margin.item() == found.has_reply.item() == 0
    assert found.value.item() == old_example().result
