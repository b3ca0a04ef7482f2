"""Builds the Cython extensions; everything declarative lives in pyproject.toml.

HEXZ_MARCH chooses the machine to build for. Unset, it is the compiler's portable baseline, because
a wheel must run on machines other than the one that built it. `native` is this machine, which is
what `make` sets; any other value goes to the compiler's -march. Games do not depend on it.
"""

import os
import subprocess
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

MARCH = os.environ.get("HEXZ_MARCH", "")

# Objects for one machine or one Python must never end up in a build for another.
BUILD_DIR = f"build/{MARCH or 'portable'}-{sys.implementation.cache_tag}"

CFLAGS = [
    "-O3",
    "-g0",
    # The engine never computes with infinities or NaNs, so the compiler may vectorise the arg-max
    # scans of the tree search. Sums keep their order and are never fused, so that results depend
    # neither on the vector width nor on the machine.
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-signed-zeros",
    "-ffinite-math-only",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
    # Every module that cimports hexz.engine.bits gets all of its C functions.
    "-Wno-unused-function",
]


class BuildExt(build_ext):
    """Compiles for HEXZ_MARCH."""

    def finalize_options(self) -> None:
        super().finalize_options()
        if self.editable_mode:
            # Not a temporary directory: the next build then only compiles what has changed.
            self.build_lib = f"{BUILD_DIR}/lib"
            self.build_temp = f"{BUILD_DIR}/temp"

    def build_extensions(self) -> None:
        flags = CFLAGS + self.machine_flags()
        for extension in self.extensions:
            extension.extra_compile_args = flags
            if extension.name == "hexz.engine.build":  # tells `hexzctl doctor`
                extension.define_macros.append(("HEXZ_FLAGS", f'"{" ".join(flags)}"'))
        super().build_extensions()

    def machine_flags(self) -> list[str]:
        if MARCH != "native":
            return [f"-march={MARCH}"] if MARCH else []
        # clang for ARM has long known only the second.
        candidates = ("-march=native", "-mcpu=native")
        return [flag for flag in candidates if self.accepts(flag)][:1]

    def accepts(self, flag: str) -> bool:
        command = [*self.compiler.compiler_so, flag, "-x", "c", "-c", os.devnull, "-o", os.devnull]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


setup(
    cmdclass={"build_ext": BuildExt},
    options={
        "build": {"build_lib": f"{BUILD_DIR}/lib", "build_temp": f"{BUILD_DIR}/temp"},
        "build_ext": {"parallel": os.cpu_count()},
    },
    ext_modules=cythonize(
        [
            Extension(".".join(path.with_suffix("").parts), [str(path)])
            for path in sorted(Path("hexz").rglob("*.pyx"))
        ],
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "initializedcheck": False,
            "cdivision": True,
            "embedsignature": "python",
        },
        build_dir="build/cython",
    ),
)
