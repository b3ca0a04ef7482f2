"""How strong the checkpoints of a model are: its learning curve."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from hexz.ratings.references import ANCHOR
from hexz.ratings.statistics import Estimate
from hexz.schema.records import Elo, RatedCheckpoint, Ratings


@dataclass(frozen=True, kw_only=True)
class Point:
    """A checkpoint on the curve.

    Attributes:
        number: of the checkpoint.
        examples: that it was trained on; None if its writer did not say.
        hours: of training, the playing of its games included; None if its writer did not say.
        elo: its rating.
        boards: that it has played.
    """

    number: int
    examples: int | None
    hours: float | None
    elo: Estimate
    boards: int


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A learning curve.

    Attributes:
        model_name: of the model.
        player: how its checkpoints play: the spec without their path.
        points: by number.
        references: the other players that have a rating.
    """

    model_name: str
    player: str
    points: Sequence[Point]
    references: Mapping[str, Estimate]


def ratings_of(curve: Curve) -> Ratings:
    """A curve as it is kept, but for the results that it rests on."""
    return Ratings(
        player=curve.player,
        anchor=ANCHOR,
        unix_seconds=round(time.time()),
        checkpoints={
            point.number: RatedCheckpoint(
                **_rounded(point.elo),
                boards=point.boards,
                examples=point.examples,
                hours=point.hours,
            )
            for point in curve.points
        },
        references={name: Elo(**_rounded(elo)) for name, elo in curve.references.items()},
    )


def _rounded(elo: Estimate) -> dict[str, float]:
    return {name: round(value, 1) for name, value in asdict(elo).items()}


def csv_of(curve: Curve) -> bytes:
    """A curve as a table, one checkpoint a line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["checkpoint", "examples", "hours", "elo", "low", "high", "boards"])
    for point in curve.points:
        elo = [f"{value:.1f}" for value in asdict(point.elo).values()]
        writer.writerow([point.number, point.examples, point.hours, *elo, point.boards])
    return text.getvalue().encode()
