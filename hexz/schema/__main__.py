"""Writes docs/reference/ from the declarations, and the types of `/status` for its page: `python -m
hexz.schema [DIRECTORY]`."""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args, get_origin

from msgspec.structs import fields

from hexz.schema import records, status
from hexz.schema.declaration import Settings, default_text, settings_of
from hexz.schema.fleet import (
    ConductOrder,
    FleetSettings,
    GameUnderWay,
    Heartbeat,
    Orders,
    Receipt,
)
from hexz.schema.message import Message
from hexz.schema.programs import COMMANDS
from hexz.schema.resolution import CONFIG_VARIABLE
from hexz.schema.search import SearchSettings
from hexz.schema.training import TrainingConfig
from hexz.schema.typescript import declarations, structures

_WRITTEN: Final = "Written by `make reference` from hexz/schema; change it there."
_HEAD: Final = f"<!-- {_WRITTEN} -->\n\n"

_SETTINGS: Final = f"""# Settings

Each of these commands takes a setting from the first of these places that has it:

1. its option of the command line;
2. its variable of the environment, if that is not empty;
3. a line `name = value` in the TOML file that `--config` or `{CONFIG_VARIABLE}` names;
4. its default.

A flag is `--name` or `--no-name` on the command line, and `true` or `false` in a file or a \
variable; a variable may be 1 or 0 as well.

Under gunicorn, `create_app()` reads the same variables and the same file. A variable that begins \
with `HEXZ_` and seems to be misspelt is warned about; an unknown name in a file is an error.
"""

_MESSAGES: Final = """# Messages

What processes and machines tell each other as JSON, and what is kept beside checkpoints. Readers \
ignore keys that they do not know; what is there must be of the right type.
"""

STATUS_TYPES: Final = Path(status.__file__).with_name("status.d.ts")
"""The file that scripts import these types from."""

_BETWEEN: Final = (Heartbeat, GameUnderWay, Orders, Receipt)
_KEPT: Final = (records.CheckpointRecord, records.StoredFiles, records.TrainingReport)
_RATINGS: Final = (records.Ratings, records.RatedCheckpoint, records.Estimate)


def settings_page() -> str:
    """All settings, as Markdown."""
    parts = [_SETTINGS]
    for command, kind in COMMANDS.items():
        parts.append(f"\n## hexzctl {command}\n\n")
        own = [known for known in settings_of(kind) if known.part != "training"]
        parts += _settings_table(kind(), own, with_options=True)
        taken = {known.name for known in settings_of(kind)}
        if len(own) < len(taken):
            others = [f"`{name}`" for name in TrainingConfig.__struct_fields__ if name not in taken]
            but = f" but {', '.join(others)}" if others else ""
            parts.append(f"\nBeside these it has all [constants of training](#training){but}.\n")
        for profile, values in kind.PROFILES.items():
            if values:
                changes = ", ".join(
                    f"`{name}` {default_text(value)}" for name, value in values.items()
                )
                parts.append(f"\nDefaults with `--profile {profile}`: {changes}.\n")
    for title, kind, options in (
        ("training", TrainingConfig, True),
        ("search", SearchSettings, False),
    ):
        parts.append(f"\n## {title.capitalize()}\n\n{_description(kind)}\n\n")
        parts += _settings_table(kind(), settings_of(kind), with_options=options)
    parts.append("\n## The settings document of a fleet\n\n")
    parts.append("The TOML file that `--settings` names; [training.md](../training.md) has one. ")
    parts.append("Its table `[search]` has the settings of a [search](#search), and each table ")
    parts.append("`[[schedule]]` has `examples` and `simulations`. Beside them:\n\n")
    own = [known for known in settings_of(FleetSettings) if known.part is None]
    parts += _settings_table(FleetSettings(), own, with_options=False)
    return _HEAD + "".join(parts)


def messages_page() -> str:
    """All messages, as Markdown."""
    parts = [_MESSAGES]
    for title, kinds in (
        ("Between a train server and its workers", _BETWEEN),
        ("To a train server, about a worker", _tree(ConductOrder)),
        ("`/status` of the train server", _tree(status.ServerStatus)),
        ("`/status` of the player service", _tree(status.PlayerStatus)),
        ("`metadata.json` of a checkpoint", _KEPT),
        ("`ratings.json` of a model", _RATINGS),
    ):
        parts.append(f"\n## {title}\n")
        for kind in kinds:
            parts.append(f"\n### {kind.__name__}\n\n{_description(kind)}\n\n")
            parts += _message_table(kind)
    return _HEAD + "".join(parts)


def status_types() -> str:
    """The types of the status of a train server, as TypeScript declares them."""
    return f"// {_WRITTEN}\n\n{declarations(status.ServerStatus)}"


def _settings_table(defaults: Settings, known: Any, *, with_options: bool) -> Iterator[str]:
    yield "| setting | variable | default | may be | what it is |\n|---|---|---|---|---|\n"
    for setting in known:
        name = setting.option if with_options and setting.option else setting.name
        variable = f"`{setting.variable}`" if with_options else ""
        default = setting.of(defaults)
        shown = "" if default is None else default_text(default)
        cells = (f"`{name}`", variable, shown, setting.domain, setting.declaration.help)
        yield f"| {' | '.join(cells)} |\n"


def _message_table(kind: type[Message]) -> Iterator[str]:
    yield "| key | type | what it is |\n|---|---|---|\n"
    documented = [inspect.cleandoc(base.__doc__ or "") for base in reversed(kind.__mro__)]
    notes = {name: note for text in documented for name, note in entries(text, "Attributes")}
    for field in fields(kind):
        optional = "" if field.required else ", may be left out"
        name = re.sub(r"[\w.]+\.(\w+)", r"\1", _type(field.type)).replace("|", "\\|")
        yield f"| `{field.name}` | {name}{optional} | {notes.get(field.name, '')} |\n"


def _type(annotation: Any) -> str:
    if hasattr(annotation, "__metadata__"):
        return _type(get_args(annotation)[0])
    if annotation is type(None):
        return "null"
    arguments = [_type(part) for part in get_args(annotation) if part is not ...]
    match get_origin(annotation):
        case None:
            return getattr(annotation, "__name__", f'"{annotation}"')  # a text of a Literal
        case origin if origin in (list, tuple):
            return f"list of {', '.join(arguments)}"
        case origin if origin is dict:
            return f"{arguments[1]} by {arguments[0]}"
        case _:
            return " or ".join(arguments)


def _tree(kind: type[Message]) -> list[type[Message]]:
    """A message and all messages that it is made of; settings have a page of their own."""
    return [known.cls for known in structures(kind) if issubclass(known.cls, Message)]


def _description(kind: type) -> str:
    """The docstring up to its sections, in one line a paragraph."""
    text = re.split(r"\n+(?:Attributes|Raises):\n", inspect.getdoc(kind) or "")[0]
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def entries(text: str, section: str) -> Iterator[tuple[str, str]]:
    """Yields the names in a section of a docstring, such as "Args", with what it says of each."""
    _, _, rest = text.partition(f"\n{section}:\n")
    lines = re.split(r"\n(?! )", rest)[0]
    for names, note in re.findall(r"(?m)^    (\w[\w, ]*): ((?:.+\n?)(?:^     +.+\n?)*)", lines):
        for name in names.split(", "):
            yield name, " ".join(note.split()).replace("|", "\\|")


if __name__ == "__main__":
    directory = Path(sys.argv[1] if sys.argv[1:] else "docs/reference")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "settings.md").write_text(settings_page(), "utf-8")
    (directory / "messages.md").write_text(messages_page(), "utf-8")
    STATUS_TYPES.write_text(status_types(), "utf-8")
