"""The network that a player searches with."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from hexz.errors import HexzError, InvalidSettings, NoModel
from hexz.inference import Evaluator
from hexz.model.backends import create_evaluator
from hexz.model.outlook import outlook_of
from hexz.model.script import ScriptEvaluator
from hexz.player.loop import BATCH_SIZE, CHUNK
from hexz.player.models import ModelSource
from hexz.player.searcher import Searcher
from hexz.schema.status import NetworkStatus, TreesStatus

_log = logging.getLogger(__name__)

FOLLOW_SECONDS: Final = 3.0
"""Time between two looks for a newer network."""


def await_first(source: ModelSource) -> None:
    """Waits until there is a network, and says so if there is none yet.

    Raises:
        HexzError: waiting will not help.
    """
    is_told = False
    while True:
        try:
            source.version()
            return
        except NoModel as error:
            if not is_told:
                _log.info("waiting for the first network: %s", error)
            is_told = True
        time.sleep(FOLLOW_SECONDS)


class Network:
    """A network in use and its searcher.

    Args:
        source: where it comes from; it is loaded at once.
        device: "cpu", "cuda" or "mps".
        notify: takes lines for people, such as that a device is missing.

    Attributes:
        searcher: searches with it.
        model_name, number: of its checkpoint.
        outlook: tells how games will end; None if the network has no heads for that.
        problem: why a newer network could not be loaded; None if all is well.
    """

    def __init__(self, source: ModelSource, *, device: str, notify: Callable[[str], None]) -> None:
        self.problem: str | None = None
        self._source = source
        self._device = device
        self._notify = notify
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follow", daemon=True)
        self._version = source.version()
        self.searcher = Searcher(self._load())

    def follow(self) -> None:
        """Looks for a newer network from now on, and uses it once it is prepared.

        Raises:
            InvalidSettings: the network is a program, of which only the one that was named is run.
        """
        if isinstance(self.searcher.evaluator, ScriptEvaluator):
            raise InvalidSettings("TorchScript is a program, and no other one than yours is run: "
                                  "leave --follow out")  # fmt: skip
        self._thread.start()

    def status(self) -> NetworkStatus:
        """The state of the network."""
        searcher = self.searcher
        return NetworkStatus(
            name=self.model_name,
            checkpoint=self.number,
            evaluator=searcher.evaluator.name,
            evaluations=searcher.evaluations,
            searches=searcher.num_searches,
            trees=TreesStatus(count=len(searcher.trees), nodes=searcher.trees.num_nodes),
            following=self._thread.is_alive(),
            problem=self.problem,
        )

    def close(self) -> None:
        """Ends all threads."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.searcher.close()

    def _load(self) -> Evaluator:
        checkpoint = self._source.load()
        evaluator = create_evaluator(
            checkpoint.weights,
            device=self._device,
            batch_size=CHUNK if self._device == "cpu" else BATCH_SIZE,
            notify=self._notify,
        )
        self.outlook = outlook_of(checkpoint.weights)
        self.model_name, self.number = checkpoint.model_name, checkpoint.number
        return evaluator

    def _follow(self) -> None:
        while not self._stop.wait(FOLLOW_SECONDS):
            try:
                version = self._source.version()
                if version != self._version:
                    self.searcher.use(self._load())
                    self._version = version
                    _log.info("playing with %s, checkpoint %d", self.model_name, self.number)
                self.problem = None
            except HexzError as error:
                if str(error) != self.problem:
                    _log.warning("no newer network: %s", error)
                self.problem = str(error)
