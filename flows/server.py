"""A Prefect server for the length of one run, where the user points at none.

The child ends when its standard input closes, so it never outlives the driver, even a killed one.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate.errors import ComponentError

START_SECONDS = 90.0
QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",  # the command tells errors itself
    "PREFECT_CLI_PROMPT": "false",
}


@contextmanager
def prefect_server(log: Path) -> Iterator[str]:
    """The URL of the API: the one that the user points at, else of a server of this run's own.

    Must be entered before prefect is imported.

    Raises:
        ComponentError: the server does not start.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    url = os.environ.get("PREFECT_API_URL", "")
    if url:
        yield url
        return
    os.environ.setdefault("PREFECT_LOGGING_TO_API_ENABLED", "false")  # nobody will read them there
    port = _free_port()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as stream:
        child = subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-m", "flows.server", str(port)],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PREFECT_UI_ENABLED": "false", "MALLOC_ARENA_MAX": "1"},
        )
        try:
            url = f"http://127.0.0.1:{port}/api"
            _wait(child, url, log)
            os.environ["PREFECT_API_URL"] = url
            yield url
        finally:
            os.environ.pop("PREFECT_API_URL", None)
            assert child.stdin is not None
            child.stdin.close()
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(child: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    came = f"it did not answer within {START_SECONDS:g} s"
    while time.monotonic() < end:
        if child.poll() is not None:
            came = f"it ended with status {child.returncode}{_last_error(log)}"
            break
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=1):  # noqa: S310  # http, our own
                return
        except OSError:
            time.sleep(0.05)
    raise ComponentError(
        "the run's Prefect server starts",
        came,
        str(log),
        "see its log, and whether PREFECT_HOME (~/.prefect) can be written, or point at a server "
        "of yours with PREFECT_API_URL",
    )


def _last_error(log: Path) -> str:
    """The last line of a log that names an error, to be told behind what happened."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    named = [line for line in lines if re.match(r"[\w.]*(?:Error|Exception)\b", line)]
    return f": {named[-1]}" if named else ""


def serve(port: int) -> None:
    """Serve Prefect's API until standard input closes."""

    def follow_driver() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=follow_driver, daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    app = create_app(ephemeral=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    serve(int(sys.argv[1]))
