"""What processor this is, as far as our speed depends on it."""

from __future__ import annotations

import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CPUINFO: Final = Path("/proc/cpuinfo")
_FEATURES: Final = {
    "AVX2": "avx2",
    "AVX-512 VNNI": "avx512_vnni",
    "AVX-VNNI": "avx_vnni",
    "AVX-512 BF16": "avx512_bf16",
    "AMX": "amx_int8",
    "SVE": "sve",
    "dot product": "asimddp",
    "int8 matrices": "i8mm",
}
"""What networks and the engine are computed with, by the name that Linux has for it."""


@dataclass(frozen=True)
class Processor:
    """A processor, and what it has that makes hexzctl fast.

    Attributes:
        name: as its maker calls it.
        features: those that decide how fast we are, for people.
    """

    name: str
    features: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The kind of processors for which docs/performance.md has figures; "other" if none is."""
        kinds = {"AMX": "amx", "AVX-512 VNNI": "avx512-vnni", "AVX2": "avx2"}
        return next((kind for name, kind in kinds.items() if name in self.features), "other")

    @property
    def multiplies_bfloat16(self) -> bool:
        """Whether it has instructions for bfloat16, rather than taking detours."""
        return "AVX-512 BF16" in self.features


def processor() -> Processor:
    """Returns the processor of this machine."""
    try:
        return _from_linux(_CPUINFO.read_text(errors="replace"))
    except OSError:
        return _from_sysctl()


def _from_linux(cpuinfo: str) -> Processor:
    """The processor of the first paragraph of /proc/cpuinfo."""
    lines = (line.partition(":") for line in cpuinfo.partition("\n\n")[0].splitlines())
    facts = {key.strip(): value.strip() for key, _, value in lines}
    flags = set((facts.get("flags") or facts.get("Features") or "").split())
    name = facts.get("model name") or platform.machine()
    return Processor(name, tuple(text for text, flag in _FEATURES.items() if flag in flags))


def _from_sysctl() -> Processor:
    """The processor of a Mac."""
    keys = ("machdep.cpu.brand_string", "machdep.cpu.leaf7_features", "hw.optional.arm.FEAT_I8MM")
    answers = [_sysctl(key) for key in keys]
    found = {"AVX2": "AVX2" in answers[1], "int8 matrices": answers[2] == "1"}
    return Processor(
        answers[0] or platform.processor() or platform.machine(),
        tuple(name for name, is_there in found.items() if is_there),
    )


def _sysctl(key: str) -> str:
    try:
        command = ["/usr/sbin/sysctl", "-n", key]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""
