"""Batches of the journal: what is trained on and what is archived is the same in both forms."""

from dataclasses import replace

import numpy as np

from hexz.engine import FinishedGame
from hexz.selfplay.examples import examples_of
from hexz.trainserver.batches import archive_entries, training_examples
from hexz.trainserver.journal import Record
from hexz.wire import game as game_module
from hexz.wire.archive import read_examples, write_examples
from hexz.wire.example import decode_example, encode_example
from hexz.wire.game import encode_compact

from ..games import finished_games


def with_fast_searches(game: FinishedGame) -> FinishedGame:
    return replace(game, full_searches=np.arange(len(game.actions)) % 4 == 1)


GAMES = [with_fast_searches(game) for game in finished_games(6)]
MIXED = [
    *(
        Record(
            f"run-{number}",
            encode_compact(game, game_id=f"run-{number}", model_name="m", unix_micros=7 + number),
            len(game.actions),
        )
        for number, game in enumerate(GAMES[:5])
    ),
    *(
        Record(str(example.example_id), encode_example(example))
        for example in examples_of(GAMES[5], game_name="run-5", model_name="m", unix_micros=3)
    ),
]


def test_a_batch_is_archived_as_single_examples_and_read_again_as_it_was_trained_on(tmp_path):
    trained = training_examples(MIXED)
    assert len(trained.rows) == sum(int(game.full_searches.sum()) for game in GAMES)
    assert trained.first_micros == 3
    write_examples(tmp_path / "archive.zip", archive_entries(MIXED))
    entries = list(read_examples(tmp_path / "archive.zip"))
    examples = [decode_example(data) for _, data in entries]
    assert [name for name, _ in entries] == [f"{example.example_id}.pb" for example in examples]
    assert [example.example_id for example in examples] == [
        f"run-{number}-{move:03d}"
        for number, game in enumerate(GAMES)
        for move in range(len(game.actions))
    ]
    # So training goes on exactly as before from the archives.
    again = training_examples(Record(*entry) for entry in entries)
    np.testing.assert_array_equal(again.rows, trained.rows)


def test_a_batch_that_is_archived_again_after_an_upgrade_has_the_same_bytes(monkeypatch):
    before = list(archive_entries(MIXED))
    monkeypatch.setattr(game_module, "__version__", "99.0.0")
    assert list(archive_entries(MIXED)) == before


def test_a_batch_of_fast_searches_has_nothing_to_train_on():
    none = np.zeros(len(GAMES[0].actions), np.bool_)
    game = replace(GAMES[0], full_searches=none)
    data = encode_compact(game, game_id="run", model_name="m", unix_micros=7)
    trained = training_examples([Record("run", data, len(game.actions))])
    assert (len(trained.rows), trained.first_micros) == (0, None)
