"""The gRPC side of the player service: `hexzpb.CPUPlayerService`, as today's Go server calls it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, NoReturn
from weakref import WeakSet

import grpc

from hexz.errors import HexzError, IllegalMove, InvalidBoard
from hexz.player.desk import answering
from hexz.player.loop import THREADS
from hexz.player.service import PlayerService
from hexz.threads import Threads
from hexz.web import listen
from hexz.wire.suggest import (
    MAX_REQUEST_BYTES,
    InvalidRequest,
    check_info_request,
    decode_request,
    encode_response,
    encode_server_info,
)

_log = logging.getLogger(__name__)

SERVICE: Final = "hexzpb.CPUPlayerService"
GO_GRACE_SECONDS: Final = 1.0
"""The Go server waits so much longer than its think time."""
GRACE_SECONDS: Final = 2.0
"""What calls under way get when the server ends."""

_HTTP_STATUS: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 503,
    grpc.StatusCode.INTERNAL: 500,
}

_Handler = Callable[[bytes, grpc.ServicerContext], bytes]


def _seconds_since(think: float | None, left: float | None) -> float:
    """How long ago a call came, as far as its deadline tells. That of the Go server is a second
    after its think time, and gRPC counts it from when it reads the call, which our threads may be
    given much later. Deadlines that others chose are too far from that to be mistaken for it."""
    if think is None or left is None:
        return 0.0
    waited = think + GO_GRACE_SECONDS - left
    return waited if 0 < waited <= min(think / 2, GO_GRACE_SECONDS) else 0.0


class RpcServer:
    """The gRPC server of a service, in plain text.

    Args:
        service: that answers.
        host, port: to listen at; port 0 is any free one.

    Raises:
        CannotListen: the server cannot listen there.

    Attributes:
        address: where it listens, as host:port.
    """

    def __init__(self, service: PlayerService, host: str, port: int) -> None:
        self._service = service
        self._server = grpc.server(
            Threads(THREADS, "grpc"),
            maximum_concurrent_rpcs=THREADS,  # any more are refused
            options=[
                ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
                ("grpc.so_reuseport", 0),
            ],
        )
        self._calls: WeakSet[threading.Event] = WeakSet()
        methods: dict[str, _Handler] = {
            "ServerInfo": self._server_info,
            "SuggestMove": self._suggest_move,
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(self._guarded(method))
            for name, method in methods.items()
        }
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, handlers),)
        )
        listen(host, port).close()  # gRPC's own errors say nothing, and print much
        host = f"[{host}]" if ":" in host else host
        bound = self._server.add_insecure_port(f"{host}:{port}")
        self.address = f"{host}:{bound}"
        self._server.start()

    def close(self) -> None:
        """Takes no more calls; those under way are answered with what there is."""
        ended = self._server.stop(GRACE_SECONDS)
        for gone in list(self._calls):
            gone.set()
        ended.wait()

    def _server_info(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        check_info_request(request)
        return encode_server_info(self._service.model)

    def _suggest_move(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        question = decode_request(request)
        left = context.time_remaining()
        gone = threading.Event()
        self._calls.add(gone)
        context.add_callback(gone.set)
        answer = self._service.suggest(
            question.board,
            seconds=question.seconds,
            simulations=question.simulations,
            deadline=left,
            waited=_seconds_since(question.seconds, left),
            gone=gone,
        )
        return encode_response(question.board, answer.suggestion)

    def _guarded(self, method: _Handler) -> _Handler:
        """The method, with its errors as codes of gRPC."""

        def guarded(request: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                with answering("grpc", context.add_callback):
                    return method(request, context)
            except (InvalidRequest, InvalidBoard, IllegalMove) as error:
                self._abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
            except HexzError as error:
                self._abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
            except Exception as error:
                _log.exception("a bug in the answer to a call")
                reason = f"internal error: {type(error).__name__}"
                self._abort(context, grpc.StatusCode.INTERNAL, reason)

        return guarded

    def _abort(self, context: grpc.ServicerContext, code: grpc.StatusCode, reason: str) -> NoReturn:
        self._service.refuse(_HTTP_STATUS[code])
        context.abort(code, reason)
        raise AssertionError("abort raises")
