"""How strong the checkpoints of a model are: its learning curve.

It is kept as `ratings.json`, together with the results that it rests on:

    {"player": "gumbel@64", "anchor": "uct:800", "unix_seconds": 1764120000,
     "checkpoints": {"140": {"value": 512.3, "low": 470.1, "high": 554.5, "boards": 120,
                             "examples": 1151622, "hours": 2.1}},
     "references": {"uct:3200": {"value": ..., "low": ..., "high": ...}},
     "results": [["gumbel@64 140", "uct:3200", {"1f0c63d2": 0.75}]]}

For `results` see `Evidence`. They may be of players that play otherwise, such as gumbel@32, too.
Players with a network have the beginning of its SHA-256 after their name there, since the file may
be replaced by another one.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hexz.ratings.references import ANCHOR
from hexz.ratings.statistics import Estimate


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


def ratings_of(curve: Curve) -> dict[str, Any]:
    """A curve as the JSON of `ratings.json`."""
    return {
        "player": curve.player,
        "anchor": ANCHOR,
        "unix_seconds": round(time.time()),
        "checkpoints": {
            str(point.number): {
                **_rounded(point.elo),
                "boards": point.boards,
                "examples": point.examples,
                "hours": point.hours,
            }
            for point in curve.points
        },
        "references": {name: _rounded(elo) for name, elo in curve.references.items()},
    }


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
