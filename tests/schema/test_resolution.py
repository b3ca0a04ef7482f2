"""Where settings come from: the command line, the environment, a file; and that they agree."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import typer
from msgspec import structs

from hexz.errors import HexzError, InvalidSettings
from hexz.schema.declaration import Setting, Settings, settings_of
from hexz.schema.programs import (
    COMMANDS,
    LocalTrainingConfig,
    ServerConfig,
    WorkerConfig,
)
from hexz.schema.resolution import resolve
from hexz.schema.training import TrainingConfig
from hexzctl import cli

TOKEN = "a-secret-of-24-characters"  # noqa: S105
COMMAND_LINE = typer.main.get_command(cli.app)


def another(known: Setting, default: Any) -> Any:
    """A value that is not the default."""
    if known.choices:
        return next(choice for choice in known.choices if choice != default)
    if known.kind is bool:
        return not default
    if known.kind in (int, float):
        low, high = known.declaration.ge or known.declaration.gt or 0, known.declaration.le
        start = low if default is None else default
        return known.kind(start + 1 if high is None or start + 1 <= high else start / 2)
    if isinstance(default, Path):
        return default.with_stem(TOKEN)
    return known.kind(TOKEN)


def from_environment(kind: type[Settings], **variables: str) -> Settings:
    return resolve(kind, environment=variables, notify=pytest.fail)


class Started(Exception):
    """A program was started, with these settings."""


def start(settings: Settings, *_: object, **__: object) -> None:
    raise Started(settings)


ARGUMENTS = {"models fit": ["examples"]}
"""What commands take beside their settings."""


@pytest.fixture
def parse(monkeypatch) -> Callable[..., Settings]:
    """What a program is started with by its command, with these arguments and variables."""
    monkeypatch.setattr("hexz.trainserver.serve.serve", start)
    monkeypatch.setattr("hexz.player.serve.serve", start)
    monkeypatch.setattr("hexz.worker.run.Worker", start)
    monkeypatch.setattr("hexz.local.train.LocalTraining", start)
    monkeypatch.setattr("hexz.local.fit.Fit", start)
    monkeypatch.setattr("hexzctl.worker.Interruption", Mock)

    def run(command: str, *arguments: str, **variables: str) -> Settings:
        names = {known.variable for kind in COMMANDS.values() for known in settings_of(kind)}
        for name in names | variables.keys():
            monkeypatch.setenv(name, variables.get(name, ""))
        words = [*command.split(), *ARGUMENTS.get(command, ()), *arguments]
        with pytest.raises(Started) as started:
            COMMAND_LINE.main(words, standalone_mode=False)
        return started.value.args[0]

    return run


@pytest.mark.parametrize("kind", COMMANDS.values(), ids=lambda kind: kind.__name__)
def test_nothing_said_gives_the_defaults(kind):
    assert from_environment(kind) == kind()
    assert from_environment(kind, MODEL_NAME="", HEXZ_AUTH_TOKEN="", HEXZ_CONFIG="") == kind()


EVERYTHING = [
    pytest.param(command, known, id=f"{command} {known.name}")
    for command, kind in COMMANDS.items()
    for known in settings_of(kind)
]


@pytest.mark.parametrize(("command", "known"), EVERYTHING)
def test_a_setting_is_the_same_wherever_it_is_given(command, known, parse, tmp_path):
    """On the command line, in its variable with the command and under gunicorn, and in a file."""
    kind = COMMANDS[command]
    value = another(known, known.of(kind()))
    wanted = kind.of({known.name: value})
    assert wanted != kind()
    assert from_environment(kind, **{known.variable: str(value)}) == wanted
    assert parse(command, **{known.variable: str(value)}) == wanted
    file = tmp_path / "config.toml"
    text = str(value).lower() if known.kind in (bool, int, float) else f'"{value}"'
    file.write_text(f"{known.name} = {text}")
    assert from_environment(kind, HEXZ_CONFIG=str(file)) == wanted
    assert parse(command, "--config", str(file)) == wanted
    if known.option is None:
        return
    if known.kind is bool:
        assert parse(command, known.option if value else f"--no-{known.option[2:]}") == wanted
        assert parse(command, **{known.variable: str(int(value))}) == wanted
    else:
        assert parse(command, f"{known.option}={value}") == wanted


def test_the_train_server_and_train_have_all_constants_of_training():
    for kind in (ServerConfig, LocalTrainingConfig):
        names = {known.name for known in settings_of(kind)}
        assert names >= set(TrainingConfig.__struct_fields__)


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(parse, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("blocks = 1\nfilters = 8\nreuse = 2\n")
    settings = parse(
        "train-server", "--blocks", "3", "--config", str(file), HEXZ_BLOCKS="2", HEXZ_FILTERS="16"
    )
    assert settings == ServerConfig.of({"blocks": 3, "filters": 16, "reuse": 2.0})


def test_a_profile_changes_defaults_and_nothing_that_is_given(parse, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("profile = 'gpu'\nminibatch_size = 100\n")
    settings = parse("train", "--blocks", "3", HEXZ_CONFIG=str(file), HEXZ_BATCH_SIZE="64")
    assert (settings.blocks, settings.filters, settings.minibatch_size) == (3, 96, 100)
    assert (settings.training.batch_size, settings.training.device) == (64, "cuda")
    assert parse("train", "--profile", "gpu").training.batch_size == 512


def test_what_a_local_training_asks_of_its_processes():
    local = LocalTrainingConfig.of(
        {"data_dir": Path("d"), "ema_decay": 0.9, "seed": 4, "device": "mps", "auth_token": TOKEN}
    )
    server, worker = local.server(80), local.worker("http://host")
    assert (server.store, server.data_dir, server.port) == ("d", Path("d"), 80)
    assert server.training == local.training
    assert (server.minibatch_size, server.max_backlog) == (16384, 4)
    assert (worker.server_url, worker.device, worker.changes.post) == (
        "http://host", "mps", "games",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MINIBATCH_SIZE", "many", ["MINIBATCH_SIZE", "'many'"]),
        ("MINIBATCH_SIZE", "0", ["MINIBATCH_SIZE", "minibatch_size", "in 1.."]),
        ("MINIBATCH_SIZE", str(2**31), ["minibatch_size"]),
        ("HEXZ_MAX_CHECKPOINT_LAG", "-1", ["max_checkpoint_lag"]),
        ("HEXZ_MAX_BACKLOG", "0", ["max_backlog"]),
        ("HEXZ_ALLOW_UNAUTHENTICATED", "perhaps", ["HEXZ_ALLOW_UNAUTHENTICATED", "true or false"]),
        ("HEXZ_LEARNING_RATE", "fast", ["HEXZ_LEARNING_RATE", "a finite number"]),
        ("HEXZ_LEARNING_RATE", "nan", ["learning_rate"]),
        ("HEXZ_WINDOW_MAX", "1", ["window_max"]),
        ("HEXZ_DEVICE", "tpu", ["HEXZ_DEVICE", "'tpu'", "cuda"]),
        ("HEXZ_CONFIG", "/no/file.toml", ["/no/file.toml", "No such file"]),
    ],
)
def test_a_value_that_cannot_be_used_is_named(variable, value, words):
    with pytest.raises(InvalidSettings) as caught:
        from_environment(ServerConfig, **{variable: value})
    assert isinstance(caught.value, HexzError)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ema_decy = 0.9", ["ema_decy", "did you mean ema_decay?"]),
        ("learning-rate = 0.9", ["did you mean learning_rate?"]),
        ("rocks = 0.9", ["rocks", "ema_decay"]),
        ("blocks = 0", ["blocks", "in 1..100", "not 0"]),
        ("blocks = '4'", ["blocks", "'4'"]),
        ("blocks = true", ["blocks", "True", "not a whole number"]),
        ("grow = 1", ["grow is 1, not true or false"]),
        ("store = 1", ["store", "1"]),
        ("[training]\nreuse = 1", ["training"]),
        ("blocks = ", ["TOML"]),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path, text, words):
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(InvalidSettings) as caught:
        from_environment(ServerConfig, HEXZ_CONFIG=str(file))
    assert all(word in str(caught.value) for word in [str(file), *words]), caught.value


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("HEXZ_EMA_DECY", "HEXZ_EMA_DECAY"),
        ("HEXZ_SEVER_URL", "HEXZ_SERVER_URL"),
        ("HEXZ_MINIBATCH_SIZE", "MINIBATCH_SIZE"),
        ("HEXZ_PORT", "PORT"),
        ("HEXZ_MODEL_NAME", "MODEL_NAME"),
        ("HEXZ_CONFG", "HEXZ_CONFIG"),
        ("HEXZ_EMADECAY", "HEXZ_EMA_DECAY"),
        ("HEXZ_TYPE", None),  # what it has in common with HEXZ_OPEN is the prefix
        ("HEXZ_OF_SOMETHING_ELSE", None),
        ("HEXZ_DEBUG", None),
        ("HEXZ_RUNS_PER_MOVE", None),  # of another program
        ("EMA_DECAY", None),
    ],
)
def test_a_variable_that_seems_to_be_misspelt_is_told(variable, meant):
    lines: list[str] = []
    settings = resolve(ServerConfig, environment={variable: "1"}, notify=lines.append)
    assert settings == ServerConfig()
    assert len(lines) == (meant is not None)
    assert all(variable in line and meant in line for line in lines)


@pytest.mark.parametrize("token", ["short", "with a space in the middle", "line\nbreaks are bad!!"])
def test_a_token_that_is_weak_or_fits_in_no_header_is_refused_and_not_shown(token):
    with pytest.raises(InvalidSettings, match="HEXZ_AUTH_TOKEN") as caught:
        ServerConfig(auth_token=token)
    assert token not in str(caught.value)


@pytest.mark.parametrize("kind", [ServerConfig, WorkerConfig, LocalTrainingConfig])
def test_secrets_are_not_printed(kind):
    config = kind(auth_token=TOKEN, redis_url="redis://:password@host")
    assert TOKEN not in repr(config)
    assert "password" not in repr(config)
    assert structs.replace(config, model_name="grass").auth_token == TOKEN


def test_no_option_takes_a_token():
    for command in COMMANDS:
        first, *words = command.split()
        found = cli.command(first)
        for word in words:
            found = found.commands[word]
        assert "auth_token" not in {parameter.name for parameter in found.params}
