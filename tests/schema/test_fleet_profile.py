"""The profile of a fleet: sizes that keep its workers and its trainer busy with each other."""

import itertools
from typing import Any

import pytest

from hexz.errors import InvalidSettings
from hexz.schema.fleet import FleetSettings
from hexz.schema.fleet_profile import NETWORKS, fleet_defaults
from hexz.schema.programs import ServerConfig

CORES = (1, 4, 16, 40, 100, 400, 1600, 10_000)


def played(values: dict[str, Any], cores: int) -> float:
    """Examples that the workers play a second."""
    [network] = [
        n for n in NETWORKS if (n.blocks, n.filters) == (values["blocks"], values["filters"])
    ]
    return cores * network.evaluated / (values["simulations"] / 4 + 9)


def learnt(values: dict[str, Any], device: str, processes: int) -> float:
    """Examples that the trainer learns from a second."""
    [network] = [
        n for n in NETWORKS if (n.blocks, n.filters) == (values["blocks"], values["filters"])
    ]
    rate = network.trained if device == "cpu" else network.trained_on_gpu
    return processes * rate * 4 / values["reuse"]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("cores", CORES)
def test_workers_and_trainer_keep_each_other_busy_as_far_as_the_bounds_allow(cores, device):
    values = fleet_defaults(cores, device, 1)
    share = played(values, cores) / learnt(values, device, 1)
    if values["simulations"] < 256:
        assert share < 1.15  # what is more makes searches deeper
    if values["reuse"] < 8:
        assert share > 0.85
    examples = min(played(values, cores), learnt(values, device, 1))
    seconds = values["minibatch_size"] / examples
    assert 55 <= seconds <= 125 or values["minibatch_size"] in (4096, 131_072)
    assert ServerConfig.of({"profile": "fleet", "worker_cores": cores, "device": device})


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_larger_fleet_has_no_smaller_network(device):
    sizes = [fleet_defaults(cores, device, 1) for cores in CORES]
    for smaller, larger in itertools.pairwise(sizes):
        assert (smaller["blocks"], smaller["filters"]) <= (larger["blocks"], larger["filters"])
    assert (sizes[0]["blocks"], sizes[0]["filters"]) == (4, 32)


def test_the_profile_sets_defaults_that_each_can_be_changed():
    assert ServerConfig.of({}) == ServerConfig()
    config = ServerConfig.of(
        {"profile": "fleet", "worker_cores": 400, "device": "cuda", "minibatch_size": 8192}
    )
    expected = fleet_defaults(400, "cuda", 1)
    assert (config.blocks, config.filters) == (expected["blocks"], expected["filters"])
    assert config.simulations == expected["simulations"]
    assert config.training.reuse == expected["reuse"]
    assert config.minibatch_size == 8192
    with pytest.raises(InvalidSettings, match="worker_cores"):
        ServerConfig.of({"profile": "fleet", "worker_cores": 0})


def test_searches_have_the_profiles_simulations_in_the_end():
    assert FleetSettings.up_to(None) == FleetSettings()
    settings = FleetSettings.up_to(160)
    found = [settings.at(examples).search.simulations for examples in (0, 200_000, 800_000)]
    assert found == [32, 64, 160]
    assert FleetSettings.up_to(16).at(10**9).search.simulations == 16
