"""What stands around a number, compiled: whether it goes on there, and whether a label speaks of it."""

# ruff: noqa: PLR2004, SIM110 - signs by their codes; compiled loops

from __future__ import annotations

from typing import Any, Final

from curate.score.personal_symbols import is_digit, is_letter, is_word, symbol, symbol_before
from curate.text.cut import compiled

NOTHING: Final = -1
MOST_SEPARATORS: Final = 3  # between two groups of digits of one number


@compiled
def run_of_digits(data: Any, at: int, stop: int) -> Any:
    """How many digits stand at a place, and the byte after them."""
    count = 0
    while at < stop:
        code, width = symbol(data, at, stop)
        if not is_digit(code):
            break
        count += 1
        at += width
    return count, at


@compiled
def is_labelled(data: Any, state: Any, label: int, at: int, reach: int) -> bool:
    """Whether a label of a class stands shortly before a place, with no digit between."""
    if state[label] < 0 or at - state[label] > reach:
        return False
    for place in range(state[label], at):
        if 0x30 <= data[place] <= 0x39:
            return False
    return True


@compiled
def may_go_on(data: Any, at: int, stop: int) -> bool:
    """Whether a separator and a digit, or an opening bracket, stand at a place."""
    code, width = symbol(data, at, stop)
    after, _ = symbol(data, at + width, stop)
    return bool(
        code in (0x20, 0x2D, 0x2E, 0x2F, 0x29)
        and (is_digit(after) or after in (0x20, 0x2D, 0x2F, 0x28))
    )


@compiled
def ends_well(data: Any, at: int, stop: int) -> bool:
    """Whether nothing after a number goes on with it."""
    code, width = symbol(data, at, stop)
    after, _ = symbol(data, at + width, stop)
    if code in (0x78, 0x58) and is_digit(after):  # an extension: x12
        return True
    if is_word(code) or code in (0x25, 0x40, 0x2A):  # % @ *
        return False
    if code in (0x2D, 0x2F, 0x2B, 0x3D):  # - / + =
        return not is_word(after)
    if code in (0x2E, 0x2C, 0x3A):  # . , :
        return not is_digit(after)
    return True


@compiled
def begins_well(data: Any, at: int, begin: int, stop: int, labelled: bool) -> bool:
    """Whether nothing before a number goes on into it."""
    code, width = symbol_before(data, at, begin, stop)
    if is_word(code) or code in (
        0x40,
        0x5C,
        0x25,
        0x2A,
        0x24,
        0x2B,
        0x23,
        0x5E,
        0x3C,
    ):  # @ \ % * $ + # ^ <
        return False
    if labelled:
        return True
    if code in (0x2D, 0x2F, 0x3D, 0x26, 0x7E):  # - / = & ~
        return False
    if code in (0x2E, 0x2C, 0x3A, 0x28):  # . , : (
        before, _ = symbol_before(data, at - width, begin, stop)
        return not is_digit(before) and not (code == 0x28 and is_letter(before))
    return True


@compiled
def follows_number(data: Any, at: int, begin: int, stop: int) -> bool:
    """Whether a digit and a space stand before a place."""
    code, width = symbol_before(data, at, begin, stop)
    before, _ = symbol_before(data, at - width, begin, stop)
    return bool(code == 0x20 and is_digit(before))


@compiled
def continues_number(data: Any, at: int, begin: int, stop: int) -> bool:
    """Whether a digit stands before a place, with nothing but a few separators between."""
    for _ in range(MOST_SEPARATORS + 1):
        code, width = symbol_before(data, at, begin, stop)
        if code not in (0x20, 0x2D, 0x2E, 0x2F, 0x28, 0x29):
            return is_digit(code)
        at -= width
    return False


@compiled
def precedes_number(data: Any, at: int, stop: int) -> bool:
    """Whether a space and a digit stand at a place."""
    code, width = symbol(data, at, stop)
    after, _ = symbol(data, at + width, stop)
    return bool(code == 0x20 and is_digit(after))
