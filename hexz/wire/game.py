"""Whole games as `CompactGame` messages: what a game consists of, and nothing that follows from it.

Policies are narrowed to half precision, which training keeps: by no more than 1 part in 2048, or
2**-25 where they are that small. Everything else comes back as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from hexz.engine import COLS, GRID, NUM_ACTIONS, NUM_PLANES, ROWS, FinishedGame
from hexz.errors import InvalidExample
from hexz.example import (
    HALF_TOLERANCE,
    MAX_NAME,
    PLAIN_NAME,
    PROBABILITY_TOLERANCE,
    VALUE_TOLERANCE,
    check_text,
)
from hexz.version import __version__
from hexz.wire import hexz_pb2 as pb
from hexz.wire.arrays import pack
from hexz.wire.replay import legal_masks, replay, to_varints
from hexz.wire.versions import COMPACT_VERSION, naming_newer_writer

MAX_COMPACT_BYTES: Final = 1 << 18
"""Longest compact game that is read. A game of self-play has some 15,000 bytes; no game can have
more than about half of this."""

_LONGEST_ID: Final = MAX_NAME - len("-000")


class CompactGame(NamedTuple):
    """A game of T moves, position by position. Grids and actions are flat, numbered as in
    `hexz.example`."""

    game_id: str
    """Unique among all games of all workers."""
    model_name: str
    """The name under which the networks that played are numbered."""
    unix_micros: int
    """When the game ended, in microseconds since 1970 UTC."""
    initial_board: str
    """The board before the first move, as `Board.from_text` reads it."""
    actions: npt.NDArray[np.uint8]
    """uint8 [T]: the moves."""
    turns: npt.NDArray[np.uint8]
    """uint8 [T]: the movers, 1 or 2."""
    planes: npt.NDArray[np.uint8]
    """uint8 [T, 11, 110]: the positions from the view of the movers, see `Board.planes`."""
    legal: npt.NDArray[np.uint8]
    """uint8 [T, 28]: `numpy.packbits` of the legal actions."""
    policies: npt.NDArray[np.float16]
    """float16 [T, 220]: the policy targets."""
    priors: npt.NDArray[np.float16]
    """float16 [T, 220]: the network's probabilities, without noise."""
    visits: npt.NDArray[np.uint32]
    """uint32 [T, 220]: how often the search tried each action."""
    root_values: npt.NDArray[np.float32]
    """float32 [T]: the search's values for the mover."""
    network_values: npt.NDArray[np.float32]
    """float32 [T]: the network's values for the mover."""
    simulations: npt.NDArray[np.uint32]
    """uint32 [T]: simulations that each search ran."""
    full_searches: npt.NDArray[np.bool_]
    """bool [T]: whether each search was a full one, not a fast one."""
    checkpoints: npt.NDArray[np.uint32]
    """uint32 [T]: the checkpoints that played."""
    owners: npt.NDArray[np.int8]
    """int8 [T, 110]: who owns each cell at the end: 1 mover, -1 opponent, 0 nobody."""
    values: npt.NDArray[np.int8]
    """int8 [110]: the value of each cell at the end, also of grass that nobody captured."""
    margins: npt.NDArray[np.int16]
    """int16 [T]: the mover's final score minus the opponent's."""
    writer_version: str
    """The version of the package that wrote the game."""

    def examples(self) -> Iterator[tuple[str, bytes]]:
        """The id and the serialized `NumpyExample` of each position, in the order of the moves: the
        bytes that `encode_example` makes of them, in half of the time."""
        planes = self.planes.astype("<f4")
        policies = self.policies.astype("<f4")
        legal = np.unpackbits(self.legal, axis=1, count=NUM_ACTIONS).view(np.bool_)
        counts = np.where(self.visits.max(axis=1) < 1 << 16, "<u2", "<u4")
        finals = np.stack([self.owners, np.broadcast_to(self.values, self.owners.shape)], axis=1)
        for move, actions in enumerate(legal):
            name = f"{self.game_id}-{move:03d}"
            margin = int(self.margins[move])
            message = pb.NumpyExample(
                unix_micros=self.unix_micros,
                board=pack(planes[move].reshape(NUM_PLANES, ROWS, COLS)),
                move_probs=pack(policies[move].reshape(2, ROWS, COLS)),
                result=(margin > 0) - (margin < 0),
                model_key=pb.ModelKey(name=self.model_name, checkpoint=int(self.checkpoints[move])),
                game_id=self.game_id,
                move=move,
                turn=int(self.turns[move]),
                example_id=name,
                initial_board=self.initial_board,
                action=int(self.actions[move]),
                legal_moves=pack(self.legal[move]),
                priors=pack(self.priors[move][actions]),
                visit_counts=pack(self.visits[move][actions].astype(counts[move])),
                root_value=float(self.root_values[move]),
                network_value=float(self.network_values[move]),
                simulations=int(self.simulations[move]),
                full_search=bool(self.full_searches[move]),
                final_cells=pack(finals[move].reshape(2, ROWS, COLS)),
                score_margin=margin,
                # Not ours: a batch that is archived again after an upgrade has the same bytes.
                writer_version=self.writer_version,
            )
            if move + 1 < len(legal):
                message.reply_probs = pack(self.policies[move + 1].reshape(2, ROWS, COLS))
            yield name, message.SerializeToString()


def encode_compact(game: FinishedGame, *, game_id: str, model_name: str, unix_micros: int) -> bytes:
    """The serialized `CompactGame` of a game that was played to its end.

    Args:
        game: the game.
        game_id: unique among all games of all workers: letters, digits, `.`, `_` and `-`.
        model_name: the name under which the networks that played are numbered.
        unix_micros: when the game ended, in microseconds since 1970 UTC.
    """
    board = game.initial.to_text()
    legal = legal_masks(board, game.actions)
    return pb.CompactGame(
        version=COMPACT_VERSION,
        game_id=game_id,
        model_name=model_name,
        unix_micros=unix_micros,
        initial_board=board,
        actions=game.actions.astype(np.uint8).tobytes(),
        policies=game.policies[legal].astype("<f2").tobytes(),
        priors=game.priors[legal].astype("<f2").tobytes(),
        visit_counts=to_varints(game.visits[legal].astype(np.uint32)),
        root_values=game.root_values.astype("<f4").tobytes(),
        network_values=game.network_values.astype("<f4").tobytes(),
        simulations=to_varints(game.simulations.astype(np.uint32)),
        full_searches=game.full_searches.astype(np.uint8).tobytes(),
        checkpoints=to_varints(game.checkpoints.astype(np.uint32)),
        writer_version=__version__,
    ).SerializeToString()


def read_compact(data: bytes) -> CompactGame:
    """The game of a serialized `CompactGame`, which is played once more.

    Raises:
        InvalidExample: the bytes are no such message, are cut off, or of an unknown version; or the
            game breaks the rules, ends too early or goes on after its end, or holds probabilities,
            values or counts that no search gives. If a newer version wrote it, says which.
    """
    with naming_newer_writer(data):
        return _read(_parse(data))


def _read(message: pb.CompactGame) -> CompactGame:
    columns = (
        message.initial_board.encode(), message.actions, message.policies, message.priors,
        message.visit_counts, message.root_values, message.network_values, message.simulations,
        message.full_searches, message.checkpoints,
    )  # fmt: skip
    planes, legal, policies, priors, visits, turns, simulations, checkpoints, *end = replay(
        columns, PROBABILITY_TOLERANCE, HALF_TOLERANCE, VALUE_TOLERANCE
    )
    owners, values, score = end
    # By player, 0 and 1.
    views = np.stack([owners, -owners])
    margins = np.array([score[0] - score[1], score[1] - score[0]], np.int16)
    return CompactGame(
        game_id=message.game_id,
        model_name=message.model_name,
        unix_micros=message.unix_micros,
        initial_board=message.initial_board,
        actions=np.frombuffer(message.actions, np.uint8),
        turns=turns + np.uint8(1),
        planes=planes.reshape(-1, NUM_PLANES, GRID),
        legal=legal,
        policies=policies,
        priors=priors,
        visits=visits,
        root_values=np.frombuffer(message.root_values, "<f4"),
        network_values=np.frombuffer(message.network_values, "<f4"),
        simulations=simulations,
        full_searches=np.frombuffer(message.full_searches, np.bool_),
        checkpoints=checkpoints,
        owners=views[turns],
        values=values,
        margins=margins[turns],
        writer_version=message.writer_version,
    )


def _parse(data: bytes) -> pb.CompactGame:
    if len(data) > MAX_COMPACT_BYTES:
        raise InvalidExample(f"{len(data)} bytes are too many for one game")
    try:
        message = pb.CompactGame.FromString(data)
    except DecodeError:
        raise InvalidExample("the bytes are not a CompactGame message, or cut off") from None
    if message.version == 0:
        raise InvalidExample("the bytes are not a CompactGame message: it has no version")
    if message.version > COMPACT_VERSION:
        raise InvalidExample(
            f"this is a compact game of version {message.version}, and {COMPACT_VERSION} is the "
            "newest that is known"
        )
    if not message.writer_version:
        raise InvalidExample("the game is cut off: it has no writer_version at its end")
    if len(message.game_id) > _LONGEST_ID or not PLAIN_NAME.fullmatch(message.game_id):
        raise InvalidExample(
            f"game_id is not a plain name of 1 to {_LONGEST_ID} letters, digits, '.', '_' and '-'"
        )
    for name in ("model_name", "writer_version"):
        check_text(name, getattr(message, name))
    if message.unix_micros <= 0:
        raise InvalidExample("the game has no unix_micros")
    return message
