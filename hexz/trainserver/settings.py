"""The settings of the fleet as they are now."""

from __future__ import annotations

import logging
from pathlib import Path

from hexz.errors import InvalidSettings
from hexz.schema.fleet import FleetSettings, WorkerSettings
from hexz.schema.shared import PostUnit

_log = logging.getLogger(__name__)


class SettingsSource:
    """The current settings; follows changes of the file. A document that cannot be used any more
    is reported once, and the last good one stays.

    Raises:
        InvalidSettings: the first document cannot be used.
    """

    def __init__(self, path: Path | None, simulations: int | None = None) -> None:
        self._path = path
        self._seen = self._stamp()
        self._settings = (
            FleetSettings.up_to(simulations) if path is None else FleetSettings.read(path)
        )

    def at(self, examples: int, unit: PostUnit = "examples") -> WorkerSettings:
        """Returns the settings of the moment; see `FleetSettings.at`."""
        stamp = self._stamp()
        if self._path is not None and stamp != self._seen:
            self._seen = stamp
            try:
                self._settings = FleetSettings.read(self._path)
                _log.info("new settings from %s", self._path)
            except InvalidSettings as error:
                _log.error("%s; the last good settings stay", error)
        return self._settings.at(examples, unit)

    @property
    def deepest(self) -> float:
        """The factor by which searches may become deeper at most."""
        return self._settings.deepest

    def _stamp(self) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size
