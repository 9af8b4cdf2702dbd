"""Words of scripts without spaces by ICU's dictionaries, in the place of the cut without one.

A maximal run of words that touch each other and begin with a letter of Han, hiragana, katakana, Thai,
Lao, Khmer or Burmese is cut again where ICU's word iterator (Unicode Standard Annex 29, with
dictionaries for these scripts) cuts it; all other words stay. Needs the extra `icu`, whose package
brings its own ICU, so that one version gives the same words everywhere.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from curate.errors import ComponentError
from curate.text.cut import compiled, decode, hash_words

_LF = b"\n"
_RANGES = np.array(  # first and last code points
    [
        *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007)),
        *((0x3021, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF)),
        *((0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0xFF66, 0xFF9F)),
        (0x20000, 0x3FFFF),
    ],
    np.int64,
)


def check_icu() -> str:
    """The version of the package that brings ICU.

    Raises:
        ComponentError: it is not installed.
    """
    try:
        from icu4py.breakers import WordBreaker  # noqa: F401
    except ImportError as error:
        raise ComponentError(
            "[quality] words = 'icu' cuts words by ICU's dictionaries",
            str(error),
            change="pip install 'curate[icu]', or set words = 'rules'",
        ) from error
    return version("icu4py")


def cut_again(data: Any, words: tuple[Any, ...], tables: tuple[Any, Any]) -> tuple[Any, ...]:
    """The words of `curate.text.cut.words`, those of scripts without spaces by dictionary.

    Raises:
        ComponentError: the extra is not installed.
    """
    check_icu()
    from icu4py.breakers import WordBreaker

    starts, ends, hashes, lengths, kinds, offsets, counts = words
    inside = _listed(data, starts, _RANGES)
    if not inside.any():
        return words
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    follows = np.zeros(len(starts), np.bool_)
    follows[1:] = inside[1:] & inside[:-1] & (starts[1:] == ends[:-1]) & (owner[1:] == owner[:-1])
    first = np.flatnonzero(inside & ~follows)
    last = np.append(first[1:], len(starts)) - 1  # the next run's first word follows some others
    last = np.maximum.accumulate(np.where(inside, np.arange(len(starts)), -1))[last]
    runs = [data[a:b].tobytes() for a, b in zip(starts[first], ends[last], strict=True)]
    pieces = [piece.encode() for piece in WordBreaker(_LF.join(runs).decode(), "und")]
    sizes = np.array([len(piece) for piece in pieces], np.int64)
    is_word = np.array([piece != _LF for piece in pieces], np.bool_)
    run = np.cumsum(~is_word)[is_word]
    # where a piece begins in the text: as far behind its run's begin as in the joined runs
    at = (np.cumsum(sizes) - sizes)[is_word]
    begins = np.concatenate([[0], np.flatnonzero(np.diff(run)) + 1])
    new_starts = starts[first][run] + at - at[begins][run]
    new_ends = new_starts + sizes[is_word]
    new = (new_starts, new_ends, *hash_words(data, new_starts, new_ends, *tables))
    every = [
        np.concatenate([old[~inside], some])
        for old, some in zip((starts, ends, hashes, lengths, kinds), new, strict=True)
    ]
    owners = np.concatenate([owner[~inside], owner[first][run]])
    order = np.argsort(every[0], kind="stable")
    new_offsets = np.zeros(len(offsets), np.int64)
    np.cumsum(np.bincount(owners, minlength=len(offsets) - 1), out=new_offsets[1:])
    return *(array[order] for array in every), new_offsets, counts


@compiled
def _listed(data: Any, starts: Any, ranges: Any) -> Any:
    """Which words begin with a character of the ranges."""
    found = np.zeros(len(starts), np.bool_)
    for word in range(len(starts)):
        if data[starts[word]] < 0xE0:  # noqa: PLR2004 - below U+0800
            continue
        code, _ = decode(data, starts[word])
        for place in range(len(ranges)):
            if ranges[place, 0] <= code <= ranges[place, 1]:
                found[word] = True
                break
    return found
