"""Options of the command line, made from the declarations of the settings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import typer

from hexz.errors import InvalidSettings
from hexz.places import local_path
from hexz.schema import shared
from hexz.schema.declaration import Setting, Settings, declared, default_text, settings_of
from hexz.schema.programs import WorkerConfig
from hexz.schema.resolution import CONFIG_VARIABLE, resolve
from hexz.schema.search import Algorithm

S = TypeVar("S", bound=Settings)


def options(
    kind: type[S], **arguments: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command, which takes settings, an option for each of them and one for a file.

    Args:
        kind: of the settings.
        arguments: that the command takes beside them, by name: their types, `Annotated`.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        def run(context: typer.Context, **values: Any) -> None:
            # What comes from elsewhere is left to `resolve`, as it is where there are no options.
            given = {
                name: value
                for name, value in values.items()
                if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
            }
            from hexzctl.display import notice

            others = {name: values[name] for name in arguments}
            command(resolve(kind, options=given, notify=notice), **others)

        run.__doc__ = command.__doc__
        run.__annotations__ = {}
        taken = [_parameter(name, type_, Parameter.empty) for name, type_ in arguments.items()]
        run.__signature__ = Signature([*taken, *_parameters(kind)])  # type: ignore[attr-defined]
        return run

    return decorate


_SOURCE: Final = re.compile(r" \[[A-Z]{2}\]")
"""A source of a constant, of which only the list of settings says what it is."""


def option(setting: Setting, *, note: str = "", panel: str | None = None, **others: Any) -> Any:
    """The option of a setting, for `Annotated`."""
    return typer.Option(
        min=setting.declaration.ge,
        max=setting.declaration.le,
        help=_SOURCE.sub("", setting.declaration.help) + note,
        parser=path if setting.kind is Path else None,
        rich_help_panel=panel,
        **others,
    )


def option_of(kind: type[Settings], name: str) -> Any:
    """The option of one setting of a program, for commands that take no others of it."""
    setting = _setting(kind, name)
    return option(setting, envvar=setting.variable)


def auth_token() -> str | None:
    """The token that this process is to show to train servers.

    Raises:
        ServerRefuses: no header can have it; whatever fails of that further on would quote it.
    """
    token = os.environ.get(_setting(WorkerConfig, "auth_token").variable) or None
    if token is not None:
        from hexz.worker.client import check_token

        check_token(token)
    return token


def _setting(kind: type[Settings], name: str) -> Setting:
    return next(setting for setting in settings_of(kind) if setting.name == name)


def _parameters(kind: type[Settings]) -> list[Parameter]:
    default = kind()
    found = [
        _parameter("context", typer.Context, Parameter.empty),
        _parameter("config", Annotated[Path | None, _CONFIG], None),
    ]
    for setting in settings_of(kind):
        if setting.option is not None:
            made = option(
                setting,
                note=_note(kind, setting.name),
                panel=None if setting.part is None else setting.part.capitalize(),
                envvar=setting.variable,
            )
            value = Literal[setting.choices] if setting.choices else setting.kind
            annotation = value | None if setting.optional else value
            found.append(_parameter(setting.name, Annotated[annotation, made], setting.of(default)))
    return found


def _parameter(name: str, annotation: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _note(kind: type[Settings], name: str) -> str:
    """What other profiles have as default."""
    others = {profile: values.get(name) for profile, values in kind.PROFILES.items()}
    return "".join(
        f" With --profile {p}: {default_text(v)}." for p, v in others.items() if v is not None
    )


def complete_player(incomplete: str) -> list[str]:
    """The names of players that begin so, for the shell."""
    from hexz.player.spec import NAMES

    return [name for name in NAMES if name.startswith(incomplete)]


def path(text: str | Path) -> Path:
    """Reads an option that is a path on this machine, which no URL is."""
    try:
        return local_path(os.fspath(text))
    except InvalidSettings as error:
        raise typer.BadParameter(str(error)) from None


def path_option(text: str) -> Any:
    """The option of a path on this machine, with this help, for `Annotated`."""
    return typer.Option(parser=path, help=text)


def seed_option(text: str, **others: Any) -> Any:
    """The option of a seed, with this help, for `Annotated`."""
    return option(declared("seed", Annotated[int, shared.SEED.explained(text)]), **others)


_CONFIG = typer.Option(
    parser=path,
    envvar=CONFIG_VARIABLE,
    help="TOML file of settings, with the names of these options, as model_name = 'flagz'. "
    "Options and variables of the environment win.",
)

# What commands share that are not configured by a file.
Device = Annotated[Literal["cpu", "cuda", "mps"], option(declared("device", shared.Device))]
NumWorkers = Annotated[int | None, option(declared("num_workers", shared.NumWorkers))]
GamesPerProcess = Annotated[int, option(declared("games_per_process", shared.GamesPerProcess))]
Search = Annotated[Algorithm, option(declared("search", shared.Search))]
RunsPerMove = Annotated[int, option(declared("runs_per_move", shared.RunsPerMove))]
_max_seconds = shared.MAX_SECONDS.explained(
    "Stop after this long; games under way are dropped, unless there is nothing else."
)
MaxSeconds = Annotated[
    float | None, option(declared("max_seconds", Annotated[float | None, _max_seconds]))
]
