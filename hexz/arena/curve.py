"""How strong the checkpoints of a model are: its learning curve.

Some of the checkpoints play a round-robin of near neighbours, and all of them the reference
players. The result is kept beside the model as `ratings.json`:

    {"player": "gumbel@64", "anchor": "uct:800", "unix_seconds": 1764120000,
     "checkpoints": {"140": {"value": 512.3, "low": 470.1, "high": 554.5, "boards": 120}},
     "references": {"uct:3200": {...}}}
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from hexz.arena.page import arena_page
from hexz.arena.results import ANCHOR
from hexz.arena.run import ArenaConfig, ArenaRun, random_boards
from hexz.arena.statistics import Estimate
from hexz.checkpoints import CheckpointInfo, CheckpointStore
from hexz.checkpoints.hours import training_hours
from hexz.errors import HexzError, OutputError, StoreError
from hexz.player.spec import Budget, PlayerSpec, parse_spec
from hexz.wire import atomic_file

REFERENCES: Final = (ANCHOR, "uct:3200")
"""Players that all checkpoints meet."""
NEIGHBOURS: Final = 2
"""A checkpoint plays so many on either side."""
_ROUND_BOARDS: Final = 4
"""Boards of a pair before the next pair has its turn, so that a run may end at any time."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """A checkpoint on the curve.

    Attributes:
        number: of the checkpoint.
        examples: that it was trained on; None if its writer did not say.
        hours: of training, see `training_hours`.
        elo: its rating.
        boards: that it has played.
    """

    number: int
    examples: int | None
    hours: float
    elo: Estimate
    boards: int


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A learning curve.

    Attributes:
        model_name: of the model.
        player: how its checkpoints play: the spec without their path.
        points: by number.
        references: the other players.
    """

    model_name: str
    player: str
    points: Sequence[Point]
    references: Mapping[str, Estimate]


def choose(checkpoints: Sequence[CheckpointInfo], count: int) -> list[CheckpointInfo]:
    """At most `count` of them, evenly spread, the first and the last among them."""
    if len(checkpoints) <= count:
        return list(checkpoints)
    step = (len(checkpoints) - 1) / max(count - 1, 1)
    return [checkpoints[len(checkpoints) - 1 - round(i * step)] for i in reversed(range(count))]


@dataclass(frozen=True, kw_only=True)
class RatingConfig:
    """How a model is rated.

    Attributes:
        num_checkpoints: that play, at most.
        simulations: of a move.
        games: to play in all, about.
        max_seconds: ends the games; None: all are played.
        output_dir: where games and results go; games that are there are not played again.
        tensorboard: where its event files go; None: nowhere.
        seed: of the boards, and of uct.
        device, num_processes: see `ArenaConfig`.
    """

    num_checkpoints: int
    simulations: int
    games: int
    output_dir: Path
    max_seconds: float | None = None
    tensorboard: Path | None = None
    seed: int = 0
    device: str = "cpu"
    num_processes: int | None = None


class Rating:
    """Rates checkpoints of a model.

    Args:
        store: the model.
        config: how.
        notify: takes lines for people.

    Raises:
        StoreError: the store cannot be read, or has fewer than two checkpoints.
        OutputError: the directory cannot be made.
        HexzError: TensorBoard is wanted and not installed.

    Attributes:
        run: the arena; to be played, and then `save` to be called.
    """

    def __init__(
        self, store: CheckpointStore, config: RatingConfig, notify: Callable[[str], None]
    ) -> None:
        everything = store.list()
        if len(everything) < 2:
            raise StoreError(
                f"{store.url} has {len(everything)} checkpoints of {store.model_name}: a learning "
                "curve needs two or more"
            )
        self._store = store
        self._config = config
        self._chosen = choose(everything, config.num_checkpoints)
        numbers = (info.number for info in everything)
        self._hours = dict(zip(numbers, training_hours(everything), strict=True))
        self._player = PlayerSpec(kind="gumbel", budget=Budget(simulations=config.simulations))
        # What is missing is found before the games.
        self._write_plot = _plot_writer(notify)
        self._write_events = _event_writer(config.tensorboard)
        try:
            config.output_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot make {config.output_dir}: {error.strerror or error}"
            ) from None
        pairs = self._pairs()
        self.run = ArenaRun(
            ArenaConfig(
                specs=[*map(self._spec, self._chosen), *map(parse_spec, REFERENCES)],
                names=[*(f"{store.model_name} {i.number}" for i in self._chosen), *REFERENCES],
                boards=random_boards(max(1, config.games // (2 * len(pairs))), config.seed),
                pairs=pairs,
                round_boards=_ROUND_BOARDS,
                log=config.output_dir / "games.jsonl",
                seed=config.seed,
                device=config.device,
                num_processes=config.num_processes,
                max_seconds=config.max_seconds,
            ),
            notify,
        )

    def _spec(self, info: CheckpointInfo) -> PlayerSpec:
        root = self._store.url
        if not root.startswith("gs://"):
            root = str(Path(root).expanduser().resolve())
        path = f"{root}/models/flagz/{self._store.model_name}/checkpoints/{info.number}"
        return PlayerSpec(kind=self._player.kind, path=path, budget=self._player.budget)

    def _pairs(self) -> list[tuple[int, int]]:
        count = len(self._chosen)
        return [
            *((a, b) for a in range(count) for b in range(a + 1, min(count, a + 1 + NEIGHBOURS))),
            *((a, count + r) for a in range(count) for r in range(len(REFERENCES))),
            *((count + r, count + r + 1) for r in range(len(REFERENCES) - 1)),
        ]

    def curve(self) -> Curve:
        """What was found so far."""
        results = self.run.results
        ratings = results.ratings()
        points = [
            Point(
                number=info.number,
                examples=info.metadata.get("examples"),
                hours=self._hours[info.number],
                elo=ratings[name],
                boards=results.boards_of(place),
            )
            for place, info in enumerate(self._chosen)
            if (name := results.names[place]) in ratings
        ]
        return Curve(
            model_name=self._store.model_name,
            player=str(self._player),
            points=points,
            references={name: ratings[name] for name in REFERENCES if name in ratings},
        )

    def save(self) -> list[Path]:
        """Writes the curve and a page of the games, and keeps the ratings in the store.

        Returns:
            the files.

        Raises:
            OutputError, StoreError: it cannot be written.
        """
        curve = self.curve()
        ratings = self._merged(ratings_of(curve))
        self._store.save_ratings(ratings)
        files = {
            "curve.json": json.dumps(ratings, indent=1).encode() + b"\n",
            "curve.csv": _csv(curve),
            "games.html": arena_page(self.run.results, self.run.played).encode(),
        }
        if self._write_plot is not None:
            files["curve.png"] = self._write_plot(curve)
        for name, data in files.items():
            with atomic_file(self._config.output_dir / name) as file:
                file.write(data)
        self._write_events(curve)
        return [self._config.output_dir / name for name in files]

    def _merged(self, ratings: dict[str, Any]) -> dict[str, Any]:
        """With what was known of other checkpoints that played in the same way."""
        known = self._store.ratings() or {}
        if all(known.get(key) == ratings[key] for key in ("player", "anchor")):
            merged = {**known.get("checkpoints", {}), **ratings["checkpoints"]}
            ratings["checkpoints"] = dict(sorted(merged.items(), key=lambda item: int(item[0])))
        return ratings


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
                "hours": round(point.hours, 3),
            }
            for point in curve.points
        },
        "references": {name: _rounded(elo) for name, elo in curve.references.items()},
    }


def _rounded(elo: Estimate) -> dict[str, float]:
    return {name: round(value, 1) for name, value in asdict(elo).items()}


def _csv(curve: Curve) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["checkpoint", "examples", "hours", "elo", "low", "high", "boards"])
    for point in curve.points:
        elo = [f"{value:.1f}" for value in asdict(point.elo).values()]
        writer.writerow([point.number, point.examples, f"{point.hours:.3f}", *elo, point.boards])
    return text.getvalue().encode()


def _plot_writer(notify: Callable[[str], None]) -> Callable[[Curve], bytes] | None:
    try:
        from hexz.arena.plot import curve_png
    except ImportError:
        notify("matplotlib is not installed, so there is no picture: pip install 'hexzctl[plot]'")
        return None
    return curve_png


def _event_writer(directory: Path | None) -> Callable[[Curve], None]:
    if directory is None:
        return lambda _: None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise HexzError(
            "TensorBoard is not installed: pip install 'hexzctl[tensorboard]'"
        ) from None

    def write(curve: Curve) -> None:
        with SummaryWriter(str(directory)) as writer:
            for point in curve.points:
                for name, value in asdict(point.elo).items():
                    writer.add_scalar(f"elo/{name}", value, point.number)

    return write
