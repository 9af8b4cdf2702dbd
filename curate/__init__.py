"""curate: raw crawls, dumps and subtitles into versioned, explained training data.

Every stage adds columns to a Polars frame; one stage, `decide`, turns columns into verdicts by
rules that are data. `load` opens a release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curate.release.load import load as load

__version__ = "0.1.0"
__all__ = ["__version__", "load"]


def __getattr__(name: str) -> Any:
    """Import `load` when it is first used: commands that read no release start faster."""
    if name == "load":
        from curate.release.load import load

        return load
    raise AttributeError(f"module 'curate' has no attribute {name!r}")
