"""The models of a store and what is known of their checkpoints, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec import structs

from hexz.checkpoints.opening import model_names, open_store
from hexz.checkpoints.store import CheckpointInfo, CheckpointStore
from hexz.errors import InvalidSettings, StoreError
from hexz.places import is_file, is_in_bucket, model_folder, read_place
from hexz.schema.records import RatedCheckpoint
from hexz.similar import slip


@dataclass(frozen=True, kw_only=True)
class CatalogEntry:
    """A checkpoint of a store, and its rating.

    Attributes:
        info: what the store knows.
        elo: its rating; None if it has none.
    """

    info: CheckpointInfo
    elo: RatedCheckpoint | None

    @property
    def losses(self) -> Mapping[str, float]:
        """The losses of the last training, by name."""
        report = self.info.record.report
        return {} if report is None else report.losses

    @property
    def facts(self) -> dict[str, Any]:
        """All that is known of it, as values of JSON. What others wrote into its metadata cannot
        take the place of what the store knows."""
        known = {
            "checkpoint": self.info.number,
            "unix_seconds": round(self.info.unix_seconds, 1),
            "bytes": self.info.size,
            "elo": None if self.elo is None else structs.asdict(self.elo),
        }
        return known | dict(self.info.metadata) | known


def open_models(where: str) -> Sequence[CheckpointStore]:
    """The models that a text names.

    Args:
        where: the root of a store, see `open_store`, or a place in one of its models.

    Raises:
        StoreError: there is none.
    """
    if is_file(where):
        raise StoreError(f"{where} is one network: name a store with checkpoints, as hexz-data")
    place = read_place(where)
    if place.model_name is not None:
        store = open_store(place.root, place.model_name)
        return [store] if store.latest() is not None else _none(where)
    stores = [open_store(where, name) for name in model_names(where)]
    return [store for store in stores if store.latest() is not None] or _none(where)


def open_model(where: str) -> CheckpointStore:
    """The one model that a text names; raises StoreError if there are none or several."""
    stores = open_models(where)
    if len(stores) > 1:
        names = ", ".join(store.model_name for store in stores)
        example = f"{where}/{model_folder('NAME')}"
        raise StoreError(f"{where} has the models {names}: name one as {example}")
    return stores[0]


def catalog(store: CheckpointStore) -> list[CatalogEntry]:
    """All checkpoints of a model, by ascending number."""
    ratings = _ratings(store)
    return [CatalogEntry(info=i, elo=ratings.get(i.number)) for i in store.list()]


def entry(store: CheckpointStore, number: int | None) -> CatalogEntry:
    """One checkpoint, the newest for None; raises StoreError if there is no such checkpoint."""
    number = store.latest() if number is None else number
    if number is None:
        raise StoreError(f"there is no checkpoint of {store.model_name} in {store.url}")
    return CatalogEntry(info=store.info(number), elo=_ratings(store).get(number))


def rating_of(where: str, model_name: str, number: int) -> dict[str, Any] | None:
    """The rating of a checkpoint, as JSON; None if there is none, or it is in no store.

    Args:
        where: any place of the model, as a user names it.
        model_name, number: of the checkpoint.
    """
    place = read_place(where)
    try:
        rating = _ratings(open_store(place.root, place.model_name or model_name)).get(number)
    except (StoreError, InvalidSettings):
        return None
    return None if rating is None else structs.asdict(rating)


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The facts in which two checkpoints differ, with those of both; None for one that lacks it.
    Names of nested facts are joined, as in `report.losses.total`."""
    a, b = dict(flat(first)), dict(flat(second))
    return {
        name: [a.get(name), b.get(name)]
        for name in dict.fromkeys([*a, *b])
        if a.get(name) != b.get(name)
    }


def flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The facts with nested ones among them, by joined names."""
    for key, value in facts.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _ratings(store: CheckpointStore) -> Mapping[int, RatedCheckpoint]:
    ratings = store.ratings()
    return {} if ratings is None else ratings.checkpoints


def _none(where: str) -> Sequence[CheckpointStore]:
    hint = "" if is_in_bucket(where) else slip(Path(where))
    default = ": `hexzctl train` makes one, in hexz-data"
    raise StoreError(f"there is no model in {where}{hint or default}")
