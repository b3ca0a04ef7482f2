"""How a program comes to its settings: command line over environment over file over default."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from hexz.errors import InvalidSettings
from hexz.places import local_path
from hexz.schema.declaration import Setting, Settings, settings_of
from hexz.schema.document import read_document
from hexz.schema.programs import COMMANDS
from hexz.similar import closest

S = TypeVar("S", bound=Settings)

CONFIG_VARIABLE: Final = "HEXZ_CONFIG"
"""Of the file, where no option names it."""
_OTHER_VARIABLES: Final = (CONFIG_VARIABLE, "HEXZ_DEBUG", "HEXZ_MARCH")
"""Those that are no settings of a program."""


def resolve(
    kind: type[S],
    *,
    options: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    notify: Callable[[str], None],
) -> S:
    """The settings of a program. Commands, gunicorn and tests all come here.

    Args:
        kind: one of those of `COMMANDS`.
        options: of the command line, by the names of the settings, and `config`, the path of a
            TOML file; None is as good as none.
        environment: the variables; an empty one is as good as none. Default: this process's.
        notify: takes a line for people about a variable whose name seems to be misspelt.

    Raises:
        InvalidSettings: a value cannot be used, or the file has a key that is none; names it.
    """
    options = options or {}
    environment = os.environ if environment is None else environment
    for line in slips(environment):
        notify(line)
    known = {setting.name: setting for setting in settings_of(kind)}
    file = str(options.get("config") or environment.get(CONFIG_VARIABLE) or "")
    return kind.of(
        {
            **(_from_file(local_path(file), known) if file else {}),
            **_from_environment(environment, known),
            **{name: options[name] for name in known if options.get(name) is not None},
        }
    )


def variables() -> set[str]:
    """The names of all variables of the environment that mean something to us."""
    settings = (known for kind in COMMANDS.values() for known in settings_of(kind))
    return {known.variable for known in settings} | set(_OTHER_VARIABLES)


def slips(environment: Mapping[str, str]) -> Iterator[str]:
    """A line about each variable that seems to be misspelt."""
    names = variables()
    # Some have no prefix, and may be given one by mistake.
    meant = {name.removeprefix("HEXZ_"): name for name in names}
    for name in environment:
        if name.startswith("HEXZ_") and name not in names:
            similar = closest(name.removeprefix("HEXZ_"), meant)
            if similar is not None:
                yield f"{name} is no variable of hexzctl: did you mean {meant[similar]}?"


def _from_environment(
    environment: Mapping[str, str], known: Mapping[str, Setting]
) -> dict[str, Any]:
    values = {}
    for name, setting in known.items():
        if text := environment.get(setting.variable):
            with _origin(setting.variable):
                values[name] = setting.parse(text)
                setting.check(values[name])
    return values


def _from_file(path: Path, known: Mapping[str, Setting]) -> dict[str, Any]:
    content = read_document(path)
    with _origin(str(path)):
        for name, value in content.items():
            if name not in known:
                similar = closest(name, known)
                hint = f"did you mean {similar}?" if similar else f"use one of {', '.join(known)}"
                raise InvalidSettings(f"{name} is no setting: {hint}")
            if known[name].kind is Path and isinstance(value, str):
                content[name] = known[name].parse(value)
            known[name].check(content[name])
    return content


@contextlib.contextmanager
def _origin(origin: str) -> Iterator[None]:
    """Says in errors where a value comes from. An option of the command line is known by its
    name."""
    try:
        yield
    except InvalidSettings as error:
        raise InvalidSettings(f"{origin}: {error}") from None
