"""What workers post, checked: bytes in, records for the journal out, or the reason why not.

An example must be a position that the rules allow, with targets that a game from there can have.
The examples of a whole game must be that game, which is played once more.
A compact game is played without Python: it costs a hundredth of that.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import ClassVar, Final, NamedTuple

import numpy as np

from hexz.engine import MAX_VALUE, NUM_EMPTY, NUM_ROCKS, Board
from hexz.errors import HexzError, IllegalMove, InvalidBoard, InvalidExample
from hexz.example import PLAIN_NAME, Example, solid_cells
from hexz.trainserver.journal import Record
from hexz.vetting.figures import GameLook
from hexz.wire.archive import MAX_EXAMPLE_BYTES
from hexz.wire.example import MAX_GAME_BYTES, decode_example, decode_game
from hexz.wire.game import MAX_COMPACT_BYTES, read_compact
from hexz.wire.single import read_sound

_GRASS: Final = "".join(map(str, range(1, 1 + MAX_VALUE)))
_START_CELLS: Final = sorted("#" * NUM_ROCKS + "." * NUM_EMPTY + _GRASS)


class Rejected(HexzError):
    """A body is not taken, and would not be if it were posted again.

    Attributes:
        status: the HTTP status to answer with.
    """

    status: ClassVar[int]


class InvalidBody(Rejected):
    """It is malformed, contradicts the rules of the game, or is of another model."""

    status = 400


class TooOld(Rejected):
    """It was played with a checkpoint too far behind the current one."""

    status = 409


class TooLarge(Rejected):
    """It has more bytes than any example or game."""

    status = 413


class Checked(NamedTuple):
    """A body that can be taken.

    Attributes:
        records: its examples, for the journal.
        look: what they tell of their game.
    """

    records: list[Record]
    look: GameLook

    @property
    def examples(self) -> int:
        """How many examples it has."""
        return sum(record.examples for record in self.records)


def check_example(body: bytes, *, model_name: str, newest_checkpoint: int, max_lag: int) -> Checked:
    """The example of a body, a serialized `NumpyExample`.

    Args:
        body: what was posted.
        model_name: the model that is trained.
        newest_checkpoint: its newest checkpoint.
        max_lag: how many checkpoints an example may be behind that.

    Raises:
        Rejected: one of its subclasses, with the reason.
    """
    if len(body) > MAX_EXAMPLE_BYTES:
        raise TooLarge(f"{len(body)} bytes are too many for one example")
    return check_sound_example(
        body, model_name=model_name, newest_checkpoint=newest_checkpoint, max_lag=max_lag
    ) or check_any_example(
        body, model_name=model_name, newest_checkpoint=newest_checkpoint, max_lag=max_lag
    )


def check_sound_example(
    body: bytes, *, model_name: str, newest_checkpoint: int, max_lag: int
) -> Checked | None:
    """What `check_example` does with a sound example of today's form, in microseconds; None if it
    is none."""
    sound = read_sound(body) if len(body) <= MAX_EXAMPLE_BYTES else None
    if sound is None:
        return None
    _check_origin(sound.model_name, model_name)
    _check_age((sound.checkpoint, sound.checkpoint), newest_checkpoint, max_lag)
    return Checked([Record(sound.example_id, body)], GameLook.of_sound(sound))


def check_any_example(
    body: bytes, *, model_name: str, newest_checkpoint: int, max_lag: int
) -> Checked:
    """What `check_example` does with an example of another form, and with one that is not sound:
    ten times slower, and with a reason."""
    with _invalid_body():
        example = decode_example(body)
        _check_origin(example.model_name, model_name)
        _check_age((example.checkpoint, example.checkpoint), newest_checkpoint, max_lag)
        board = _position_of(example)
        mover = board.turn
        _check_moves(example, board)
        if example.action is not None:
            board.play_index(example.action)
            _check_reply(example, board)
        _check_outcome(example, board, mover)
    return Checked([Record(_id_of(example), body)], GameLook.of([example]))


def check_game(body: bytes, *, model_name: str, newest_checkpoint: int, max_lag: int) -> Checked:
    """The examples of a body, a serialized `NumpyExamples`: all positions of one finished game.

    Each of them must have `initial_board` and `action`. Arguments and errors are those of
    `check_example`.
    """
    if len(body) > MAX_GAME_BYTES:
        raise TooLarge(f"{len(body)} bytes are too many for one game")
    with _invalid_body():
        bodies = decode_game(body)
        examples = [decode_example(data) for data in bodies]
        for example in examples:
            _check_origin(example.model_name, model_name)
            _check_age((example.checkpoint, example.checkpoint), newest_checkpoint, max_lag)
        _check_game(examples)
    ids = [_id_of(example) for example in examples]
    if len(set(ids)) < len(ids):
        raise InvalidBody("two examples have the same id")
    records = [Record(name, data) for name, data in zip(ids, bodies, strict=True)]
    return Checked(records, GameLook.of(examples))


def check_compact_game(
    body: bytes, *, model_name: str, newest_checkpoint: int, max_lag: int
) -> Checked:
    """The game of a body, a serialized `CompactGame`, as one record. Arguments and errors are those
    of `check_example`."""
    if len(body) > MAX_COMPACT_BYTES:
        raise TooLarge(f"{len(body)} bytes are too many for one game")
    with _invalid_body():
        game = read_compact(body)
    _check_origin(game.model_name, model_name)
    checkpoints = int(game.checkpoints.min()), int(game.checkpoints.max())
    _check_age(checkpoints, newest_checkpoint, max_lag)
    return Checked([Record(game.game_id, body, len(game.actions))], GameLook.of_game(game))


@contextlib.contextmanager
def _invalid_body() -> Iterator[None]:
    try:
        yield
    except (InvalidExample, InvalidBoard, IllegalMove) as error:
        raise InvalidBody(str(error)) from None


def _check_origin(name: str, model_name: str) -> None:
    if name != model_name:
        raise InvalidBody(f"this is model {name}, the server trains {model_name}")


def _check_age(checkpoints: tuple[int, int], newest: int, max_lag: int) -> None:
    """Compares the lowest and the highest checkpoint that played with the newest one."""
    lowest, highest = checkpoints
    if highest > newest:
        raise InvalidBody(f"there is no checkpoint {highest} yet, only up to {newest}")
    if lowest < newest - max_lag:
        raise TooOld(f"checkpoint {lowest} is too old, the current one is {newest}")


def _check_game(examples: list[Example]) -> None:
    """Plays the game of the examples."""
    first = examples[0]
    board = _initial_board(first)
    if board is None:
        raise InvalidBody("the examples of a game need initial_board")
    movers: list[int] = []
    for number, example in enumerate(examples):
        same_game = (example.game_id, example.initial_board) == (first.game_id, first.initial_board)
        if not same_game or example.move_number != number:
            raise InvalidBody(f"example {number} is not move {number} of the game of the first one")
        if example.turn not in (None, board.turn) or not np.array_equal(
            example.planes, board.planes()
        ):
            raise InvalidBody(f"example {number} is not the position after {number} moves")
        if example.action is None:
            raise InvalidBody("the examples of a game need action")
        movers.append(board.turn)
        _check_moves(example, board)
        board.play_index(example.action)
    if not board.is_over:
        raise InvalidBody("the game is not over after the last example")
    replies = [*(example.policy.astype(np.float16) for example in examples[1:]), None]
    for example, mover, reply in zip(examples, movers, replies, strict=True):
        _check_outcome(example, board, mover)
        if example.reply is None:
            continue
        if reply is None or not np.array_equal(example.reply, reply):
            raise InvalidBody("reply is not the policy of the next example")


def _position_of(example: Example) -> Board:
    """The position that the planes show; raises InvalidBoard if no game can reach it."""
    return Board.from_planes(
        example.planes,
        # Whose turn it is makes no difference but before the first move.
        turn=example.turn or 1,
        move_number=example.move_number,
        initial=_initial_board(example),
        empty=~solid_cells(example) if example.initial_board is None else None,
    )


def _initial_board(example: Example) -> Board | None:
    text = example.initial_board
    if text is None:
        return None
    if sorted(text) != _START_CELLS:
        raise InvalidBody(
            f"initial_board does not have {NUM_ROCKS} rocks and grass of the values 1 to "
            f"{MAX_VALUE}"
        )
    return Board.from_text(text)


def _check_moves(example: Example, board: Board) -> None:
    """Compares legal moves and probabilities with the position."""
    if board.is_over:
        raise InvalidBody(f"the game is over after {board.move_number} moves")
    legal = board.legal_mask()
    if example.legal_mask is None:
        if example.policy[~legal].any():
            raise InvalidBody("policy gives an illegal action a probability")
    elif not np.array_equal(example.legal_mask, legal):
        raise InvalidBody("legal_moves are not those of the position")


def _check_reply(example: Example, after: Board) -> None:
    """Compares the reply with the board after the move."""
    # Without the initial board, an empty cell may look like a rock.
    if example.reply is None or example.initial_board is None:
        return
    if after.is_over or example.reply[~after.legal_mask()].any():
        raise InvalidBody("reply gives an illegal action a probability")


def _check_outcome(example: Example, board: Board, mover: int) -> None:
    """Compares the result with a board that came later in the game, perhaps at its end."""
    if example.final_owner is not None and example.final_value is not None:
        board = board.ended(example.final_owner, example.final_value, player=mover)
    if not board.is_over:
        return
    margin = board.score[mover - 1] - board.score[2 - mover]
    if example.result != np.sign(margin) or example.score_margin not in (None, margin):
        raise InvalidBody(f"result or score_margin is wrong: the mover's margin is {margin}")


def _id_of(example: Example) -> str:
    """The example's own id, or one made of its game and move; a plain name in any case."""
    if example.example_id is not None:
        return example.example_id
    game = example.game_id
    if not PLAIN_NAME.fullmatch(game):
        game = hashlib.sha256(game.encode()).hexdigest()[:32]
    return f"{game}-{example.move_number:03d}"
