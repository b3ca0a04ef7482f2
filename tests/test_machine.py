"""What a process may use is what its container allows, not what the machine has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hexz import machine

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Container:
    """The files in which a container would see its limits."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.own(":0::/")
        self.put("meminfo", "MemTotal: 64000000 kB\nMemAvailable:   32000000 kB\n")
        monkeypatch.setattr(machine, "_CGROUPS", folder)
        monkeypatch.setattr(machine, "_OWN_CGROUPS", folder / "own")
        monkeypatch.setattr(machine, "_MEMINFO", folder / "meminfo")

    def own(self, *lines: str) -> None:
        self.put("own", "".join(f"{line.removeprefix(':')}\n" for line in lines))

    def put(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Container:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    return Container(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("max 100000", 16),
        ("50000 100000", 1),
        ("100000 100000", 1),
        ("250000 100000", 2),
        ("9900000 100000", 16),
        ("", 16),
        ("nonsense", 16),
    ],
)
def test_a_quota_of_cpu_time(text: str, cores: int, container: Container) -> None:
    container.put("cpu.max", text)
    assert machine.available_cores() == cores


def test_the_tightest_of_nested_limits_counts(container: Container) -> None:
    container.own("0::/kubepods/pod1/main")
    container.put("kubepods/pod1/main/cpu.max", "max 100000")
    container.put("kubepods/pod1/cpu.max", "300000 100000")
    container.put("kubepods/cpu.max", "1200000 100000")
    assert machine.available_cores() == 3


def test_control_groups_of_the_first_version(container: Container) -> None:
    container.own("4:memory:/docker/1", "2:cpu,cpuacct:/docker/1", "1:name=systemd:/docker/1")
    container.put("cpu,cpuacct/docker/1/cpu.cfs_quota_us", "400000\n")
    container.put("cpu,cpuacct/docker/1/cpu.cfs_period_us", "100000\n")
    container.put("memory/memory.limit_in_bytes", f"{1 << 30}\n")
    container.put("memory/memory.usage_in_bytes", f"{1 << 28}\n")
    assert machine.available_cores() == 4
    assert machine.available_memory() == (1 << 30) - (1 << 28)
    container.put("cpu,cpuacct/docker/1/cpu.cfs_quota_us", "-1\n")
    assert machine.available_cores() == 16


def test_memory(container: Container) -> None:
    assert machine.available_memory() == 32_000_000 * 1024
    container.put("memory.max", "max")
    assert machine.available_memory() == 32_000_000 * 1024
    container.put("memory.max", str(2 << 30))
    container.put("memory.current", str(1 << 30))
    assert machine.available_memory() == 1 << 30
    assert machine.default_processes("cpu") == (1 << 30) // machine.PROCESS_BYTES
    container.put("memory.current", str(2 << 30))
    assert machine.default_processes("cpu") == 1
    container.put("memory.stat", f"anon 1\ninactive_file {1 << 30}\n")
    assert machine.available_memory() == 1 << 30


def test_processes(container: Container) -> None:
    assert machine.default_processes("cpu") == 16
    assert machine.default_processes("cuda") == machine.GPU_PROCESSES


def test_this_machine() -> None:
    assert 1 <= machine.available_cores() <= CORES
    assert machine.available_memory() > 0
