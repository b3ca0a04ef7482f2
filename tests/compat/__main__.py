"""`python -m tests.compat`: writes what this version writes to tests/data/compat, for all later
versions to read. A release does so once; before it, a set may be written anew."""

from pathlib import Path

from .kinds import KINDS
from .test_compat import FOLDER, VERSION

if __name__ == "__main__":
    folder: Path = FOLDER / VERSION
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, kind in KINDS.items():
        (folder / name).write_bytes(kind.write())
        kind.read(folder / name)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{len(KINDS)} files, {size:,} bytes, in {folder}")
