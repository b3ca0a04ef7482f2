"""`hexzctl models`, as people run it."""

import json
import signal
import struct
import time

import pytest

import hexz
from hexz.checkpoints import NewCheckpoint, open_store
from hexz.model.checkpoint import encode_checkpoint, new_checkpoint
from hexz.model.config import ModelConfig

from ..dataset.files import write_zip
from ..games import game_examples
from ..waiting import wait_until
from .processes import TIMEOUT, assert_one_error_line, hexzctl, start_hexzctl

QUICK = ("--simulations", 2, "--num-workers", 1)


@pytest.fixture
def url(tmp_path) -> str:
    """A store with the models `tiny`, of three checkpoints, and `other`, of one."""
    url = str(tmp_path / "data")
    for name, numbers in (("tiny", (0, 1, 2)), ("other", (0,))):
        for number in numbers:
            network = new_checkpoint(ModelConfig(blocks=1, filters=8), seed=number, model_name=name)
            metadata = {
                "examples": 4321 * number,
                "report": {"losses": {"total": 2.5 - number / 8}},
                "training": {"seed": 0},
            }
            open_store(url, name).save(
                NewCheckpoint(number=number, model=encode_checkpoint(network), metadata=metadata)
            )
    return url


@pytest.fixture
def model(url) -> str:
    return f"{url}/models/flagz/tiny"


def test_rate(tmp_path, url, model):
    out = tmp_path / "out"
    rated = hexzctl(
        "models", "rate", model, *QUICK, "--checkpoints", "2,0", "--boards", 5,
        "--output-dir", out,
    )  # fmt: skip
    assert rated.returncode == 0, rated.stderr
    assert "10 of 10 boards" in rated.stderr
    assert f"wrote {out}/curve.png" in rated.stderr
    assert [line.split()[0] for line in rated.stdout.splitlines()[3:5]] == ["2", "0"]
    assert "uct:800" in rated.stdout
    picture = (out / "curve.png").read_bytes()
    assert struct.unpack(">II", picture[16:24]) == (1800, 630)

    facts = json.loads(hexzctl("models", "list", model, "--json").stdout)["tiny"]
    assert [row["checkpoint"] for row in facts] == [0, 1, 2]
    assert facts[1]["elo"] is None
    assert all(facts[n]["elo"]["low"] < facts[n]["elo"]["high"] for n in (0, 2))
    table = hexzctl("models", "list", model).stdout.splitlines()
    assert any("8,642" in line and "2.250" in line and " to " in line for line in table)
    assert "elo.value" in hexzctl("models", "show", model).stdout


def test_list_of_models(url):
    models = hexzctl("models", "list", url).stdout
    assert any(line.split()[:3] == ["tiny", "3", "2"] for line in models.splitlines())
    assert any(line.split()[:3] == ["other", "1", "0"] for line in models.splitlines())


def test_show(model):
    shown = hexzctl("models", "show", model, 1).stdout
    assert any(line.split() == ["examples", "4,321"] for line in shown.splitlines())
    assert json.loads(hexzctl("models", "show", model, "--json").stdout)["checkpoint"] == 2


def test_compare(model):
    lines = [line.split() for line in hexzctl("models", "compare", model, 1, 2).stdout.splitlines()]
    assert ["examples", "4,321", "8,642", "+4,321"] in lines
    assert ["report.losses.total", "2.375", "2.25", "-0.125"] in lines
    assert not any("training.seed" in line for line in lines)
    found = json.loads(hexzctl("models", "compare", model, 1, 2, "--json").stdout)
    assert found["examples"] == [4321, 8642]


def test_ctrl_c_keeps_the_ratings(tmp_path, model):
    out = tmp_path / "out"
    log = out / "games.jsonl"
    process = start_hexzctl("models", "rate", model, *QUICK, "--boards", 5000, "--output-dir", out)
    try:
        while not (log.exists() and log.read_bytes().count(b"gumbel:") > 12):
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=TIMEOUT)
    finally:
        process.kill()
    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in stderr
    ratings = open_store(model.partition("/models/")[0], "tiny").ratings()
    assert ratings is not None
    assert len(ratings.checkpoints) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "{url}"], ["other, tiny"]),
        (["show", "{model}", 9], ["no checkpoint 9"]),
        (["list", "{url}/missing"], ["no model in", "/missing"]),
        (["rate", "{model}", "--checkpoints", "0,7"], ["no checkpoint 7"]),
        (["rate", "{url}/models/flagz/other"], ["two or more"]),
    ],
)
def test_mistakes_are_one_line(tmp_path, url, model, arguments, words):
    texts = [str(argument).format(url=url, model=model) for argument in arguments]
    result = hexzctl("models", *texts)
    assert result.returncode == 1
    assert result.stdout == ""
    assert_one_error_line(result.stderr, *words)


def test_a_file_has_no_numbers():
    result = hexzctl("models", "show", "shipped", 3)
    assert result.returncode == 2
    assert "shipped is one network: NUMBER goes with a store" in " ".join(result.stderr.split())


def test_without_matplotlib_there_is_no_picture(tmp_path, model):
    missing = tmp_path / "path" / "matplotlib"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("raise ImportError('hidden')")
    out = tmp_path / "out"
    rated = hexzctl(
        "models", "rate", model, *QUICK, "--boards", 2, "--output-dir", out,
        PYTHONPATH=str(missing.parent),
    )  # fmt: skip
    assert rated.returncode == 0, rated.stderr
    assert "pip install 'hexzctl[plot]'" in rated.stderr
    assert (out / "curve.csv").exists()
    assert not (out / "curve.png").exists()


def test_looking_needs_no_torch(tmp_path, model):
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "torch.py").write_text("raise ImportError('hidden')")
    for arguments in (["list", model], ["show", model], ["compare", model, 0, 1]):
        result = hexzctl("models", *arguments, PYTHONPATH=str(tmp_path / "path"))
        assert result.returncode == 0, result.stderr


def test_fit_is_interrupted_and_what_it_wrote_plays(tmp_path):
    examples = [example for game in game_examples(6) for example in game]
    write_zip(tmp_path / "examples" / "a.zip", examples)
    output = tmp_path / "fitted.pt"
    command = (
        "models", "fit", tmp_path / "examples", "--output", output, "--blocks", 1, "--filters", 8,
        "--batch-size", 32, "--reuse", 1000, "--held-out", 0.3,
    )  # fmt: skip
    process = start_hexzctl(*command)
    wait_until(lambda: output.exists() or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    printed, log = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + signal.SIGINT, log
    assert f"Wrote {output}, and its curve beside it" in printed
    assert "held-out value" in printed
    assert output.with_suffix(".csv").read_text().startswith("step,positions,seconds,")
    with hexz.load_player(f"model:{output}@4") as player:
        assert player.suggest(hexz.Board.random(1)).move
