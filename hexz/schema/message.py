"""`Message`: what one process or machine tells another, as JSON."""

from typing import Self

import msgspec

from hexz.errors import InvalidMessage


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message. Unknown keys are ignored, so that either side may learn new ones; what is there
    must be of the right type and in range."""

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Reads a message; raises InvalidMessage with the reason if it is none."""
        try:
            return msgspec.json.decode(data, type=cls)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise InvalidMessage(f"the message cannot be used: {error}") from None
