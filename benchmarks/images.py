"""Installs each layer of the images in a clean directory and prints how large it is.

    python benchmarks/images.py [--index URL_OF_PYTORCH_FOR_CPUS]

The commands are those of the Dockerfile, in an environment of its own for each image, with the
Python that runs this in place of that of python:3.12-slim.
"""

import argparse
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.system.images import Stage, copy_context, read_dockerfile

SITE = "/usr/local/lib/python3.12/site-packages"
IMAGES = ("server", "player")  # the worker is the server with another entry point


def megabytes(directory: Path) -> float:
    return sum(file.lstat().st_size for file in directory.rglob("*") if file.is_file()) / 1e6


def run(command: str, root: Path, directory: Path, wheels: Path, index: str) -> None:
    site = sysconfig.get_path("purelib", vars={"base": str(root)})
    command = command.replace("/wheels", str(wheels)).replace(SITE, site)
    subprocess.run(
        ["/bin/sh", "-euc", command],
        cwd=directory,
        env={
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PATH": f"{root / 'bin'}:/usr/bin:/bin",
            "HOME": str(root),
            "TORCH_INDEX": index,
        },
        check=True,
        stdout=subprocess.DEVNULL,
    )


def build(stages: dict[str, Stage], root: Path) -> Path:
    """Performs the stage `build`; the directory of what it made."""
    wheels, source = root / "wheels", root / "source"
    wheels.mkdir()
    source.mkdir()
    copy_context(source)
    venv.create(root / "build", with_pip=True)
    for command in stages["build"].install:
        run(command, root / "build", source, wheels, "")
    (wheels / "constraints.txt").write_bytes((source / "constraints.txt").read_bytes())
    return wheels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", default="", help="the package index to take PyTorch from")
    arguments = parser.parse_args()
    stages = read_dockerfile()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        wheels = build(stages, root)
        for name in IMAGES:
            place = root / name
            venv.create(place, with_pip=True)
            first = size = megabytes(place)
            print(f"{name}:", flush=True)
            for command in stages[name].install:
                run(command, place, root, wheels, arguments.index)
                size, before = megabytes(place), size
                print(f"  {size - before:6.0f} MB  {' '.join(command.split())[:90]}", flush=True)
            print(f"  {size - first:6.0f} MB  beside python:3.12-slim")
            subprocess.run([place / "bin" / "hexzctl", *stages[name].entrypoint[1:], "--help"],
                           check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        learns = "torch.nn.Linear(2, 2)(torch.zeros(1, 2)).sum().backward()"
        code = f"import torch, hexz.model.network; {learns}"
        subprocess.run([root / "server" / "bin" / "python", "-c", code], check=True)


if __name__ == "__main__":
    main()
