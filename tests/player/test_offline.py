"""The page in one file: its network computes what ours does, and it plays from the disk."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hexz
from hexz.engine import Board
from hexz.engine.endgame import solve
from hexz.errors import InvalidModel
from hexz.model.checkpoint import Checkpoint, load_checkpoint, new_checkpoint
from hexz.model.config import Kernel, ModelConfig
from hexz.model.outlook import outlook_of
from hexz.model.torch_evaluator import TorchEvaluator
from hexz.model.weights import _EPSILON, Weights
from hexz.places import SHIPPED
from hexz.player.levels import LEVELS
from hexz.player.offline import MAX_BYTES, offline_page
from hexz.player.searcher import SOLVE_NODES

from ..browser import PHONE, Hands, Page, findings, themed
from .positions import played, solved_game
from .whole_games import SEED, SMALL, play_by_keyboard, play_by_touch

NODE = shutil.which("node")
POSITIONS = 1000
TOLERANCE = 1e-3
"""Of logits, which are some ten units apart; PyTorch's own kernels differ by a tenth of it."""
ROUNDED = 0.04
"""What the half precision of the page's weights may change in them. 0.022 was found."""


CLUB = next(level for level in LEVELS if level.name == "club")


@pytest.fixture(scope="module")
def page_html() -> str:
    return offline_page(load_checkpoint(SHIPPED), is_shipped=True)


def part(page: str, name: str) -> str:
    """What a script element of the page holds."""
    found = re.search(rf'<script type="[^"]+" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return found[1]


def games() -> list[tuple[str, list[int]]]:
    """Boards and moves of random games, each as far as it has POSITIONS together with others."""
    found: list[tuple[str, list[int]]] = []
    while sum(len(moves) for _, moves in found) < POSITIONS:
        with hexz.load_player("random", seed=len(found)) as player:
            board = Board.random(len(found))
            game = hexz.play(player, player, board)
        found.append((board.to_text(), [move.index for move in game.moves]))
    return found


def rounded(network: Weights) -> Weights:
    """The network as the page has it: all that it multiplies with in half precision."""
    tensors = dict(network.tensors)
    for norm in [name.removesuffix(".running_var") for name in tensors if "running_var" in name]:
        conv = norm.removesuffix(".1") + ".0"
        tensors[f"{conv}.weight"], tensors[f"{norm}.bias"] = network.folded(conv, norm)
        for name, value in {"weight": 1, "running_mean": 0, "running_var": 1 - _EPSILON}.items():
            tensors[f"{norm}.{name}"] = np.full_like(tensors[f"{norm}.bias"], value)
    return Weights(
        network.config,
        {
            name: tensor if "running" in name else tensor.astype("<f2").astype(tensor.dtype)
            for name, tensor in tensors.items()
        },
    )


SCRIPT = """
const { header, weights, games } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const thinker = new Network(header, Uint8Array.from(Buffer.from(weights, "base64")).buffer);
const answers = games.flatMap(([board, moves]) => {
  let position = Position.fromText(board);
  return moves.map((move, i) => {
    const { logits, value, outlook: { margin } } = thinker.evaluate(position);
    const legal = position.legalActions();
    const best = legal.reduce((a, b) => (logits[b] > logits[a] ? b : a));
    const solution = solve(position);
    const thought = () => think(thinker, grow(thinker, position), 1).move;
    const action = i % 20 ? solution?.move ?? best : thought();
    const known = solution && [solution.margin, ...legal.map((a) => solution.values.get(a))];
    position = position.play(move);
    return { logits: legal.map((a) => logits[a]), value, margin, action, known };
  });
});
const halves = Array.from(singles(Uint16Array.from({ length: 0x10000 }, (_, bits) => bits)));
console.log(JSON.stringify({ answers, halves }));
"""


EVALUATIONS = """
const { header, weights, board, moves } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const thinker = new Network(header, Uint8Array.from(Buffer.from(weights, "base64")).buffer);
const logits = [], values = [];
let position = Position.fromText(board);
for (const move of moves) {
  const evaluation = thinker.evaluate(position);
  logits.push(Array.from(evaluation.logits));
  values.push(evaluation.value);
  position = position.play(move);
}
console.log(JSON.stringify({ logits, values }));
"""


def in_node(page: str, script: str, question: object, directory: Path) -> Any:
    """What a script answers that follows the page's worker."""
    worker = part(page, "worker").replace("self.onmessage", "globalThis.onmessage")
    path = directory / "thinks.cjs"
    path.write_text(f"{worker}\n{script}", encoding="utf-8")
    assert NODE is not None
    result = subprocess.run(
        [NODE, path], input=json.dumps(question), capture_output=True, text=True, check=False,
        timeout=200,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.skipif(NODE is None, reason="needs Node (Debian: apt-get install nodejs)")
def test_its_moves_are_those_of_one_simulation(page_html: str, tmp_path: Path) -> None:
    """The policy in float32 on POSITIONS positions, where two moves that are closer than TOLERANCE
    are equal; and the move of the solution where there is one."""
    network = json.loads(part(page_html, "network"))
    played = games()
    question = {
        "header": network["header"], "weights": part(page_html, "weights"), "games": played,
    }  # fmt: skip
    said = in_node(page_html, SCRIPT, question, tmp_path)
    halves = np.arange(0x10000, dtype="<u2").view("<f2")
    finite = np.flatnonzero(np.isfinite(halves))
    assert [said["halves"][bits] for bits in finite] == halves[finite].tolist()
    answers = said["answers"]

    boards = []
    for text, moves in played:
        board = Board.from_text(text)
        for move in moves:
            boards.append(board.copy())
            board.play_index(move)
    shipped = load_checkpoint(SHIPPED)
    assert isinstance(shipped.weights, Weights)
    as_it_is = replace(shipped, weights=rounded(shipped.weights))
    assert part(offline_page(as_it_is), "weights") == part(page_html, "weights")
    planes = np.stack([board.planes() for board in boards])
    exact, (logits, values) = (
        TorchEvaluator(net, device="cpu", batch_size=256, half=False).evaluate(planes)
        for net in (shipped.net, as_it_is.net)
    )
    legal_masks = np.stack([board.legal_mask() for board in boards])
    assert np.abs(logits - exact[0])[legal_masks].max() < ROUNDED
    outlook = outlook_of(shipped.weights)
    assert outlook is not None
    solved = 0
    for board, answer, ours, value in zip(boards, answers, logits, values, strict=True):
        legal = np.flatnonzero(board.legal_mask())
        assert answer["logits"] == pytest.approx(ours[legal], abs=TOLERANCE)
        assert answer["value"] == pytest.approx(value, abs=TOLERANCE)
        solution = solve(board, SOLVE_NODES)
        if solution is None:
            assert answer["known"] is None
            assert ours[answer["action"]] >= ours[legal].max() - TOLERANCE
        else:
            assert answer["action"] == solution.move.index
            margins = {move.index: margin for move, margin in solution.values.items()}
            assert answer["known"] == [solution.margin, *(margins[int(action)] for action in legal)]
            solved += 1
    assert solved > POSITIONS / 20
    for board, answer in list(zip(boards, answers, strict=True))[::50]:
        assert answer["margin"] == pytest.approx(outlook.evaluate(board).margin, abs=0.1)


@pytest.mark.skipif(NODE is None, reason="needs Node (Debian: apt-get install nodejs)")
@pytest.mark.parametrize("kernel", ["ring", "square"])
def test_networks_of_both_kernels(kernel: Kernel, tmp_path: Path) -> None:
    checkpoint = new_checkpoint(ModelConfig(2, 8, kernel), seed=3)
    page = offline_page(checkpoint)
    [board, moves] = games()[0]
    question = {
        "header": json.loads(part(page, "network"))["header"],
        "weights": part(page, "weights"),
        "board": board,
        "moves": moves[:40],
    }
    said = in_node(page, EVALUATIONS, question, tmp_path)
    position, planes = Board.from_text(board), []
    for move in moves[:40]:
        planes.append(position.planes())
        position.play_index(move)
    evaluator = TorchEvaluator(checkpoint.net, device="cpu", batch_size=64, half=False)
    logits, values = evaluator.evaluate(np.stack(planes))
    np.testing.assert_allclose(said["values"], values, atol=ROUNDED)
    np.testing.assert_allclose(said["logits"], logits, atol=ROUNDED)


SEARCHES = """
const { header, weights, board, asked } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const tries = [];
globalThis.self = { postMessage: ({ reply: { visits } }) =>
  tries.push(Object.values(visits).reduce((sum, n) => sum + n, 0)) };
onmessage({ data: { header, weights: Uint8Array.from(Buffer.from(weights, "base64")).buffer } });
for (const [actions, simulations] of asked)
  onmessage({ data: { number: 0, board, actions, player: `model@${simulations}` } });
console.log(JSON.stringify(tries));
"""


@pytest.mark.skipif(NODE is None, reason="needs Node (Debian: apt-get install nodejs)")
def test_a_search_goes_on_after_others_and_not_all_are_kept(tmp_path: Path) -> None:
    page = offline_page(new_checkpoint(ModelConfig(1, 8), seed=3))
    assert "MOST_NODES = 8000;" in page
    board = Board.random(1)
    others = [([move.index], 30) for move in board.legal_moves()[:10]]
    question = {
        "header": json.loads(part(page, "network"))["header"],
        "weights": part(page, "weights"),
        "board": board.to_text(),
        "asked": [([], 50), others[0], ([], 50), ([], 20), ([], 50), *others, ([], 50), others[-1]],
    }
    small = page.replace("MOST_NODES = 8000;", "MOST_NODES = 200;")
    tries = in_node(small, SEARCHES, question, tmp_path)
    assert tries[:5] == [49, 29, 99, 19, 149]
    assert tries[-2:] == [49, 59], "the first of them was asked for longest ago"


def test_it_is_one_file_that_loads_nothing(page_html: str) -> None:
    assert len(page_html.encode()) < MAX_BYTES
    assert "default-src 'none'" in page_html
    assert not re.search(r'(?:src|href)="(?!#|data:)', page_html)
    assert len(base64.b64decode(part(page_html, "weights"))) > 100_000


def test_a_whole_game_by_keyboard_against_a_computer(
    page_html: str, chromium: Any, tmp_path: Path
) -> None:
    page = page_of(page_html, chromium, tmp_path)
    page.open(f"seed={SEED}&blue=person&orange=glance@20")
    with Hands(page) as hands:
        assert play_by_keyboard(hands) == page.board()
    assert page.errors() == []


def test_a_whole_game_by_touch(page_html: str, chromium: Any, tmp_path: Path) -> None:
    page = page_of(page_html, chromium, tmp_path)
    page.open(f"{SMALL}&blue=person&orange=person", PHONE)
    with Hands(page) as hands:
        assert play_by_touch(hands) == page.board()
    assert page.errors() == []


def page_of(page_html: str, chromium: Any, directory: Path) -> Page:
    """The page on the disk."""
    path = directory / "flagz.html"
    path.write_text(page_html, encoding="utf-8")
    page = Page(chromium, path.as_uri())
    page.errors()  # of others
    return page


def test_no_class_hides_one_of_the_browser(page_html: str, chromium: Any) -> None:
    """The modules share their names in one script, where dom.js asks for the browser's `Node`."""
    names = re.findall(r"^(?:class|const|function|let) ([A-Z]\w+)", page_html, re.MULTILINE)
    assert "Position" in names
    chromium.get("about:blank")
    assert chromium.execute_script("return arguments[0].filter((n) => n in window)", names) == []


def test_it_plays_from_the_disk(page_html: str, chromium: Any, tmp_path: Path) -> None:
    page = page_of(page_html, chromium, tmp_path)
    page.open(f"seed=17&blue=person&orange={CLUB.spec}")
    page.click("[data-name=d5]")
    page.until(lambda: len(page.moves) == 2)
    page.until(lambda: "Your turn" in page.status)
    page.click("#hint")
    page.until(lambda: page.status.startswith("I would "))
    page.click("#new")
    assert page("#setup [name=orange] + small").text == f"{CLUB.spec}, Elo {CLUB.elo}"
    page.click("#cancel")
    page.click("#analyse")
    page.until(lambda: page("#expected").text.startswith("Expected result: "))
    page.until(lambda: re.fullmatch(r"[2-9]\d\d simulations", page("#thinking").text))  # deeper
    page.click("header nav a")
    assert len(page.all("#rules figure svg")) == 7
    for theme in ("light", "dark"):
        themed(chromium, theme)
        assert findings(chromium) == []
    page.click("#rules .primary")
    assert findings(chromium) == []
    assert page.errors() == []
    page.driver.get("about:blank")


def test_a_browser_that_lets_no_worker_start(page_html: str, chromium: Any, tmp_path: Path) -> None:
    """As some do that open files: whoever waits for the computer is told, whenever it was asked."""
    locked = page_html.replace("worker-src blob:", "worker-src 'none'", 1)
    page = page_of(locked, chromium, tmp_path)
    page.open(f"seed=17&blue=person&orange={CLUB.spec}")
    page.click("[data-name=d5]")
    page.until(lambda: page.status == "This browser lets no computer player start.")
    assert ["violates" in error for error in page.errors()] == [True]


def test_what_it_says_of_a_position_that_it_solves(
    page_html: str, chromium: Any, tmp_path: Path
) -> None:
    """The moves with the most points come first, whatever cell they are on."""
    boards = solved_game()
    solution = solve(boards[-1])
    assert solution is not None
    best = sorted(solution.values.values(), reverse=True)
    winner = "Blue" if boards[-1].turn == 1 else "Orange"
    page = page_of(page_html, chromium, tmp_path)
    moves = "-".join(str(move) for move in played(boards))
    page.open(f"seed=92&blue=person&orange=person&moves={moves}")
    page.click("#hint")
    wins = f"wins by {best[0]} points"
    page.until(lambda: page.status == f"I would place on {solution.move}: {wins}.")
    page.click("#analyse")
    page.until(lambda: page("#thinking").text.endswith("Solved exactly"))
    assert page("#expected").text == f"Best play of both: {winner} by {best[0]} points"
    rows = [row.text.split() for row in page.all("#top tbody tr")]
    assert [row[-1] for row in rows] == [f"+{points}" for points in best[: len(rows)]]
    worst = min(solution.values, key=lambda move: solution.values[move])
    lost = -solution.values[worst]
    assert page.labels()[str(worst)].endswith(f"{worst}: loses by {lost} points")
    assert page.errors() == []


def test_its_games_can_be_shared(page_html: str, chromium: Any, tmp_path: Path) -> None:
    """The picture is saved, and the link opens the game in this file."""
    where = {"behavior": "allow", "downloadPath": str(tmp_path)}
    chromium.execute_cdp_cmd("Browser.setDownloadBehavior", where)
    page = page_of(page_html, chromium, tmp_path)
    page.open(f"seed=17&blue=person&orange={CLUB.spec}&moves=Fd5-Fe8&resigned=1", (1024, 700))
    page.click("#share")
    page.until(lambda: "Orange wins" in page("#picture").get_attribute("aria-label"))
    dialog = page("#sharing")
    assert dialog.get_property("scrollHeight") == dialog.get_property("clientHeight")
    page.click("#save-picture")
    page.until((tmp_path / "flagz-17.png").exists)
    link = page("#link").get_property("value")
    assert page("#only-here").is_displayed()
    page.driver.get("about:blank")
    page.driver.get(link)
    page.until(lambda: page.status == "You resigned. You lose.")
    assert page.moves == ["Fd5", "Fe8"]
    assert page.errors() == []


def test_networks_that_are_too_large_are_refused() -> None:
    with pytest.raises(InvalidModel, match="8 blocks of 160 filters is too large"):
        offline_page(new_checkpoint(ModelConfig(blocks=8, filters=160)))
    size = ModelConfig(blocks=1, filters=8)
    weights = new_checkpoint(size).weights
    assert isinstance(weights, Weights)
    loud = {**weights.tensors, "value_head.out.weight": weights["value_head.out.weight"] + 1e6}
    with pytest.raises(InvalidModel, match="weights that are too large"):
        offline_page(Checkpoint(Weights(size, loud), "loud", 0, {}))
