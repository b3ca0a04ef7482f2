"""How strong the checkpoints of a model are: its learning curve.

Some of the checkpoints play each other and other players. The result is kept beside the model as
`ratings.json`, with all that it rests on, so that a later run adds to it:

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
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from hexz.arena.page import arena_page
from hexz.arena.preparation import digest_of
from hexz.arena.rating import ROUND_BOARDS, RatingRun
from hexz.arena.results import ANCHOR
from hexz.arena.run import ArenaConfig, random_boards
from hexz.checkpoints import CheckpointInfo, CheckpointStore
from hexz.errors import HexzError, OutputError, StoreError
from hexz.files import atomic_file
from hexz.places import is_in_bucket, local_path
from hexz.player.models import open_source
from hexz.player.spec import Budget, PlayerSpec, parse_spec
from hexz.ratings.evidence import Evidence
from hexz.ratings.statistics import Estimate

REFERENCES: Final = (ANCHOR, "uct:3200", "uct:32000")
"""Players of known strength. The last one plays if it helps to compare strong checkpoints."""
DEFAULT_CHECKPOINTS: Final = 8


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


def choose(
    checkpoints: Sequence[CheckpointInfo], count: int, rated: Collection[int] = ()
) -> list[CheckpointInfo]:
    """At most `count` of them, about evenly spread, the first and the last among them.

    Args:
        checkpoints: by number.
        count: 2 or more.
        rated: numbers of those that have a rating, which are taken rather than others nearby.
    """
    if len(checkpoints) <= count:
        return list(checkpoints)
    step = (len(checkpoints) - 1) / (count - 1)
    places = [place for place, info in enumerate(checkpoints) if info.number in rated]
    chosen = {0, len(checkpoints) - 1}
    for i in range(1, count - 1):
        near = min(places, key=lambda place: abs(place - i * step), default=-1)
        chosen.add(near if abs(near - i * step) <= step / 3 else round(i * step))
    return [checkpoints[place] for place in sorted(chosen)]


@dataclass(frozen=True, kw_only=True)
class RatingConfig:
    """How a model is rated.

    Attributes:
        numbers: of the checkpoints that play; None: some, see `choose`.
        every: instead, the newest one and every so many before it; None: see `numbers`.
        simulations: of a move.
        players: others that are to be rated, too.
        boards: for each checkpoint and such player on average, those of earlier runs included.
        max_seconds: ends the games; None: all are played.
        output_dir: where games and results go; games that are there are not played again.
        tensorboard: where its event files go; None: nowhere.
        seed: of the boards, and of uct.
        device, num_processes: see `ArenaConfig`.
    """

    numbers: Sequence[int] | None = None
    every: int | None = None
    simulations: int
    players: Sequence[PlayerSpec] = ()
    boards: int
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
        StoreError: the store cannot be read, has fewer than two checkpoints, or lacks one that
            is wanted.
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
        self._infos = {info.number: info for info in everything}
        self._player = PlayerSpec(kind="gumbel", budget=Budget(simulations=config.simulations))
        evidence = _evidence(store.ratings())
        chosen = self._choose(everything, evidence)
        # What is missing is found before the games.
        self._write_plot = _plot_writer(notify)
        self._write_events = _event_writer(config.tensorboard)
        try:
            config.output_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot make {config.output_dir}: {error.strerror or error}"
            ) from None
        wanted = {_digested(spec): spec for spec in config.players}
        self._others = wanted | {name: parse_spec(name) for name in REFERENCES}
        names = [str(spec) for spec in self._others.values()]
        arena = ArenaConfig(
            specs=[*map(self._spec, chosen), *self._others.values()],
            names=[*(f"{store.model_name} {info.number}" for info in chosen), *names],
            boards=random_boards(config.boards, config.seed),
            round_boards=ROUND_BOARDS,
            log=config.output_dir / "games.jsonl",
            seed=config.seed,
            device=config.device,
            num_processes=config.num_processes,
            max_seconds=config.max_seconds,
        )
        ids = [*(self._id(info.number) for info in chosen), *self._others]
        relatives = [*(self._by_age(info.number) for info in chosen), *([()] * len(names))]
        num_wanted = len(chosen) + len(wanted)
        self.run = RatingRun(arena, num_wanted, evidence, ids, relatives, config.boards, notify)

    def _choose(
        self, everything: Sequence[CheckpointInfo], evidence: Evidence
    ) -> Sequence[CheckpointInfo]:
        if self._config.numbers is not None:
            return [self._wanted(number) for number in sorted({*self._config.numbers})]
        if self._config.every is not None:
            return everything[:: -self._config.every][::-1]
        rated = {number for number in self._infos if evidence.boards_of(self._id(number))}
        return choose(everything, DEFAULT_CHECKPOINTS, rated)

    def _wanted(self, number: int) -> CheckpointInfo:
        info = self._infos.get(number)
        if info is None:
            raise StoreError(
                f"there is no checkpoint {number} of {self._store.model_name} in {self._store.url}"
            )
        return info

    def _by_age(self, number: int) -> Sequence[str]:
        """All checkpoints, those next to this one first."""
        return [self._id(n) for n in sorted(self._infos, key=lambda n: abs(n - number))]

    def _id(self, number: int) -> str:
        """What the evidence calls a checkpoint."""
        return f"{self._player} {number}"

    def _spec(self, info: CheckpointInfo) -> PlayerSpec:
        path = self._store.place(info.number)
        if not is_in_bucket(path):
            path = str(local_path(path).resolve())
        return PlayerSpec(kind=self._player.kind, path=path, budget=self._player.budget)

    def curve(self) -> Curve:
        """What is known so far, from this run and from earlier ones."""
        return self._curve(self.run.evidence)

    def _curve(self, evidence: Evidence) -> Curve:
        ratings = evidence.ratings(ANCHOR)
        points = [
            Point(
                number=number,
                examples=info.metadata.get("examples"),
                hours=info.metadata.get("hours"),
                elo=ratings[self._id(number)],
                boards=evidence.boards_of(self._id(number)),
            )
            for number, info in self._infos.items()
            if self._id(number) in ratings
        ]
        return Curve(
            model_name=self._store.model_name,
            player=str(self._player),
            points=points,
            references={
                str(spec): ratings[name] for name, spec in self._others.items() if name in ratings
            },
        )

    def save(self) -> list[Path]:
        """Writes the curve and a page of the games, and keeps the ratings in the store.

        Returns:
            the files.

        Raises:
            OutputError, StoreError: it cannot be written.
        """

        def change(known: Mapping[str, Any] | None) -> Mapping[str, Any]:
            evidence = _evidence(known)
            evidence.update(self.run.evidence)
            return {**ratings_of(self._curve(evidence)), "results": evidence.to_json()}

        self._store.update_ratings(change)
        curve = self.curve()
        files = {
            "curve.json": json.dumps(ratings_of(curve), indent=1).encode() + b"\n",
            "curve.csv": _csv(curve),
        }
        if self.run.played:
            files["games.html"] = arena_page(self.run.results, self.run.played).encode()
        if self._write_plot is not None:
            files["curve.png"] = self._write_plot(curve)
        for name, data in files.items():
            with atomic_file(self._config.output_dir / name) as file:
                file.write(data)
        self._write_events(curve)
        return [self._config.output_dir / name for name in files]


def _digested(spec: PlayerSpec) -> str:
    """What the evidence calls a player that is no checkpoint of the model."""
    return (
        f"{spec} {digest_of(open_source(spec.path).load())[:8]}"
        if spec.needs_network
        else str(spec)
    )


def _evidence(ratings: Mapping[str, Any] | None) -> Evidence:
    return Evidence((ratings or {}).get("results", ()))


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


def _csv(curve: Curve) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["checkpoint", "examples", "hours", "elo", "low", "high", "boards"])
    for point in curve.points:
        elo = [f"{value:.1f}" for value in asdict(point.elo).values()]
        writer.writerow([point.number, point.examples, point.hours, *elo, point.boards])
    return text.getvalue().encode()


def _plot_writer(notify: Callable[[str], None]) -> Callable[[Curve], bytes] | None:
    try:
        from hexz.ratings.plot import curve_png
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
