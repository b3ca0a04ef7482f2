"""What makes an example sound. Bytes are the business of tests/wire."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from hexz.engine import CELLS, Move
from hexz.errors import InvalidExample
from hexz.example import solid_cells, validate_example

from .wire.sample import make_example, old_example

GOOD = make_example()


def changed(array: Any, index: Any, value: Any) -> Any:
    copy = np.array(array)
    copy[index] = value
    return copy


def test_sound_examples_pass() -> None:
    for seed in range(5):
        for moves in range(0, 60, 7):
            validate_example(make_example(seed, moves))
    validate_example(old_example())


NO_CELL = 1 * 10 + 9  # row 1 has no column 9
LEGAL = np.flatnonzero(GOOD.legal_mask)
ILLEGAL = next(a for a in range(220) if a not in LEGAL and a % 110 != NO_CELL)
# Everybody's final cells belong to nobody: a draw that the other fields contradict.
NOBODY = np.zeros((11, 10), np.int8)

UNSOUND: dict[str, tuple[dict[str, Any], str]] = {
    "planes of float64": ({"planes": GOOD.planes.astype(float)}, "planes is float64"),
    "planes of one shape too few": ({"planes": GOOD.planes[0]}, "planes is float32 [11, 10]"),
    "planes with NaN": ({"planes": changed(GOOD.planes, 0, np.nan)}, "not a small integer"),
    "a policy grid": ({"policy": GOOD.policy.reshape(2, 11, 10)}, "policy is float32 [2, 11, 10]"),
    "a policy with NaN": ({"policy": changed(GOOD.policy, LEGAL[0], np.nan)}, "not finite"),
    "a policy with infinity": ({"policy": changed(GOOD.policy, LEGAL[0], np.inf)}, "not finite"),
    "planes with infinity": ({"planes": changed(GOOD.planes, 0, np.inf)}, "not a small integer"),
    "planes with 1e30": ({"planes": changed(GOOD.planes, 0, 1e30)}, "not a small integer"),
    "a policy of 2": ({"policy": GOOD.policy * 2}, "policy sums to 2"),
    "a policy of logits": (
        {"policy": changed(changed(GOOD.policy, LEGAL, 0), LEGAL[:2], [2, -1])},
        "policy has a negative probability",
    ),
    "a policy on an illegal action": (
        {"policy": np.roll(GOOD.policy, ILLEGAL - LEGAL[-1])},
        "policy gives an illegal action a probability",
    ),
    "a policy off the board": (
        {"policy": np.eye(220, dtype=np.float32)[NO_CELL], "legal_mask": None}
        | dict.fromkeys(["priors", "visits"]),
        "policy gives an illegal action a probability",
    ),
    "priors of 1.01": ({"priors": GOOD.priors * np.float32(1.01)}, "priors sums to 1.01"),
    "priors without a mask": ({"legal_mask": None, "visits": None}, "need legal_mask"),
    "visits without a mask": ({"legal_mask": None, "priors": None}, "need legal_mask"),
    "visits of int64": ({"visits": GOOD.visits.astype(np.int64)}, "visits is int64"),
    "visits of an illegal action": (
        {"visits": changed(GOOD.visits, ILLEGAL, 1)},
        "visits count an illegal action",
    ),
    "a mask of integers": ({"legal_mask": GOOD.legal_mask.astype(int)}, "legal_mask is int64"),
    "a mask without moves": ({"legal_mask": np.zeros(220, bool)}, "no legal action"),
    "a mask off the board": (
        {"legal_mask": changed(GOOD.legal_mask, NO_CELL, True)},
        "cell that does not exist",
    ),
    "a mask of another board": (
        {"legal_mask": changed(GOOD.legal_mask, LEGAL[-1], False)},
        "differ in the normal moves",
    ),
    "a flag left without flag moves": (
        {"planes": changed(GOOD.planes, 4, 1)},
        "differ in whether a flag is left",
    ),
    "a reply off the board": (
        {"reply": changed(GOOD.reply, NO_CELL, 0.1)},
        "reply",
    ),
    "half a reply": ({"reply": GOOD.reply / 2}, "reply"),
    "a result of 2": ({"result": 2}, "result is 2"),
    "a result of the other side": ({"result": -GOOD.result}, "contradicts score_margin"),
    "an action off the board": (
        {"action": NO_CELL, "legal_mask": None, "priors": None, "visits": None},
        f"action {NO_CELL} is illegal",
    ),
    "an illegal action": ({"action": ILLEGAL}, f"action {ILLEGAL} is illegal"),
    "a root value of 1.5": ({"root_value": 1.5}, "root_value is 1.5"),
    "a network value of NaN": ({"network_value": float("nan")}, "network_value is nan"),
    "owners without values": ({"final_value": None}, "need each other"),
    "values without owners": ({"final_owner": None}, "need each other"),
    "owner 2": ({"final_owner": changed(NOBODY, 0, 2)}, "out of range"),
    "value 6": ({"final_value": changed(NOBODY, 0, 6)}, "out of range"),
    "an owner off the board": ({"final_owner": changed(NOBODY, (1, 9), 1)}, "there is no cell"),
    "a margin of other cells": ({"final_owner": NOBODY}, "the final cells give a margin of 0"),
    "a name of two lines": ({"model_name": "a\nb"}, "model_name is not a text"),
    "no game": ({"game_id": ""}, "game_id is not a text"),
    "an id with a slash": ({"example_id": "a/b"}, "no plain name"),
    "a board of 104 cells": ({"initial_board": "." * 104}, "initial_board"),
}


@pytest.mark.parametrize("name", UNSOUND)
def test_an_unsound_example_is_refused_with_its_reason(name: str) -> None:
    changes, reason = UNSOUND[name]
    with pytest.raises(InvalidExample) as caught:
        validate_example(make_example(**changes))
    assert reason in str(caught.value)


def test_the_tolerance_allows_rounding() -> None:
    policy = GOOD.policy * np.float32(1.0005)
    validate_example(make_example(policy=policy))


def test_solid_cells_of_a_known_board_are_its_rocks() -> None:
    assert GOOD.initial_board is not None
    solid = solid_cells(GOOD)
    assert [bool(solid[cell]) for cell in CELLS] == [letter == "#" for letter in GOOD.initial_board]
    assert solid[1::2, 9].all()


HERE = Move("flag", *CELLS[(GOOD.initial_board or "").index("#")])
OWNED = changed(np.zeros((11, 10), np.int8), HERE[1:], -1)


@pytest.mark.parametrize(
    ("known", "is_solid"),
    [
        ({}, True),
        ({"final_owner": NOBODY, "legal_mask": GOOD.legal_mask}, True),
        ({"legal_mask": changed(GOOD.legal_mask, HERE.index, True)}, False),
        ({"policy": changed(GOOD.policy, HERE.index, 0.1)}, False),
        ({"action": HERE.index}, False),
        ({"action": HERE.index + 110}, True),
        ({"final_owner": OWNED}, False),
    ],
)
def test_what_looks_like_a_rock_may_be_named_as_an_empty_cell(
    known: dict[str, Any], is_solid: bool
) -> None:
    unknown = dict.fromkeys(["initial_board", "legal_mask", "action", "final_owner"])
    example = dataclasses.replace(GOOD, **{**unknown, **known})
    solid, rocks = solid_cells(example), solid_cells(GOOD)
    assert solid[HERE[1:]] == is_solid
    rocks[HERE[1:]] = is_solid
    np.testing.assert_array_equal(solid, rocks)
