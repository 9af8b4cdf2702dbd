"""Compiled keeping of what a page says of itself: values of its head, links to licences.

Imported late: numba is dear to import.

Numba's cache knows a function's own file only: after a change here, touch `html_tokens` too.
"""

# ruff: noqa: C901 - each element says another thing
# ruff: noqa: PLR2004 - bytes and lengths of markup are literals

from __future__ import annotations

from typing import Any

import numpy as np

from curate.sources.html_bytes import (
    AMPERSAND,
    compiled,
    find_name,
    hash_lower,
    holds,
    read_reference,
    write_point,
)
from curate.sources.html_names import ATTRIBUTE, FACT, TAGS
from curate.sources.html_stack import FACT_AT, FACTS

_LONGEST_FACT = 2_048  # bytes of an attribute's value

_HTML, _META, _LINK, _TIME, _BASE = (TAGS[n] for n in ("html", "meta", "link", "time", "base"))
_HREF, _REL, _NAME, _PROPERTY = (ATTRIBUTE[n] for n in ("href", "rel", "name", "property"))
_CONTENT, _DATETIME, _LANG = (ATTRIBUTE[n] for n in ("content", "datetime", "lang"))
_HTTP_EQUIV, _ITEMPROP = (ATTRIBUTE[n] for n in ("http-equiv", "itemprop"))
_F_LANG, _F_CANONICAL, _F_LICENCE = (FACT[n] for n in ("html_lang", "canonical", "licence"))
_F_LICENCE_LINK, _F_TIME = (FACT[n] for n in ("licence_link", "time"))
_F_BASE, _F_DATE = (FACT[n] for n in ("base", "date_published"))


def _literal(text: str) -> Any:
    return np.frombuffer(text.encode(), np.uint8).copy()


_LICENSE_WORD = _literal("license")
_CANONICAL_WORD = _literal("canonical")
_COMMONS_WORD = _literal("creativecommons.org/")
_PUBLISHED_WORD = _literal("datepublished")


@compiled
def add_fact(
    kind: Any,
    data: Any,
    start: Any,
    stop: Any,
    facts: Any,
    buffer: Any,
    state: Any,
    keys: Any,
    values: Any,
) -> None:
    """Keep a value, its references decoded and its white space collapsed."""
    count, o = state[FACTS], state[FACT_AT]
    stop = min(stop, start + _LONGEST_FACT)
    if count >= len(facts) or o + 2 * (stop - start) + 8 > len(buffer):
        return
    first = o
    space = False
    at = start
    while at < stop:
        byte = data[at]
        after, points = at + 1, np.int64(byte)
        is_byte = True
        if byte == AMPERSAND:
            after, points = read_reference(data, at, stop, True, keys, values)
            is_byte = after == at
            if is_byte:
                after, points = at + 1, np.int64(byte)
        at = after
        point = points & np.int64(0xFFFFFFFF)
        if point <= 32 or (not is_byte and point == 0xA0):
            space = o > first
            continue
        if space:
            buffer[o] = 32
            o += 1
            space = False
        if is_byte:
            buffer[o] = byte
            o += 1
        else:
            o = write_point(buffer, o, point)
            if points >> 32:
                o = write_point(buffer, o, points >> 32)
    facts[count, 0], facts[count, 1], facts[count, 2] = kind, first, o
    state[FACTS], state[FACT_AT] = count + 1, o


@compiled
def head_facts(
    data: Any, tag: Any, spans: Any, facts: Any, buffer: Any, state: Any,
    meta_keys: Any, meta_facts: Any, keys: Any, values: Any,
) -> None:  # fmt: skip
    """Keep what `<html>`, `<meta>`, `<link>`, `<base>` and `<time>` say of the page."""
    content = spans[_CONTENT, 0]
    if tag == _HTML and spans[_LANG, 0] >= 0:
        add_fact(
            _F_LANG, data, spans[_LANG, 0], spans[_LANG, 1], facts, buffer, state, keys, values
        )
    elif tag == _META and content >= 0:
        for attribute in (_PROPERTY, _NAME, _ITEMPROP, _HTTP_EQUIV):
            if spans[attribute, 0] >= 0:
                start, stop = spans[attribute, 0], spans[attribute, 1]
                kind = find_name(meta_keys, meta_facts, hash_lower(data, start, stop))
                if kind > 0:
                    add_fact(
                        kind, data, content, spans[_CONTENT, 1], facts, buffer, state, keys, values
                    )
                    return
    elif tag == _LINK and spans[_HREF, 0] >= 0 and spans[_REL, 0] >= 0:
        start, stop = spans[_REL, 0], spans[_REL, 1]
        kind = 0
        if stop - start == 9 and holds(data, start, stop, _CANONICAL_WORD):
            kind = _F_CANONICAL
        elif holds(data, start, stop, _LICENSE_WORD):
            kind = _F_LICENCE
        if kind > 0:
            add_fact(
                kind, data, spans[_HREF, 0], spans[_HREF, 1], facts, buffer, state, keys, values
            )
    elif tag == _BASE and spans[_HREF, 0] >= 0:
        add_fact(
            _F_BASE, data, spans[_HREF, 0], spans[_HREF, 1], facts, buffer, state, keys, values
        )
    elif tag == _TIME and spans[_DATETIME, 0] >= 0:
        start, stop = spans[_ITEMPROP, 0], spans[_ITEMPROP, 1]
        kind = _F_TIME
        if start >= 0 and holds(data, start, stop, _PUBLISHED_WORD):
            kind = _F_DATE
        add_fact(
            kind, data, spans[_DATETIME, 0], spans[_DATETIME, 1], facts, buffer, state, keys, values
        )


@compiled
def link_facts(
    data: Any,
    spans: Any,
    in_comment: Any,
    facts: Any,
    buffer: Any,
    state: Any,
    keys: Any,
    values: Any,
) -> None:
    """Keep a link to a licence."""
    start, stop = spans[_HREF, 0], spans[_HREF, 1]
    if spans[_REL, 0] >= 0 and holds(data, spans[_REL, 0], spans[_REL, 1], _LICENSE_WORD):
        if not in_comment:
            add_fact(_F_LICENCE, data, start, stop, facts, buffer, state, keys, values)
    elif (
        not in_comment
        and stop - start > 30
        and stop - start < 120
        and holds(data, start, min(stop, start + 40), _COMMONS_WORD)
    ):
        add_fact(_F_LICENCE_LINK, data, start, stop, facts, buffer, state, keys, values)
