"""Network namespaces: machines of their own on this one, with links that are slow or cut."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from types import TracebackType
from typing import Self

LATENCY_MS = 100
LOSS_PERCENT = 2


def unavailable() -> str | None:
    """Why there can be no network namespaces here; None if there can."""
    if os.geteuid() != 0:
        return "network namespaces want root"
    if shutil.which("ip") is None or shutil.which("tc") is None:
        return "network namespaces want ip and tc (Debian: apt-get install iproute2)"
    name = f"hx{secrets.token_hex(3)}"
    result = _try("ip", "netns", "add", name)
    if result is None:
        run("ip", "netns", "delete", name)
    return None if result is None else f"network namespaces are not permitted: {result}"


class Network:
    """Machines around this one, each with a link to it: 10.77.n.2 there, 10.77.n.1 here.

    Attributes:
        problem: why links are not slow and do not lose anything; None if they do.
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        self._prefix = f"hx{secrets.token_hex(2)}"
        self._machines: list[str] = []
        self._forwarded = ""

    def __enter__(self) -> Self:
        with open("/proc/sys/net/ipv4/ip_forward") as file:
            self._forwarded = file.read()
        _forward("1")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for name in self._machines:
            _try("ip", "netns", "delete", name)  # and both ends of its link
        _forward(self._forwarded)

    def add(self) -> int:
        """Makes a machine; returns its number."""
        number = len(self._machines) + 1
        name = f"{self._prefix}{number}"
        here, there = f"{name}a", f"{name}b"
        run("ip", "netns", "add", name)
        self._machines.append(name)
        run("ip", "link", "add", here, "type", "veth", "peer", "name", there)
        run("ip", "link", "set", there, "netns", name)
        run("ip", "address", "add", f"{self.gateway(number)}/30", "dev", here)
        run("ip", "link", "set", here, "up")
        inside = ["ip", "netns", "exec", name]
        run(*inside, "ip", "link", "set", "lo", "up")
        run(*inside, "ip", "address", "add", f"{self.address(number)}/30", "dev", there)
        run(*inside, "ip", "link", "set", there, "up")
        run(*inside, "ip", "route", "add", "default", "via", self.gateway(number))
        # Half of it in each direction.
        shape = ["netem", "delay", f"{LATENCY_MS / 2}ms", "loss", f"{LOSS_PERCENT / 2}%"]
        for prefix, device in (([], here), (inside, there)):
            failure = _try(*prefix, "tc", "qdisc", "add", "dev", device, "root", *shape)
            self.problem = self.problem or failure
        return number

    def address(self, number: int) -> str:
        """Where a machine is."""
        return f"10.77.{number}.2"

    def gateway(self, number: int) -> str:
        """Where this machine is for another one."""
        return f"10.77.{number}.1"

    def inside(self, number: int) -> list[str]:
        """The words before a command that make it run there."""
        return ["ip", "netns", "exec", self._machines[number - 1]]

    def cut(self, number: int) -> None:
        """Cuts the link of a machine: nobody hears that."""
        run("ip", "link", "set", f"{self._machines[number - 1]}a", "down")

    def mend(self, number: int) -> None:
        """Mends a link."""
        run("ip", "link", "set", f"{self._machines[number - 1]}a", "up")


def _forward(value: str) -> None:
    with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
        file.write(value)


def run(*command: str) -> None:
    """Runs a command; raises OSError with its words if it fails."""
    failure = _try(*command)
    if failure is not None:
        raise OSError(f"{' '.join(command)}: {failure}")


def _try(*command: str) -> str | None:
    """Runs a command; what it says if it fails."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return None if result.returncode == 0 else result.stderr.strip() or "it failed"
