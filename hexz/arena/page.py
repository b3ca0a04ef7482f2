"""A page of an arena: cross table, ratings, and all games to step through."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

from hexz.arena.games import Played
from hexz.arena.run import ArenaRun
from hexz.files import atomic_file
from hexz.ratings.results import Pairing, Results
from hexz.record import GameRecord
from hexz.render import games_page
from hexz.render.assets import asset, style
from hexz.schema.records import Estimate
from hexz.wording import number_of

MAX_BOARDS: Final = 500
"""On a page: a browser shows 1,000 games, 10 MB, without delay."""

_SHADES: Final = "".join(f".score-{percent}{{--score:{percent}}}" for percent in range(101))
"""The shares by which cells are coloured. As attributes they would be forbidden by the policy."""


def write_arena_page(path: Path, run: ArenaRun) -> None:
    """Writes the page of a run that has played something, all or nothing.

    Raises:
        OutputError: the file cannot be written.
    """
    page = arena_page(run.results, run.games(MAX_BOARDS))
    with atomic_file(path) as file:
        file.write(page.encode())


def arena_page(results: Results, shown: Sequence[Played]) -> str:
    """The HTML of the page, complete in itself.

    Args:
        results: of all games.
        shown: those that can be looked at, those of one pairing one after the other.

    Raises:
        ValueError: there are none.
    """
    records = [record for one in shown for record in _records(results.names, one)]
    first_games: dict[Pairing, int] = {}
    for place, one in enumerate(shown):
        first_games.setdefault(one.pair.pairing, 2 * place)
    ratings = results.ratings()
    introduction = "\n".join(
        [
            style(asset("page.css", __package__), _SHADES),
            '<div class="arena">',
            '<section aria-labelledby="scores" tabindex="0"><h2 id="scores">Scores</h2>'
            f"{_cross_table(results, ratings, first_games)}"
            '<p class="hint">Points of the player on the left in percent, and their 95 % interval. '
            f"Click to see the games. {_omission(results.boards, len(shown))}</p></section>",
            '<section aria-labelledby="ratings"><h2 id="ratings">Elo ratings</h2>'
            f"{_rating_plot(ratings)}"
            f'<p class="hint">With 95 % intervals; {escape(results.anchor)} has 0.</p></section>',
            "</div>",
        ]
    )
    return games_page(records, title="Arena", introduction=introduction)


def _omission(boards: int, shown: int) -> str:
    if shown == boards:
        return ""
    return (
        f"Those of {shown:,} of {boards:,} boards are on this page, the first ones of each pair; "
        "the log has all."
    )


def _records(names: Sequence[str], played: Played) -> list[GameRecord]:
    pair = played.pair
    return [
        GameRecord(
            name=f"Board {pair.number + 1}: {names[order[0]]} – {names[order[1]]}"  # noqa: RUF001
            + ("" if forfeit is None else f"; {names[order[forfeit.player - 1]]} failed"),
            forfeit=forfeit,
            players=(names[order[0]], names[order[1]]),
            initial_text=pair.board,
            actions=[move.action for move in moves],
            root_values=[move.value for move in moves],
            policies=[move.top for move in moves],
        )
        for order, moves, forfeit in zip(
            (pair.pairing, pair.pairing[::-1]), played.games, played.forfeits, strict=True
        )
    ]


def _ranked(ratings: Mapping[str, Estimate]) -> list[str]:
    return sorted(ratings, key=lambda name: -ratings[name].value)


def _cross_table(
    results: Results, ratings: Mapping[str, Estimate], first_games: Mapping[Pairing, int]
) -> str:
    ranked = [results.names.index(name) for name in _ranked(ratings)]
    ranked += [number for number in range(len(results.names)) if number not in ranked]
    heads = "".join(f'<th scope="col">{escape(results.names[number])}</th>' for number in ranked)
    rows = []
    for row in ranked:
        cells = "".join(_cell(results, (row, column), first_games) for column in ranked)
        rows.append(f'<tr><th scope="row">{escape(results.names[row])}</th>{cells}</tr>')
    head = f'<thead><tr><td class="self"></td>{heads}</tr></thead>'
    return f"<table>{head}<tbody>{''.join(rows)}</tbody></table>"


def _cell(results: Results, pairing: Pairing, first_games: Mapping[Pairing, int]) -> str:
    known, found = pairing, results.of(pairing)
    if found is None:
        known, found = pairing[::-1], results.of(pairing[::-1])
    if found is None:
        return '<td class="self"></td>' if pairing[0] == pairing[1] else "<td></td>"
    score = found.score
    if known != pairing:
        score = Estimate(value=1 - score.value, low=1 - score.high, high=1 - score.low)
    boards = number_of(found.boards, "board")
    percent, low, high = (f"{100 * x:.0f}" for x in (score.value, score.low, score.high))
    text = f"{percent} %<small>{low} to {high}</small>"
    if known in first_games:
        text = (
            f'<button type="button" data-game="{first_games[known]}" title="{boards}">{text}'
            "</button>"
        )
    return f'<td class="score-{percent}">{text}</td>'


# Of the plot, in its own units.
_WIDTH: Final = 460
_LEFT: Final = 170
_RIGHT: Final = 14
_ROW: Final = 30
_LONGEST_NAME: Final = 22


def _rating_plot(ratings: Mapping[str, Estimate]) -> str:
    ranked = _ranked(ratings)
    low = min(elo.low for elo in ratings.values())
    high = max(elo.high for elo in ratings.values())
    step = _step(max(high - low, 1))
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    high = max(high, low + step)
    height = _ROW * len(ranked) + 24

    def x(elo: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * (elo - low) / (high - low), 1)

    parts = [
        f'<svg class="ratings" role="img" viewBox="0 0 {_WIDTH} {height}">',
        f"<title>{escape(_spoken(ratings, ranked))}</title>",
        '<g class="axis">',
    ]
    for tick in range(int(low), int(high) + 1, step):
        parts.append(
            f'<line x1="{x(tick)}" x2="{x(tick)}" y1="0" y2="{height - 20}"/>'
            f'<text x="{x(tick)}" y="{height - 6}">{tick}</text>'
        )
    parts.append("</g>")
    for row, name in enumerate(ranked):
        elo, y = ratings[name], _ROW * row + _ROW // 2
        short = name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"
        parts.append(
            f'<g><text x="0" y="{y + 4}">{escape(short)}</text>'
            f'<line class="interval" x1="{x(elo.low)}" x2="{x(elo.high)}" y1="{y}" y2="{y}"/>'
            f'<circle cx="{x(elo.value)}" cy="{y}" r="5.5"/>'
            f"<title>{escape(name)}: {elo.value:.0f}, {elo.low:.0f} to {elo.high:.0f}</title></g>"
        )
    return "".join([*parts, "</svg>"])


def _step(span: float) -> int:
    """Between two ticks of an axis, such that there are four to ten."""
    return next(
        (step for step in (50, 100, 200, 500, 1000) if span / step <= 6),
        2000 if span < 1e4 else 5000,
    )


def _spoken(ratings: Mapping[str, Estimate], ranked: Sequence[str]) -> str:
    return "; ".join(f"{name} {ratings[name].value:.0f}" for name in ranked)
