"""Pages as files: their names, their number, and what happens when they cannot be written."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from hexz.dataset import pages
from hexz.dataset.export import Export, ExportConfig
from hexz.dataset.filters import Filter, GameParts, by_game
from hexz.dataset.pages import write_page, write_pages
from hexz.errors import NothingToExport, OutputError
from hexz.example import Example

from ..games import game_examples
from ..render.test_page import page_data
from .files import found, reader_of, write_zip


def first_positions(*names: str) -> list[GameParts[Example]]:
    """Games of these names, with one position each."""
    [game] = game_examples(1)
    examples = [replace(game[0], game_id=name, example_id=None) for name in names]
    return list(by_game(found(examples), Filter(), lambda found: found.example))


def names_on(page: Path) -> list[str]:
    return [game["name"] for game in page_data(page.read_text())["games"]]


def test_pages_by_title(tmp_path: Path) -> None:
    titles = {
        "a": "one/batch.zip",
        "b": "one/batch.zip",
        "c": "two/batch.zip",
        "d": "index.zip",
        "e": "../é",
    }
    games = first_positions(*titles)
    count = write_pages(tmp_path, games, lambda game: titles[game.game_id], by_surprise=False)
    assert count == 4
    assert names_on(tmp_path / "batch.html") == ["a", "b"]
    assert names_on(tmp_path / "batch-2.html") == ["c"]
    assert names_on(tmp_path / "index-2.html") == ["d"]
    [other] = set(os.listdir(tmp_path)) - {
        "batch.html",
        "batch-2.html",
        "index-2.html",
        "index.html",
    }
    assert names_on(tmp_path / other) == ["e"]
    index = (tmp_path / "index.html").read_text()
    for file, title, games_there in (
        ("batch.html", "one/batch.zip", "2 games"),
        ("batch-2.html", "two/batch.zip", "1 game"),
        (other, "../é", "1 game"),
    ):
        link = f'<a href="{file}"><span>{title}</span> <small>{games_there}</small></a>'
        assert link in index


def test_names_of_files_need_not_be_text(tmp_path: Path) -> None:
    games = first_positions("a")
    write_pages(tmp_path, games, lambda game: "n\udcff.zip", by_surprise=False)
    assert "<span>n?.zip</span>" in (tmp_path / "index.html").read_text("utf-8")
    [page] = set(tmp_path.iterdir()) - {tmp_path / "index.html"}
    assert page_data(page.read_text("utf-8"))["title"] == "n?.zip"


def test_no_page_takes_the_place_of_another_on_a_mac(tmp_path: Path) -> None:
    """Whose file names are the same in upper and lower case."""
    titles = {"a": "batch.zip", "b": "Batch.zip", "c": "Index.zip"}
    games = first_positions(*titles)
    write_pages(tmp_path, games, lambda game: titles[game.game_id], by_surprise=False)
    there = os.listdir(tmp_path)
    assert len({name.lower() for name in there}) == 4
    index = (tmp_path / "index.html").read_text()
    assert all(f'<a href="{name}">' in index for name in set(there) - {"index.html"})


def test_no_page_grows_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "GAMES_A_PAGE", 2)
    games = first_positions(*"abcde")
    assert write_pages(tmp_path, games, lambda game: "all", by_surprise=False) == 3
    assert names_on(tmp_path / "all-3.html") == ["e"]
    write_page(tmp_path / "two.html", games[:2], by_surprise=False)
    with pytest.raises(OutputError, match="more than 2 games are too many for one page"):
        write_page(tmp_path / "five.html", games, by_surprise=False)
    assert not (tmp_path / "five.html").exists()


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    games = first_positions("a")
    with pytest.raises(OutputError, match="cannot write"):
        write_page(tmp_path / "file" / "a.html", games, by_surprise=False)
    with pytest.raises(OutputError, match="cannot write to"):
        write_pages(tmp_path / "file", games, lambda game: "a", by_surprise=False)


def test_a_game_in_two_files(tmp_path: Path) -> None:
    first, second = game_examples(2)
    write_zip(tmp_path / "in" / "1.zip", [*first, *second[:30]])
    write_zip(tmp_path / "in" / "2.zip", second[30:])
    per_file, per_game = Export(reader_of(tmp_path / "in")), Export(reader_of(tmp_path / "in"))
    per_file.run(ExportConfig(format="html", output=tmp_path / "files"))
    assert (per_file.written, per_file.pages, per_file.incomplete) == (3, 2, 2)
    assert names_on(tmp_path / "files" / "2.html") == [second[0].game_id]
    per_game.run(ExportConfig(format="html", output=tmp_path / "games", page_per="game"))
    assert (per_game.written, per_game.pages, per_game.incomplete) == (2, 2, 0)
    jsonl = Export(reader_of(tmp_path / "in"))
    jsonl.run(ExportConfig(format="jsonl", output=tmp_path / "a.jsonl"))
    assert (jsonl.written, jsonl.incomplete) == (2, 0)


def test_nothing_to_write(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", game_examples(1)[0])
    for name in ("a.html", "pages"):
        config = ExportConfig(
            format="html", output=tmp_path / name, wanted=Filter(games=frozenset({"none"}))
        )
        with pytest.raises(NothingToExport):
            Export(reader_of(tmp_path / "a.zip")).run(config)
    write_zip(tmp_path / "part.zip", game_examples(1)[0][1:])
    with pytest.raises(NothingToExport, match="no game of which all moves are there"):
        Export(reader_of(tmp_path / "part.zip")).run(
            ExportConfig(format="jsonl", output=tmp_path / "a.jsonl")
        )
    assert set(os.listdir(tmp_path)) == {"a.zip", "part.zip"}
