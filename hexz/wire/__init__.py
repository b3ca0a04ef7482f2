"""Bytes that hexzctl exchanges with others: protobuf messages and zip files of examples.

Nothing outside this package touches protobuf. The messages are in proto/hexz.proto.
"""

from hexz.wire.archive import (
    MAX_EXAMPLE_BYTES,
    ExampleArchive,
    atomic_file,
    read_examples,
    sync_directory,
    write_examples,
)
from hexz.wire.board import board_from_message, board_to_message, decode_board, encode_board
from hexz.wire.example import (
    MAX_GAME_BYTES,
    decode_example,
    decode_game,
    encode_example,
    encode_game,
)

__all__ = [
    "MAX_EXAMPLE_BYTES",
    "MAX_GAME_BYTES",
    "ExampleArchive",
    "atomic_file",
    "board_from_message",
    "board_to_message",
    "decode_board",
    "decode_example",
    "decode_game",
    "encode_board",
    "encode_example",
    "encode_game",
    "read_examples",
    "sync_directory",
    "write_examples",
]
