"""The status shows ratings once somebody has rated the model."""

from msgspec.structs import replace

from hexz.checkpoints import CheckpointStore, NewCheckpoint, open_store
from hexz.schema.records import RatedCheckpoint, Ratings
from hexz.schema.status import CheckpointElo, StrengthStatus
from hexz.trainserver.strength import Strength

from ..waiting import wait_until

OLD = RatedCheckpoint(value=-50.0, low=-90.0, high=-10.0, boards=40)
NEW = RatedCheckpoint(value=250.0, low=200.0, high=300.0, boards=40, examples=80_000)
RATINGS = Ratings(player="gumbel@64", anchor="uct:800", checkpoints={10: NEW, 2: OLD})


def known(strength: Strength, number_of_checkpoints: int) -> StrengthStatus:
    def is_known() -> bool:
        known = strength.known
        return known is not None and len(known.checkpoints) == number_of_checkpoints

    wait_until(is_known, 10)
    assert strength.known is not None
    return strength.known


def rated_store(directory) -> CheckpointStore:
    store = open_store(str(directory), "tiny")
    store.save(NewCheckpoint(number=2, model=b"weights"))
    return store


def test_ratings_are_followed(tmp_path):
    store = rated_store(tmp_path)
    strength = Strength(store, read_seconds=0.01)
    strength.follow()
    assert strength.known is None
    store.update_ratings(lambda _: replace(RATINGS, checkpoints={2: OLD}))
    known(strength, 1)
    store.update_ratings(lambda _: RATINGS)
    assert known(strength, 2) == StrengthStatus(
        player="gumbel@64",
        anchor="uct:800",
        checkpoints=[
            CheckpointElo(number=2, examples=None, value=-50.0, low=-90.0, high=-10.0),
            CheckpointElo(number=10, examples=80_000, value=250.0, low=200.0, high=300.0),
        ],
    )
    strength.close()


def test_damaged_ratings_are_said_once_and_harm_nothing(tmp_path, caplog):
    store = rated_store(tmp_path)
    path = tmp_path / "models" / "flagz" / "tiny" / "ratings.json"
    path.write_text('{"checkpoints": {"2": ')
    strength = Strength(store, read_seconds=0.01)
    strength.follow()
    wait_until(lambda: caplog.records, 10)
    path.unlink()
    store.update_ratings(lambda _: RATINGS)
    known(strength, 2)
    strength.close()
    assert sum("damaged" in record.message for record in caplog.records) == 1
