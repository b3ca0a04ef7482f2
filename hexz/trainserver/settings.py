"""The settings document: how the whole fleet plays, in one TOML file.

    games_per_process = 128
    post = "games"              # what a request carries: "examples" one by one, or whole "games"

    [search]                    # any field of SearchSettings
    algorithm = "gumbel"
    simulations = 64
    full_search_share = 0.25    # of the moves; the others get
    fast_simulations = 12

    [[schedule]]                # optional: fewer simulations while the network knows little
    examples = 0                # from so many examples on that the model has been trained on
    simulations = 32

The server reads the file again when it changes, and workers follow within seconds.
"""

from __future__ import annotations

import logging
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final, Self

from hexz.engine import SearchSettings
from hexz.errors import InvalidConfig
from hexz.fleet import InvalidMessage, WorkerSettings, worker_settings

_log = logging.getLogger(__name__)

_KEYS: Final = {"games_per_process", "post", "search", "schedule"}
_SEARCH_KEYS: Final = {known.name for known in fields(SearchSettings)}

DEFAULT_SCHEDULE: Final = ((0, 32), (200_000, 64))
"""What a young network learns from is the result of many games, not what deep searches make of
its guesses. Examples of fast searches count."""


@dataclass(frozen=True, kw_only=True)
class FleetSettings:
    """Settings that depend on how much the model has learnt.

    Attributes:
        settings: of all workers.
        schedule: pairs of examples and simulations, ascending; the simulations hold from so many
            trained examples on, and replace those of `settings`.
    """

    settings: WorkerSettings = field(default_factory=WorkerSettings)
    schedule: tuple[tuple[int, int], ...] = DEFAULT_SCHEDULE

    def at(self, examples: int) -> WorkerSettings:
        """The settings for a model that was trained on so many examples."""
        simulations = [count for start, count in self.schedule if start <= examples]
        if not simulations:
            return self.settings
        search = replace(self.settings.search, simulations=simulations[-1])
        return replace(self.settings, search=search)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a document; raises InvalidConfig, which names the file and what is wrong."""
        try:
            content = tomllib.loads(path.read_text("utf-8"))
            _check_keys("", content, _KEYS)
            _check_keys("search.", content.get("search"), _SEARCH_KEYS)
            document = cls(
                settings=worker_settings(content), schedule=_schedule(content.get("schedule", []))
            )
            for examples, _ in document.schedule:
                document.at(examples)  # raises InvalidSettings if a step cannot be used
            return document
        except OSError as error:
            raise InvalidConfig(f"cannot read the settings {path}: {error.strerror}") from None
        except (ValueError, InvalidMessage) as error:  # TOMLDecodeError is a ValueError
            raise InvalidConfig(f"the settings in {path} cannot be used: {error}") from None


def _check_keys(where: str, table: Any, known: set[str]) -> None:
    """A misspelt setting must not be ignored in silence."""
    unknown = set(table) - known if isinstance(table, dict) else None
    if unknown:
        raise InvalidMessage(
            f"{where}{min(unknown)} is no setting: expected one of {', '.join(sorted(known))}"
        )


def _schedule(steps: Any) -> tuple[tuple[int, int], ...]:
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise InvalidMessage("schedule is not a list of tables")
    for step in steps:
        _check_keys("schedule.", step, {"examples", "simulations"})
    pairs = [(step.get("examples"), step.get("simulations")) for step in steps]
    if not all(type(n) is int and n >= 0 for pair in pairs for n in pair):
        raise InvalidMessage("each step of the schedule needs whole numbers examples, simulations")
    if pairs != sorted(pairs):
        raise InvalidMessage("the steps of the schedule must ascend")
    return tuple(pairs)


class SettingsSource:
    """The current settings; follows changes of the file. A document that cannot be used any more
    is reported once, and the last good one stays.

    Raises:
        InvalidConfig: the first document cannot be used.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen = self._stamp()
        self._settings = FleetSettings() if path is None else FleetSettings.read(path)

    def at(self, examples: int) -> WorkerSettings:
        """See `FleetSettings.at`."""
        stamp = self._stamp()
        if self._path is not None and stamp != self._seen:
            self._seen = stamp
            try:
                self._settings = FleetSettings.read(self._path)
                _log.info("new settings from %s", self._path)
            except InvalidConfig as error:
                _log.error("%s; the last good settings stay", error)
        return self._settings.at(examples)

    def _stamp(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size
