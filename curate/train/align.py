"""Alignment of a page's words with those of its main text, compiled; numba is imported late."""

# ruff: noqa: PLR2004 - bits of a move

from __future__ import annotations

from typing import Any

import numpy as np

from curate.sources.html_bytes import compiled

_START = np.float32(0.2)  # what a match alone counts; one that goes on with a run counts 1


@compiled
def longest_runs(page: Any, gold: Any) -> Any:
    """Which words of a page are matched by the best common subsequence that prefers long runs.

    Args:
        page: int64[words], numbers of words.
        gold: int64[words], in the same numbers.

    Returns:
        bool[words of the page].
    """
    rows, columns = len(page), len(gold)
    # bits 0-1: came from above, from the left, by a match; bit 2: the match goes on with a run
    moves = np.zeros((rows + 1, columns + 1), np.uint8)
    best = np.zeros(columns + 1, np.float32)
    above = np.zeros(columns + 1, np.float32)
    run = np.full(columns + 1, np.float32(-1e9))
    run_above = np.full(columns + 1, np.float32(-1e9))
    for row in range(1, rows + 1):
        best[0] = np.float32(0)
        for column in range(1, columns + 1):
            score = above[column]
            move = 0
            if best[column - 1] > score:
                score = best[column - 1]
                move = 1
            run[column] = np.float32(-1e9)
            if page[row - 1] == gold[column - 1]:
                longer = run_above[column - 1] + np.float32(1)
                alone = above[column - 1] + _START
                run[column] = max(longer, alone)
                if run[column] >= score:
                    score = run[column]
                    move = 2
                if longer >= alone:
                    move |= 4
            best[column] = score
            moves[row, column] = move
        best, above = above, best
        run, run_above = run_above, run
    hits = np.zeros(rows, np.bool_)
    row, column = rows, columns
    in_run = False
    while row > 0 and column > 0:
        move = moves[row, column]
        if in_run or move & 3 == 2:
            hits[row - 1] = True
            in_run = move & 4 != 0
            row -= 1
            column -= 1
        elif move & 3 == 1:
            column -= 1
        else:
            row -= 1
    return hits
