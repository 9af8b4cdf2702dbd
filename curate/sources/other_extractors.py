"""Resiliparse and trafilatura, in a watched process of their own.

Both are native code that holds the GIL, and neither knows a limit: on some pages they take minutes
or gigabytes. So a worker process extracts, one page after the other, and is killed and replaced
when a page takes longer than it may.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import subprocess
import sys
import time
import weakref
from functools import cache
from importlib.util import find_spec
from typing import IO, Any

import numpy as np

from curate.errors import ComponentError
from curate.sources.html import SkipError

# Chrome cuts off at 512. Resiliparse takes time with the square of the depth (200 s at 100,000),
# and open formatting elements take memory with it (3 GB at 4,000).
MAXIMUM_DEPTH = 1_000
_START_SECONDS = 60  # to import the library, on a machine that is busy
_TAG = re.compile(r"<([/a-zA-Z])")
# Not of the elements that never stay open, nor of those whose end tag is commonly left out.
_NESTING_TAG = re.compile(
    r"<(?!/?(?:area|base|body|br|col|colgroup|dd|dt|embed|head|hr|html|img|input|li|link|meta"
    r"|option|p|param|rp|rt|source|tbody|td|tfoot|th|thead|tr|track|wbr)[\s/>])([/a-z])",
    re.IGNORECASE | re.ASCII,
)


class WatchedExtractor:
    """An extractor in a process that is killed when a page takes too long.

    Args:
        name: `resiliparse` or `trafilatura`.
        seconds: that a page may take.

    Raises:
        ComponentError: the library is not installed, or does not import.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self.name, self.seconds = name, seconds
        self._worker: subprocess.Popen[bytes] | None = None
        if name == "trafilatura" and find_spec("trafilatura") is None:
            raise ComponentError(
                "extractor = 'trafilatura' uses that library",
                "it is not installed",
                change="install the extra: pip install 'curate[trafilatura]'",
            )
        self._start()

    def extract(self, html: str, *, comments: bool = False) -> str:
        """The main text of a page.

        Raises:
            SkipError: `time_limit`, `too_deep`, or `extraction_failed`.
            ComponentError: the library does not import.
        """
        _refuse_depth(html)
        if self._worker is None or self._worker.poll() is not None:
            self._start()
        answer = self._ask({"html": html, "comments": comments}, self.seconds)
        if answer is None:
            raise SkipError("time_limit", f"{self.name} took more than {self.seconds:g} s")
        if "failed" in answer:
            raise SkipError("extraction_failed", str(answer["failed"]))
        return str(answer["text"])

    def close(self) -> None:
        """End the process."""
        if self._worker is not None:
            _end(self._worker)
            self._worker = None

    def _start(self) -> None:
        self.close()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._worker = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "curate.sources.other_extractors", self.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        weakref.finalize(self, _end, self._worker)
        answer = self._ask({"html": "", "comments": False}, _START_SECONDS)
        if answer is None or "missing" in answer:
            came = "it did not start" if answer is None else str(answer["missing"])
            raise ComponentError(
                f"extractor = {self.name!r} uses that library",
                came,
                change="install the extra: pip install 'curate[trafilatura]'"
                if self.name == "trafilatura"
                else "install the pinned version of resiliparse",
            )

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """Send a page and wait for its text; None, and the process is gone, when that fails."""
        worker = self._worker
        assert worker is not None and worker.stdin is not None and worker.stdout is not None  # noqa: PT018
        try:
            _write_message(worker.stdin, request)
            answer = _read_in_time(worker.stdout, time.monotonic() + seconds)
        except OSError:
            answer = None
            seconds = 0
        if answer is None:
            code = worker.poll()
            self.close()
            if code is not None or seconds == 0:
                return {"failed": f"the process ended ({code})"}
        return answer


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.wait()
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:  # what was not yet written
                continue


def _write_message(pipe: IO[bytes], message: dict[str, Any]) -> None:
    content = json.dumps(message).encode()
    pipe.write(len(content).to_bytes(8) + content)
    pipe.flush()


def _read_in_time(pipe: IO[bytes], until: float) -> dict[str, Any] | None:
    """The next message; None at the end of the time, or of the pipe."""
    content = bytearray()
    wanted = 8
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while len(content) < wanted:
            if not selector.select(max(0.0, until - time.monotonic())):
                return None
            piece = os.read(pipe.fileno(), 1 << 16)
            if not piece:
                return None
            content += piece
            if wanted == 8 and len(content) >= 8:  # noqa: PLR2004 - the length goes before
                wanted += int.from_bytes(content[:8])
    found: dict[str, Any] = json.loads(content[8:])
    return found


def _refuse_depth(html: str) -> None:
    if (
        html.count("<") - html.count("</") > MAXIMUM_DEPTH
        and _depth(html, _TAG) > MAXIMUM_DEPTH
        and _depth(html, _NESTING_TAG) > MAXIMUM_DEPTH
    ):
        raise SkipError("too_deep", f"more than {MAXIMUM_DEPTH} elements are open at once")


def _depth(html: str, tag: re.Pattern[str]) -> int:
    """How many elements are open at once, at most, when every end tag closes one."""
    tags = np.frombuffer("".join(tag.findall(html)).encode(), np.uint8)
    opened = np.cumsum(np.where(tags == ord("/"), -1, 1))
    closed_before_opened = np.minimum.accumulate(np.minimum(opened, 0))
    return int((opened - closed_before_opened).max(initial=0))


@cache
def watched(name: str, seconds: float) -> WatchedExtractor:
    """The extractor of this process, started at its first use."""
    return WatchedExtractor(name, seconds)


# --- in the worker


def _resiliparse(html: str, *, comments: bool) -> str:
    from resiliparse.extract.html2text import extract_plain_text

    return str(
        extract_plain_text(
            html, preserve_formatting=True, main_content=True, alt_texts=False, comments=comments
        )
    )


def _trafilatura(html: str, *, comments: bool) -> str:
    from trafilatura import extract

    return extract(html, include_comments=comments, include_tables=True) or ""


def _serve(name: str) -> None:
    """Answer pages until the other side is gone."""
    extract = {"resiliparse": _resiliparse, "trafilatura": _trafilatura}[name]
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between
    while len(head := requests.read(8)) == 8:  # noqa: PLR2004 - the length goes before
        request = json.loads(requests.read(int.from_bytes(head)))
        try:
            answer = {"text": extract(request["html"], comments=request["comments"])}
        except ImportError as error:
            answer = {"missing": str(error)}
        except Exception as error:  # noqa: BLE001 - whatever it raises is this page's fault, recorded
            answer = {"failed": f"{type(error).__name__}: {error}"}
        _write_message(answers, answer)


if __name__ == "__main__":
    _serve(sys.argv[1])
