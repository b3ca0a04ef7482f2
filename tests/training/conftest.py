"""Examples of real self-play, as a train server gets them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hexz.example import Example
from hexz.model.config import ModelConfig
from hexz.schema.training import TrainingConfig
from hexz.wire.archive import read_examples
from hexz.wire.example import decode_example
from tests.system.processes import hexzctl

SMALL = ModelConfig(blocks=2, filters=16)
QUICK = TrainingConfig(batch_size=64, held_out=0.25, precision="float32")
"""For some hundred examples."""


@pytest.fixture(scope="package")
def real_examples(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """Every fourth position of 100 games from the zip files of `hexzctl selfplay`; they are the
    same in each run."""
    output = tmp_path_factory.mktemp("selfplay")
    result = hexzctl(
        "selfplay", "--search", "gumbel", "--runs-per-move", 4, "--games-per-process", 50,
        "--num-workers", 1, "--max-games", 100, "--seed", 5, "--output-dir", output,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    examples = [example for file in sorted(output.glob("**/*.zip")) for example in _read(file)]
    # The run's name, which is part of the id, holds the time of day, and the held-out games depend
    # on the id. Which games end first is a matter of luck too.
    examples = [replace(e, game_id=e.game_id.rsplit("-", 1)[1]) for e in examples]
    examples.sort(key=lambda e: (int(e.game_id), e.move_number))
    return examples[::4]


def _read(file: Path) -> list[Example]:
    return [decode_example(data) for _, data in read_examples(file)]
