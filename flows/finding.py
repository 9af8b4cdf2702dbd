"""What documents have in common, found over the whole corpus before it changes or judges texts.

lines and paragraphs: hashes ─▶ those that repeat (─▶ tags)
passages: anchors ─▶ common ones ─▶ windows ─▶ those that several have ─▶ of each document
"""

from __future__ import annotations

from dataclasses import replace

from curate.steps import repeats, sharing
from curate.steps.clustering import fits_at_once
from curate.steps.spanning import Found
from curate.steps.work import Linked
from flows.clustering import find_clusters
from flows.run import Run


def find_spans(run: Run, linked: Linked) -> Found:
    """Whatever [spans] asks for; the corpus comes back with what was found of its blocks."""
    spans = run.work.recipe.spans
    found = Found(linked)
    if spans.repeated_line_documents or spans.repeated_paragraph_documents:
        _find_copies(run, linked, "snapshot")
    if spans.repeated_line_documents:
        lines = repeats.Lines(linked)
        found = replace(found, line_ranges=_count_lines(run, lines))
        if not repeats.count_hashes(run.work, lines):
            run.warnings.append("[spans] found no line of a site: no document has an address")
    if spans.repeated_paragraph_documents:
        paragraphs = repeats.Lines(linked, "paragraphs")
        found = replace(found, paragraph_ranges=_count_lines(run, paragraphs))
        if not repeats.count_hashes(run.work, paragraphs):
            least = spans.paragraph_words
            run.warnings.append(f"[spans] no paragraph has paragraph_words = {least} words")
    if spans.shared_words:
        linked = _share(run, linked)
    if spans.repeated_action == "tag":
        for ranges in (found.lines, found.paragraphs):
            linked = _tag(run, ranges, linked)
    return replace(found, linked=linked)


def _find_copies(run: Run, linked: Linked, scope: repeats.Scope) -> None:
    """Documents that repeat another one of their scope."""
    work = run.work
    clusters = repeats.plan_copies(work, (linked, scope))
    places = range(clusters.graph.blocks)
    if all(run.has(repeats.copies_name(clusters.graph.key, place)) for place in places):
        run.reuse("copies")
    elif fits_at_once(clusters):
        run.each("copies", repeats.find_copies, [clusters])
    else:
        clusters = find_clusters(run, clusters)
        run.each("copies", repeats.settle_copies, [(clusters, place) for place in places])


def _count_lines(run: Run, lines: repeats.Lines) -> int:
    """Count lines or paragraphs by ranges of their hashes; in how many."""
    blocks = [(lines, place) for place in range(len(lines.linked.corpus.blocks))]
    run.objects("lines", repeats.hash_block, blocks, repeats.lines_name)
    count = repeats.plan_ranges(run.work, lines)
    parts = [repeats.LineRange(lines, number, count) for number in range(count)]
    run.objects("repeats", repeats.count_lines, parts, repeats.repeats_name)
    return count


def _tag(run: Run, ranges: list[repeats.LineRange], linked: Linked) -> Linked:
    """Tell each document's share of repeated lines."""
    if not ranges:
        return linked
    items = [(ranges, place) for place in range(len(linked.corpus.blocks))]
    run.objects("tag", repeats.tag_block, items, repeats.tag_name)
    return repeats.assemble_tagged(run.work, ranges[0].lines, linked)


def _share(run: Run, linked: Linked) -> Linked:
    """Passages that documents share, and which document keeps them."""
    work = run.work
    _find_copies(run, linked, repeats.scope_of_copies(work.recipe.duplicates))
    places = range(len(linked.corpus.blocks))
    first = [(linked, place) for place in places]
    names = run.objects("anchors", sharing.hash_anchors, first, sharing.anchors_name)
    anchors = sharing.count_rows(work, names)
    if not anchors:
        least = work.recipe.spans.shared_words
        run.warnings.append(f"[spans] no document has shared_words = {least} words")
    shared = sharing.Shared(linked, sharing.plan_ranges(anchors))
    run.objects("common", sharing.count_anchors, shared.anchors, sharing.common_name)
    second = [(shared, place) for place in places]
    names = run.objects("windows", sharing.hash_windows, second, sharing.windows_name)
    windows = sharing.count_rows(work, names)
    shared = replace(shared, window_ranges=sharing.plan_ranges(windows))
    run.objects("passages", sharing.join_windows, shared.windows, sharing.passages_name)
    third = [(shared, place) for place in places]
    run.objects("shared", sharing.find_shared, third, sharing.shared_name)
    return sharing.assemble_shared(work, linked)
