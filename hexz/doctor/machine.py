"""What of this machine decides how fast we are: processor, engine, packages, networks, GPUs."""

from __future__ import annotations

import math
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from hexz.doctor.finding import Finding
from hexz.errors import reason_of
from hexz.machine import PROCESS_BYTES, available_cores, available_memory, has_torch
from hexz.processor import processor
from hexz.version import __version__
from hexz.wording import number_of

if TYPE_CHECKING:
    from hexz.inference import Evaluator

PACKAGES: Final = (
    "numpy", "torch", "openvino", "onnxruntime", "msgspec", "protobuf", "redis", "flask", "uvicorn",
    "grpcio", "google-cloud-storage", "typer", "rich",
)  # fmt: skip
"""Those whose version matters where something goes wrong."""

_LEAST_FREE_BYTES: Final = 1 << 30
_SECONDS: Final = 0.1
"""Of each run of a measurement."""
_BATCH: Final = 32
_ENGINE_SECONDS: Final = 60
_ENGINE: Final = "from hexz.engine import random_playouts; random_playouts(10)"


def system() -> Finding:
    """Cores, memory, and the system they belong to."""
    memory = available_memory()
    has = f"{memory / 1e9:.1f} GB of memory free" if memory < math.inf else "memory unknown"
    text = f"{platform.platform()}; {number_of(available_cores(), 'core')} for us, {has}"
    advice = f"a process that plays needs {PROCESS_BYTES >> 20} MB: end other programs"
    return Finding("machine", text, advice if memory < PROCESS_BYTES else "")


def cpu() -> Finding:
    """The processor, and what of it networks are computed with."""
    found = processor()
    features = ", ".join(found.features) or "nothing that speeds up networks"
    return Finding("processor", f"{found.name}; {features}")


def disk() -> Finding:
    """What is free where files go."""
    free = shutil.disk_usage(".").free
    advice = "checkpoints, examples and logs need room: delete something, or go elsewhere"
    return Finding(
        "disk", f"{free / 1e9:.1f} GB free here", advice if free < _LEAST_FREE_BYTES else ""
    )


def versions() -> Finding:
    """Our version, Python's and those of packages."""
    parts = [f"hexzctl {__version__}", f"Python {platform.python_version()}"]
    parts += [f"{name} {known}" for name in PACKAGES if (known := _version(name))]
    return Finding("versions", ", ".join(parts))


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def engine() -> Finding:
    """How the engine was compiled, and how fast it is. It runs in a process of its own first: one
    that was compiled for another processor ends its process."""
    code = subprocess.run(
        [sys.executable, "-P", "-c", _ENGINE],  # -P: nothing from the current directory
        capture_output=True,
        text=True,
        timeout=_ENGINE_SECONDS,
        check=False,
    )
    if code.returncode < 0:
        return Finding(
            "engine",
            f"ends its process with signal {-code.returncode}",
            "it was built for another processor: build it here, `make clean build` in a clone, or "
            "`pip install --force-reinstall hexzctl`",
        )
    if code.returncode:
        return Finding(
            "engine",
            f"cannot be loaded: {(code.stderr.strip().splitlines() or ['no message'])[-1]}",
            "build it, `make build` in a clone, or `pip install --force-reinstall hexzctl`",
        )
    from hexz.bench import engine_rates
    from hexz.engine.build import COMPILER, FLAGS

    rate = next(engine_rates(_SECONDS)).median
    return Finding("engine", f"{rate:,.0f} random playouts/s; {COMPILER}, {FLAGS}")


def networks() -> Iterator[Finding]:
    """How fast the network that ships runs on each device, in each precision, and through PyTorch
    on the CPU. onnxruntime is not measured: it only checks what is exported."""
    from hexz.model.backends import PRECISIONS, create_evaluator
    from hexz.model.checkpoint import load_checkpoint
    from hexz.places import SHIPPED

    checkpoint = load_checkpoint(SHIPPED)
    for device in ("cpu", *_gpus()):
        for precision in PRECISIONS[device]:
            said: list[str] = []
            evaluator = create_evaluator(
                checkpoint.weights,
                device=device,
                precision=precision,
                batch_size=_BATCH,
                notify=said.append,
            )
            yield Finding("network", _speed(evaluator), "; ".join(said))
    if has_torch():
        from hexz.model.torch_evaluator import TorchEvaluator

        evaluator = TorchEvaluator(checkpoint.net, device="cpu", batch_size=_BATCH, half=False)
        yield Finding("network", _speed(evaluator))


def _speed(evaluator: Evaluator) -> str:
    from hexz.bench import inference_rate

    rate = inference_rate(evaluator, _BATCH, _SECONDS).median
    return f"{rate:,.0f} positions/s in batches of {_BATCH}, {evaluator.name}"


def devices() -> Finding:
    """The GPUs that PyTorch can use."""
    if find_spec("torch") is None:
        return Finding("devices", "cpu; PyTorch, which trains and uses GPUs, is not installed")
    try:
        found = [f"{device} ({name})" for device, name in _gpus().items()]
    except Exception as error:  # a driver that does not fit
        return Finding("devices", f"cpu; {reason_of(error)}", "install PyTorch for this machine")
    return Finding("devices", ", ".join(["cpu", *found]))


def _gpus() -> dict[str, str]:
    """What the GPUs are called, by the device's name."""
    if find_spec("torch") is None:
        return {}
    torch = import_module("torch")
    found = {}
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_device_name()
    if torch.backends.mps.is_available():
        found["mps"] = processor().name
    return found
