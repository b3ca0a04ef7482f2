"""An HTTP proxy before the emulator: it keeps the preconditions of Cloud Storage, and fails."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit


@dataclass(frozen=True)
class Request:
    """A request of the client.

    Attributes:
        kind: `create`, `session` (starts a large upload), `list`, `info`, `content`, `delete`, or
            `bucket`.
        name: of the object, if it is about one.
        expected: its precondition `ifGenerationMatch`: "0" for an object that is not there yet,
            "" for none.
    """

    kind: str
    name: str
    expected: str

    @property
    def only_new(self) -> bool:
        return self.expected == "0"


@dataclass(frozen=True)
class Fault:
    """What the proxy answers instead of the answer to a request.

    Attributes:
        status: HTTP status.
        message: as Google's JSON has it; without one the body is empty.
        after: the request is carried out first, and only its answer is lost.
    """

    status: int
    message: str = ""
    after: bool = False


class GcsProxy:
    """Runs in a thread.

    Attributes:
        url: for STORAGE_EMULATOR_HOST.
        requests: all so far.
        fault: decides what fails, for each request before it is carried out.
    """

    def __init__(self, upstream: str) -> None:
        self.requests: list[Request] = []
        self.fault: Callable[[Request], Fault | None] = lambda _: None
        self._upstream = urlsplit(upstream).netloc
        self._sessions: dict[str, str] = {}
        self._one_writer = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, headers, content = proxy._answer(
                    self.command, self.path, dict(self.headers.items()), body
                )
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in ("date", "server", "content-length"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "GcsProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def created(self) -> list[str]:
        """The last parts of the names of what the client tried to create, in order."""
        return [r.name.rsplit("/", 1)[1] for r in self.requests if r.kind == "create"]

    def _answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        request = self._parse(method, path, body)
        self.requests.append(request)
        fault = self.fault(request)
        if fault is not None and not fault.after:
            return _failure(fault)
        with self._one_writer:
            if request.expected and self._generation(path, request.name) != request.expected:
                answer = _failure(Fault(412, "At least one of the pre-conditions did not hold."))
            else:
                answer = self._forward(method, path, headers, body)
        if request.kind == "session" and answer[0] == 200:
            self._sessions[_query(answer[1]["Location"], "upload_id")] = request.name
        return _failure(fault) if fault is not None else answer

    def _parse(self, method: str, path: str, body: bytes) -> Request:
        expected = _query(path, "ifGenerationMatch")
        if path.startswith("/upload/"):
            if session := _query(path, "upload_id"):
                return Request("create", self._sessions[session], expected)
            if _query(path, "uploadType") == "resumable":
                return Request("session", json.loads(body)["name"], expected)
            found = re.search(rb'"name": "([^"]+)"', body)
            assert found is not None
            return Request("create", found[1].decode(), expected)
        name = urlsplit(path).path.partition("/o/")[2].replace("%2F", "/")
        if method == "DELETE":
            return Request("delete", name, expected)
        if not name:  # Google's client also asks for the bucket, in the background
            kind = "list" if urlsplit(path).path.endswith("/o") else "bucket"
            return Request(kind, "", expected)
        kind = "content" if _query(path, "alt") == "media" else "info"
        return Request(kind, name, expected)

    def _generation(self, path: str, name: str) -> str:
        """Of an object; "0" if it is not there."""
        bucket = path.partition("/b/")[2].partition("/")[0]
        object_path = f"/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
        status, _, content = self._forward("GET", object_path, {}, b"")
        return json.loads(content)["generation"] if status == 200 else "0"

    def _forward(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection(self._upstream, timeout=30)
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, dict(response.getheaders()), content


def _query(path: str, name: str) -> str:
    return parse_qs(urlsplit(path).query).get(name, [""])[0]


def _failure(fault: Fault) -> tuple[int, dict[str, str], bytes]:
    content: Any = {"error": {"code": fault.status, "message": fault.message}}
    data = json.dumps(content).encode() if fault.message else b""
    return fault.status, {"Content-Type": "application/json"}, data
