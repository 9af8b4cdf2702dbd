"""Reading a file over HTTP against a bare download by urllib, without and with injected faults.

The server is in another process, so that its work is not in the figures; all on one machine: the
rate says what reading costs, not what a network gives.

    python -m benchmarks.remote [megabytes]
"""

from __future__ import annotations

import multiprocessing
import random
import re
import sys
import time
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection

from benchmarks.figures import Figure
from curate.recipe import FetchSection
from curate.sources.remote import Web

BLOCK = 1 << 20
ROUNDS = 5
BREAK_BYTES = 8 << 20  # the faulty server ends each answer after so many
FETCH = FetchSection(first_wait_seconds=0.001, maximum_wait_seconds=0.01)


def serve(port: Connection, megabytes: int) -> None:
    """Serve random bytes: all that is asked for at /good, at most `BREAK_BYTES` of it at /bad."""
    content = random.Random(1).randbytes(1 << 20) * megabytes

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
            begin = int(asked[1]) if asked else 0
            body = memoryview(content)[begin:]
            self.send_response(206 if asked else 200)
            if asked:
                last = len(content) - 1
                self.send_header("Content-Range", f"bytes {begin}-{last}/{len(content)}")
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            is_bad = self.path == "/bad" and len(body) > BREAK_BYTES
            self.wfile.write(body[:BREAK_BYTES] if is_bad else body)
            self.close_connection = is_bad

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    port.send(server.server_address[1])
    server.serve_forever()


def bare(url: str) -> int:
    """Bytes that urllib downloads."""
    size = 0
    with urllib.request.urlopen(url) as answer:
        while block := answer.read(BLOCK):
            size += len(block)
    return size


def ours(url: str) -> int:
    """Bytes that the stream gives."""
    size = 0
    with Web(FETCH) as web, web.open(url) as stream:
        while block := stream.read(BLOCK):
            size += len(block)
    return size


def best_seconds(read: Callable[[str], int], url: str, expected: int) -> float:
    """The shortest of some rounds."""
    found = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        size = read(url)
        found.append(time.perf_counter() - started)
        if size != expected:
            raise SystemExit(f"{read.__name__} gave {size} of {expected} bytes")
    return min(found)


def main() -> list[Figure]:
    """Print MB/s of both, and of ours when each answer breaks off."""
    megabytes = int(sys.argv[1]) if sys.argv[1:] and sys.argv[1].isdigit() else 128
    size = megabytes << 20
    ours_end, server_end = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(server_end, megabytes), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours_end.recv()}"
    rates = {
        "urllib": size / best_seconds(bare, f"{url}/good", size) / 1e6,
        "ours": size / best_seconds(ours, f"{url}/good", size) / 1e6,
        f"ours, broken off every {BREAK_BYTES >> 20} MiB": size
        / best_seconds(ours, f"{url}/bad", size)
        / 1e6,
    }
    server.terminate()
    server.join()
    for name, rate in rates.items():
        print(f"{name:36} {rate:8.0f} MB/s {rate / rates['urllib']:6.2f} of urllib")
    return [
        Figure(
            f"remote, {name}: MB/s over loopback",
            "",
            f"{rate:.0f}",
            f"urllib {rates['urllib']:.0f}",
        )
        for name, rate in rates.items()
        if name != "urllib"
    ]


if __name__ == "__main__":
    main()
