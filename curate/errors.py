"""Every error that a user can meet.

    CurateError                 exit status 1
    ├─ RecipeError              exit status 2: the recipe or the call is wrong
    ├─ InputError               an input is missing, damaged, or not what its kind says
    │  ├─ MissingInputError     there is no such input
    │  └─ FetchError            a remote input could not be fetched, for a fault of the moment
    ├─ ComponentError           an extractor, model or library cannot do its part
    ├─ StoreError               the store cannot be read or written
    ├─ DecisionError            rules would remove nearly everything, or rows do not add up
    └─ ReleaseError             a release is missing, damaged, or does not match its manifest

A message says what was asked, what came, where, and what to change, in one sentence; the parts
stay on the error as attributes, so that a program need not parse it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CurateError(Exception):
    """One sentence: `where: asked, but came; change`.

    Args:
        asked: what was asked for ("[quality] preset names a preset").
        came: what was found instead ("'finweb' is none").
        where: file and line, input and offset, release, object; may be empty.
        change: what to change so that it works; may be empty.

    >>> print(CurateError("a pattern matches files", "'x/*.gz' matched none", "r.toml", "check it"))
    r.toml: a pattern matches files, but 'x/*.gz' matched none; check it
    """

    status = 1

    def __init__(self, asked: str, came: str, where: str = "", change: str = "") -> None:
        super().__init__(asked, came, where, change)  # positional: errors cross processes pickled
        self.asked, self.came, self.where, self.change = asked, came, where, change

    def __str__(self) -> str:
        head = f"{self.where}: " if self.where else ""
        tail = f"; {self.change}" if self.change else ""
        return f"{head}{self.asked}, but {self.came}{tail}"


class RecipeError(CurateError):
    """The recipe or the call is wrong."""

    status = 2


class InputError(CurateError):
    """An input is missing, damaged, or not what its kind says."""


class MissingInputError(InputError):
    """There is no such input."""


class FetchError(InputError):
    """A remote input could not be fetched: for a fault of the moment, so the next run tries again."""


class ComponentError(CurateError):
    """An extractor, a model or a library cannot do its part."""


class StoreError(CurateError):
    """The store cannot be read or written."""


class DecisionError(CurateError):
    """Rules would remove nearly everything, or the rows of the ledger do not add up."""


class ReleaseError(CurateError):
    """A release is missing, damaged, or does not match its manifest."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """The hint for a misspelt name: the nearest valid one, or the list of them.

    >>> nearest("minimum_wrods", ["minimum_words", "stop_words"])
    "did you mean 'minimum_words'?"
    """
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"valid: {', '.join(names) or 'none'}"


def is_client_error(error: Exception) -> bool:
    """Whether a storage client's own error, which shares no base with any other, says that it failed.

    >>> is_client_error(ValueError("x"))
    False
    """
    return type(error).__module__.partition(".")[0] in {"botocore", "aiobotocore"}
