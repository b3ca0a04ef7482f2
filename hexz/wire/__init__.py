"""Bytes that hexzctl exchanges with others: protobuf messages and zip files of examples.

Nothing outside this package touches protobuf. The messages are in proto/hexz.proto.
"""

from hexz.wire.archive import (
    MAX_EXAMPLE_BYTES,
    atomic_file,
    read_examples,
    sync_directory,
    write_examples,
)
from hexz.wire.board import board_from_message, board_to_message, decode_board, encode_board
from hexz.wire.example import decode_example, encode_example

__all__ = [
    "MAX_EXAMPLE_BYTES",
    "atomic_file",
    "board_from_message",
    "board_to_message",
    "decode_board",
    "decode_example",
    "encode_board",
    "encode_example",
    "read_examples",
    "sync_directory",
    "write_examples",
]
