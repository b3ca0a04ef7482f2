"""Networks of others on the command line: played with, shown, and exported; and what is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from hexz.errors import InvalidModel, InvalidSettings
from hexz.model.description import describe
from hexz.player.service import PlayerService
from hexz.schema.programs import PlayerConfig
from tests.model.peers import small_peer
from tests.model.scripts import OthersNet, save_script

from .processes import assert_one_error_line, hexzctl


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_script(OthersNet(), tmp_path_factory.mktemp("script") / "champion.pt")


def test_a_torchscript_file_and_a_network_of_today_play_in_the_arena(
    script: Path, tmp_path: Path
) -> None:
    torch.save(small_peer("E residual"), tmp_path / "today.pt")
    players = (f"model:{script}@2", f"gumbel:{tmp_path}/today.pt@2", "random")
    options = [word for player in players for word in ("--player", player)]
    result = hexzctl("arena", *options, "--boards", 1, "--num-workers", 1, "--json")
    assert result.returncode == 0, result.stderr
    content = json.loads(result.stdout)
    assert content["complete"]
    assert [pair["boards"] for pair in content["pairs"]] == [1, 1, 1]


@pytest.mark.parametrize(
    ("family", "words"),
    [
        ("A", "cnn_blocks, 3 plain blocks of 16 filters, 9 planes"),
        ("B", "cnn_blocks, 3 plain blocks of 16 filters, 11 planes"),
        ("C", "_torso, 3 plain blocks of 16 filters, 11 planes"),
        ("D", "_torso, 3 residual blocks of 16 filters, 11 planes"),
        ("E plain", "_torso, 3 plain blocks of 16 filters, rich_v1"),
        ("E residual", "_torso, 3 residual blocks of 16 filters, rich_v1"),
    ],
)
def test_what_a_file_is(family, words, tmp_path):
    torch.save(small_peer(family), tmp_path / "model.pt")
    facts = describe(tmp_path / "model.pt")
    assert facts["architecture"] == words
    assert "Go server" in facts["kind"]


def test_what_a_torchscript_file_is(script):
    facts = describe(script)
    assert "TorchScript" in facts["kind"]
    assert facts["weight bytes"] > 1_500_000


def malformed(kind: str, directory: Path, script: Path) -> Path:
    path = directory / f"{kind}.pt"
    state = small_peer("E residual")
    match kind:
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("no model")
        case "cut-peer":
            torch.save(state, path)
            path.write_bytes(path.read_bytes()[:-500])
        case "cut-script":
            path.write_bytes(script.read_bytes()[:-500])
        case "nan":
            state["policy_head.4.bias"][3] = float("nan")
            torch.save(state, path)
        case "less":
            del state["_torso._blocks.2.bn2.weight"]
            torch.save(state, path)
        case "pickle":
            torch.save({"cnn_blocks.0.0.weight": Path("/etc/passwd")}, path)
    return path


@pytest.mark.parametrize(
    "kind", ["empty", "text", "cut-peer", "cut-script", "nan", "less", "pickle"]
)
def test_malformed_files_are_said_in_a_line(kind, script, tmp_path):
    with pytest.raises(InvalidModel) as caught:
        describe(malformed(kind, tmp_path, script))
    assert "\n" not in str(caught.value)
    assert kind in str(caught.value)


def test_a_malformed_file_ends_a_command_with_a_line(script, tmp_path):
    path = malformed("cut-script", tmp_path, script)
    result = hexzctl("models", "show", path)
    assert (result.returncode, result.stdout) == (1, "")
    assert_one_error_line(result.stderr, "cut-script.pt")


def test_a_program_is_not_followed(script):
    with pytest.raises(InvalidSettings, match="--follow"):
        PlayerService(PlayerConfig(model=str(script), follow=True))


def test_a_network_is_exported_with_its_card(tmp_path):
    torch.save(small_peer("D"), tmp_path / "champion.pt")
    output = tmp_path / "champion.script"
    result = hexzctl(
        "models", "export", tmp_path / "champion.pt", "--format", "torchscript", "--output", output
    )
    assert result.returncode == 0, result.stderr
    assert_one_error_line(result.stderr, f"wrote {output}, ", f"{output}.json")
    card = json.loads(Path(f"{output}.json").read_text())
    assert card["bytes"] == output.stat().st_size
    assert card["network"]["name"] == "champion"
    assert card["rating"] is None
