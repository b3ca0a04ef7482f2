"""Help for people: it fits the terminal, leaves nothing out, and its examples are commands."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from hexzctl import cli, command

from .processes import environment, hexzctl


def commands():
    """All commands, with the words that call them."""

    def walk(words, found):
        yield words, found
        if isinstance(found, TyperGroup):
            for name, inner in found.commands.items():
                yield from walk((*words, name), inner)

    yield (), typer.main.get_command(cli.app)
    for name in cli.COMMANDS:
        yield from walk((name,), cli.command(name))


COMMANDS = dict(commands())
ids = [" ".join(words) or "hexzctl" for words in COMMANDS]


def help_of(words, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    found = COMMANDS[words]
    return found.get_help(typer.Context(found, info_name=" ".join(["hexzctl", *words])))


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("words", COMMANDS, ids=ids)
def test_help_fits_the_terminal_and_leaves_nothing_out(words, columns, monkeypatch):
    text = help_of(words, columns, monkeypatch)
    lines = text.splitlines()
    assert [line for line in lines if len(line) > columns] == []
    assert "…" not in text
    assert str(Path(cli.__file__).parents[1]) not in text  # true on every machine
    assert not re.search(r"\[[A-Z]{2}\]", text)  # what the list of settings calls its sources
    together = " ".join(text.split())
    for parameter in COMMANDS[words].params:
        for name in parameter.opts if parameter.param_type_name == "option" else ():
            assert re.search(rf"^  (\S+, )*{re.escape(name)}\b", text, re.MULTILINE), name
        assert " ".join((parameter.help or "").split()) in together
        assert parameter.help, f"{parameter.name} has no help"
        if parameter.envvar:
            assert f"variable: {parameter.envvar}" in together


def examples(words, columns, monkeypatch):
    text = help_of(words, columns, monkeypatch).replace("\\\n", " ")
    return re.findall(r"^ +hexzctl (.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("words", COMMANDS, ids=ids)
def test_every_command_has_examples_that_can_be_typed(words, monkeypatch):
    shown = examples(words, 60, monkeypatch)
    assert shown, "no example"
    for example in shown:
        rest = shlex.split(example)
        called = max((w for w in COMMANDS if rest[: len(w)] == list(w)), key=len)
        assert words == called[: len(words)], example
        COMMANDS[called].make_context("hexzctl", rest[len(called) :])


def test_an_example_is_broken_where_a_shell_goes_on():
    lines = list(command.filled("  hexzctl arena --player model@64 --boards 30 --sprt 0,35", 40))
    assert lines[:-1] == [
        "  hexzctl arena --player model@64 \\",
        "      --boards 30 --sprt 0,35",
    ]


def test_help_says_what_the_option_help_says():
    for words in ((), ("arena",), ("models", "rate")):
        assert hexzctl("help", *words).stdout == hexzctl(*words, "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["tran"], "Did you mean 'train'?"),
        (["models", "rte"], "Did you mean 'rate'?"),
        (["help", "models", "rte"], "Did you mean 'rate'?"),
        (["arena", "--bords", "3"], "--boards"),
    ],
)
def test_a_slip_in_a_command_or_an_option(arguments, hint):
    result = hexzctl(*arguments)
    assert result.returncode == 2
    assert hint in result.stderr


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("amatuer", "did you mean amateur?"),
        ("modle@800", "did you mean model@800?"),
        ("gumble:x.pt@64", "did you mean gumbel:x.pt@64?"),
        ("model@8s00", "simulations"),
        ("somebody", "expected random, uct:32000"),
    ],
)
def test_a_slip_in_a_player(spec, hint):
    result = hexzctl("arena", "--player", spec, "--player", "random")
    assert result.returncode == 1
    assert hint in result.stderr


def test_a_slip_in_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hexz-data").mkdir()
    (tmp_path / "game.json").write_text("")
    for arguments in (
        ["models", "list", "hexz-dta"],
        ["arena", "--player", "model:hexz-dta@8", "--player", "random"],
        ["export-examples", "hexz-dta", "--summary"],
    ):
        assert "did you mean hexz-data?" in hexzctl(*arguments).stderr
    assert "did you mean game.json?" in hexzctl("play", "--load", "gmae.json").stderr
    assert "`hexzctl train` makes one" in hexzctl("models", "list", "elsewhere").stderr


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["selfplay", "--model", "shiped"], "did you mean shipped?"),
        (["serve-player", "--model", "shiped"], "did you mean shipped?"),
        (["serve-player", "--model", "amateur"], "amateur is a level: use --player amateur"),
        (["models", "list", "shipped"], "name a store with checkpoints, as hexz-data"),
        (["models", "rate", "model.pt"], "name a store with checkpoints, as hexz-data"),
    ],
)
def test_a_slip_in_a_network(arguments, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pt").write_text("")
    result = hexzctl(*arguments)
    assert result.returncode == 1
    assert hint in result.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_is_taught_to_complete(tmp_path):
    program = tmp_path / "hexzctl"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m hexzctl "$@"\n')
    program.chmod(0o755)
    script = """
        hexzctl --install-completion && . "$HOME/.bashrc" && complete -p hexzctl
        COMP_WORDS=(hexzctl sel) COMP_CWORD=1
        _hexzctl_completion hexzctl && echo "offers ${COMPREPLY[*]}"
    """
    path = f"{tmp_path}:{os.environ['PATH']}"
    result = subprocess.run(
        [str(shutil.which("bash")), "-c", script],
        env=environment(HOME=str(tmp_path), PATH=path, PYTHONPATH=os.getcwd()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "offers selfplay"


def complete(line):
    """What bash would offer for the last word of a line."""
    words = line.split(" ")
    result = hexzctl(
        _HEXZCTL_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1)
    )
    assert result.stderr == ""
    return result.stdout.split()


def test_commands_options_and_players_are_completed():
    assert complete("hexzctl tra") == ["train", "train-server"]
    assert complete("hexzctl models ra") == ["rate"]
    assert complete("hexzctl help tra") == ["train", "train-server"]
    assert complete("hexzctl help models ra") == ["rate"]
    assert complete("hexzctl help play ") == []
    assert complete("hexzctl help play x ") == []
    assert complete("hexzctl help nosuch ") == []
    assert complete("hexzctl arena --bo") == ["--boards", "--boards-file"]
    assert complete("hexzctl arena --player am") == ["amateur"]
    assert complete("hexzctl worker --device c") == ["cpu", "cuda"]
