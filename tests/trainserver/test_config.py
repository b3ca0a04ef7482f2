"""The configuration from the environment, and the options that say the same."""

from dataclasses import fields
from pathlib import Path

import pytest
import typer

from hexz.engine.settings import InvalidSettings
from hexz.errors import HexzError, InvalidConfig
from hexz.training.config import TrainingConfig
from hexz.trainserver.config import ServerConfig, variable_of
from hexzctl.cli import app

TOKEN = "a-secret-of-24-characters"  # noqa: S105


def test_an_empty_environment_gives_the_defaults():
    assert ServerConfig.from_environment({}) == ServerConfig()
    assert ServerConfig.from_environment({"MODEL_NAME": "", "HEXZ_AUTH_TOKEN": ""}) == (
        ServerConfig()
    )


def test_each_field_has_a_variable():
    config = ServerConfig.from_environment(
        {
            "MODEL_NAME": "grass",
            "MINIBATCH_SIZE": "100",
            "HEXZ_STORE": "gs://bucket/prefix",
            "HEXZ_DATA_DIR": "/data",
            "HEXZ_REDIS_URL": "redis://host",
            "HEXZ_MAX_CHECKPOINT_LAG": "0",
            "HEXZ_MAX_BACKLOG": "2",
            "HEXZ_SETTINGS": "/etc/settings.toml",
            "HEXZ_AUTH_TOKEN": TOKEN,
            "HEXZ_ALLOW_UNAUTHENTICATED": "true",
            "HEXZ_BLOCKS": "1",
            "HEXZ_FILTERS": "8",
            "HEXZ_TENSORBOARD": "/runs",
            "HEXZ_LEARNING_RATE": "1e-3",
            "HEXZ_EMA_DECAY": "0.9",
            "HEXZ_DEVICE": "cuda",
        }
    )
    assert config == ServerConfig(
        model_name="grass",
        minibatch_size=100,
        store="gs://bucket/prefix",
        data_dir=Path("/data"),
        redis_url="redis://host",
        max_checkpoint_lag=0,
        max_backlog=2,
        settings=Path("/etc/settings.toml"),
        auth_token=TOKEN,
        allow_unauthenticated=True,
        blocks=1,
        filters=8,
        tensorboard=Path("/runs"),
        training=TrainingConfig(learning_rate=1e-3, ema_decay=0.9, device="cuda"),
    )
    assert config.journal_dir == Path("/data/journal/grass")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MINIBATCH_SIZE", "many", ["MINIBATCH_SIZE", "'many'"]),
        ("MINIBATCH_SIZE", "0", ["minibatch_size", "at least 1"]),
        ("MINIBATCH_SIZE", str(2**31), ["minibatch_size"]),
        ("HEXZ_MAX_CHECKPOINT_LAG", "-1", ["max_checkpoint_lag"]),
        ("HEXZ_MAX_BACKLOG", "0", ["max_backlog"]),
        ("HEXZ_ALLOW_UNAUTHENTICATED", "perhaps", ["HEXZ_ALLOW_UNAUTHENTICATED", "bool"]),
        ("HEXZ_LEARNING_RATE", "fast", ["HEXZ_LEARNING_RATE", "float"]),
        ("HEXZ_LEARNING_RATE", "nan", ["learning_rate"]),
        ("HEXZ_WINDOW_MAX", "1", ["window_max"]),
    ],
)
def test_a_value_that_cannot_be_used_is_named(variable, value, words):
    with pytest.raises((InvalidConfig, InvalidSettings)) as caught:
        ServerConfig.from_environment({variable: value})
    assert isinstance(caught.value, HexzError)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("token", ["short", "with a space in the middle", "line\nbreaks are bad!!"])
def test_a_token_that_is_weak_or_fits_in_no_header_is_refused_and_not_shown(token):
    with pytest.raises(InvalidConfig, match="HEXZ_AUTH_TOKEN") as caught:
        ServerConfig(auth_token=token)
    assert token not in str(caught.value)


def test_secrets_are_not_printed():
    config = ServerConfig(auth_token=TOKEN, redis_url="redis://:password@host")
    assert TOKEN not in repr(config)
    assert "password" not in repr(config)


@pytest.fixture(scope="module")
def options():
    command = typer.main.get_command(app).commands["train-server"]
    return {option.name: option for option in command.params if option.name != "help"}


def test_options_and_variables_have_the_same_names_and_defaults(options):
    defaults = {"host": "127.0.0.1", "port": 8080}
    for config in (ServerConfig(), TrainingConfig()):
        defaults |= {known.name: getattr(config, known.name) for known in fields(config)}
    for name, option in options.items():
        assert option.envvar == ("PORT" if name == "port" else variable_of(name))
        assert option.default == defaults[name], name
        assert option.opts == [f"--{name.replace('_', '-')}"]


def test_everything_about_the_server_is_an_option_but_its_secret(options):
    expected = {known.name for known in fields(ServerConfig)} - {"training", "auth_token"}
    assert expected <= options.keys()
