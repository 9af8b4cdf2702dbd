"""Addresses as lists spell them: one normal form for hosts and paths, and the parts to look up.

A host is lower-case, without user, port, trailing dots and a leading `www.`; an international name
is in its ASCII form (IDNA 2003, as lists have it); an IPv4 address in decimal notation; an IPv6
address in its shortest form without brackets. A path keeps its query, loses its fragment, is
percent-decoded where that gives unreserved ASCII, is lower-case (lists are), and loses slashes
and an empty query at its end.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from functools import lru_cache
from urllib.parse import unquote

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://|//", re.IGNORECASE)
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")  # what browsers take for a dot
_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
_HOST = re.compile(r"[^\s/?#@<>\\^|%\[\]]+")


def split_address(address: str) -> tuple[str, str] | None:
    """Host and path (with its query) in normal form; None for what is no address of a host.

    >>> split_address("HTTPS://user@WWW.Example.COM.:443/A/%7Eb/?q=1#top")
    ('example.com', '/a/~b/?q=1')
    """
    text = address.strip().replace("\t", "").replace("\n", "").replace("\r", "")
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    rest = rest.replace("\\", "/").partition("#")[0]
    cut = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    host = normalise_host(rest[:cut])
    if host is None:
        return None
    path = rest[cut:]
    path = _ESCAPE.sub(_unescape, path) if "%" in path else path
    return host, path.lower().rstrip("/?")


_TRACKING = re.compile(r"(utm_[a-z]+|gclid|fbclid|msclkid|dclid|mc_[ce]id|igshid)(=|$)")


def canonical_address(address: str) -> str | None:
    """One spelling for the addresses of one document; None for what is no address of a host.

    Without scheme, user, port, fragment, parameters that only track whence a reader came, and a
    slash at the end; the host in normal form (see `split_address`). Other than in lists, a path
    keeps its case, and a query the order of its parameters: servers tell these apart.

    >>> canonical_address("HTTP://WWW.Example.com/A/%7Eb/?utm_source=x&q=1#top")
    'example.com/A/~b?q=1'
    """
    text = address.strip().replace("\t", "").replace("\n", "").replace("\r", "")
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text
    rest = rest.replace("\\", "/").partition("#")[0]
    cut = min((at for at in (rest.find("/"), rest.find("?")) if at >= 0), default=len(rest))
    host = normalise_host(rest[:cut])
    if host is None:
        return None
    path, _, query = rest[cut:].partition("?")
    kept = [one for one in query.split("&") if one and not _TRACKING.match(one)]
    path = _ESCAPE.sub(_unescape, path).rstrip("/")
    return f"{host}{path}?{'&'.join(kept)}" if kept else f"{host}{path}"


def _unescape(match: re.Match[str]) -> str:
    character = unquote(match[0])
    return character if _UNRESERVED.fullmatch(character) else match[0]


@lru_cache(maxsize=1 << 14)
def normalise_host(authority: str) -> str | None:
    """A host in normal form, of an authority that may hold a user and a port; None if it is none.

    >>> normalise_host("Bücher.example:8080"), normalise_host("[2001:DB8::0:1]:80")
    ('xn--bcher-kva.example', '2001:db8::1')
    """
    host = authority.rpartition("@")[2].strip()
    if host.startswith("[") or host.count(":") > 1:
        with contextlib.suppress(ValueError):
            return str(ipaddress.IPv6Address(host.removeprefix("[").partition("]")[0]))
        return None
    host = host.partition(":")[0]
    if "%" in host:
        host = unquote(host)
    if not host.isascii():
        host = host.translate(_DOTS)
    host = host.strip(".").lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError:
            return None
    host = host.removeprefix("www.") if host.count(".") > 1 else host
    if not _HOST.fullmatch(host):
        return None
    return _decimal(host) or host


def _decimal(host: str) -> str | None:
    """An IPv4 address as four decimal numbers, from what browsers take for one."""
    parts = host.split(".")
    if len(parts) > 4 or not parts[-1][:1].isdigit():  # noqa: PLR2004
        return None
    try:
        numbers = [_number(part) for part in parts]
    except ValueError:
        return None
    *heads, last = numbers
    if any(number > 255 for number in heads) or last >= 256 ** (5 - len(parts)):  # noqa: PLR2004
        return None
    value = last + sum(number << (8 * (3 - place)) for place, number in enumerate(heads))
    return str(ipaddress.IPv4Address(value))


def _number(part: str) -> int:
    if not part.isascii():
        raise ValueError(part)
    if part.startswith("0x"):
        return int(part[2:] or "0", 16)
    return int(part, 8) if len(part) > 1 and part.startswith("0") else int(part)


def is_ip(host: str) -> bool:
    """Whether a normal host is an address, which has no domains above it."""
    return ":" in host or (host[-1:].isdigit() and host.replace(".", "").isdigit())


def domains_of(host: str) -> list[str]:
    """The host and the domains above it, longest first; an address alone.

    >>> domains_of("a.b.example.com")
    ['a.b.example.com', 'b.example.com', 'example.com', 'com']
    """
    if is_ip(host):
        return [host]
    parts = host.split(".")
    return [".".join(parts[place:]) for place in range(len(parts))]


def prefixes_of(path: str) -> list[str]:
    """The path and those above it, longest first, cut before a slash or a query; not the root.

    >>> prefixes_of("/a/b?q=1")
    ['/a/b?q=1', '/a/b', '/a']
    """
    cuts = [at for at, character in enumerate(path) if character in "/?" and at > 0]
    return [path[:at].rstrip("/?") for at in [len(path), *reversed(cuts)] if path[:at].strip("/?")]
