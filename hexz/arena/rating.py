"""Rates the checkpoints of a model: some of them play each other and other players.

The result is kept beside the model as `ratings.json`, with all that it rests on, so that a later
run adds to it; see `hexz.schema.records`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec import structs

from hexz.arena.page import write_arena_page
from hexz.arena.preparation import digest_of
from hexz.arena.rating_run import ROUND_BOARDS, RatingRun
from hexz.arena.run import ArenaConfig, random_boards
from hexz.checkpoints import CheckpointInfo, CheckpointStore
from hexz.errors import StoreError
from hexz.places import is_in_bucket, local_path
from hexz.player.models import open_source
from hexz.player.spec import Budget, PlayerSpec, parse_spec
from hexz.ratings.evidence import Evidence
from hexz.ratings.output import CurveOutput
from hexz.ratings.references import ANCHOR, REFERENCES
from hexz.schema.records import Estimate, RatedCheckpoint, Ratings
from hexz.wording import number_of

DEFAULT_CHECKPOINTS: Final = 8


def choose(
    checkpoints: Sequence[CheckpointInfo], count: int, rated: Collection[int] = ()
) -> list[CheckpointInfo]:
    """Chooses at most `count` of them, about evenly spread, the first and the last among them.

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
    """Settings of how a model is rated.

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
                f"{store.url} has {number_of(len(everything), 'checkpoint')} of "
                f"{store.model_name}: a learning curve needs two or more"
            )
        self._store = store
        self._config = config
        self._infos = {info.number: info for info in everything}
        self._player = PlayerSpec(kind="gumbel", budget=Budget(simulations=config.simulations))
        evidence = _evidence(store.ratings())
        chosen = self._choose(everything, evidence)
        # What is missing is found before the games.
        self._output = CurveOutput(config.output_dir, store.model_name, config.tensorboard, notify)
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

    def ratings(self) -> Ratings:
        """Returns what is known so far, from this and earlier runs, without the results."""
        return self._ratings(self.run.evidence)

    def _ratings(self, evidence: Evidence) -> Ratings:
        known = {
            name: {end: round(value, 1) for end, value in structs.asdict(elo).items()}
            for name, elo in evidence.ratings(ANCHOR).items()
        }
        return Ratings(
            player=str(self._player),
            anchor=ANCHOR,
            unix_seconds=round(time.time()),
            checkpoints={
                number: RatedCheckpoint(
                    **known[name],
                    boards=evidence.boards_of(name),
                    examples=info.record.examples,
                    hours=info.record.hours,
                )
                for number, info in self._infos.items()
                if (name := self._id(number)) in known
            },
            references={
                str(spec): Estimate(**known[name])
                for name, spec in self._others.items()
                if name in known
            },
        )

    def save(self) -> list[Path]:
        """Writes the curve and a page of the games, and keeps the ratings in the store.

        Returns:
            the files.

        Raises:
            OutputError, StoreError: it cannot be written.
        """

        def change(known: Ratings | None) -> Ratings:
            evidence = _evidence(known)
            evidence.update(self.run.evidence)
            return structs.replace(self._ratings(evidence), results=evidence.results())

        self._store.update_ratings(change)
        files = self._output.write(self.ratings())
        if self.run.results.boards:
            page = self._config.output_dir / "games.html"
            write_arena_page(page, self.run)
            files.append(page)
        return files


def _digested(spec: PlayerSpec) -> str:
    """What the evidence calls a player that is no checkpoint of the model."""
    return (
        f"{spec} {digest_of(open_source(spec.path).load())[:8]}"
        if spec.needs_network
        else str(spec)
    )


def _evidence(ratings: Ratings | None) -> Evidence:
    return Evidence(() if ratings is None else ratings.results)
