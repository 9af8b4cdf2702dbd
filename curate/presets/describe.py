"""The documentation of the presets, made from their files.

`python -m curate.presets.describe` writes `docs/presets.md`; a test keeps the two alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curate.presets import (
    FAMILY,
    comment_of,
    family_languages,
    load_preset,
    preset_names,
    read_preset,
)

SIGNS = {"below": "<", "above": ">", "at_or_below": "≤", "at_or_above": "≥"}
FAMILY_TITLE = "FineWeb-2: all its languages, each with its own limits"
FAMILY_COMMENT = (
    "One preset for each language, `fineweb-2/<language>`, and this one for all of them at once. "
    "The rules of a language meet its documents alone; for other languages derive limits from "
    "documents that you trust, with `curate fit-rules`. The words and limits of FineWeb-2 come "
    "from its public configurations (Apache-2.0)."
)
INTRODUCTION = """# Presets

Generated from `curate/presets/` by `python -m curate.presets.describe`; `curate presets show NAME`
prints the same. A rule removes a document whose value lies on the side of the limit that is shown.
The columns are defined in `curate/score/`: `quality.py`, `stopwords.py`, `cleaning.py`.
"""


def summarise_presets() -> list[dict[str, Any]]:
    """Name, title, number of rules and source of each preset."""
    found = []
    for name in preset_names():
        facts = _facts(name)
        found.append(
            {
                "preset": name,
                "title": facts["title"],
                "rules": len(facts["rules"]),
                "source": facts["source"],
            }
        )
    return found


def describe_preset(name: str) -> dict[str, Any]:
    """A preset: title, source, comment, its rules in order, each with limit and source, and signals.

    `signals`: what the publication calls our columns, where it names them.

    Raises:
        RecipeError: there is no such preset.
    """
    facts = _facts(name)
    rules = [
        {
            "rule": f"quality.{rule}",
            "removes": _condition(of),
            "languages": list(of["languages"]),
            "source": of["source"],
        }
        for rule, of in facts["rules"].items()
    ]
    return {
        "preset": name,
        "title": facts["title"],
        "source": facts["source"],
        "comment": facts["comment"],
        "rules": rules,
        "signals": facts.get("signals", {}),
    }


def write_documentation() -> str:
    """The whole documentation, in Markdown."""
    parts = [INTRODUCTION, "| preset | | rules |\n|---|---|---|"]
    for preset in summarise_presets():
        if preset["preset"].startswith(f"{FAMILY}/"):
            continue
        anchor = preset["preset"].replace("/", "")
        parts.append(
            f"| [`{preset['preset']}`](#{anchor}) | {preset['title']} | {preset['rules']} |"
        )
    names = (name for name in preset_names() if not name.startswith(f"{FAMILY}/"))
    parts += [_section(name) for name in names]
    return "\n".join(parts) + "\n"


def _section(name: str) -> str:
    preset = describe_preset(name)
    lines = [f"\n## {name}\n", f"{preset['title']}. {preset['source']}.\n"]
    if preset["comment"]:
        lines.append(preset["comment"] + "\n")
    if name == FAMILY:
        rules = load_preset(name)
        languages = family_languages()
        lines.append("| rule | " + " | ".join(languages) + " |")
        lines.append("|---" * (len(languages) + 1) + "|")
        for rule, facts in rules.items():
            limits = facts["language_limits"]
            shown = (f"{limits[code]:g}" if code in limits else "" for code in languages)
            lines.append(f"| `{rule}` | " + " | ".join(shown) + " |")
        return "\n".join(lines)
    lines += ["| rule | removes | languages | source |", "|---|---|---|---|"]
    for rule in preset["rules"]:
        languages_of = ", ".join(rule["languages"])
        lines.append(
            f"| `{rule['rule']}` | {rule['removes']} | {languages_of} | {rule['source']} |"
        )
    if preset["signals"]:
        lines += ["\n| signal there | column here |", "|---|---|"]
        for signal, columns in preset["signals"].items():
            lines.append(f"| `{signal}` | {', '.join(f'`{name}`' for name in columns)} |")
    return "\n".join(lines)


def _facts(name: str) -> dict[str, Any]:
    if name == FAMILY:
        source = read_preset(f"{FAMILY}/{family_languages()[0]}")["source"]
        return {
            "title": FAMILY_TITLE,
            "source": source,
            "comment": FAMILY_COMMENT,
            "rules": load_preset(name),
        }
    return read_preset(name) | {"comment": comment_of(name)}


def _condition(rule: dict[str, Any]) -> str:
    if rule["removes"] == "true":
        return f"{rule['column']}"
    if "language_limits" in rule:
        limits = rule["language_limits"].values()
        return f"{rule['column']} {SIGNS[rule['removes']]} {min(limits):g} … {max(limits):g}"
    return f"{rule['column']} {SIGNS[rule['removes']]} {rule['limit']:g}"


if __name__ == "__main__":
    page = Path(__file__).resolve().parents[2] / "docs" / "presets.md"
    page.write_text(write_documentation(), "utf-8", newline="\n")
