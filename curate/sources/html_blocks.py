"""What tells the main text of a page apart: numbers for each text block, from its layout alone.

Imported late: numba is dear to import. Nothing here looks at what words mean; class and id names
count only where they are words of layout (`html_names.WORDS`).
"""

# ruff: noqa: C901, PLR0912, PLR0915 - one function writes a row, in the order of its names
# ruff: noqa: PLR2004 - widths of windows, and what values are cut at

from __future__ import annotations

from typing import Any

import numpy as np

from curate.sources import html_names as known
from curate.sources.html_bytes import compiled
from curate.sources.html_groups import count_kin, holding, path_sums
from curate.sources.html_measures import (
    COMMAS,
    COPIES,
    DENSITY,
    DIGITS,
    ENDS,
    FIRST,
    LAST,
    LENGTH,
    LETTERS,
    LINES,
    MARKS,
    N_BLOCKS,
    N_FIRST,
    N_LAST,
    N_LENGTH,
    N_LINKED,
    N_PROSE,
    N_SCORE,
    OTHERS,
    PROSE,
    STRONG,
    TITLED,
    UPPER,
    WEIGHT,
    WORDS_,
)  # fmt: skip
from curate.sources.html_names import CONTEXT_BIT, CONTEXTS, TAGS, WORD_GROUPS, WORDS
from curate.sources.html_stack import (
    AFTER_BREAKS,
    AFTER_RULE,
    BOLD,
    CHILDREN,
    CONTEXT,
    DEPTH,
    FLAGS,
    IMAGES,
    INLINE,
    IS_PRE,
    LINKS,
    MONO,
    NODE,
    PARENT,
    SIGNATURE,
    START,
    STOP,
    TAG,
)  # fmt: skip

_HEADING = known.HEADING
_P, _DIV, _LI, _TABLE = (TAGS[n] for n in ("p", "div", "li", "table"))
_TD, _TH, _DD, _DT, _H1 = (TAGS[n] for n in ("td", "th", "dd", "dt", "h1"))
_ARTICLE_TAG = TAGS["article"]
_IN_ARTICLE, _IN_MAIN = (CONTEXT_BIT[n] for n in ("article", "main"))
_CONTEXTS = len(CONTEXTS)
_GROUPS = WORD_GROUPS


def _feature_names() -> list[str]:
    names = [
        "length", "words", "density", "links", "digit_share", "upper_share", "mark_share",
        "sentence_ends", "commas", "last_kind", "first_kind", "lines", "other_share",
        "title_overlap", "copies", "letters_per_word", "bold_share", "mono_share", "images",
        "inline_tags", "after_breaks", "after_rule", "is_pre", "weight",
        "is_p", "is_div", "is_li", "is_cell", "is_definition", "heading_level", "depth",
        "position", "length_before", "prose_before", "prose_after",
        "blocks_since_strong", "blocks_to_strong", "length_since_strong", "length_to_strong",
        "page_length", "page_density", "page_blocks", "page_prose_share", "page_strong",
        "is_article_page", "page_articles",
        "since_heading", "last_heading_level", "section_length", "section_density",
        "section_prose", "section_blocks", "since_title", "title_seen",
    ]  # fmt: skip
    for level in range(4):
        names += [
            f"node{level}_{what}"
            for what in ("density", "prose", "length", "blocks", "mean", "children", "prose_rate")
        ]
    for what in ("c50", "c70", "c90", "best"):
        names += [f"{what}_inside", f"{what}_depth", f"{what}_before", f"{what}_after"]
    for what in ("c70", "c90"):
        names += [f"{what}_child_{of}" for of in ("density", "prose", "length", "place", "mean")]
    names += ["score_best", "score_own", "score_parent"]
    names += [
        "article_prose",
        "article_density",
        "main_prose",
        "table_density",
        "table_prose",
        "table_blocks",
    ]
    names += [f"kin{level}" for level in range(4)]
    names += ["articles_above", "article_kin", "article_titled", "title_up", "title_down"]
    for levels in ("1", "3", "_above"):
        names += [f"path{levels}_{of}" for of in ("blocks", "mean", "prose", "density")]
    for step in (-3, -2, -1, 1, 2, 3):
        names += [f"at{step:+d}_{of}" for of in ("length", "density", "ends", "kin", "heading")]
    for width in (4, 10):
        names += [f"around{width}_{of}" for of in ("length", "density", "prose", "strong")]
    names += [f"in_{name}" for name in CONTEXTS]
    names += [f"word_{line.split()[0]}" for line in WORDS.splitlines()]
    return names


FEATURES = _feature_names()
_FEATURES = len(FEATURES)


@compiled
def _log(value: Any) -> Any:
    return np.float32(np.log1p(value))


@compiled
def describe(
    blocks: Any, block_words: Any, nodes: Any, node_words: Any, measures: Any, sums: Any,
    flags: Any, is_article_page: Any,
) -> Any:  # fmt: skip
    """The features of each block: float32[blocks, features], in the order of `FEATURES`."""
    count = len(blocks)
    node: Any
    above: Any
    rows = np.zeros((count, _FEATURES), np.float32)
    if count == 0:
        return rows
    paths1 = path_sums(blocks, nodes, measures, 0, 2)
    paths3 = path_sums(blocks, nodes, measures, 0, 4)
    paths_above = path_sums(blocks, nodes, measures, 1, 3)
    kin = count_kin(nodes)
    total = max(1.0, sums[0, N_LENGTH])
    prose = max(1.0, sums[0, N_PROSE])
    holders = np.zeros(4, np.int64)
    holders[0] = holding(0.5, nodes, sums)
    holders[1] = holding(0.7, nodes, sums)
    holders[2] = holding(0.9, nodes, sums)
    best_score = 0.0
    articles = 0
    for node in range(len(nodes)):
        articles += nodes[node, TAG] == _ARTICLE_TAG
        if sums[node, N_LENGTH] > 0:
            density = sums[node, N_LINKED] / sums[node, N_LENGTH]
            score = sums[node, N_SCORE] * (1 - density)
            if score > best_score:
                best_score = score
                holders[3] = node
    # logarithms that more than one row takes
    page_logs = (_log(total), _log(count))
    own_logs = np.empty(count, np.float32)
    node_logs = np.zeros((len(nodes), 2), np.float32)  # of blocks, of the mean block
    for row in range(count):
        own_logs[row] = _log(measures[row, LENGTH])
    for node in range(len(nodes)):
        if sums[node, N_BLOCKS] > 0:
            node_logs[node, 0] = _log(sums[node, N_BLOCKS])
            node_logs[node, 1] = _log(max(1.0, sums[node, N_LENGTH]) / sums[node, N_BLOCKS])
    # cumulated sums: [n] is of the blocks before n
    lengths = np.zeros(count + 1, np.float64)
    links = np.zeros(count + 1, np.float64)
    proses = np.zeros(count + 1, np.float64)
    strongs = np.zeros(count + 1, np.float64)
    before = np.full(count, -1, np.int32)  # the last strong block before
    after = np.full(count, -1, np.int32)
    headed = np.full(count, -1, np.int32)  # the last heading at or before
    section_end = np.full(count, count, np.int32)
    strong = np.int64(-1)
    heading = np.int64(-1)
    title = np.int64(-1)
    title_overlap = 0.34
    for row in range(count):
        length = measures[row, LENGTH]
        lengths[row + 1] = lengths[row] + length
        links[row + 1] = links[row] + length * measures[row, DENSITY]
        proses[row + 1] = proses[row] + measures[row, PROSE]
        strongs[row + 1] = strongs[row] + measures[row, STRONG]
        before[row] = strong
        if measures[row, STRONG] > 0.5:
            strong = np.int64(row)
        tag = nodes[blocks[row, NODE], TAG]
        if flags[tag] & _HEADING:
            heading = np.int64(row)
            overlap = measures[row, TITLED] + (0.1 if tag == _H1 else 0.0)
            if overlap > title_overlap:
                title_overlap = overlap
                title = np.int64(row)
        headed[row] = heading
    strong = np.int64(-1)
    heading = np.int64(count)
    for row in range(count - 1, -1, -1):
        after[row] = strong
        if measures[row, STRONG] > 0.5:
            strong = np.int64(row)
        section_end[row] = heading
        if flags[nodes[blocks[row, NODE], TAG]] & _HEADING:
            heading = np.int64(row)
    # what ancestors are, from the top down
    inside = np.zeros((len(nodes), 4), np.int32)  # levels below a holder; 0: not in it
    child = np.full((len(nodes), 2), -1, np.int32)  # of the holders of 70 and 90 %
    article = np.full(len(nodes), -1, np.int32)
    main = np.full(len(nodes), -1, np.int32)
    tables = np.full(len(nodes), -1, np.int32)
    best_above = np.zeros(len(nodes), np.float32)
    articles_above = np.zeros(len(nodes), np.int32)
    up = np.zeros(len(nodes), np.int32)  # levels to the lowest element that holds the title too
    down = np.full(len(nodes), -1, np.int32)  # levels from there to the title
    titled = np.int64(blocks[title, NODE] if title >= 0 else 0)
    above = titled
    levels = 0
    while above > 0:
        down[above] = levels
        levels += 1
        above = np.int64(nodes[above, PARENT])
    down[0] = levels
    all_low = np.zeros(len(nodes), np.int64)
    all_high = np.zeros(len(nodes), np.int64)
    for node in range(len(nodes)):
        parent = nodes[node, PARENT]
        for place in range(4):
            if holders[place] == node:
                inside[node, place] = 1
            elif node > 0 and inside[parent, place] > 0:
                inside[node, place] = inside[parent, place] + 1
        if node == 0:
            continue
        for place in range(2):
            child[node, place] = node if parent == holders[1 + place] else child[parent, place]
        gained = (nodes[node, CONTEXT] & ~nodes[parent, CONTEXT]) | (
            _IN_ARTICLE if nodes[node, TAG] == _ARTICLE_TAG else 0
        )
        article[node] = node if gained & _IN_ARTICLE else article[parent]
        articles_above[node] = articles_above[parent] + (1 if gained & _IN_ARTICLE else 0)
        if down[node] < 0:
            down[node] = down[parent]
            up[node] = up[parent] + 1
        main[node] = node if gained & _IN_MAIN else main[parent]
        tables[node] = node if nodes[node, TAG] == _TABLE else tables[parent]
        density = sums[node, N_LINKED] / max(1.0, sums[node, N_LENGTH])
        best_above[node] = max(best_above[parent], sums[node, N_SCORE] * (1 - density))
        all_low[node] = all_low[parent] | node_words[node, 0]
        all_high[node] = all_high[parent] | node_words[node, 1]
    for row in range(count):
        out = rows[row]
        node = np.int64(blocks[row, NODE])
        tag = nodes[node, TAG]
        length = measures[row, LENGTH]
        characters = max(np.float32(1), length)
        size = max(1, blocks[row, STOP] - blocks[row, START])
        k = 0
        out[k] = own_logs[row]
        k += 1
        out[k] = _log(measures[row, WORDS_])
        k += 1
        out[k] = measures[row, DENSITY]
        k += 1
        out[k] = min(blocks[row, LINKS], 20)
        k += 1
        out[k] = measures[row, DIGITS] / characters
        k += 1
        out[k] = measures[row, UPPER] / characters
        k += 1
        out[k] = measures[row, MARKS] / characters
        k += 1
        out[k] = min(measures[row, ENDS], 20)
        k += 1
        out[k] = min(measures[row, COMMAS], 20)
        k += 1
        out[k] = measures[row, LAST]
        k += 1
        out[k] = measures[row, FIRST]
        k += 1
        out[k] = min(measures[row, LINES], 30)
        k += 1
        out[k] = measures[row, OTHERS] / characters
        k += 1
        out[k] = measures[row, TITLED]
        k += 1
        out[k] = min(measures[row, COPIES], 20)
        k += 1
        out[k] = measures[row, LETTERS] / max(np.float32(1), measures[row, WORDS_])
        k += 1
        out[k] = min(1.0, blocks[row, BOLD] / size)
        k += 1
        out[k] = min(1.0, blocks[row, MONO] / size)
        k += 1
        out[k] = min(blocks[row, IMAGES], 5)
        k += 1
        out[k] = min(blocks[row, INLINE], 20)
        k += 1
        out[k] = blocks[row, FLAGS] & AFTER_BREAKS != 0
        k += 1
        out[k] = blocks[row, FLAGS] & AFTER_RULE != 0
        k += 1
        out[k] = blocks[row, FLAGS] & IS_PRE != 0
        k += 1
        out[k] = measures[row, WEIGHT]
        k += 1
        out[k] = tag == _P
        k += 1
        out[k] = tag == _DIV
        k += 1
        out[k] = tag == _LI
        k += 1
        out[k] = tag in (_TD, _TH)
        k += 1
        out[k] = tag in (_DD, _DT)
        k += 1
        out[k] = tag - _H1 + 1 if flags[tag] & _HEADING else 0
        k += 1
        out[k] = min(nodes[node, DEPTH], 60)
        k += 1
        out[k] = row / count
        k += 1
        out[k] = lengths[row] / total
        k += 1
        out[k] = proses[row] / prose
        k += 1
        out[k] = (proses[count] - proses[row + 1]) / prose
        k += 1
        out[k] = min(row - before[row], 60) if before[row] >= 0 else 99
        k += 1
        out[k] = min(after[row] - row, 60) if after[row] >= 0 else 99
        k += 1
        out[k] = _log(lengths[row] - lengths[before[row] + 1]) if before[row] >= 0 else 20
        k += 1
        out[k] = _log(lengths[after[row]] - lengths[row + 1]) if after[row] >= 0 else 20
        k += 1
        out[k] = page_logs[0]
        k += 1
        out[k] = links[count] / total
        k += 1
        out[k] = page_logs[1]
        k += 1
        out[k] = sums[0, N_PROSE] / total
        k += 1
        out[k] = _log(strongs[count])
        k += 1
        out[k] = is_article_page
        k += 1
        out[k] = min(articles, 20)
        k += 1
        first = np.int64(max(headed[row], 0))
        end = np.int64(section_end[row])
        section = max(1.0, lengths[end] - lengths[first])
        out[k] = min(row - headed[row], 40) if headed[row] >= 0 else 50
        k += 1
        out[k] = nodes[blocks[first, NODE], TAG] - _H1 + 1 if headed[row] >= 0 else 0
        k += 1
        out[k] = _log(section)
        k += 1
        out[k] = (links[end] - links[first]) / section
        k += 1
        out[k] = (proses[end] - proses[first]) / prose
        k += 1
        out[k] = min(end - first, 60)
        k += 1
        out[k] = max(min(row - title, 60), -60) if title >= 0 else -99
        k += 1
        out[k] = title_overlap if title >= 0 else 0
        k += 1
        above = node
        for _ in range(4):
            held = max(1.0, sums[above, N_LENGTH])
            out[k] = sums[above, N_LINKED] / held
            out[k + 1] = sums[above, N_PROSE] / prose
            out[k + 2] = sums[above, N_LENGTH] / total
            out[k + 3] = node_logs[above, 0]
            out[k + 4] = node_logs[above, 1]
            out[k + 5] = min(nodes[above, CHILDREN], 30)
            out[k + 6] = sums[above, N_PROSE] / held
            k += 7
            above = np.int64(nodes[above, PARENT])
        for place in range(4):
            holder = holders[place]
            out[k] = inside[node, place] > 0
            out[k + 1] = min(inside[node, place], 15)
            out[k + 2] = min(max(row - sums[holder, N_FIRST], -30), 60)
            out[k + 3] = min(max(sums[holder, N_LAST] - row, -30), 60)
            k += 4
        for place in range(2):
            below = np.int64(child[node, place])
            if below >= 0:
                held = max(1.0, sums[below, N_LENGTH])
                out[k] = sums[below, N_LINKED] / held
                out[k + 1] = sums[below, N_PROSE] / prose
                out[k + 2] = _log(held)
                out[k + 3] = (sums[below, N_FIRST] - sums[holders[1 + place], N_FIRST]) / max(
                    1.0, sums[holders[1 + place], N_BLOCKS]
                )
                out[k + 4] = node_logs[below, 1]
            else:
                out[k] = out[k + 1] = out[k + 2] = out[k + 3] = out[k + 4] = -1
            k += 5
        out[k] = best_above[node] / max(1.0, best_score)
        k += 1
        out[k] = sums[node, N_SCORE] / max(1.0, best_score)
        k += 1
        out[k] = sums[nodes[node, PARENT], N_SCORE] / max(1.0, best_score)
        k += 1
        held_by = np.int64(article[node])
        out[k] = sums[held_by, N_PROSE] / prose if held_by >= 0 else -1
        k += 1
        out[k] = sums[held_by, N_LINKED] / max(1.0, sums[held_by, N_LENGTH]) if held_by >= 0 else -1
        k += 1
        held_by = np.int64(main[node])
        out[k] = sums[held_by, N_PROSE] / prose if held_by >= 0 else -1
        k += 1
        held_by = np.int64(tables[node])
        out[k] = sums[held_by, N_LINKED] / max(1.0, sums[held_by, N_LENGTH]) if held_by >= 0 else -1
        k += 1
        out[k] = sums[held_by, N_PROSE] / prose if held_by >= 0 else -1
        k += 1
        out[k] = node_logs[held_by, 0] if held_by >= 0 else -1
        k += 1
        above = node
        for _ in range(4):
            out[k] = min(kin[above], 30)
            k += 1
            above = np.int64(nodes[above, PARENT])
        held_by = np.int64(article[node])
        out[k] = min(articles_above[node], 5)
        out[k + 1] = min(kin[held_by], 20) if held_by >= 0 else -1
        out[k + 2] = article[titled] == held_by if held_by >= 0 and title >= 0 else -1
        out[k + 3] = min(up[node], 30) if title >= 0 else -1
        out[k + 4] = min(down[node], 30) if title >= 0 else -1
        k += 5
        for paths in (paths1, paths3, paths_above):
            out[k] = _log(paths[row, 0])
            out[k + 1] = _log(paths[row, 1] / paths[row, 0])
            out[k + 2] = paths[row, 2] / prose
            out[k + 3] = paths[row, 3] / max(np.float32(1), paths[row, 1])
            k += 4
        for step in (-3, -2, -1, 1, 2, 3):
            near = row + step
            if near < 0 or near >= count:
                out[k] = out[k + 1] = out[k + 2] = out[k + 3] = out[k + 4] = -1
            else:
                other = blocks[near, NODE]
                out[k] = own_logs[near]
                out[k + 1] = measures[near, DENSITY]
                out[k + 2] = measures[near, LAST] == 3
                out[k + 3] = (
                    (other == node)
                    + (nodes[other, PARENT] == nodes[node, PARENT])
                    + (nodes[other, SIGNATURE] == nodes[node, SIGNATURE])
                )
                out[k + 4] = flags[nodes[other, TAG]] & _HEADING != 0
            k += 5
        for width in (4, 10):
            left, right = max(0, row - width), min(count, row + width + 1)
            held = max(1.0, lengths[right] - lengths[left])
            out[k] = _log(held / (right - left))
            out[k + 1] = (links[right] - links[left]) / held
            out[k + 2] = (proses[right] - proses[left]) / held
            out[k + 3] = (strongs[right] - strongs[left]) / (right - left)
            k += 4
        context = nodes[node, CONTEXT]
        for place in range(_CONTEXTS):
            out[k] = (context >> place) & 1
            k += 1
        parent = nodes[node, PARENT]
        over = nodes[parent, PARENT]
        own_low = node_words[node, 0] | block_words[row, 0]
        own_high = node_words[node, 1] | block_words[row, 1]
        near_low = own_low | node_words[parent, 0] | node_words[over, 0]
        near_high = own_high | node_words[parent, 1] | node_words[over, 1]
        for place in range(_GROUPS):
            if place < 62:
                shift = place
                own, near_by, any_of = own_low, near_low, all_low[node]
            else:
                shift = place - 62
                own, near_by, any_of = own_high, near_high, all_high[node]
            out[k] = ((own >> shift) & 1) + ((near_by >> shift) & 1) + ((any_of >> shift) & 1)
            k += 1
    return rows
