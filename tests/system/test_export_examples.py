"""`hexzctl export-examples` as users run it: from self-play to each format, and what goes wrong."""

import json
import os
import pty
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hexz.dataset.columns import describe_columns
from hexz.engine import Board, Move
from hexz.wire.archive import read_examples
from hexz.wire.example import decode_example

from .. import fork_server
from .processes import (
    TIMEOUT,
    assert_one_error_line,
    environment,
    hexzctl,
    quick_game_options,
)

GAMES = 6
REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "examples.md"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output directory of a run of self-play."""
    directory = tmp_path_factory.mktemp("played")
    result = hexzctl(*quick_game_options(directory), "--max-games", GAMES)
    assert result.returncode == 0, result.stderr
    return directory


@pytest.fixture(scope="module")
def examples(played):
    [path] = (played / "examples").glob("*.zip")
    return [decode_example(data) for _, data in read_examples(path)]


def export(*arguments, **changes):
    return hexzctl("export-examples", *arguments, **changes)


def test_arrays(played, examples, tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    files = {"hdf5": tmp_path / "flagz.h5", "npz": tmp_path / "flagz.npz"}
    for format_, path in files.items():
        result = export(played, "--format", format_, "--output", path)
        assert (result.returncode, result.stderr) == (0, "")
        assert f"Wrote {len(examples)} examples to" in result.stdout
    with h5py.File(files["hdf5"]) as hdf5, np.load(files["npz"]) as npz:
        names = {name for name, *_ in describe_columns()}
        assert set(hdf5) == set(npz) == names
        for name in ("planes", "policy", "priors", "visits", "final_owner"):
            expected = np.stack([getattr(example, name) for example in examples])
            assert np.array_equal(hdf5[name][:], expected)
        for name in names:
            np.testing.assert_array_equal(hdf5[name][:], npz[name])
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    shown: dict[str, Any] = {}
    exec(code, shown)  # noqa: S102 - our own documentation
    assert len(shown["planes"]) == len(shown["games"]) == len(examples)


def test_games_can_go_through_a_pipe(played):
    result = export(played, "--format", "jsonl", "--output", "/dev/stdout")
    assert (result.returncode, len(result.stdout.splitlines())) == (0, GAMES)
    assert all(json.loads(line)["moves"] for line in result.stdout.splitlines())
    assert result.stderr == f"Wrote {GAMES} games to /dev/stdout\n"


def test_games(played, examples, tmp_path):
    path = tmp_path / "games.jsonl"
    result = export(played, "--format", "jsonl", "--output", path)
    assert (result.returncode, result.stderr) == (0, "")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == GAMES
    assert sum(len(line["moves"]) for line in lines) == len(examples)
    for line in lines:
        board = Board.from_text(line["board"])
        for move, state in zip(line["moves"], line["states"][1:], strict=True):
            board.play(Move("flag" if move["t"] == "F" else "normal", move["r"], move["c"]))
            assert state["cells"] == board.cells().tolist()
        assert line["states"][-1]["done"]


def test_pages(played, examples, tmp_path):
    [archive] = (played / "examples").glob("*.zip")
    result = export(played, "--format", "html", "--output", tmp_path / "pages")
    assert f"Wrote {GAMES} games on 1 page to" in result.stdout
    assert sorted(os.listdir(tmp_path / "pages")) == [f"{archive.stem}.html", "index.html"]
    assert f'href="{archive.stem}.html"' in (tmp_path / "pages" / "index.html").read_text()
    assert (tmp_path / "pages" / "index.html").as_uri() in result.stdout

    export(played, "--format", "html", "--page-per", "game", "--output", tmp_path / "games")
    games = {f"{example.game_id}.html" for example in examples}
    assert set(os.listdir(tmp_path / "games")) == games | {"index.html"}

    one = examples[0].game_id
    export(played, "--format", "html", "--game", one, "--output", tmp_path / "one.html")
    page = (tmp_path / "one.html").read_text()
    assert one in page
    assert examples[-1].game_id not in page

    worst = ("--sort", "surprise", "--limit", 2)
    export(played, "--format", "html", *worst, "--output", tmp_path / "worst.html")
    page = (tmp_path / "worst.html").read_text()
    assert page.count('"positions":') == 2
    assert '"bySurprise":true' in page


def rows_of(path):
    with np.load(path) as arrays:
        return [*zip(arrays["game_id"].tolist(), arrays["move_number"].tolist(), strict=True)]


def test_filters(played, examples, tmp_path):
    path = tmp_path / "a.npz"
    arguments = (played, "--format", "npz", "--output", path)
    everything = [(example.game_id.encode(), example.move_number) for example in examples]
    lengths = {game: sum(g == game for g, _ in everything) for game, _ in everything}
    least = sorted(lengths.values())[-2]
    for options, expected in (
        ((), everything),
        (("--limit", 7), everything[:7]),
        (("--game", examples[0].game_id), [r for r in everything if r[0] == everything[0][0]]),
        (("--min-moves", least), [r for r in everything if lengths[r[0]] >= least]),
        (("--checkpoint", 0, "--checkpoint", 5), everything),
    ):
        assert export(*arguments, *options).returncode == 0
        assert rows_of(path) == expected
    samples = []
    for seed in (1, 1, 2):
        export(*arguments, "--sample", 20, "--seed", seed)
        samples.append(rows_of(path))
    assert samples[0] == samples[1] != samples[2]
    assert samples[0] == [row for row in everything if row in set(samples[0])]
    assert len(samples[0]) == 20


def test_nothing_passes_the_filters(played, tmp_path):
    for format_ in ("npz", "jsonl", "html"):
        arguments = ("--format", format_, "--output", tmp_path / "a", "--checkpoint", 5)
        result = export(played, *arguments)
        assert result.returncode == 1
        assert_one_error_line(result.stderr, "no example passes the filters")
    assert os.listdir(tmp_path) == []


def test_summary(played, examples):
    result = export(played, "--summary")
    assert (result.returncode, result.stderr) == (0, "")
    figures = dict(line.strip().rsplit("  ", 1) for line in result.stdout.splitlines())
    figures = {name.strip(): figure.strip() for name, figure in figures.items()}
    assert figures["examples"] == f"{len(examples):,}"
    assert figures["games"] == figures["with all moves"] == str(GAMES)
    assert figures["duplicates"] == figures["unreadable files and entries"] == "0"
    assert export(played, played / "examples", "--summary").stdout == result.stdout


@pytest.fixture
def damaged(played, tmp_path):
    """A copy of the examples with two foreign entries and one move less, and a broken file."""
    directory = tmp_path / "damaged"
    directory.mkdir()
    [source] = (played / "examples").glob("*.zip")
    entries = list(read_examples(source))
    with zipfile.ZipFile(directory / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", "hello")
        for name, data in entries[:-1]:
            archive.writestr(name, data)
        archive.writestr("bomb.pb", bytes(10_000_000))
        archive.writestr("copy.pb", entries[0][1])
    (directory / "b.zip").write_bytes(b"PK")
    return directory


def test_damaged_files(damaged, examples, tmp_path):
    path = tmp_path / "a.npz"
    result = export(damaged, "--format", "npz", "--output", path)
    assert result.returncode == 1
    assert len(rows_of(path)) == len(examples) - 1
    readme, bomb, broken, error = result.stderr.splitlines()
    assert f"{damaged}/a.zip, entry 'README.txt'" in readme
    assert f"{damaged}/a.zip, entry 'bomb.pb': 10000000 bytes are too many" in bomb
    assert f"{damaged}/b.zip is not a zip file" in broken
    assert "3 files or entries could not be used" in error
    assert "1 copy of examples was left out" in result.stdout


def test_games_of_which_moves_are_missing(damaged, tmp_path):
    path = tmp_path / "a.jsonl"
    result = export(damaged / "a.zip", "--format", "jsonl", "--output", path)
    assert len(path.read_text().splitlines()) == GAMES - 1
    assert "1 game of which moves are missing was left out" in result.stdout
    result = export(damaged / "a.zip", "--format", "html", "--output", tmp_path / "a.html")
    assert "1 game of which moves are missing was shown without them" in result.stdout


def test_strict(damaged, tmp_path):
    path = tmp_path / "a.npz"
    result = export(damaged, "--format", "npz", "--output", path, "--strict")
    assert result.returncode == 1
    assert_one_error_line(result.stderr, "a.zip, entry 'README.txt'")
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--format and --output"),
        (("--format", "npz"), "--output"),
        (("--format", "xml", "--output", "a"), "xml"),
        (("--summary", "--format", "npz"), "--summary goes without"),
        (("--format", "npz", "--output", "a", "--sort", "surprise"), "--sort is for"),
        (("--format", "npz", "--output", "a", "--limit", 1, "--sample", 1), "not both"),
    ],
)
def test_wrong_usage(played, arguments, words):
    result = export(played, *arguments)
    assert result.returncode == 2
    assert words in result.stderr


def test_a_missing_source_is_one_line(tmp_path):
    result = export(tmp_path / "none", "--summary")
    assert result.returncode == 1
    assert_one_error_line(result.stderr, "none", "No such file")


def test_help_has_every_column():
    text = export("--help").stdout
    for name, kind, meaning in describe_columns():
        assert f"{name:<14} {kind:<18} {meaning}" in text


def test_a_progress_bar_on_a_terminal(played, tmp_path):
    ours, theirs = pty.openpty()
    process: subprocess.Popen[bytes] = fork_server.start(
        ["export-examples", played, "--format", "npz", "--output", tmp_path / "a"],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env=environment(TERM="xterm"),
    )
    os.close(theirs)
    output = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            while data := terminal.read(4096):
                output += data
        except OSError:  # Linux says so when the other end is closed
            pass
    assert process.wait(TIMEOUT) == 0
    assert b"examples" in output
    assert b"%" in output


@pytest.mark.soak
def test_a_million_examples_in_little_memory():
    command = [sys.executable, "benchmarks/export.py", "--examples", "1000000", "--format", "hdf5"]
    result = subprocess.run(
        command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, timeout=3600, check=True
    )
    figures = re.fullmatch(
        r"hdf5 +([\d,]+) examples/s .* ([\d,]+) MB of memory .*\n", result.stdout
    )
    assert figures is not None, result.stdout
    speed, megabytes = (int(figure.replace(",", "")) for figure in figures.groups())
    assert megabytes < 2000
    assert speed > 2000
