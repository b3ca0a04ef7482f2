"""The order in which a machine is looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from hexz.doctor import machine, services
from hexz.doctor.finding import Finding
from hexz.errors import HexzError, reason_of
from hexz.schema.resolution import slips, variables


@dataclass(frozen=True)
class Places:
    """What is asked beside this machine.

    Attributes:
        model_name: the model that is looked for.
        store: where its checkpoints are, or shall be.
        redis_url: None for a private Redis of our own.
        server_url: of a train server; None if there is none to ask.
        token: that the server asks for; None if it asks for none.
    """

    model_name: str
    store: str
    redis_url: str | None
    server_url: str | None
    token: str | None


def examine(places: Places) -> Iterator[Finding]:
    """Looks at a machine, and yields what it finds as it finds it. Takes some ten seconds; the
    store gets one small file, which is deleted again."""
    clocks = services.Clocks()
    yield from _look("machine", machine.system)
    yield from _look("processor", machine.cpu)
    yield from _look("disk", machine.disk)
    yield from _look("versions", machine.versions)
    yield from _look("variables", lambda: _environment(os.environ))
    engine = list(_look("engine", machine.engine))
    yield from engine
    if not any(finding.advice for finding in engine):
        yield from _look("network", machine.networks)
    yield from _look("devices", machine.devices)
    yield from _look("Redis", lambda: services.redis(places.redis_url, places.model_name))
    yield from _look("store", lambda: services.store(places.store, places.model_name, clocks))
    if (url := places.server_url) is not None:
        yield from _look("train server", lambda: services.server(url, places.token, clocks))
    yield clocks.finding()


def _look(topic: str, look: Callable[[], Finding | Iterable[Finding]]) -> Iterator[Finding]:
    """What a look shows. One that fails in an unforeseen way is a finding, too."""
    try:
        found = look()
        yield from [found] if isinstance(found, Finding) else found
    except HexzError as error:
        yield Finding(topic, "does not work", str(error))
    except Exception as error:
        yield Finding(topic, reason_of(error), "nobody has thought of this: please report it")


def _environment(environment: Mapping[str, str]) -> Finding:
    """Which variables of ours are set. What they are set to is nobody's business."""
    known = sorted(name for name in variables() if environment.get(name))
    return Finding("variables", ", ".join(known) or "none of ours", "; ".join(slips(environment)))
