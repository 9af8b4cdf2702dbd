"""A web server with faults to order, which notes what it is asked."""

from __future__ import annotations

import hashlib
import re
import socket
import struct
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer.

    Attributes:
        status: answered instead of the file.
        headers: sent with it.
        cut: the connection ends after so many bytes of the body.
        reset: it ends by a reset.
        stall: after `cut` bytes nothing follows, for so many seconds, and then the end.
        shorten: Content-Length is so many bytes less than the body, which is cut to it.
        whole: the range is ignored.
        shift: the range begins so many bytes later than the one asked for.
        chunked: the whole file, without a length.
        replace: before it answers, the file becomes this.
        delay: seconds before it answers.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    reset: bool = False
    stall: float = 0.0
    shorten: int = 0
    whole: bool = False
    shift: int = 0
    chunked: bool = False
    replace: bytes | None = None
    delay: float = 0.0


@dataclass(frozen=True)
class Seen:
    """A request and the status of its answer."""

    path: str
    begin: int | None
    end: int | None
    status: int


class Web:
    """Files under `http://127.0.0.1:<port>/`, whose next answers go wrong as `faults` says.

    Attributes:
        files: content by path, without the first slash.
        faults: for the next requests in turn; None for one that goes well.
        broken: for the next requests of a path that ask for all that follows an offset.
        always: for each request when there are no others.
        redirects: from a path to another one.
        seen: the requests for content, in order.
        connections: that were opened.
    """

    def __init__(self, files: dict[str, bytes] | None = None) -> None:
        self.files = dict(files or {})
        self.faults: deque[Fault | None] = deque()
        self.broken: dict[str, deque[Fault]] = {}
        self.always: Fault | None = None
        self.redirects: dict[str, str] = {}
        self.seen: list[Seen] = []
        self.connections = 0
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._ending = threading.Event()
        outer = self

        class Handler(_Handler):
            web = outer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The address of its root."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def ranges(self, path: str) -> list[tuple[int | None, int | None]]:
        """The ranges that a path was asked for."""
        return [(seen.begin, seen.end) for seen in self.seen if seen.path == path]

    def begin_answer(self) -> None:
        """Count an answer that begins."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)

    def end_answer(self) -> None:
        """Count an answer that ended."""
        with self._lock:
            self._at_once -= 1

    def next_fault(self, path: str, *, to_the_end: bool) -> Fault:
        """What goes wrong with the next answer."""
        with self._lock:
            if to_the_end and self.broken.get(path):
                return self.broken[path].popleft()
            fault = self.faults.popleft() if self.faults else self.always
        return fault or Fault()

    def wait(self, seconds: float) -> None:
        """Wait, but not beyond the end of the server."""
        self._ending.wait(seconds)


def mark(content: bytes) -> str:
    """The ETag of a content."""
    return f'"{hashlib.md5(content).hexdigest()}"'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def setup(self) -> None:
        super().setup()
        self.web.connections += 1

    def handle(self) -> None:
        with suppress(ConnectionError):  # the reader went away
            super().handle()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.web.begin_answer()
        try:
            self._answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.web.end_answer()

    def _answer(self) -> None:
        web, path = self.web, self.path.lstrip("/").partition("?")[0]
        if path in web.redirects:
            self._head(302, {"Location": web.redirects[path], "Content-Length": "0"})
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        begin = int(asked[1]) if asked else None
        end = int(asked[2]) if asked and asked[2] else None
        fault = web.next_fault(path, to_the_end=end is None)
        web.wait(fault.delay)
        if fault.replace is not None:
            web.files[path] = fault.replace
        content = web.files.get(path)
        status, extra = 200, {}
        if fault.status or content is None:
            status = fault.status or 404
        elif asked and not (fault.whole or fault.chunked):
            status = 206 if begin < len(content) else 416
            extra = {"Content-Range": f"bytes */{len(content)}"} if status == 416 else {}
        web.seen.append(Seen(path, begin, end, status))
        if content is None or status not in {200, 206}:
            self._head(status, {"Content-Length": "0", **extra, **fault.headers})
            return
        headers = {"ETag": mark(content), **fault.headers}
        if status == 206:
            begin += fault.shift
            size = len(content)
            content = content[begin : None if end is None else end + 1]
            headers["Content-Range"] = f"bytes {begin}-{begin + len(content) - 1}/{size}"
        if fault.chunked:
            self._send_chunks(content, headers, fault)
        else:
            self._send(status, content, headers, fault)

    def _send_chunks(self, content: bytes, headers: dict[str, str], fault: Fault) -> None:
        self._head(200, {**headers, "Transfer-Encoding": "chunked"})
        for at in range(0, len(content), 70_000):
            piece = content[at : at + 70_000]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            if fault.cut is not None and at >= fault.cut:
                self.close_connection = True
                return
        self.wfile.write(b"0\r\n\r\n")

    def _send(self, status: int, content: bytes, headers: dict[str, str], fault: Fault) -> None:
        content = content[: len(content) - fault.shorten]
        self._head(status, {**headers, "Content-Length": str(len(content))})
        self.wfile.write(content if fault.cut is None else content[: fault.cut])
        if fault.cut is None:
            return
        self.wfile.flush()
        self.close_connection = True
        if fault.stall:
            self.web.wait(fault.stall)
        if fault.reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
