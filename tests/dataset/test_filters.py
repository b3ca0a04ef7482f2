"""Which examples and games are taken, and how the moves of a game find together."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from hexz.dataset.filters import Filter, by_game, game_length, sample
from hexz.example import Example

from ..games import game_examples
from .files import found

NUMBER_OF_GAMES = 6


@pytest.fixture(scope="module")
def games() -> list[list[Example]]:
    return game_examples(NUMBER_OF_GAMES)


def test_the_length_is_known_in_every_position() -> None:
    for game in game_examples(20):
        assert {game_length(example) for example in game} == {len(game)}
    unknown = replace(game[0], final_owner=None, final_value=None)
    assert game_length(unknown) is None


def test_examples_that_are_wanted(games: list[list[Example]]) -> None:
    lengths = [len(game) for game in games]
    least = sorted(lengths)[NUMBER_OF_GAMES // 2]
    for example in games[0]:
        assert Filter().takes(example)
        assert Filter(games={example.game_id}).takes(example)
        assert not Filter(games={"another"}).takes(example)
        assert Filter(checkpoints={3, example.checkpoint}).takes(example)
        assert not Filter(checkpoints={3}).takes(example)
    taken = [[Filter(min_moves=least).takes(example) for example in game] for game in games]
    assert [set(t) for t in taken] == [{length >= least} for length in lengths]
    unknown = replace(games[0][0], final_owner=None, final_value=None)
    assert Filter(min_moves=0).takes(unknown)
    assert not Filter(min_moves=1).takes(unknown)


def shuffled(games: list[list[Example]]) -> list[Example]:
    examples = [example for game in games for example in game]
    random.Random(1).shuffle(examples)
    return examples


def test_moves_find_together_in_any_order(games: list[list[Example]]) -> None:
    examples = shuffled(games)
    middle = len(examples) // 2
    parts = found(examples[:middle], 0) + found(examples[middle:], 1)
    together = list(by_game(parts, Filter(), lambda found: found.example.move_number))
    assert len(together) == NUMBER_OF_GAMES
    assert all(game.is_complete for game in together)
    assert all(game.archives == {0, 1} for game in together)
    assert {game.game_id: game.ordered() for game in together} == {
        game[0].game_id: list(range(len(game))) for game in games
    }


def test_a_complete_game_does_not_wait(games: list[list[Example]]) -> None:
    stream = by_game(iter(found([*games[0], *games[1]])), Filter(), lambda found: None)
    assert next(stream).game_id == games[0][0].game_id


def test_games_with_missing_moves_come_last(games: list[list[Example]]) -> None:
    examples = [*games[0][:-1], *games[1], *games[2][1:], games[2][5]]
    together = list(by_game(found(examples), Filter(), lambda found: found.example.move_number))
    assert [game.is_complete for game in together] == [True, False, False]
    assert [game.game_id for game in together] == [games[i][0].game_id for i in (1, 0, 2)]
    assert together[1].length == len(games[0]) == len(together[1].moves) + 1
    assert together[2].ordered() == list(range(1, len(games[2])))


def test_a_move_after_the_end_completes_no_game(games: list[list[Example]]) -> None:
    game = list(games[0])
    game[3] = replace(game[3], move_number=len(game))
    [together] = by_game(found(game), Filter(), lambda found: None)
    assert len(together.moves) == together.length
    assert not together.is_complete


def test_a_game_is_of_each_checkpoint_that_played_in_it(games: list[list[Example]]) -> None:
    mixed = [replace(e, checkpoint=7 if i > 30 else 6) for i, e in enumerate(games[0])]
    examples = found([*mixed, *games[1]])
    for checkpoint, count in ((0, 1), (6, 1), (7, 1), (8, 0)):
        taken = list(by_game(examples, Filter(checkpoints={checkpoint}), lambda found: None))
        assert len(taken) == count
        assert all(game.is_complete for game in taken)
    [game] = by_game(examples, Filter(games={mixed[0].game_id}), lambda found: None)
    assert game.checkpoints == {6, 7}


def test_every_sample_is_as_likely() -> None:
    counts = Counter(tuple(sample(range(5), 2, seed)) for seed in range(20_000))
    assert len(counts) == 10
    assert all(1800 < count < 2200 for count in counts.values())
    assert all(a < b for a, b in counts)


def test_samples_repeat_and_may_be_too_large() -> None:
    assert sample(range(1000), 10, 5) == sample(range(1000), 10, 5) != sample(range(1000), 10, 6)
    assert sample(range(3), 10, 1) == [0, 1, 2]
