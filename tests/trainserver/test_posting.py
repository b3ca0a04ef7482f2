"""Single examples while the server keeps up, compact games when it does not."""

from hexz.rate import Rate
from hexz.schema.fleet import Heartbeat
from hexz.trainserver.posting import CROWDED_EXAMPLES, Posting


class Accepted(Rate):
    """Examples that were accepted, as a test says."""

    best = mean = 0

    def peak(self) -> int:
        return self.best

    def per_second(self) -> float:
        return self.mean


def workers(*pending: int) -> list[Heartbeat]:
    return [
        Heartbeat(
            worker=f"w-{number}", version="1", model_name="flagz", device="", processes=1, games=0,
            evaluations=0, examples=0, pending=count, seconds=0.0,
        )
        for number, count in enumerate(pending)
    ]  # fmt: skip


def test_single_examples_until_too_many_wait_and_again_when_half_of_them_come():
    accepted = Accepted()
    posting = Posting(accepted)
    accepted.best, accepted.mean = 1600, 1500
    for waiting in (workers(), workers(0, 70), workers(0, CROWDED_EXAMPLES * 2)):
        posting.update(waiting)
        assert posting.unit == "examples"
    posting.update(workers(1, CROWDED_EXAMPLES * 2))
    assert posting.unit == "games"
    # What games can carry is no measure of what single examples can.
    accepted.best = 40_000
    for mean, waiting, unit in (
        (1000, workers(0, 0), "games"),
        (700, workers(4096, 0), "games"),
        (700, workers(200, 0), "examples"),
    ):
        accepted.mean = mean
        posting.update(waiting)
        assert posting.unit == unit


def test_nobody_left_ends_a_crowd():
    posting = Posting(accepted := Accepted())
    accepted.best = 100
    units = []
    for waiting in (workers(4000), []):
        posting.update(waiting)
        units.append(posting.unit)
    assert units == ["games", "examples"]
