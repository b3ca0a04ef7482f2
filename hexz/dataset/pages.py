"""Pages of examples as files: one, or a directory of them with a page of links."""

from __future__ import annotations

import hashlib
import heapq
import os
import re
from collections.abc import Callable, Container, Iterable, Iterator
from html import escape
from itertools import groupby, islice
from pathlib import Path
from typing import Final

from hexz.dataset.export import Export, ExportConfig, Format
from hexz.dataset.filters import GameParts
from hexz.dataset.positions import greatest_surprise, positions_page
from hexz.errors import OutputError
from hexz.example import Example
from hexz.files import atomic_file
from hexz.render.page import index_page
from hexz.wording import number_of

GAMES_A_PAGE: Final = 500
"""A browser shows so many games, 25 MB, without delay."""

Games = Iterable[GameParts[Example]]

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}")


def write_page(path: Path, games: Games, *, by_surprise: bool) -> None:
    """Writes one page of all games, all or nothing.

    Raises:
        OutputError: the file cannot be written, or there are more than GAMES_A_PAGE games.
    """
    with atomic_file(path) as file:
        page = list(islice(games, GAMES_A_PAGE + 1))
        if len(page) > GAMES_A_PAGE:
            raise OutputError(
                f"more than {GAMES_A_PAGE} games are too many for one page: give a directory as "
                "--output, or --limit or --sample"
            )
        file.write(_page(page, path.stem, by_surprise))


def write_pages(
    directory: Path,
    games: Games,
    page_of: Callable[[GameParts[Example]], str],
    *,
    by_surprise: bool,
) -> int:
    """Writes pages and `index.html`, which links to them, into a directory, which is made.

    Args:
        directory: where.
        games: those of one page one after the other.
        page_of: what the page of a game is called. More than GAMES_A_PAGE games get several.
        by_surprise: see `positions_page`.

    Returns:
        the number of pages.

    Raises:
        OutputError: a file cannot be written.
    """
    links = []
    taken = {"index.html"}
    for title, group in groupby(games, key=page_of):
        for page in _parts(group):
            file = _free_name(title, taken)
            taken.add(file.lower())
            _make_directory(directory)
            with atomic_file(directory / file) as target:
                target.write(_page(page, title, by_surprise))
            links.append((file, title, len(page)))
    items = "\n".join(
        f'<li><a href="{escape(file)}"><span>{escape(title)}</span> '
        f"<small>{number_of(count, 'game')}</small></a></li>"
        for file, title, count in links
    )
    with atomic_file(directory / "index.html") as index:
        index.write(index_page("Flagz examples", items).encode())
    return len(links)


def _parts(games: Games) -> Iterator[list[GameParts[Example]]]:
    iterator = iter(games)
    while part := list(islice(iterator, GAMES_A_PAGE)):
        yield part


def _page(games: list[GameParts[Example]], title: str, by_surprise: bool) -> bytes:
    if by_surprise:
        games = sorted(games, key=greatest_surprise, reverse=True)
    return positions_page(games, title=title, by_surprise=by_surprise).encode()


def _free_name(title: str, taken: Container[str]) -> str:
    """A file name like the last part of the title, or made of it if that is no plain name; in lower
    case it is none of those taken, as Macs and Windows do not tell such names apart."""
    stem = title.rpartition("/")[2].removesuffix(".zip")
    if not _PLAIN_NAME.fullmatch(stem):
        stem = hashlib.sha256(os.fsencode(title)).hexdigest()[:16]
    names = (f"{stem}.html" if n == 1 else f"{stem}-{n}.html" for n in range(1, 1_000_000))
    return next(name for name in names if name.lower() not in taken)


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror}") from None


def _write(export: Export, config: ExportConfig) -> int:
    """Writes the page or the pages of an export; returns the number of games."""
    one_page = config.output.suffix == ".html"
    per_file = config.page_per == "file" and not one_page
    games: Games = export.games(config, lambda found: found.example, per_file=per_file)
    if config.by_surprise and config.limit is not None:
        games = _most_surprising(games, config.limit)
    written = 0

    def noted() -> Iterator[GameParts[Example]]:
        nonlocal written
        for game in export.chosen(games, config):
            written += 1
            export.incomplete += not game.is_complete
            yield game

    if one_page:
        write_page(config.output, noted(), by_surprise=config.by_surprise)
        export.pages = 1
    else:

        def page_of(game: GameParts[Example]) -> str:
            return export.reader.archives[min(game.archives)].name if per_file else game.game_id

        export.pages = write_pages(config.output, noted(), page_of, by_surprise=config.by_surprise)
    return written


def _most_surprising(games: Games, count: int) -> list[GameParts[Example]]:
    """The games with the greatest surprises, in the order in which they came."""
    numbered = ((greatest_surprise(game), -number, game) for number, game in enumerate(games))
    best = heapq.nlargest(count, numbered, key=lambda item: item[:2])
    return [game for _, _, game in sorted(best, key=lambda item: -item[1])]


FORMAT: Final = Format(
    unit="game",
    description="Pages that show each position with the policy target and the prior side by side. "
    "PATH is one page if it ends with .html, else a directory of pages.",
    write=_write,
)
