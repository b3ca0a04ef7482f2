"""The order in which a machine is looked at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

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


Look = Callable[[], Finding | Iterable[Finding]]


def looks(places: Places) -> Mapping[str, Look]:
    """What is looked at, by topic, in its order."""
    clocks = services.Clocks()
    store = partial(services.store, places.store, places.model_name, clocks)
    server = partial(services.server, places.server_url or "", places.token, clocks)
    return {
        "machine": machine.system,
        "processor": machine.cpu,
        "disk": machine.disk,
        "versions": machine.versions,
        "variables": partial(_environment, os.environ),
        "engine": machine.engine,
        "network": machine.networks,
        "devices": machine.devices,
        "Redis": partial(services.redis, places.redis_url, places.model_name),
        "store": store,
        **({"train server": server} if places.server_url is not None else {}),
        "clock": clocks.finding,
    }


def examine(places: Places, on_begin: Callable[[str], None] = lambda _: None) -> Iterator[Finding]:
    """Looks at a machine, and yields what it finds as it finds it. Takes some ten seconds; the
    store gets one small file, which is deleted again.

    Args:
        places: what is asked beside the machine.
        on_begin: called before each look, with its topic.
    """
    engine_works = True
    for topic, look in looks(places).items():
        if topic == "network" and not engine_works:
            continue
        on_begin(topic)
        for finding in _look(topic, look):
            engine_works &= topic != "engine" or not finding.advice
            yield finding


def _look(topic: str, look: Look) -> Iterator[Finding]:
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
