"""Files on the web and in S3 → one seekable stream that goes on where a connection broke.

A file is asked for by range requests, read forward over one connection, and never held: memory is
a block. What passes (refusals for load, server errors, timeouts, broken connections, answers that
end early) is tried again after a growing wait, from the byte where it broke. What does not pass
(no such file, a file that is another one now) is an error at once.

A file in S3 is read in the same way: s3fs signs the address.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import re
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, BinaryIO, NamedTuple, Self

from curate import __version__
from curate.errors import ComponentError, FetchError, InputError, MissingInputError
from curate.recipe import FetchSection

try:
    import requests
    from requests import exceptions as refusals
    from tenacity import (
        RetryCallState,
        Retrying,
        retry_if_exception_type,
        stop_after_attempt,
        wait_exponential,
        wait_random,
    )
    from urllib3.exceptions import HTTPError, InvalidHeader
    from urllib3.util import Retry
except ImportError as problem:
    raise ComponentError(
        "remote inputs can be read",
        str(problem),
        change="install the extra `http` or `s3`: pip install 'curate[http,s3]'",
    ) from problem

BLOCK_BYTES = 1 << 20
PASSING = frozenset({403, 408, 425, 429, 500, 502, 503, 504})  # Common Crawl refuses load with 403
SLOWEST_BYTES_PER_SECOND = 1 << 10
_WINDOW_BYTES = 1 << 20  # asked for after a jump: who jumps once may jump again
_LARGEST_WINDOW_BYTES = 1 << 26  # read on so far, and the rest is asked for
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(?:(\d{1,18})|\*)")
_FINAL = (
    refusals.InvalidURL,
    refusals.InvalidSchema,
    refusals.MissingSchema,
    refusals.TooManyRedirects,
)
_ASKED = "a remote input can be fetched"


class Facts(NamedTuple):
    """What tells whether a remote file is still the same.

    Attributes:
        size: bytes; None where the server does not say.
        mark: its ETag, else the time of its last change, else empty.
    """

    size: int | None
    mark: str


def identity_of(url: str, facts: Facts) -> str:
    """The identity of a remote file: the hash of URL, size and ETag."""
    text = json.dumps([url, facts.size, facts.mark])
    return hashlib.sha256(text.encode()).hexdigest()


class Web:
    """Connections to servers under one policy; a context that closes them.

    Args:
        fetch: the recipe's `[fetch]`.
    """

    def __init__(self, fetch: FetchSection) -> None:
        self.fetch = fetch
        self.session = requests.Session()
        self.session.headers["User-Agent"] = f"curate/{__version__} (corpus building)"
        self.session.headers["Accept-Encoding"] = "identity"  # the file's bytes as they are
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=fetch.connections)
        self.session.mount("https://", adapter)
        self.session.mount("http://", adapter)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def describe(self, url: str) -> Facts:
        """Size and ETag of a remote file, by a request for its first byte.

        Raises:
            FetchError: no attempt succeeded.
            InputError: there is no such file, or it may not be read.
        """
        with RemoteStream(self, url) as stream:
            return stream.describe()

    def open(self, url: str, identity: str = "") -> BinaryIO:
        """A remote file as a seekable stream at byte 0; what it raises, `RemoteStream` says."""
        return io.BufferedReader(RemoteStream(self, url, identity))

    def read(self, url: str, maximum_bytes: int) -> bytes:
        """A small remote file whole.

        Raises:
            FetchError: no attempt succeeded.
            InputError: there is no such file, or it is larger than the maximum.
        """
        with self.open(url) as stream:
            content = stream.read(maximum_bytes + 1)
        if len(content) > maximum_bytes:
            raise InputError(f"it has at most {maximum_bytes} bytes", "it has more", url)
        return content

    def address(self, url: str) -> str:
        """The address that is asked for: a signed one for `s3://`."""
        if not url.startswith("s3://"):
            return url
        try:
            return str(self._s3.url(url, **getattr(self._s3, "req_kw", {})))
        except Exception as error:  # botocore's errors share no base with anything
            raise InputError("an address in S3 can be signed", str(error), url) from error

    @cached_property
    def _s3(self) -> Any:
        """S3 with the keys that the surroundings give; without keys, as anybody."""
        try:
            import fsspec
            from botocore.session import get_session

            settings = {"config_kwargs": {"signature_version": "s3v4"}, "cache_regions": True}
            signed = fsspec.filesystem("s3", **settings)
            if signed.key or signed.anon or get_session().get_credentials():
                return signed
            return fsspec.filesystem("s3", anon=True, **settings)
        except ImportError as error:
            raise ComponentError(
                "inputs in S3 can be read",
                str(error),
                change="install the extra `s3`: pip install 'curate[s3]'",
            ) from error


class _PassingError(Exception):
    """What may be gone at the next attempt.

    Args:
        came: what happened.
        wait_seconds: how long the server asks to wait.
    """

    def __init__(self, came: str, wait_seconds: float = 0.0) -> None:
        super().__init__(came)
        self.wait_seconds = wait_seconds


class RemoteStream(io.RawIOBase):
    """A remote file, seekable, at byte 0.

    `[fetch] attempts` counts per block of `BLOCK_BYTES`: a connection that breaks a hundred times
    in a hundred gigabytes is no failure.

    Args:
        web: connections and policy.
        url: `https://`, `http://` or `s3://`.
        identity: what `identity_of` said of the file; left out: whatever the first answer is.

    Raises:
        FetchError: (reading) no attempt succeeded, or the file is another one than `identity`
            says or than it was before.
        InputError: (reading) there is no such file, or it may not be read.
    """

    def __init__(self, web: Web, url: str, identity: str = "") -> None:
        super().__init__()
        self._web, self._url, self._identity = web, url, identity
        self._at = 0  # of the next byte that the caller gets
        self._block, self._block_at = memoryview(b""), 0
        self._facts: Facts | None = None
        self._size: int | None = None  # known once an answer says it, or ends
        self._answer: Any = None
        self._position = 0  # of the next byte of the answer
        self._stop: int | None = None  # where the answer says that it ends
        self._window: int | None = None  # bytes to ask for; None: all that follow

    def readable(self) -> bool:
        """True: that is what it is for."""
        return True

    def seekable(self) -> bool:
        """True: see `seek`."""
        return True

    def tell(self) -> int:
        """The offset of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset; what is read next begins there."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence)
        if start is None:
            size = self.describe().size
            if size is None:
                raise InputError(
                    "a remote input has a known size",
                    "the server does not tell it",
                    self._url,
                    "download the file and name it in `inputs`",
                )
            start = size
        if start + offset < 0:
            raise ValueError(f"negative seek position {start + offset}")
        self._at = start + offset
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as bytes are at hand; 0 at the end of the file."""
        offset = self._at - self._block_at
        if not 0 <= offset < len(self._block):
            self._fill()
            offset = 0
        piece = self._block[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        """Close the answer that is being read."""
        self._drop()
        super().close()

    def describe(self) -> Facts:
        """Size and ETag; of what was read already, else by a request for the first byte."""
        if self._facts is None:
            self._attempt(lambda: self._ask(0, 1), lambda: 0)
        assert self._facts is not None
        return self._facts

    def _fill(self) -> None:
        """Have the block that begins at the next byte, empty at the end of the file."""
        block, begin = bytearray(), self._at
        self._attempt(lambda: self._pull(block, begin), lambda: begin + len(block))
        self._block, self._block_at = memoryview(block), begin

    def _attempt(self, action: Callable[[], None], at: Callable[[], int]) -> None:
        """Do it until it succeeds, so often and with such waits as the recipe says."""
        fetch = self._web.fetch
        growing = wait_exponential(
            multiplier=fetch.first_wait_seconds, max=fetch.maximum_wait_seconds
        ) + wait_random(0, fetch.first_wait_seconds)

        def wait(state: RetryCallState) -> float:
            error = state.outcome and state.outcome.exception()
            asked = error.wait_seconds if isinstance(error, _PassingError) else 0.0
            return max(growing(state), min(asked, fetch.maximum_wait_seconds))

        again = Retrying(
            retry=retry_if_exception_type(_PassingError),
            stop=stop_after_attempt(fetch.attempts),
            wait=wait,
            reraise=True,
        )
        try:
            again(action)
        except _PassingError as error:
            attempts = f"{fetch.attempts} attempt{'s' * (fetch.attempts > 1)}"
            raise FetchError(
                _ASKED,
                f"{error} (the last of {attempts}, at byte {at()})",
                self._url,
                "start the run again later: it reads what is missing; or raise `attempts` in [fetch]",
            ) from error

    def _pull(self, block: bytearray, begin: int) -> None:
        """Add what follows to a block until it is full or the file ends."""
        started, before = time.monotonic(), len(block)
        while len(block) < BLOCK_BYTES and self._reach(begin + len(block)):
            block += self._receive(BLOCK_BYTES - len(block))
            seconds = time.monotonic() - started
            came = len(block) - before
            is_slow = came < seconds * SLOWEST_BYTES_PER_SECOND
            if is_slow and seconds > self._web.fetch.timeout_seconds:
                self._drop()
                raise _PassingError(f"only {came} bytes came in {seconds:.0f} seconds")

    def _reach(self, at: int) -> bool:
        """Have an answer whose next byte is the one at an offset; False where the file ends."""
        while self._size is None or at < self._size:
            is_near = self._position <= at < self._position + _WINDOW_BYTES
            if self._answer is None or not is_near:
                if at != self._position:
                    self._window = _WINDOW_BYTES
                self._drop()
                self._ask(at, self._window)
            while self._answer is not None and self._position < at:
                self._receive(at - self._position)
            if self._answer is not None:
                return True
        return False

    def _receive(self, most: int) -> bytes:
        """Some bytes of the answer; empty where it ends well."""
        if self._stop is not None:
            most = min(most, self._stop - self._position)
        try:
            piece = bytes(self._answer.raw.read1(most) or b"")
        except (HTTPError, http.client.HTTPException, OSError) as error:
            self._drop()
            raise _PassingError(f"the connection broke: {_words(error)}") from error
        self._position += len(piece)
        if self._stop is not None and self._position < self._stop:
            if not piece:
                self._drop()
                raise _PassingError(f"the answer ended {self._stop - self._position} bytes early")
            return piece
        if self._stop is None and piece:
            return piece
        if self._stop is None:
            self._size = self._position
        if self._window is not None:  # read to its end: the next may be larger
            grown = 4 * self._window
            self._window = grown if grown <= _LARGEST_WINDOW_BYTES else None
        self._drop()
        return piece

    def _ask(self, at: int, window: int | None) -> None:
        """Send a request for a range."""
        last = "" if window is None else at + window - 1
        timeout = self._web.fetch.timeout_seconds
        try:
            answer = self._web.session.get(
                self._web.address(self._url),
                headers={"Range": f"bytes={at}-{last}"},
                stream=True,
                timeout=timeout,
            )
        except _FINAL as error:
            raise InputError(_ASKED, _words(error), self._url, "correct the address") from error
        except (requests.RequestException, OSError) as error:
            raise _PassingError(f"there was no answer: {_words(error)}") from error
        self._answer = answer
        status = answer.status_code
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        if status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and found and found[3]:
            self._drop()
            facts = Facts(int(found[3]), _mark(answer))
            self._check(facts)
            self._size = facts.size
            if at < int(found[3]):
                raise _PassingError(f"the server answered {status} within the file")
            return
        if status in PASSING:
            self._drop()
            raise _PassingError(f"the server answered {_status(answer)}", _retry_after(answer))
        if status in {http.HTTPStatus.NOT_FOUND, http.HTTPStatus.GONE}:
            self._drop()
            came = f"there is no such file: the server answered {_status(answer)}"
            raise MissingInputError("an input exists", came, self._url, "correct the address")
        if status not in {http.HTTPStatus.OK, http.HTTPStatus.PARTIAL_CONTENT}:
            self._drop()
            came = f"the server answered {_status(answer)}"
            raise InputError(_ASKED, came, self._url, "correct the address in `inputs`")
        self._begin_answer(answer, found, at)

    def _begin_answer(self, answer: Any, found: re.Match[str] | None, at: int) -> None:
        """Note where the answer begins and ends, and that it is of the same file."""
        length = answer.headers.get("Content-Length", "")
        if answer.status_code == http.HTTPStatus.PARTIAL_CONTENT:
            if not found or not found[1] or not int(found[1]) <= at <= int(found[2]):
                self._drop()
                raise _PassingError("the answer is another range than the one asked for")
            self._position, self._stop = int(found[1]), int(found[2]) + 1
            size = int(found[3]) if found[3] else None
        else:  # the server knows no ranges: all of it comes
            size = int(length) if length.isascii() and length.isdigit() else None
            self._position, self._stop = 0, size
        self._check(Facts(size, _mark(answer)))
        self._size = size if size is not None else self._size

    def _check(self, facts: Facts) -> None:
        """Refuse the bytes of another file than before; an answer need not tell all that is known."""
        known = self._facts or facts
        joined = Facts(facts.size if known.size is None else known.size, known.mark or facts.mark)
        is_same = facts.size in {None, joined.size} and facts.mark in {"", joined.mark}
        if not is_same or (self._identity and identity_of(self._url, joined) != self._identity):
            self._drop()
            raise FetchError(
                "a remote input stays the same while it is read",
                f"it changed (now {facts.size} bytes, marked {facts.mark or 'by nothing'})",
                self._url,
                "start the run again: it reads the new one",
            )
        self._facts = joined

    def _drop(self) -> None:
        """Close the answer, and its connection where the answer was not read to its end."""
        if self._answer is not None:
            self._answer.close()
        self._answer = None


def _mark(answer: Any) -> str:
    return str(answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "")


def _status(answer: Any) -> str:
    reason = f" ({answer.reason})" if answer.reason else ""
    return f"{answer.status_code}{reason}"


def _retry_after(answer: Any) -> float:
    """Seconds that the server asks to wait; 0 where it does not ask."""
    value = answer.headers.get("Retry-After")
    try:
        return float(Retry().parse_retry_after(value)) if value else 0.0
    except InvalidHeader:
        return 0.0


def _words(error: BaseException) -> str:
    """What an error says, without the layers that it went through."""
    reason = getattr(error, "reason", None)
    inner = [part for part in (reason, *error.args) if isinstance(part, BaseException)]
    if inner:
        return _words(inner[0])
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = re.sub(r"^<[^>]*>: |^\w+\([^)]*\): ", "", str(error))
    return text or type(error).__name__
