"""One harness under libFuzzer: `python -m tests.fuzz.one HARNESS FOLDER [OPTION ...]`."""

import sys

import atheris

with atheris.instrument_imports(include=["hexz"]):
    from .harnesses import HARNESSES

if __name__ == "__main__":
    name = sys.argv.pop(1)
    run = HARNESSES[name].run
    atheris.Setup(sys.argv, run)
    atheris.Fuzz()
