"""The fleets that compose.yaml and deploy/ start, by docs/cloud.md: the server has the sizes of the
profile for the workers that there are."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from hexz.schema.declaration import settings_of
from hexz.schema.fleet_profile import fleet_defaults
from hexz.schema.programs import ServerConfig
from hexz.schema.resolution import resolve

from .images import REPOSITORY, read_dockerfile
from .test_manifests import (
    COMPOSE,
    DEPLOY,
    WORKLOADS,
    documents,
    kustomization,
    of_kind,
    read_compose,
)

SINGLE_EXAMPLE_BYTES = 7_620
"""docs/scaling.md."""


@dataclass(frozen=True)
class Deployed:
    """A fleet as it is started.

    Attributes:
        environment: of the server, without that of its image.
        workers, cores: how many workers there are, and the cores of each.
        server_cores: what the server has; None: those of whatever machine it is.
        disk: bytes for its journal; None: those of whatever machine it is.
    """

    environment: Mapping[str, str]
    workers: int
    cores: int
    server_cores: int | None = None
    disk: float | None = None

    @property
    def config(self) -> ServerConfig:
        """The settings that the server finds."""
        environment = {**read_dockerfile()["server"].environment, **self.environment}
        return resolve(ServerConfig, environment=environment, notify=pytest.fail)


def compose(**variables: str) -> Deployed:
    """compose.yaml with these variables in .env."""

    def interpolated(text: Any) -> str:
        return re.sub(
            r"\$\{(\w+):[-?]([^}]*)\}", lambda found: variables.get(found[1], found[2]), str(text)
        )

    services = read_compose(COMPOSE[0])["services"]
    server, worker = services["server"], services["worker"]
    return Deployed(
        environment={
            name: interpolated(value)
            for name, value in server["environment"].items()
            if name != "HEXZ_AUTH_TOKEN"
        },
        workers=int(interpolated(worker["deploy"]["replicas"])),
        cores=int(interpolated(worker["environment"]["HEXZ_NUM_WORKERS"])),
    )


def kubernetes() -> Deployed:
    (server, worker) = (
        next(w for w in WORKLOADS if w["metadata"]["name"] == f"hexz-{name}")
        for name in ("server", "worker")
    )
    (own,) = server["spec"]["template"]["spec"]["containers"]
    (theirs,) = worker["spec"]["template"]["spec"]["containers"]
    literals = kustomization()["configMapGenerator"][0]["literals"]
    (claim,) = server["spec"]["volumeClaimTemplates"]
    processes = {variable["name"]: variable["value"] for variable in theirs["env"]}
    return Deployed(
        environment={
            **dict(literal.split("=") for literal in literals),
            **{variable["name"]: variable["value"] for variable in own["env"]},
        },
        workers=int(told(r"scale deployment hexz-worker --replicas (\d+)")),
        cores=int(processes["HEXZ_NUM_WORKERS"]),
        server_cores=int(own["resources"]["requests"]["cpu"]),
        disk=float(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * 2**30,
    )


def cloud() -> Deployed:
    (job,) = documents(DEPLOY / "worker-job.yaml")
    tasks = job["spec"]["template"]["spec"]
    (container,) = tasks["template"]["spec"]["containers"]
    lines = (DEPLOY / "server.env").read_text().splitlines()
    return Deployed(
        environment=dict(line.split("=") for line in lines if not line.startswith("#")),
        workers=tasks["taskCount"],
        cores=int(container["resources"]["limits"]["cpu"]),
        server_cores=int(told(r"--machine-type e2-standard-(\d+)")),
        disk=float(told(r"disks create hexz-data .*--size (\d+)GB")) * 1e9,
    )


def told(pattern: str) -> str:
    """What docs/cloud.md has in its only place like this."""
    (found,) = re.findall(pattern, (REPOSITORY / "docs" / "cloud.md").read_text("utf-8"))
    return str(found)


FLEETS = {
    "compose": compose(),
    "compose-8": compose(HEXZ_WORKER_CORES="8"),
    "kubernetes": kubernetes(),
    "cloud": cloud(),
}


@pytest.mark.parametrize("fleet", FLEETS.values(), ids=FLEETS)
def test_the_profile_is_in_force_for_the_workers_that_there_are(fleet: Deployed) -> None:
    config = fleet.config
    assert config.worker_cores == fleet.workers * fleet.cores
    expected = fleet_defaults(config.worker_cores, config.training.device, config.train_processes)
    found = {known.name: known.of(config) for known in settings_of(ServerConfig)}
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("name", ["kubernetes", "cloud"])
def test_cores_are_left_beside_those_that_train(name: str) -> None:
    fleet = FLEETS[name]
    assert fleet.server_cores is not None
    assert fleet.config.train_processes < fleet.server_cores


@pytest.mark.parametrize("name", ["kubernetes", "cloud"])
def test_what_waits_for_training_fits_on_the_disk(name: str) -> None:
    fleet, config = FLEETS[name], FLEETS[name].config
    assert fleet.disk is not None
    waiting = (config.max_backlog + 1) * config.minibatch_size
    assert waiting * SINGLE_EXAMPLE_BYTES < fleet.disk / 2


def test_the_autoscaler_may_start_the_workers_that_the_profile_is_for() -> None:
    (autoscaler,) = of_kind("HorizontalPodAutoscaler")
    limits = autoscaler["spec"]
    assert limits["minReplicas"] <= FLEETS["kubernetes"].workers <= limits["maxReplicas"]
