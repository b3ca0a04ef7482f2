"""Matches of two players that are made by hand, which the arena's command line cannot name."""

from collections.abc import Iterator, Sequence

from hexz.arena.entrants import Field
from hexz.arena.games import GamePair, Played
from hexz.arena.pool import batch_size, pairs_at_once, play_pairs
from hexz.machine import available_cores
from hexz.player.spec import PlayerSpec
from hexz.ratings.results import score_of
from hexz.ratings.statistics import elo_of_score, estimate_score


def batch_of(specs: Sequence[PlayerSpec], boards: int) -> int:
    """The positions of a batch in a match over so many boards."""
    return batch_size(specs, pairs_at_once(specs, boards, available_cores()), mixed=False)


def scores(field: Field, boards: Sequence[str], *, seed: int = 0) -> Iterator[float]:
    """Plays a match on all cores; the first player's score of each board, as they end."""
    pairs = [GamePair((0, 1), board, number) for number, board in enumerate(boards)]
    playing = play_pairs(field, pairs, iter(pairs), num_processes=available_cores(), seed=seed)
    for events in playing:
        yield from (score_of(event.margins) for event in events if isinstance(event, Played))


def spoken(found: Sequence[float]) -> str:
    """The score of a match in percent and in Elo, with 95 % intervals."""
    score = estimate_score(found)
    low, value, high = map(elo_of_score, (score.low, score.value, score.high))
    return (
        f"{100 * score.value:.1f} % ({100 * score.low:.1f} to {100 * score.high:.1f}), "
        f"{value:+.0f} Elo ({low:+.0f} to {high:+.0f}), {len(found)} boards"
    )
