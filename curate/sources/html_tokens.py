"""Compiled pass over a page: HTML's tokens, its open elements, and text blocks in order.

Imported late: numba is dear to import. One walk over the UTF-8 bytes by the tokenising rules of the
WHATWG HTML standard (13.2.5), with a stack of open elements of bounded height in place of a tree
(13.2.6: implied end tags, scopes; formatting elements are closed alone, but never opened again).
Time is linear in the bytes, memory bounded by them; nothing recurs.

A block is the text of one line or paragraph: between tags of block elements, `<hr>`, or two
`<br>`. White space is collapsed (U+00A0 counts as such) but in `<pre>`; one `<br>` is a newline.
"""

# ruff: noqa: C901, PLR0912, PLR0915 - one loop over the bytes carries the state of all its rules
# ruff: noqa: PLR1714 - numba would make a set of what one `in` holds
# ruff: noqa: PLR2004 - bytes and lengths of markup are literals

from __future__ import annotations

from typing import Any

import numpy as np

from curate.sources import html_names as known
from curate.sources.html_bytes import (
    GREATER,
    NAME_END,
    OFFSET,
    PRIME,
    SELF_CLOSING,
    SLASH,
    compiled,
    declaration_end,
    find_name,
    hash_lower,
    holds,
    layout_words,
    next_opening,
    raw_end,
    read_attributes,
    read_number,
)
from curate.sources.html_facts import add_fact, head_facts, link_facts
from curate.sources.html_names import ATTRIBUTE, CONTEXT_BIT, FACT, TAGS
from curate.sources.html_stack import (
    AFTER_BREAKS,
    AFTER_RULE,
    BEGIN,
    BLOCK_FIELDS,
    BLOCKS,
    BROKEN,
    CELL,
    CONTEXT,
    DROP,
    FACT_AT,
    FACTS,
    FLAG_BITS,
    FULL,
    HAS_TITLE,
    IMAGE_COUNT,
    INLINE_TAGS,
    ITEM,
    LINK_COUNT,
    MATH_AT,
    MATH_SPACE,
    NODE_FIELDS,
    NODES,
    NUMBER,
    OPEN_BOLD,
    OPEN_LINKS,
    OPEN_MONO,
    OPEN_PRE,
    OUT,
    OVERFLOW,
    PARENT,
    PENDING,
    ROW,
    S_HASH,
    S_HIGH,
    S_LINK,
    S_LOW,
    S_NODE,
    S_TAG,
    STACK_FIELDS,
    STATE,
    TOP,
    add_text,
    close_to,
    end_block,
    find_class,
    find_heading,
    find_open,
    find_paragraph,
    find_term,
    forget,
    push_node,
)

MAXIMUM_OPEN = 1_024  # elements; deeper ones are not put on the stack, their text is kept
MAXIMUM_BLOCKS = 250_000
MAXIMUM_NODES = 500_000
MAXIMUM_FACTS = 256
FACT_BYTES = 1 << 16

_A, _P, _LI, _DD, _DT = (TAGS[name] for name in ("a", "p", "li", "dd", "dt"))
_TABLE, _TR, _TD, _FORM = (TAGS[name] for name in ("table", "tr", "td", "form"))
_BUTTON, _SELECT, _BR, _HR, _IMG = (TAGS[n] for n in ("button", "select", "br", "hr", "img"))
_SVG, _MATH, _TITLE, _SCRIPT, _HTML = (TAGS[n] for n in ("svg", "math", "title", "script", "html"))
_BODY, _META, _LINK, _TIME, _BASE = (TAGS[n] for n in ("body", "meta", "link", "time", "base"))
_ANNOTATION, _FOREIGN, _INPUT = (TAGS[n] for n in ("annotation", "foreignobject", "input"))
_TEXTAREA, _PLAINTEXT, _HEAD, _CAPTION = (
    TAGS[n] for n in ("textarea", "plaintext", "head", "caption")
)
_CLASS, _ID, _HREF, _STYLE, _HIDDEN = (
    ATTRIBUTE[n] for n in ("class", "id", "href", "style", "hidden")
)
_ARIA_HIDDEN, _TYPE, _ALTTEXT, _ROLE, _ENCODING = (
    ATTRIBUTE[n] for n in ("aria-hidden", "type", "alttext", "role", "encoding")
)
_START, _VALUE, _OL = ATTRIBUTE["start"], ATTRIBUTE["value"], TAGS["ol"]
_ATTRIBUTES = len(ATTRIBUTE)
_VOID, _RAW, _DROPPED = known.VOID, known.RAW, known.DROPPED
_BLOCK, _CLOSES_P, _BARRIER, _SPECIAL = known.BLOCK, known.CLOSES_P, known.BARRIER, known.SPECIAL
_HEADING, _FORMATTING, _BREAKOUT = known.HEADING, known.FORMATTING, known.BREAKOUT
_KEEPS_SPACE, _IS_BOLD, _STOPS_ITEM = known.KEEPS_SPACE, known.BOLD, known.STOPS_ITEM
_IS_CELL, _IS_ROW, _IS_ROWS, _IS_MONO = known.CELL, known.ROW, known.ROWS, known.MONOSPACE
_IGNORED = known.IGNORED
_IN_HIDDEN = CONTEXT_BIT["hidden"]
_F_TITLE, _F_JSON = FACT["title"], FACT["json_ld"]


def _literal(text: str) -> Any:
    return np.frombuffer(text.encode(), np.uint8).copy()


_JSON_WORD = _literal("ld+json")
_NONE_WORD = _literal("display:none")
_TRUE_WORD = _literal("true")
_TEX_WORD = _literal("tex")


@compiled
def scan(data: Any, eights: Any, tags: Any, room: Any, names: Any, words_of_comments: Any) -> Any:
    """Walk over one page.

    Args:
        data: uint8[bytes], UTF-8.
        eights: the same as uint64[bytes // 8].
        tags: how many `<` it has.
        room: bytes of text that it can give at most.
        names: `curate.sources.html_names.names()`.
        words_of_comments: mask of the words that tell a section of comments.

    Returns:
        text (uint8[text bytes]), blocks (int32[blocks, 11]) with their inline elements' words
        (int64[blocks, 2]), nodes (int32[nodes, 10]) with their own words (int64[nodes, 2]), facts
        (int32[facts, 3]: kind, start and stop in the fact bytes; of JSON-LD, in the page), fact
        bytes, and whether the page has more blocks than are kept.
    """
    size = len(data)
    (
        tag_keys, tag_numbers, flags, contexts, attribute_keys, attribute_numbers, meta_keys,
        meta_facts, role_keys, role_contexts, word_keys, word_numbers, keys, values,
    ) = names  # fmt: skip
    out = np.empty(room, np.uint8)
    blocks = np.empty((min(tags + 1, MAXIMUM_BLOCKS), BLOCK_FIELDS), np.int32)
    block_words = np.empty((len(blocks), 2), np.int64)
    nodes = np.empty((min(tags, MAXIMUM_NODES) + 1, NODE_FIELDS), np.int32)
    node_words = np.zeros((len(nodes), 2), np.int64)
    facts = np.empty((MAXIMUM_FACTS, 3), np.int32)
    buffer = np.empty(FACT_BYTES, np.uint8)
    stack = np.empty((MAXIMUM_OPEN, STACK_FIELDS), np.int64)
    counts = np.zeros(len(flags), np.int32)
    spans = np.empty((_ATTRIBUTES, 2), np.int64)
    found = np.zeros(3, np.int64)
    state = np.zeros(STATE, np.int64)
    state[DROP] = -1
    nodes[0] = 0
    nodes[0, CELL] = nodes[0, ROW] = nodes[0, ITEM] = -1
    state[NODES] = 1
    at: Any = np.int64(0)
    text_from: Any = at
    while at < size:
        at = next_opening(data, eights, at)
        following = data[at + 1] if at + 1 < size else np.uint8(0)
        is_end = following == SLASH
        letter = (data[at + 2] if at + 2 < size else np.uint8(0)) if is_end else following
        opens = 97 <= (letter | 32) <= 122
        if at < size and not opens and not (following == 33 or following == 63 or is_end):
            at += 1  # a lone <
            continue
        if at > text_from and state[DROP] < 0:
            add_text(data, text_from, at, out, state, stack, keys, values)
        if at >= size:
            text_from = size
            break
        if not opens:
            if is_end and letter == GREATER:
                at += 3
            elif is_end and at + 2 >= size:
                text_from = at
                at = size
                continue
            else:
                in_foreign = counts[_SVG] + counts[_MATH] > 0
                at = declaration_end(data, at, in_foreign)
            text_from = at
            continue
        # --- a tag
        name = at + 2 if is_end else at + 1
        hashed = OFFSET
        place = name
        while place < size and not NAME_END[data[place]]:
            byte = data[place]
            if 65 <= byte <= 90:
                byte += 32
            hashed = (hashed ^ np.uint64(byte)) * PRIME
            place += 1
        name_stop = place
        tag = find_name(tag_keys, tag_numbers, hashed)
        signed = np.int64(hashed)
        flag = flags[tag]
        at = read_attributes(data, place, spans, state, attribute_keys, attribute_numbers)
        if at < 0:
            at = text_from = size
            break
        text_from = at
        if is_end:
            if state[OVERFLOW] > 0 and flag & (_RAW | _VOID) == 0:
                state[OVERFLOW] -= 1
                if flag & _BLOCK:
                    end_block(out, state, stack, blocks, block_words)
                continue
            if tag == _BR:
                is_end = False
            elif flag & _IGNORED:
                end_block(out, state, stack, blocks, block_words)
                if tag == _HEAD and state[DROP] >= 0:
                    target = find_open(signed, tag, 0, state, stack, counts, flags)
                    if target >= 0:
                        close_to(target, state, stack, counts, flags)
                continue
        if is_end:
            if flag & _BLOCK:
                end_block(out, state, stack, blocks, block_words)
            barrier = _BARRIER
            if flag & (_IS_CELL | _IS_ROW | _IS_ROWS) or tag == _TABLE:
                barrier = 0
                if tag != _TABLE and find_class(flag, _TABLE, state, stack, flags) < 0:
                    continue
            elif tag == _LI:
                target = find_open(signed, tag, _STOPS_ITEM, state, stack, counts, flags)
                if target < 0:
                    continue
            elif flag & _FORMATTING:
                barrier = _BARRIER
            elif flag & _BLOCK == 0 and tag not in (_SVG, _MATH) and flag & _DROPPED == 0:
                barrier = _SPECIAL
            target = find_open(signed, tag, barrier, state, stack, counts, flags)
            if flag & _HEADING and target < 0:
                target = find_heading(state, stack, flags)
            if target < 0:
                continue
            if flag & _FORMATTING:
                nested = False
                for entry in range(target + 1, state[TOP]):
                    if stack[entry, S_TAG] >= 0 and flags[stack[entry, S_TAG]] & _BLOCK:
                        nested = True
                        break
                if nested:
                    forget(target, state, stack, counts, flags)
                    continue
            close_to(target, state, stack, counts, flags)
            continue
        # --- a start tag
        if counts[_SVG] + counts[_MATH] > 0:
            if flag & _BREAKOUT and counts[_FOREIGN] == 0 and counts[_ANNOTATION] == 0:
                foreign = np.int64(0)
                while stack[foreign, S_TAG] != _SVG and stack[foreign, S_TAG] != _MATH:
                    foreign += 1
                close_to(foreign, state, stack, counts, flags)
            elif state[SELF_CLOSING] == 1:
                continue
            elif tag == _TITLE:
                tag, flag = np.int64(0), np.int64(0)
        if counts[_SELECT] > 0 and (
            tag in (_SELECT, _INPUT, _TEXTAREA, _TABLE, _TD, _TR, _FORM, _BUTTON)
        ):
            target = state[TOP] - 1
            while stack[target, S_TAG] != _SELECT:
                target -= 1
            close_to(target, state, stack, counts, flags)
            if tag == _SELECT:
                continue
        if flag & _BLOCK:
            end_block(out, state, stack, blocks, block_words)
        if flag & _CLOSES_P and counts[_P] > 0:
            target = find_paragraph(state, stack, flags)
            if target >= 0:
                close_to(target, state, stack, counts, flags)
        if flag & _IGNORED:
            if tag in (_HTML, _BODY):
                head_facts(
                    data, tag, spans, facts, buffer, state, meta_keys, meta_facts, keys, values
                )
                if state[DROP] >= 0 and tag == _BODY:
                    close_to(0, state, stack, counts, flags)
            if tag != _HEAD or state[BLOCKS] > 0 or counts[_HEAD] > 0:
                continue
        elif counts[_HEAD] > 0 and state[DROP] >= 0 and flag & (_BLOCK | _FORMATTING) and tag > 0:
            target = np.int64(0)  # a head without an end tag
            while target < state[TOP] and stack[target, S_TAG] != _HEAD:
                target += 1
            if target < state[TOP] and state[DROP] == target:
                close_to(target, state, stack, counts, flags)
        if flag & _VOID:
            if tag == _BR:
                if state[PENDING] == BROKEN or state[OUT] == state[BEGIN]:
                    if state[OUT] > state[BEGIN]:
                        end_block(out, state, stack, blocks, block_words)
                        state[FLAG_BITS] |= AFTER_BREAKS
                elif state[OPEN_PRE] > 0:
                    if state[DROP] < 0:
                        out[state[OUT]] = 10
                        state[OUT] += 1
                elif state[DROP] < 0:
                    state[PENDING] = BROKEN
            elif tag == _HR:
                state[FLAG_BITS] |= AFTER_RULE
            elif tag == _IMG:
                state[IMAGE_COUNT] += 1
            elif tag in (_META, _LINK, _BASE):
                head_facts(
                    data, tag, spans, facts, buffer, state, meta_keys, meta_facts, keys, values
                )
            continue
        if flag & _RAW:
            is_foreign = counts[_SVG] + counts[_MATH] > 0
            end = raw_end(data, eights, at, name, name_stop, tag == _SCRIPT)
            if tag == _PLAINTEXT:
                end = size
            if tag == _TITLE and state[HAS_TITLE] == 0:
                state[HAS_TITLE] = 1
                add_fact(_F_TITLE, data, at, end, facts, buffer, state, keys, values)
            elif tag == _SCRIPT and not is_foreign and spans[_TYPE, 0] >= 0:
                is_json = holds(data, spans[_TYPE, 0], spans[_TYPE, 1], _JSON_WORD)
                if is_json and state[FACTS] < len(facts):
                    count = state[FACTS]
                    facts[count, 0], facts[count, 1], facts[count, 2] = _F_JSON, at, end
                    state[FACTS] += 1
            elif flag & _DROPPED == 0 and tag != _TITLE and state[DROP] < 0:  # xmp, plaintext
                state[OPEN_PRE] += 1
                place = at
                while place < end:  # no references, no markup: as it is
                    out[state[OUT]] = data[place]
                    state[OUT] += 1
                    place += 1
                end_block(out, state, stack, blocks, block_words)
                state[OPEN_PRE] -= 1
            at = end
            while at < size and data[at] != GREATER:
                at += 1
            at = text_from = min(at + 1, size)
            continue
        # --- what the tag closes
        top_tag = stack[state[TOP] - 1, S_TAG] if state[TOP] > 0 else np.int64(-1)
        if flag & _HEADING:
            if top_tag >= 0 and flags[top_tag] & _HEADING:
                close_to(state[TOP] - 1, state, stack, counts, flags)
        elif tag == _LI:
            target = find_open(signed, tag, _STOPS_ITEM ^ 0, state, stack, counts, flags)
            if target >= 0:
                close_to(target, state, stack, counts, flags)
        elif tag in (_DD, _DT):
            target = find_term(state, stack, flags)
            if target >= 0:
                close_to(target, state, stack, counts, flags)
        elif flag & (_IS_CELL | _IS_ROW | _IS_ROWS):
            if counts[_TABLE] == 0:
                continue
            wanted = _IS_CELL
            if flag & _IS_ROW:
                wanted = _IS_CELL | _IS_ROW
            elif flag & _IS_ROWS:
                wanted = _IS_CELL | _IS_ROW | _IS_ROWS
            target = find_class(wanted, _TABLE, state, stack, flags)
            caption = find_class(_IS_ROWS, _TABLE, state, stack, flags)
            if caption >= 0 and stack[caption, S_TAG] == _CAPTION:
                target = caption
            if target >= 0:
                close_to(target, state, stack, counts, flags)
        elif tag == _TABLE:
            if top_tag == _TABLE or (top_tag >= 0 and flags[top_tag] & (_IS_ROW | _IS_ROWS)):
                target = state[TOP] - 1
                while stack[target, S_TAG] != _TABLE:
                    target -= 1
                close_to(target, state, stack, counts, flags)
        elif tag == _A:
            target = find_open(signed, tag, _BARRIER, state, stack, counts, flags)
            if target >= 0:
                forget(target, state, stack, counts, flags)
        elif tag == _BUTTON:
            target = find_open(signed, tag, _BARRIER, state, stack, counts, flags)
            if target >= 0:
                close_to(target, state, stack, counts, flags)
        elif tag == _FORM and counts[_FORM] > 0:
            continue
        top = state[TOP]
        if top >= MAXIMUM_OPEN:
            state[OVERFLOW] += 1
            continue
        # --- what the tag opens
        found[0] = found[1] = 0
        found[2] = tag + 1
        if spans[_CLASS, 0] >= 0:
            layout_words(data, spans[_CLASS, 0], spans[_CLASS, 1], word_keys, word_numbers, found)
        signature = found[2] & np.int64(0x7FFFFFFF)
        if spans[_ID, 0] >= 0:
            layout_words(data, spans[_ID, 0], spans[_ID, 1], word_keys, word_numbers, found)
        parent = stack[top - 1, S_NODE] if top > 0 else np.int64(0)
        is_block = flag & _BLOCK != 0
        context = np.int64(nodes[parent, CONTEXT]) | contexts[tag]
        extra = np.int64(0)
        if spans[_ROLE, 0] >= 0:
            extra |= find_name(
                role_keys, role_contexts, hash_lower(data, spans[_ROLE, 0], spans[_ROLE, 1])
            )
        if spans[_HIDDEN, 0] >= 0 or (
            spans[_STYLE, 0] >= 0
            and holds(
                data, spans[_STYLE, 0], min(spans[_STYLE, 1], spans[_STYLE, 0] + 200), _NONE_WORD
            )
        ):
            extra |= _IN_HIDDEN
        if spans[_ARIA_HIDDEN, 0] >= 0 and holds(
            data, spans[_ARIA_HIDDEN, 0], spans[_ARIA_HIDDEN, 1], _TRUE_WORD
        ):
            extra |= _IN_HIDDEN
        node = parent
        low = stack[top - 1, S_LOW] if top > 0 else np.int64(0)
        high = stack[top - 1, S_HIGH] if top > 0 else np.int64(0)
        if is_block:
            node = push_node(
                tag, parent, context | extra, signature, flag, found[0], found[1],
                nodes, node_words, state,
            )  # fmt: skip
            if tag == _OL and spans[_START, 0] >= 0 and node != parent:
                first = read_number(data, spans[_START, 0], spans[_START, 1])
                nodes[node, NUMBER] = max(first - 1, 0)
            elif tag == _LI and spans[_VALUE, 0] >= 0 and nodes[node, NUMBER] > 0:
                number = read_number(data, spans[_VALUE, 0], spans[_VALUE, 1])
                if number > 0 and node != parent:
                    nodes[node, NUMBER] = nodes[parent, NUMBER] = number
            low = high = np.int64(0)
        else:
            low |= found[0]
            high |= found[1]
            state[INLINE_TAGS] += 1
        is_link = np.int64(1 if tag == _A and spans[_HREF, 0] >= 0 else 0)
        stack[top, S_TAG], stack[top, S_NODE], stack[top, S_HASH] = tag, node, signed
        stack[top, S_LINK], stack[top, S_LOW], stack[top, S_HIGH] = is_link, low, high
        state[TOP] = top + 1
        counts[tag] += 1
        if is_link:
            state[OPEN_LINKS] += 1
            state[LINK_COUNT] += 1
            place = node
            in_comment = False
            for _ in range(8):
                if node_words[place, 0] & words_of_comments:
                    in_comment = True
                place = nodes[place, PARENT]
            link_facts(data, spans, in_comment, facts, buffer, state, keys, values)
        if flag & _KEEPS_SPACE:
            state[OPEN_PRE] += 1
            if at < size and data[at] == 13:
                at += 1
            if at < size and data[at] == 10:
                at += 1
            text_from = at
        if flag & _IS_BOLD:
            state[OPEN_BOLD] += 1
        if flag & _IS_MONO:
            state[OPEN_MONO] += 1
        if tag == _TIME:
            head_facts(data, tag, spans, facts, buffer, state, meta_keys, meta_facts, keys, values)
        if tag == _MATH:
            state[MATH_AT], state[MATH_SPACE] = state[OUT], state[PENDING]
            if spans[_ALTTEXT, 0] >= 0 and state[DROP] < 0:
                add_text(
                    data, spans[_ALTTEXT, 0], spans[_ALTTEXT, 1], out, state, stack, keys, values
                )
                state[DROP] = top
        elif (
            tag == _ANNOTATION
            and state[DROP] < 0
            and counts[_MATH] > 0
            and spans[_ENCODING, 0] >= 0
            and holds(data, spans[_ENCODING, 0], spans[_ENCODING, 1], _TEX_WORD)
        ):
            # the formula is taken as TeX, not as the letters that it is drawn of
            if state[OUT] > max(state[BEGIN], state[MATH_AT]):
                state[PENDING] = state[MATH_SPACE]
            state[OUT] = max(state[BEGIN], state[MATH_AT])
            continue
        if flag & _DROPPED and state[DROP] < 0:
            state[DROP] = top
    if text_from < size and state[DROP] < 0:
        add_text(data, text_from, size, out, state, stack, keys, values)
    end_block(out, state, stack, blocks, block_words)
    return (
        out[: state[OUT]], blocks[: state[BLOCKS]], block_words[: state[BLOCKS]],
        nodes[: state[NODES]], node_words[: state[NODES]], facts[: state[FACTS]],
        buffer[: state[FACT_AT]], state[FULL] > 0,
    )  # fmt: skip
