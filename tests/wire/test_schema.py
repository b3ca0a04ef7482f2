"""The generated code belongs to proto/hexz.proto, and the numbers are those of the Go server."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hexz.wire import hexz_pb2 as pb

REPOSITORY = Path(__file__).parents[2]

# message: {number: name}; from the public server, whose numbers never change.
NUMBERS = {
    "Board": "turn move last_revealed flat_fields score resources state",
    "Field": "type owner hidden value blocked lifetime next_val",
    "ResourceInfo": "num_pieces",
    "GameEngineFlagzState": "board free_cells normal_moves moves",
    "GameEngineState": "flagz classic freeform",
    "GameEngineMove": "player_num move row col cell_type",
    "SuggestMoveRequest": "max_think_time_ms game_engine_state max_iterations",
    "SuggestMoveResponse": "move move_stats",
    "SuggestMoveStats": "moves value",
    "SuggestMoveStats.ScoredMove": "row col type scores",
    "SuggestMoveStats.Score": "kind score",
    "ServerInfoRequest": "",
    "ServerInfoResponse": "server_type model_key",
    "ModelKey": "name checkpoint",
}
ENUMS = {
    "Board.GameState": "INITIAL RUNNING FINISHED",
    "Field.CellType": "NORMAL DEAD GRASS ROCK FIRE FLAG PEST DEATH",
    "SuggestMoveStats.ScoreKind": "FINAL MCTS_PRIOR",
    "ServerInfoResponse.ServerType": "TYPE_UNSPECIFIED TYPE_MCTS TYPE_NEURAL_MCTS",
}


@pytest.mark.parametrize("message", NUMBERS)
def test_field_numbers(message: str) -> None:
    descriptor = pb.DESCRIPTOR.pool.FindMessageTypeByName(f"github.com.dnswlt.hexz.{message}")
    expected = dict(enumerate(NUMBERS[message].split(), start=1))
    assert {field.number: field.name for field in descriptor.fields} == expected


@pytest.mark.parametrize("enum", ENUMS)
def test_enum_values(enum: str) -> None:
    descriptor = pb.DESCRIPTOR.pool.FindEnumTypeByName(f"github.com.dnswlt.hexz.{enum}")
    assert {v.number: v.name for v in descriptor.values} == dict(enumerate(ENUMS[enum].split()))


def test_bytes_are_those_of_the_server() -> None:
    """A message written out by hand: tags are number * 8 + wire type."""
    move = pb.GameEngineMove(player_num=2, move=12, row=3, col=4, cell_type=pb.Field.FLAG)
    assert move.SerializeToString() == bytes([8, 2, 16, 12, 24, 3, 32, 4, 40, 5])
    field = pb.Field(type=pb.Field.NORMAL, blocked=1, lifetime=-1, next_val=[-1, 2])
    minus_one = b"\xff" * 9 + b"\x01"
    assert (
        field.SerializeToString() == b"\x28\x01\x30" + minus_one + b"\x3a\x0b" + minus_one + b"\2"
    )


def test_full_name_of_examples() -> None:
    assert pb.NumpyExample.DESCRIPTOR.full_name == "github.com.dnswlt.hexz.NumpyExample"


def test_the_end_mark_has_the_highest_number() -> None:
    """Fields are written by number; a cut is noticed because the last one is missing."""
    fields = pb.NumpyExample.DESCRIPTOR.fields_by_name
    assert fields["writer_version"].number == max(field.number for field in fields.values())


def without_version(code: str) -> str:
    """Generated code without what depends on the version of the generator alone."""
    code = re.sub(r"Protobuf Python Version: [\d.]+", "", code)
    code = re.sub(r"Domain\.PUBLIC,\s+\d+,\s+\d+,\s+\d+,", "", code)
    return code.replace("_Optional[bool]", "bool")


def test_generated_code_is_up_to_date(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools, which generates it, is not installed")
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", "-Ihexz/wire=proto"),
            *(f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", "hexz/wire/hexz.proto"),
        ],
        cwd=REPOSITORY,
        check=True,
    )
    for name in ("hexz/wire/hexz_pb2.py", "hexz/wire/hexz_pb2.pyi"):
        committed, generated = (root.joinpath(name).read_text() for root in (REPOSITORY, tmp_path))
        assert without_version(committed) == without_version(generated), name


def test_the_lower_bound_of_protobuf_fits_the_generated_code() -> None:
    code = (REPOSITORY / "hexz/wire/hexz_pb2.py").read_text()
    generated = re.search(r"Protobuf Python Version: (\d+)\.(\d+)", code)
    dependencies = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"][
        "dependencies"
    ]
    bound = re.search(r"protobuf>=(\d+)\.(\d+)", " ".join(dependencies))
    assert generated is not None
    assert bound is not None
    assert tuple(map(int, bound.groups())) >= tuple(map(int, generated.groups()))
