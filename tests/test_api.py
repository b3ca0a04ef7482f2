"""The interface for programs of others: what `hexz` exports, and what its documentation shows."""

import doctest
import json
import re
import subprocess
import sys
import warnings
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import hexz
import hexz._api

from .dataset.files import write_zip
from .games import game_examples
from .wire.sample import assert_same, make_example

DOCS = Path(__file__).parents[1] / "docs"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with the examples of a game in `hexz-data`, as `hexzctl train` makes it."""
    write_zip(tmp_path / "hexz-data" / "a.zip", game_examples(1)[0])
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_data")
@pytest.mark.parametrize("module", [hexz, hexz._api])
def test_the_examples_in_docstrings_are_true(module: ModuleType) -> None:
    found = doctest.testmod(module, optionflags=FLAGS)
    assert found.failed == 0
    assert found.attempted > 0


@pytest.mark.usefixtures("_data")
def test_the_page_is_true() -> None:
    found = doctest.testfile(str(DOCS / "python.md"), module_relative=False, optionflags=FLAGS)
    assert found.failed == 0
    assert found.attempted > 20


def test_no_example_is_left_out() -> None:
    """All that looks like Python is an example that is run, and there are no others anywhere."""
    page = (DOCS / "python.md").read_text()
    for block in re.findall(r"(?:^    .*\n)+", page, re.MULTILINE):
        assert re.match("    (>>>|source|pip|jupyter) ", block), block
    root = DOCS.parent
    sources = [path for end in ("py", "pyx") for path in (root / "hexz").rglob(f"*.{end}")]
    assert len(sources) > 100
    assert {path.name for path in sources if ">>> " in path.read_text()} == {
        "__init__.py",
        "_api.py",
    }
    assert "doctest:" not in (root / "hexz" / "_api.py").read_text() + page


def test_all_names_are_there_and_documented() -> None:
    page = (DOCS / "python.md").read_text()
    for name in hexz.__all__:
        assert getattr(hexz, name) is not None
        assert f"hexz.{name}" in page or f"`{name}`" in page or name == "__version__"
    assert set(hexz.__all__) <= set(dir(hexz))
    with pytest.raises(AttributeError, match="'hexz' has no attribute 'nothing'"):
        hexz.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_what_is_no_name_of_the_interface_is_not_shown() -> None:
    import hexz.arena
    import hexz.engine

    shown = {name for name in dir(hexz) if not name.startswith("__")}
    assert shown == {*hexz.__all__} - {"__version__"}


@pytest.mark.parametrize("path", ["python.md", "engine.py", "flagz.ipynb", "plug-in.md"])
def test_what_the_documentation_uses_is_in_the_interface(path: str) -> None:
    text = (DOCS / path).read_text()
    if path == "flagz.ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    text = text.replace("`hexz.engine`", "").replace("hexz.errors.IllegalMove:", "")
    assert not re.search(r"(from|import) hexz[. ]\w", text)
    assert set(re.findall(r"\bhexz\.(\w+)", text)) - {"__all__"} <= set(hexz.__all__)


def test_all_that_public_classes_have_is_documented() -> None:
    for name in hexz.__all__:
        if isinstance(found := getattr(hexz, name), type):
            for member, value in vars(found).items():
                if callable(value) or isinstance(value, property | classmethod | staticmethod):
                    assert member.startswith("_") or value.__doc__, f"{name}.{member}"


def test_importing_it_imports_nothing_else() -> None:
    code = "import sys, hexz; sys.exit(bool({'numpy', 'msgspec', 'hexz.engine'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_rules_players_and_games_need_no_pytorch() -> None:
    code = (
        "import sys, hexz; player = hexz.load_player('uct:10');"
        "hexz.play(player, player)._positions[0]._repr_svg_();"
        "sys.exit(bool({'torch', 'flask', 'grpc'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_notebooks_draw_a_board() -> None:
    board = hexz.Board.random(17)
    board.play("Fd5")
    board.play("Fg7")
    board.play("d4")
    drawing = board._repr_svg_()
    assert drawing is not None
    root = ElementTree.fromstring(drawing)  # noqa: S314 - our own
    assert root[0].text == "Flagz, move 3: Orange to move"
    kinds = [group.get("class") for group in root.iter("{http://www.w3.org/2000/svg}g")]
    assert [kinds.count(f"hz-{kind}") for kind in ("flag1", "flag2", "cell1", "rock")] == [
        1,
        1,
        1,
        15,
    ]
    assert root.find("{http://www.w3.org/2000/svg}style") is not None


class TestPlay:
    def test_the_board_is_not_changed_and_the_player_who_moves_twice_is_asked_twice(self) -> None:
        board = hexz.Board.random(1)
        asked: list[int] = []
        with hexz.load_player("random", seed=1) as player:

            def mover(position: hexz.Board) -> str:
                asked.append(position.turn)
                move = player.suggest(position).move
                position.play(move)  # its own copy
                return str(move)

            game = hexz.play(mover, mover, board)
        assert board == hexz.Board.random(1)
        assert len(asked) == len(game.moves) == game.board.move_number
        assert any(first == second for first, second in pairwise(asked))

    def test_an_illegal_move_is_an_error(self) -> None:
        with pytest.raises(hexz.IllegalMove, match="player 1 cannot play d5"):
            hexz.play(lambda _: "d5", lambda _: "d5", hexz.Board.random(17))

    @pytest.mark.parametrize("limits", [{"simulations": 0}, {"seconds": float("nan")}])
    def test_a_limit_that_is_none_is_named(self, limits: dict[str, Any]) -> None:
        with (
            hexz.load_player("uct") as player,
            pytest.raises(hexz.HexzError, match=f"{next(iter(limits))} must be"),
        ):
            player.suggest(hexz.Board.random(17), **limits)

    @pytest.mark.parametrize("spec", ["uct", "model", "gumbel@64"])
    def test_simulations_may_be_a_number_of_numpy(self, spec: str) -> None:
        three: Any = np.int64(3)
        with hexz.load_player(spec) as player:
            suggestion = player.suggest(hexz.Board.random(17), simulations=three)
        assert suggestion.visits.sum() <= 3

    def test_an_ended_game_has_no_suggestion(self) -> None:
        with hexz.load_player("random") as player:
            end = hexz.play(player, player).board
            with pytest.raises(hexz.IllegalMove, match="the game is over"):
                player.suggest(end)


@pytest.fixture(scope="module")
def network() -> hexz.Network:
    return hexz.load_network()


class TestNetwork:
    def test_evaluates_each_position_as_it_would_alone(self, network: hexz.Network) -> None:
        with hexz.load_player("random", seed=4) as player:
            game = hexz.play(player, player, hexz.Board.random(4))
        boards = [before for before, _, _ in game.history()]
        policies, values = network.evaluate(boards)
        for number in (0, 17, len(boards) - 1):
            alone = network.evaluate(boards[number])
            np.testing.assert_allclose(alone.policies[0], policies[number], atol=1e-6)
            np.testing.assert_allclose(alone.values[0], values[number], atol=1e-6)
        np.testing.assert_allclose(policies.sum(1), 1, atol=1e-5)
        assert all(
            (policy > 0).tolist() == b.legal_mask().tolist()
            for policy, b in zip(policies[:20], boards, strict=False)
        )

    def test_no_positions_are_no_rows(self, network: hexz.Network) -> None:
        assert network.evaluate([]).policies.shape == (0, 220)

    def test_the_end_of_a_game_is_refused(self, network: hexz.Network) -> None:
        with hexz.load_player("random") as player:
            end = hexz.play(player, player).board
        with pytest.raises(hexz.IllegalMove, match="position 1 is the end of a game"):
            network.evaluate([hexz.Board.random(1), end])

    def test_a_missing_model_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(hexz.InvalidModel, match="no model"):
            hexz.load_network(str(tmp_path / "nothing.pt"))

    def test_its_place_may_be_a_path(self, tmp_path: Path) -> None:
        with pytest.raises(hexz.InvalidModel, match="no model"):
            hexz.load_network(tmp_path / "nothing.pt")


class TestReadExamples:
    def test_yields_the_examples_and_warns_of_what_is_none(self, tmp_path: Path) -> None:
        examples = [make_example(seed) for seed in (1, 2)]
        write_zip(tmp_path / "a.zip", [*examples, examples[0]])
        (tmp_path / "b.zip").write_bytes(b"nothing")
        with pytest.warns(UserWarning, match=r"b\.zip"):
            read = list(hexz.read_examples(str(tmp_path)))
        for made, found in zip(examples, read, strict=True):
            assert_same(made, found, ignore=("writer_version",))

    def test_a_source_may_be_a_path(self, tmp_path: Path) -> None:
        write_zip(tmp_path / "a.zip", [make_example(1)])
        assert len(list(hexz.read_examples(tmp_path / "a.zip"))) == 1

    def test_the_warnings_can_be_errors(self, tmp_path: Path) -> None:
        (tmp_path / "b.zip").write_bytes(b"nothing")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(UserWarning, match=r"b\.zip"):
                next(hexz.read_examples(str(tmp_path)))
