"""Posted bodies: honest ones are taken, all others are refused with a status and a reason."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hexz.engine import Board
from hexz.example import Example
from hexz.trainserver.ingest import (
    InvalidBody,
    Rejected,
    TooLarge,
    TooOld,
    check_any_example,
    check_compact_game,
    check_example,
    check_game,
)
from hexz.trainserver.journal import Record
from hexz.vetting.figures import GameLook
from hexz.wire import hexz_pb2 as pb
from hexz.wire.archive import MAX_EXAMPLE_BYTES
from hexz.wire.example import MAX_GAME_BYTES, decode_example, encode_example, encode_game
from hexz.wire.game import MAX_COMPACT_BYTES, encode_compact, read_compact
from hexz.wire.single import read_sound
from tests.wire.sample import ADDED_FIELDS

from .games import MODEL, finished_game, played_game, random_game

GAMES = range(4)

GAME = list(played_game(1))
OTHER_AT_9 = played_game(2)[9]
AMBIGUOUS = random_game(144)
"""A game with an empty cell next to 5s of both players, which its planes show as a rock."""

seeds, moves = st.sampled_from(GAMES), st.integers(0, 50)


def take(body: bytes, *, newest: int = 7, max_lag: int = 2, model: str = MODEL) -> Record:
    checked = check_example(body, model_name=model, newest_checkpoint=newest, max_lag=max_lag)
    (record,) = checked.records
    return record


def take_game(examples: Sequence[Example] | bytes, *, newest: int = 7) -> list[Record]:
    body = examples if isinstance(examples, bytes) else body_of(examples)
    return check_game(body, model_name=MODEL, newest_checkpoint=newest, max_lag=2).records


def take_compact(body: bytes, *, newest: int = 7, model: str = MODEL) -> list[Record]:
    checked = check_compact_game(body, model_name=model, newest_checkpoint=newest, max_lag=2)
    return checked.records


def compact_of(seed: int, **changes: Any) -> bytes:
    game = replace(finished_game(seed), **changes)
    return encode_compact(game, game_id=f"run-{seed}", model_name=MODEL, unix_micros=1)


def body_of(examples: Sequence[Example]) -> bytes:
    return encode_game(map(encode_example, examples))


def altered(example: Example, **changes: Any) -> bytes:
    """An example as a program without scruples would write it: arrays and numbers that belong
    together may contradict each other, but each is well-formed."""
    message = pb.NumpyExample.FromString(encode_example(example))
    for name, value in changes.items():
        if value is None:
            message.ClearField(name)
        else:
            setattr(message, name, value)
    return message.SerializeToString()


# --- What is taken -----------------------------------------------------------------------------


def test_every_example_of_self_play_is_taken_as_it_is():
    for seed in GAMES:
        for example in played_game(seed):
            body = encode_example(example)
            assert take(body) == Record(example.example_id, body)


def check_quick_is_right(body: bytes) -> bool:
    """Compares the quick way to read an example with the thorough one; returns whether it is one
    that the quick one takes."""
    sound = read_sound(body)
    if sound is None:
        return False
    name, lag = sound.model_name, {"newest_checkpoint": sound.checkpoint, "max_lag": 0}
    expected = check_any_example(body, model_name=name, **lag)
    found = check_example(body, model_name=name, **lag)
    assert found.records == expected.records
    assert found.look[:3] == expected.look[:3]
    mine, theirs = found.look.sums.figures(), expected.look.sums.figures()
    assert mine.checkpoint == theirs.checkpoint
    np.testing.assert_allclose(mine.values, theirs.values, rtol=1e-4, atol=1e-6)
    return True


def test_examples_of_today_are_read_quickly():
    for seed in GAMES:
        assert all(check_quick_is_right(encode_example(e)) for e in played_game(seed))


def test_the_quick_way_takes_nothing_that_the_thorough_one_refuses():
    rng, taken = random.Random(5), 0
    bodies = [encode_example(example) for seed in GAMES for example in played_game(seed)]
    for _ in range(10_000):
        body = bytearray(rng.choice(bodies))
        message = ARRAYS(bytes(body))
        name = rng.choice(FIELDS)
        if rng.random() < 0.3:  # of another position
            other = ARRAYS(rng.choice(bodies))
            message.ClearField(name)
            message.MergeFrom(pb.NumpyExample(**{name: getattr(other, name)}))
            body = bytearray(message.SerializeToString())
        else:
            for _ in range(rng.choice([1, 1, 2])):
                # Most bytes are those of the planes and the policy.
                at = rng.randrange(len(body))
                if rng.random() < 0.5:
                    at = max(0, len(body) - rng.randrange(2500))
                body[at % len(body)] ^= 1 << rng.randrange(8)
        taken += check_quick_is_right(bytes(body))
    assert taken > 300


def test_every_game_of_self_play_is_taken_as_it_is():
    for seed in GAMES:
        examples = played_game(seed)
        expected = [Record(e.example_id, encode_example(e)) for e in examples]
        assert take_game(examples) == expected


def test_every_compact_game_of_self_play_is_taken_as_it_is():
    for seed in GAMES:
        body = compact_of(seed)
        assert take_compact(body) == [Record(f"run-{seed}", body, len(played_game(seed)))]


def test_a_compact_game_looks_as_its_examples_do():
    for seed in GAMES:
        game = read_compact(compact_of(seed))
        found, expected = GameLook.of_game(game), GameLook.of(played_game(seed))
        assert found[:3] == expected[:3]
        mine, theirs = found.sums.figures(), expected.sums.figures()
        assert mine.checkpoint == theirs.checkpoint
        np.testing.assert_allclose(mine.values, theirs.values, rtol=1e-3, atol=1e-6)


def test_compact_games_of_other_times_and_models_are_refused():
    body = compact_of(0)
    with pytest.raises(InvalidBody, match="this is model tiny, the server trains other"):
        take_compact(body, model="other")
    with pytest.raises(TooOld, match="checkpoint 7 is too old, the current one is 10"):
        take_compact(body, newest=10)
    with pytest.raises(InvalidBody, match="there is no checkpoint 7 yet"):
        take_compact(body, newest=6)
    # The checkpoint may change in the middle of a game, and each one counts.
    count = len(finished_game(0).actions)
    for newest, kind in ((8, InvalidBody), (11, TooOld)):
        checkpoints = np.array([8] * (count - 1) + [9], np.int32)
        take_compact(compact_of(0, checkpoints=checkpoints), newest=9)
        with pytest.raises(kind):
            take_compact(compact_of(0, checkpoints=checkpoints), newest=newest)


def test_what_is_no_compact_game_is_refused():
    with pytest.raises(TooLarge):
        take_compact(bytes(MAX_COMPACT_BYTES + 1))
    with pytest.raises(InvalidBody, match="cut off"):
        take_compact(compact_of(0)[:-5])


def by_name(names: set[str]) -> str:
    return " ".join(sorted(names))


@pytest.mark.parametrize(
    "absent", [*({name} for name in ADDED_FIELDS), set(ADDED_FIELDS)], ids=by_name
)
def test_examples_of_other_programs_may_lack_fields(absent):
    if "final_owner" in absent or "final_value" in absent:
        absent = absent | {"final_owner", "final_value"}
    if "legal_mask" in absent:
        absent = absent | {"priors", "visits"}
    for game in (*map(played_game, GAMES), AMBIGUOUS):
        for example in game:
            take(encode_example(replace(example, **dict.fromkeys(absent))))


@pytest.mark.parametrize(
    "absent",
    [set(), {"final_owner", "final_value"}, {"legal_mask"}, set(ADDED_FIELDS) - {"action"}],
    ids=["all", "moves", "end", "policy"],
)
def test_without_the_initial_board_empty_cells_are_known_from_what_else_is_there(absent):
    absent = absent | {"initial_board", "priors", "visits"}
    for example in AMBIGUOUS:
        policy = one_hot(np.flatnonzero(example.legal_mask)[-1])
        more: list[dict[str, Any]] = [{}, {"policy": policy}]
        for changes in more:
            take(encode_example(replace(example, **dict.fromkeys(absent), **changes)))


def test_an_example_without_an_id_gets_that_of_its_move():
    example = replace(played_game(0)[12], example_id=None)
    assert take(encode_example(example)).id == "run-0-012"
    ids = set()
    for game_id in ("../up", ".hidden", "a b", "spiel-ä"):
        name = take(encode_example(replace(example, game_id=game_id))).id
        assert name.isascii()
        assert name.replace("-", "").isalnum()
        assert name.endswith("-012")
        ids.add(name)
    assert len(ids) == 4


# --- Checkpoints and sizes ---------------------------------------------------------------------


def test_checkpoints_may_lag_behind_a_little():
    example = played_game(0)[3]
    body, game = encode_example(example), played_game(0)
    for newest in (7, 8, 9):
        assert take(body, newest=newest).id == example.example_id
        assert len(take_game(game, newest=newest)) == len(game)
    with pytest.raises(TooOld, match="checkpoint 7 is too old, the current one is 10") as caught:
        take(body, newest=10)
    assert caught.value.status == 409
    with pytest.raises(TooOld):
        take_game(game, newest=10)
    with pytest.raises(InvalidBody, match="no checkpoint 7 yet, only up to 6"):
        take(body, newest=6)
    mixed = [replace(e, checkpoint=min(7, 3 + e.move_number)) for e in game]
    with pytest.raises(TooOld, match="checkpoint 3"):
        take_game(mixed)


def test_examples_of_another_model_are_refused():
    with pytest.raises(InvalidBody, match="this is model tiny, the server trains big"):
        take(encode_example(played_game(0)[0]), model="big")


def test_bodies_that_are_too_large_are_refused():
    with pytest.raises(TooLarge, match="65537 bytes are too many for one example") as caught:
        take(bytes(MAX_EXAMPLE_BYTES + 1))
    assert caught.value.status == 413
    with pytest.raises(TooLarge, match="too many for one game"):
        take_game(bytes(MAX_GAME_BYTES + 1))


# --- Examples that no game has -----------------------------------------------------------------

EXAMPLE = played_game(1)[25]
LATER = played_game(1)[27]
LAST = played_game(1)[-1]
OTHER = played_game(2)[25]
ARRAYS = pb.NumpyExample.FromString


def array_of(example: Example, name: str) -> bytes:
    data: bytes = getattr(ARRAYS(encode_example(example)), name)
    return data


def one_hot(action: int) -> np.ndarray:
    probabilities = np.zeros(220, np.float32)
    probabilities[action] = 1
    return probabilities


def illegal_policy(example: Example) -> Example:
    policy = one_hot(int(np.flatnonzero(~example.legal_mask)[0]))
    return replace(example, policy=policy, legal_mask=None, priors=None, visits=None, action=None)


def forgetting_a_move(example: Example) -> Example:
    """With one legal flag less than there are."""
    mask, policy = example.legal_mask.copy(), one_hot(example.action)
    mask[next(int(a) for a in np.flatnonzero(mask[:110]) if a != example.action)] = False
    return replace(example, legal_mask=mask, policy=policy, priors=None, visits=None)


def shuffled_start(example: Example) -> str:
    cells = list(example.initial_board)
    random.Random(0).shuffle(cells)
    return "".join(cells)


IMPOSSIBLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "planes of a later move": (
        lambda: altered(EXAMPLE, board=array_of(LATER, "board")),
        "differ|moves were played",
    ),
    "planes of another game": (
        lambda: altered(EXAMPLE, board=array_of(OTHER, "board")),
        "differ|initial board",
    ),
    "the wrong move number": (lambda: altered(EXAMPLE, move=26), "moves were played"),
    "another start": (
        lambda: altered(EXAMPLE, initial_board=shuffled_start(EXAMPLE)),
        "the initial board has its rocks or its grass elsewhere",
    ),
    "a start without rocks": (
        lambda: altered(EXAMPLE, initial_board=EXAMPLE.initial_board.replace("#", ".")),
        "15 rocks",
    ),
    "legal moves of another position": (
        lambda: altered(
            EXAMPLE, legal_moves=array_of(OTHER, "legal_moves"), priors=None, visit_counts=None
        ),
        "legal_moves|legal_mask",
    ),
    "a legal move less": (
        lambda: encode_example(forgetting_a_move(GAME[2])),
        "legal_moves are not those of the position",
    ),
    "a probability on an illegal move": (
        lambda: encode_example(illegal_policy(EXAMPLE)),
        "policy gives an illegal action",
    ),
    "a reply in the cell of the move": (
        lambda: encode_example(replace(EXAMPLE, reply=one_hot(EXAMPLE.action))),
        "reply gives an illegal action",
    ),
    "a reply after the end": (
        lambda: encode_example(replace(LAST, reply=LAST.policy)),
        "reply gives an illegal action",
    ),
    "an illegal action": (
        lambda: altered(
            replace(EXAMPLE, legal_mask=None, priors=None, visits=None),
            action=int(np.flatnonzero(~EXAMPLE.legal_mask)[0]),
        ),
        "cannot play|no cell",
    ),
    "another result": (
        lambda: altered(EXAMPLE, result=-EXAMPLE.result, score_margin=None),
        "the mover's margin is",
    ),
    "another result at the end": (
        lambda: altered(LAST, result=-LAST.result, score_margin=None, final_cells=None),
        "the mover's margin is",
    ),
    "another margin": (
        lambda: altered(LAST, score_margin=LAST.score_margin * 2, final_cells=None),
        "the mover's margin is",
    ),
    "final cells of another game": (
        lambda: altered(EXAMPLE, final_cells=array_of(OTHER, "final_cells"), score_margin=None),
        "cannot end with",
    ),
    "final cells of the other player": (
        lambda: encode_example(
            replace(
                EXAMPLE,
                final_owner=-EXAMPLE.final_owner,
                result=-EXAMPLE.result,
                score_margin=-EXAMPLE.score_margin,
            )
        ),
        "cannot end with",
    ),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_example_is_refused(name):
    body, reason = IMPOSSIBLE[name]
    with pytest.raises(InvalidBody, match=reason) as caught:
        take(body())
    assert caught.value.status == 400
    assert "\n" not in str(caught.value)


def test_positions_after_the_end_are_refused():
    board = Board.from_text(LAST.initial_board)
    for example in played_game(1):
        board.play_index(example.action)
    over = replace(
        LAST,
        **dict.fromkeys(ADDED_FIELDS),
        planes=board.planes(),
        move_number=board.move_number,
    )
    body = encode_example(over)
    with pytest.raises(InvalidBody, match="the game is over"):
        take(body)


# --- Games that are none -----------------------------------------------------------------------


WRONG_GAMES: dict[str, tuple[Callable[[], list[Example]], str]] = {
    "the last move is missing": (lambda: GAME[:-1], "not over after the last example"),
    "the first move is missing": (lambda: GAME[1:], "example 0 is not move 0"),
    "a move is missing": (lambda: GAME[:9] + GAME[10:], "example 9 is not move 9"),
    "a move is twice there": (lambda: [*GAME[:9], GAME[8], *GAME[9:]], "example 9 is not move 9"),
    "two moves are exchanged": (
        lambda: [*GAME[:9], GAME[10], GAME[9], *GAME[11:]],
        "example 9 is not move 9",
    ),
    "it goes on after its end": (
        lambda: [*GAME, replace(GAME[-1], move_number=len(GAME))],
        f"example {len(GAME)} is not the position after {len(GAME)} moves",
    ),
    "a move of another game": (
        lambda: [*GAME[:9], played_game(2)[9], *GAME[10:]],
        "example 9 is not move 9 of the game",
    ),
    "another game id": (
        lambda: [*GAME[:9], replace(GAME[9], game_id="x"), *GAME[10:]],
        "example 9 is not move 9 of the game",
    ),
    "a reply that the next example contradicts": (
        lambda: [*GAME[:9], replace(GAME[9], reply=one_hot(GAME[10].action)), *GAME[10:]],
        "reply is not the policy of the next example",
    ),
    "a reply after the last move": (
        lambda: [*GAME[:-1], replace(LAST, reply=LAST.policy)],
        "reply is not the policy of the next example",
    ),
    "a position of another game": (
        lambda: [*GAME[:9], replace(OTHER_AT_9, game_id=GAME[0].game_id), *GAME[10:]],
        "example 9 is not",
    ),
    "another action": (
        lambda: [*GAME[:9], replace(GAME[9], action=another_action(GAME[9])), *GAME[10:]],
        "example 10 is not the position after 10 moves",
    ),
    "the other player": (
        lambda: [*GAME[:9], replace(GAME[9], turn=3 - GAME[9].turn), *GAME[10:]],
        "example 9 is not the position after 9 moves",
    ),
    "a legal move less": (
        lambda: [*GAME[:2], forgetting_a_move(GAME[2]), *GAME[3:]],
        "legal_moves are not those of the position",
    ),
    "no initial board": (
        lambda: [replace(example, initial_board=None) for example in GAME],
        "need initial_board",
    ),
    "no action": (lambda: [*GAME[:9], replace(GAME[9], action=None), *GAME[10:]], "need action"),
    "another result": (
        lambda: [*GAME[:9], wrong_result(GAME[9]), *GAME[10:]],
        "result or score_margin is wrong",
    ),
    "another end": (
        lambda: [*GAME[:9], wrong_end(GAME[9]), *GAME[10:]],
        "cannot end with",
    ),
    "one id for two": (
        lambda: [*GAME[:9], replace(GAME[9], example_id=GAME[8].example_id), *GAME[10:]],
        "two examples have the same id",
    ),
}


def another_action(example: Example) -> int:
    return next(int(a) for a in np.flatnonzero(example.legal_mask) if a != example.action)


def wrong_result(example: Example) -> Example:
    return replace(
        example, result=-example.result, score_margin=None, final_owner=None, final_value=None
    )


def wrong_end(example: Example) -> Example:
    """One cell, worth nothing, belongs to nobody in the end."""
    owner = example.final_owner.copy()
    owner[tuple(np.argwhere((owner != 0) & (example.final_value == 0))[0])] = 0
    return replace(example, final_owner=owner)


@pytest.mark.parametrize("name", WRONG_GAMES)
def test_a_body_that_is_no_game_is_refused(name):
    examples, reason = WRONG_GAMES[name]
    with pytest.raises(InvalidBody, match=reason):
        take_game(examples())


def test_a_game_of_an_impossible_example_is_refused():
    """All or nothing, whichever example it is."""
    bodies = [encode_example(example) for example in GAME]
    for i in range(len(bodies)):
        bad = altered(GAME[i], result=0 if GAME[i].result else 1, score_margin=None)
        with pytest.raises(InvalidBody):
            take_game(encode_game([*bodies[:i], bad, *bodies[i + 1 :]]))


# --- Anything at all ---------------------------------------------------------------------------


@st.composite
def mutations(draw: st.DrawFn, body: bytes) -> bytes:
    """A body with some bytes changed, removed, added or moved."""
    data = bytearray(body)
    rng = random.Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(1, 4))):
        at = rng.randrange(len(data) + 1)
        length = rng.choice([1, 1, 2, 4, 40, 400])
        match draw(st.sampled_from(["set", "flip", "cut", "insert", "copy", "truncate"])):
            case "set":
                data[at : at + length] = rng.randbytes(length)
            case "flip" if at < len(data):
                data[at] ^= 1 << rng.randrange(8)
            case "cut":
                del data[at : at + length]
            case "insert":
                data[at:at] = rng.randbytes(length)
            case "copy":
                start = rng.randrange(len(data) + 1)
                data[at : at + length] = data[start : start + length]
            case "truncate":
                del data[at:]
    return bytes(data)


def check_never_anything_but_rejected(check: Callable[[], Any]) -> None:
    try:
        check()
    except Rejected as error:
        assert error.status in (400, 409, 413)  # noqa: PT017  some damage does no harm
        assert "\n" not in str(error)  # noqa: PT017


@settings(max_examples=1500)
@given(st.data())
def test_mutated_examples_never_raise_anything_else(data):
    body = encode_example(played_game(data.draw(seeds))[data.draw(moves)])
    mutated = data.draw(mutations(body))
    check_never_anything_but_rejected(lambda: take(mutated))


@settings(max_examples=200)
@given(st.data())
def test_mutated_games_never_raise_anything_else(data):
    body = body_of(played_game(data.draw(seeds)))
    mutated = data.draw(mutations(body))
    check_never_anything_but_rejected(lambda: take_game(mutated))


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_garbage_is_refused(data):
    for check in (take, take_game):
        with pytest.raises(InvalidBody):
            check(data)


FIELDS = [field.name for field in pb.NumpyExample.DESCRIPTOR.fields]


@settings(max_examples=500)
@given(st.data())
def test_fields_of_different_examples_do_not_mix(data):
    """Examples put together from two positions: taken only if each could be as it is."""
    first, second = (
        ARRAYS(encode_example(played_game(seed)[move]))
        for seed, move in data.draw(st.tuples(*[st.tuples(seeds, moves)] * 2))
    )
    for name in data.draw(st.sets(st.sampled_from(FIELDS), min_size=1, max_size=6)):
        first.ClearField(name)
        if name == "model_key":
            first.model_key.CopyFrom(second.model_key)
        else:
            setattr(first, name, getattr(second, name))
    body = first.SerializeToString()
    try:
        take(body)
    except Rejected:
        return
    example = decode_example(body)
    board = Board.from_planes(
        example.planes,
        turn=example.turn,
        move_number=example.move_number,
        initial=Board.from_text(example.initial_board),
    )
    assert np.array_equal(board.legal_mask(), example.legal_mask)
