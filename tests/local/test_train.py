"""A training on one machine, as its parts meet it."""

from pathlib import Path

from hexz.local.train import LocalTraining, _Part
from hexz.processes import Child, Parent
from hexz.schema.programs import LocalTrainingConfig

from ..waiting import wait_until

SAID = 100


def talk(parent: Parent, done: Path) -> None:
    for number in range(SAID):
        parent.send(number)
    done.touch()
    parent.receive()


def test_whatever_a_part_says_is_heard_at_once(tmp_path: Path) -> None:
    """Many may ask for the page to play on, and each of them waits until that is heard."""
    heard: list[int] = []
    done = tmp_path / "done"
    part = _Part("server", lambda _: None, heard.append, tmp_path / "log")
    child = Child(talk, done)
    try:
        wait_until(done.exists)
        LocalTraining(LocalTrainingConfig())._hear(part, child)
    finally:
        child.kill()
    assert heard == list(range(SAID))
