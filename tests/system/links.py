"""A link over TCP that can break and, for machines whose kernel has no netem, is slow and stands
still now and then."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from typing import Final

from .network import LATENCY_MS, LOSS_PERCENT

RESEND_SECONDS: Final = 0.3
"""What is lost comes so much later, about as when TCP sends it again."""
_CHUNK: Final = 1 << 14
_RESET: Final = struct.pack("ii", 1, 0)


class Links:
    """Takes connections at a port of all addresses of this machine, and forwards what they carry.

    Args:
        target: host and port.
        are_slow: whether what they carry is late.

    Attributes:
        port: where it takes them.
    """

    def __init__(self, target: tuple[str, int], *, are_slow: bool) -> None:
        self._target = target
        self._are_slow = are_slow
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        self.break_all()

    def break_all(self) -> None:
        """Breaks all connections, wherever in a message they are; both ends hear of it."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                connection.shutdown(socket.SHUT_RDWR)
                connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=[client], daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, timeout=10)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        self._open |= {client, server}
        back = threading.Thread(target=self._forward, args=[server, client], daemon=True)
        back.start()
        self._forward(client, server)
        back.join()
        self._open -= {client, server}
        for connection in (client, server):
            connection.close()

    def _forward(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                if self._are_slow:
                    is_lost = random.random() < LOSS_PERCENT / 100
                    time.sleep(LATENCY_MS / 2000 + is_lost * RESEND_SECONDS)
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
