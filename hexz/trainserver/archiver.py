"""A process that writes the zip files of the examples of checkpoints.

Encoding them is Python, which would hold up the trainer's own: 200 us an example. So it is done
elsewhere, from the journal, and without PyTorch.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from hexz.processes import Parent
from hexz.trainserver.batches import archive_entries
from hexz.trainserver.journal import read_segment
from hexz.wire.archive import write_examples


class Archive(NamedTuple):
    """Asks for the zip file of a batch.

    Attributes:
        batch: of the journal.
        path: of the file; it is the answer once the file is whole.
    """

    batch: int
    path: Path


def run_archiver(parent: Parent, journal_dir: Path) -> None:
    """Writes what is asked for, one after the other, until it is told to end."""
    while True:
        order: Archive = parent.receive()
        write_examples(order.path, archive_entries(read_segment(journal_dir, order.batch)))
        parent.send(order.path)
