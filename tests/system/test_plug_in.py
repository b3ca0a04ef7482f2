"""The first table of docs/plug-in.md and the commands of docs/protocol.md: each is run as it stands
there, with the smallest networks, the shortest searches, and any port that is free."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
import torch
import urllib3
from msgspec.structs import asdict

import hexz
from hexz.checkpoints import NewCheckpoint, open_store
from hexz.engine import Board, Move
from hexz.model.checkpoint import encode_checkpoint, load_checkpoint, new_checkpoint
from hexz.model.config import ModelConfig
from hexz.schema.records import RatedCheckpoint, Ratings
from hexz.wire import hexz_pb2 as pb

from ..dataset.replay_files import columns_of, write_replay
from ..games import game_examples
from ..model.peers import peer_state
from ..model.scripts import OthersNet, save_script
from ..states import board_to_message
from .player_server import PlayerServer
from .processes import activate, hexzctl

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "plug-in.md"
PROTOCOL = ROOT / "docs" / "protocol.md"
BOARD = Board.random(17)
SMALL = ModelConfig(blocks=1, filters=8)
PAGE = PROTOCOL.read_text()
LEGAL = BOARD.legal_moves()


def rows() -> list[str]:
    table = DOCUMENT.read_text().partition("\n\n|")[2].partition("\n\n")[0]
    return table.splitlines()[2:]


def commands(pattern: str) -> list[str]:
    """What the rows, and the page of the protocol, tell to run."""
    told = [command for row in rows() for command in re.findall(rf"`({pattern}[^`]*)`", row)]
    told += re.findall(rf"^    ({pattern}.*)$", PAGE, re.MULTILINE)
    return list(dict.fromkeys(told))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with all files that the table names."""
    place = tmp_path_factory.mktemp("plug-in")
    torch.save(peer_state("D", blocks=2, filters=8), place / "champion.pt")
    save_script(OthersNet(), place / "scriptmodule.pt")
    store = open_store(str(place / "hexz-data"), "flagz")
    for number in (0, 1):
        network = replace(new_checkpoint(SMALL, seed=number, model_name="flagz"), number=number)
        store.save(NewCheckpoint(number=number, model=encode_checkpoint(network), metadata={}))
    rated = RatedCheckpoint(value=321.0, low=300.0, high=342.0, boards=50)
    store.update_ratings(lambda _: Ratings(checkpoints={1: rated}))
    replay = place / "models/flagz/edgar/h5/examples.h5"
    write_replay(replay, columns_of([e for game in game_examples(3) for e in game]))
    (place / "docs").symlink_to(ROOT / "docs")
    return place


@pytest.fixture(autouse=True)
def _there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    activate(monkeypatch)
    monkeypatch.chdir(place)


def words(line: str) -> list[str]:
    """The words of a command, with limits that make it quick."""
    quick = re.sub(r"@\d+s\b", "@0.05s", re.sub(r"@\d+\b(?!s)", "@1", line))
    return shlex.split(quick.replace("50051", "0").replace("uct:2000", "uct:20"))[1:]


def run(line: str, *more: object, lines: str | None = None) -> str:
    done = hexzctl(*words(line), *more, lines=lines)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_each_row_has_a_test() -> None:
    told = set(commands("hexzctl "))
    assert len(told) >= 16
    tested = {name: commands(f"hexzctl {name}") for name in TESTED}
    assert {line for lines in tested.values() for line in lines} == told
    assert all(tested.values())
    others = [row for row in rows() if "hexzctl " not in row]
    python = {word for row in others for word in re.findall("`(.+?)`", row)}
    assert python == {"import hexz", "hexz.VectorEnv(256)", "hexz.pettingzoo_env()"}


TESTED = (
    "serve-player", "play", "arena", "selfplay", "models rate", "models show", "models export",
    "models fit", "engine", "export-examples",
)  # fmt: skip


@pytest.mark.parametrize("line", commands("hexzctl serve-player"))
def test_the_server_answers(line: str, tmp_path: Path) -> None:
    server = PlayerServer(tmp_path, *words(line)[1:])
    question = pb.SuggestMoveRequest(
        max_iterations=1, game_engine_state=board_to_message(BOARD)
    ).SerializeToString()
    try:
        if "--grpc-port" in line:
            with grpc.insecure_channel(server.grpc_address) as channel:
                call = channel.unary_unary("/hexzpb.CPUPlayerService/SuggestMove")
                data = call(question, timeout=60)
        else:
            headers = {"Content-Type": "application/x-protobuf"}
            url = f"{server.url}/hexz/cpu/suggest"
            data = urllib3.request("POST", url, body=question, headers=headers, timeout=60).data
        move = pb.SuggestMoveResponse.FromString(data).move
        assert Move("flag" if move.cell_type else "normal", move.row, move.col) in LEGAL
    finally:
        server.end()


@pytest.mark.parametrize("line", commands("hexzctl play"))
def test_somebody_plays_in_the_terminal(line: str) -> None:
    assert re.search(r"2 Orange \S+", run(line, "--seed", 17, lines="Fd5\n"))


@pytest.mark.parametrize("line", commands("hexzctl arena"))
def test_they_meet_in_the_arena(line: str) -> None:
    done = hexzctl(*words(line), "--boards", 1, "--num-workers", 1, "--json")
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    assert content["complete"]
    assert [pair["boards"] for pair in content["pairs"]] == [1]


@pytest.mark.parametrize("line", commands("hexzctl models rate"))
def test_it_is_rated(line: str, tmp_path: Path) -> None:
    quick = ["--boards", 1, "--simulations", 1, "--num-workers", 1, "--output-dir", tmp_path]
    assert re.search(r"^ +model:champion.pt@1 ", run(line, *quick), re.MULTILINE)


@pytest.mark.parametrize("line", commands("hexzctl selfplay"))
def test_examples_are_made_with_it(line: str, tmp_path: Path) -> None:
    quick = ["--runs-per-move", 1, "--num-workers", 1, "--games-per-process", 1, "--max-games", 1]
    run(line, *quick, "--output-dir", tmp_path)
    assert len({example.game_id for example in hexz.read_examples(str(tmp_path))}) >= 1


@pytest.mark.parametrize("line", commands("hexzctl models show"))
def test_a_file_is_shown(line: str) -> None:
    shown = run(line)
    assert re.search(r"^ +champion.pt *$", shown, re.MULTILINE)
    assert "_torso, 2 residual blocks of 8 filters, 11 planes" in shown


@pytest.mark.parametrize("line", commands("hexzctl models export"))
def test_a_network_is_exported(line: str) -> None:
    if "onnx" in line:
        pytest.importorskip("onnx", reason="the extra onnx is not installed")
        pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    output = Path(words(line)[-1])
    run(line)
    card = json.loads(Path(f"{output}.json").read_text())
    assert card["bytes"] == output.stat().st_size
    ratings = open_store("hexz-data", "flagz").ratings()
    assert ratings is not None
    assert card["rating"] == asdict(ratings.checkpoints[1])


@pytest.mark.parametrize("line", commands("hexzctl engine"))
def test_the_engine_answers(line: str) -> None:
    answer = run(line, lines=f"board {hexz.position_text(BOARD)}\ngenmove\nboard\nquit\n")
    position = re.findall(r"^= (\S{105} \d \d+)$", answer, re.MULTILINE)[-1]
    assert hexz.read_position(position).move_number == 1


def answers(lines: list[str], *options: str) -> list[str]:
    """What the engine answers to each line."""
    printed = run(f"hexzctl engine --player {' '.join(options)}", lines="\n".join([*lines, ""]))
    return printed.split("\n\n")[: len(lines)]


def test_the_conversation_on_the_page_of_the_protocol() -> None:
    conversation = PAGE.partition("    $ ")[2].partition("\n\n## ")[0]
    begin, *lines = conversation.split("\n")
    shown = "\n".join(line.strip() for line in lines).strip().split("\n\n")
    questions, expected = zip(*(part.split("\n", 1) for part in shown), strict=True)
    assert len(questions) == 3
    found = answers([*questions, "quit"], *shlex.split(begin)[3:])
    assert found[:2] == [answer.strip() for answer in expected[:2]]
    for answer in expected[2], found[2]:
        assert re.fullmatch(r"= F?[a-k]\d+ -?\d\.\d{4}", answer)


def test_each_command_of_the_protocol() -> None:
    table = re.findall(r"^\| `([a-z]+)([^`]*)` \| `(=[^`]*)`", PAGE, re.MULTILINE)
    assert len(table) == 9 - 1  # `board` alone and with a position are two
    moves = [str(BOARD.legal_moves()[0])]
    values = {
        "POSITION": hexz.position_text(BOARD),
        "MOVE": moves[0],
        "SECONDS": "5",
        "NUMBER": "2",
    }
    order = {"board": 0, "play": 1, "quit": 3}
    lines = [
        name + re.sub("[A-Z]+", lambda word: values[word[0]], re.sub(r"[\[\]]", "", rest))
        for name, rest, _ in sorted(table, key=lambda row: order.get(row[0], 2))
    ]
    found = answers(lines, "uct:20")
    assert len(found) == len(lines)
    assert all(answer.startswith("=") for answer in found), found


@pytest.mark.parametrize("line", commands("hexzctl export-examples"))
def test_a_replay_file_is_read(line: str) -> None:
    pytest.importorskip("h5py", reason="the extra for HDF5 is not installed")
    printed = run(line)
    rows = sum(len(game) for game in game_examples(3))
    assert f"{rows:,}" in printed or f"{rows}" in printed


@pytest.mark.parametrize("line", commands("hexzctl models fit"))
def test_a_network_is_trained_on_it(line: str) -> None:
    pytest.importorskip("h5py", reason="the extra for HDF5 is not installed")
    run(line, "--blocks", 1, "--filters", 8, "--batch-size", 16, "--max-seconds", 0.01)
    assert load_checkpoint(Path("ours.pt")).metadata["fit"]["examples"] > 0


def test_the_environments_are_there() -> None:
    assert hexz.VectorEnv(256).observe().shape == (256, 11, 11, 10)
    pytest.importorskip("pettingzoo", reason="the extra pettingzoo is not installed")
    env = hexz.pettingzoo_env()
    env.reset(seed=1)
    assert env.agent_selection == "player_1"
