"""The profile of a fleet: sizes that keep its workers and its trainer busy with each other."""

import itertools
from typing import Any

import pytest
from msgspec.structs import replace

from hexz.errors import InvalidSettings
from hexz.schema.fleet import DEEP_FROM, FleetSettings
from hexz.schema.fleet_profile import (
    DEEP,
    LARGEST_BATCH,
    MOST_REUSE,
    NETWORKS,
    SMALLEST_BATCH,
    fleet_defaults,
)
from hexz.schema.programs import ServerConfig

SEARCH = FleetSettings().search
CORES = (1, 4, 16, 40, 100, 400, 1600, 10_000)


def played(values: dict[str, Any], cores: int) -> float:
    """Examples that the workers play a second."""
    [network] = [
        n for n in NETWORKS if (n.blocks, n.filters) == (values["blocks"], values["filters"])
    ]
    search = replace(SEARCH, simulations=values["simulations"])
    return cores * network.evaluated / search.mean_simulations


def learnt(values: dict[str, Any], device: str, processes: int) -> float:
    """Examples that the trainer learns from a second."""
    [network] = [
        n for n in NETWORKS if (n.blocks, n.filters) == (values["blocks"], values["filters"])
    ]
    rate = network.trained if device == "cpu" else network.trained_on_gpu
    return processes * rate / SEARCH.full_search_share / values["reuse"]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("cores", CORES)
def test_workers_and_trainer_keep_each_other_busy_as_far_as_the_bounds_allow(cores, device):
    values = fleet_defaults(cores, device, 1)
    share = played(values, cores) / learnt(values, device, 1)
    if values["simulations"] < DEEP:
        assert share < 1.15  # what is more makes searches deeper
    if values["reuse"] < MOST_REUSE:
        assert share > 0.85
    examples = min(played(values, cores), learnt(values, device, 1))
    seconds = values["minibatch_size"] / examples
    assert 55 <= seconds <= 125 or values["minibatch_size"] in (SMALLEST_BATCH, LARGEST_BATCH)
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
    found = [settings.at(examples).search.simulations for examples in (0, 200_000, DEEP_FROM)]
    assert found == [32, 64, 160]
    assert FleetSettings.up_to(16).at(10**9).search.simulations == 16
