"""Builds the Cython extensions; everything declarative lives in pyproject.toml."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

# A wheel must run on machines other than the one that built it, so the default is the
# compiler's portable baseline. `make` builds and runs on one machine and sets "native".
MARCH = os.environ.get("HEXZ_MARCH", "")

# -ffinite-math-only and friends let the compiler vectorise the arg-max scans of the tree
# search; the engine never computes with infinities or NaNs. Sums keep their order, so results
# do not depend on the vector width.
CFLAGS = [
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-signed-zeros",
    "-ffinite-math-only",
    "-Wall",
    "-Wextra",
]
if MARCH:
    CFLAGS.append(f"-march={MARCH}")

extensions = [
    Extension(
        ".".join(path.with_suffix("").parts),
        [str(path)],
        extra_compile_args=CFLAGS,
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_1_7_API_VERSION")],
    )
    for path in sorted(Path("hexz").rglob("*.pyx"))
]

setup(
    ext_modules=cythonize(
        extensions,
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "initializedcheck": False,
            "cdivision": True,
            "embedsignature": "python",
        },
        build_dir="build/cython",
    )
)
