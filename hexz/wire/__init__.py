"""Bytes that hexzctl exchanges with others: protobuf messages and zip files of examples.

Nothing outside this package touches protobuf. The messages are in proto/hexz.proto.
"""
