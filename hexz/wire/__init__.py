"""Bytes that hexzctl exchanges with others: protobuf messages and zip files of examples.

Nothing outside this package touches protobuf. The messages are in proto/hexz.proto.
"""

from hexz.wire.archive import (
    MAX_EXAMPLE_BYTES,
    ExampleArchive,
    read_examples,
    write_examples,
)
from hexz.wire.board import board_from_message, decode_board
from hexz.wire.example import (
    MAX_GAME_BYTES,
    decode_example,
    decode_game,
    encode_example,
    encode_game,
    is_fast_search,
)
from hexz.wire.suggest import (
    MAX_REQUEST_BYTES,
    InvalidRequest,
    SuggestRequest,
    check_info_request,
    decode_json_request,
    decode_request,
    encode_response,
    encode_server_info,
    json_response,
    load_object,
)

__all__ = [
    "MAX_EXAMPLE_BYTES",
    "MAX_GAME_BYTES",
    "MAX_REQUEST_BYTES",
    "ExampleArchive",
    "InvalidRequest",
    "SuggestRequest",
    "board_from_message",
    "check_info_request",
    "decode_board",
    "decode_example",
    "decode_game",
    "decode_json_request",
    "decode_request",
    "encode_example",
    "encode_game",
    "encode_response",
    "encode_server_info",
    "is_fast_search",
    "json_response",
    "load_object",
    "read_examples",
    "write_examples",
]
