"""The formats of exports, each in a module that says in its `FORMAT` what it is.

Importing this is quick; the modules are not imported before they are needed.
"""

from typing import Final

FORMATS: Final = {
    "html": "hexz.dataset.pages",
    "jsonl": "hexz.dataset.jsonl",
    "hdf5": "hexz.dataset.hdf5",
    "npz": "hexz.dataset.npz",
}
