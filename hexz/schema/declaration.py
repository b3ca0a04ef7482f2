"""How a setting is declared, and what is known of it from its declaration."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, ClassVar, Final, Literal, Self, Union, get_args, get_origin

from msgspec import Struct
from msgspec.structs import FieldInfo, fields, replace

from hexz.errors import InvalidSettings
from hexz.places import local_path

_FLAGS: Final = {"1": True, "true": True, "0": False, "false": False}
_KINDS: Final = {
    bool: "true or false",
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    Path: "a path",
}


@dataclass(frozen=True)
class setting:
    """Declares a setting, as `name: Annotated[int, setting("Games to play.", ge=1)] = 8`.

    Attributes:
        help: what it is, in whole sentences, with its unit and its source.
        ge, gt, le: bounds of a number. All floats must be finite.
        variable: of the environment; None: HEXZ_ and the name.
        secret: it is left out of the text of an object.
        option: whether the command line has it. Other users see the arguments of a process.
    """

    help: str
    _: KW_ONLY
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    variable: str | None = None
    secret: bool = False
    option: bool = True

    def explained(self, help: str) -> setting:
        """Returns a setting with these bounds and names, and another help."""
        return dataclasses.replace(self, help=help)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting and what is known of it from its declaration.

    Attributes:
        name: of the field, and the key in a configuration file.
        part: the field of the whole that it is in, such as "training"; None if it is no part.
        kind: bool, int, float, str or Path.
        choices: the texts that it may be; empty if it may be any.
        optional: it may be None.
        declaration: its bounds and its help.
    """

    name: str
    part: str | None
    kind: type
    choices: tuple[str, ...]
    optional: bool
    declaration: setting

    @property
    def option(self) -> str | None:
        """Its option of the command line, None if it has none."""
        return f"--{self.name.replace('_', '-')}" if self.declaration.option else None

    @property
    def variable(self) -> str:
        """Its variable of the environment."""
        return self.declaration.variable or f"HEXZ_{self.name.upper()}"

    @property
    def domain(self) -> str:
        """The values that it may have, in words."""
        low, above, high = self.declaration.ge, self.declaration.gt, self.declaration.le
        if self.choices:
            return " or ".join(self.choices)
        if above is not None:
            return f"more than {above}"
        if low is not None:
            return f"in {low}..{math.inf if high is None else high}"
        return _KINDS[self.kind]

    def of(self, settings: Settings) -> Any:
        """Its value in some settings."""
        return getattr(settings if self.part is None else getattr(settings, self.part), self.name)

    def parse(self, text: str) -> Any:
        """The value that a text means; raises InvalidSettings if it means none."""
        if self.kind is Path:
            return local_path(text)
        try:
            return _FLAGS[text.lower()] if self.kind is bool else self.kind(text)
        except (KeyError, ValueError):
            raise InvalidSettings(f"{text!r} is not {_KINDS[self.kind]}") from None

    def check(self, value: Any) -> None:
        """Raises InvalidSettings, which names the setting, unless it may have this value."""
        if value is None and self.optional:
            return
        kinds = (int, float) if self.kind is float else (self.kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and self.kind is not bool):
            raise InvalidSettings(f"{self.name} is {value!r}, not {_KINDS[self.kind]}")
        if self.choices and value not in self.choices:
            raise InvalidSettings(f"{self.name} must be {self.domain}, not {value!r}")
        if isinstance(value, (int, float)) and not self._is_in_range(value):
            raise InvalidSettings(f"{self.name} must be {self.domain}, not {value}")

    def _is_in_range(self, value: float) -> bool:
        low, above, high = self.declaration.ge, self.declaration.gt, self.declaration.le
        return (
            abs(value) <= sys.float_info.max
            and (low is None or value >= low)
            and (above is None or value > above)
            and (high is None or value <= high)
        )


class Settings(Struct, frozen=True, kw_only=True):
    """Settings that belong together, each with a default; some of them may be `Settings` again.

    Frozen: `msgspec.structs.replace` makes a copy with changes.

    Attributes:
        PROFILES: other defaults, by the value of the setting `profile`.

    Raises:
        InvalidSettings: a value is of the wrong type or out of range; names it.
    """

    PROFILES: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def __post_init__(self) -> None:
        for known in settings_of(type(self)):
            if known.part is None:
                known.check(getattr(self, known.name))

    def __repr__(self) -> str:
        secrets = {known.name for known in settings_of(type(self)) if known.declaration.secret}
        names = [name for name in self.__struct_fields__ if name not in secrets]
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({values})"

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The settings with these values by name, those of parts among them."""
        values = {**cls.profile_defaults(values), **values}
        default = cls()
        own: dict[str, Any] = {}
        parts: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for known in settings_of(cls):
            if known.name in values:
                place = own if known.part is None else parts[known.part]
                place[known.name] = values[known.name]
        changed = {part: replace(getattr(default, part), **new) for part, new in parts.items()}
        return replace(default, **own, **changed)

    @classmethod
    def profile_defaults(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The defaults of the profile that some values name."""
        return cls.PROFILES.get(values.get("profile", ""), {})

    @classmethod
    def from_tables(cls, content: Mapping[str, Any]) -> Self:
        """Settings from the parsed TOML of a document, in which each part is a table; what it
        leaves out has its default."""
        return cls(**_from_table(cls, content, ""))


def default_text(value: Any) -> str:
    """The default of a setting for people, the same on every machine."""
    if isinstance(value, Path) and value.is_absolute():
        return f"{value.name} of the package"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)


def _from_table(kind: type[Settings], table: Any, where: str) -> dict[str, Any]:
    """The values of a table of TOML, whose name and a dot are `where`."""
    if not isinstance(table, dict):
        raise InvalidSettings(f"{where[:-1]} is {table!r}, not a table")
    known = {field.name: field for field in fields(kind)}
    for name in table:
        if name not in known:
            raise InvalidSettings(
                f"{where}{name} is no setting: expected one of {', '.join(sorted(known))}"
            )
    for name, field in known.items():
        if field.required and name not in table:
            raise InvalidSettings(f"{where}{name} is missing")
    return {name: _from_toml(known[name], value, where) for name, value in table.items()}


def _from_toml(field: FieldInfo, value: Any, where: str) -> Any:
    if get_origin(field.type) is Annotated:
        declared(field.name, field.type).check(value)
        return value
    if get_origin(field.type) is tuple:
        if not isinstance(value, list):
            raise InvalidSettings(f"{where}{field.name} is {value!r}, not a list of tables")
        (kind, _) = get_args(field.type)
        return tuple(kind(**_from_table(kind, item, f"{where}{field.name}.")) for item in value)
    return replace(field.default, **_from_table(field.type, value, f"{where}{field.name}."))


@cache
def settings_of(kind: type[Settings]) -> tuple[Setting, ...]:
    """All settings of a kind, those of its parts among them."""
    return tuple(_settings(kind))


def declared(name: str, annotation: Any) -> Setting:
    """The setting of a field whose type is `Annotated` by a `setting`."""
    kind, declaration = get_args(annotation)
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    choices = get_args(kinds[0]) if get_origin(kinds[0]) is Literal else ()
    return Setting(
        name=name,
        part=None,
        kind=str if choices else kinds[0],
        choices=choices,
        optional=type(None) in kinds,
        declaration=declaration,
    )


def _settings(kind: type[Settings]) -> Iterator[Setting]:
    for field in fields(kind):
        if get_origin(field.type) is Annotated:
            yield declared(field.name, field.type)
        elif isinstance(field.type, type):
            for known in settings_of(field.type):
                yield dataclasses.replace(known, part=field.name)
