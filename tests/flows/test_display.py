"""What stands in brackets is text: nothing that a file or a recipe says is taken for a style."""

from __future__ import annotations

from flows.display import show_preset, show_run


def test_brackets_in_warnings_and_tables_are_shown(capsys):
    show_run(
        {
            "release": "r@1",
            "new": True,
            "store": "store",
            "folder": "releases/r/1",
            "documents": {"read": 1, "made": 0, "kept": 1, "removed": 0},
            "evaluation_sets": [
                {"set": "[gsm]", "items": 1319, "indexed": 1317, "short": 2, "repeated": 0}
            ],
            "rules": [],
            "skipped": {},
            "steps": {},
            "warnings": ["a[bold].xml was not read (see [[parallel]]) :smile:"],
            "example": "0" * 32,
        }
    )
    show_preset(
        {
            "preset": "p",
            "title": "[n]",
            "source": "[citation needed]",
            "comment": "",
            "rules": [{"rule": "x", "removes": "[red]", "languages": [], "source": "[edit]"}],
        }
    )

    shown = capsys.readouterr().out
    assert "warning: a[bold].xml was not read (see [[parallel]]) :smile:" in shown
    assert "evaluation set [gsm]: 1,317 of 1,319 items were looked for, 2 have too few" in shown
    assert "r@1 (new) lies in store/releases/r/1" in shown
    for text in ("p: [n]", "[citation needed]", "[red]", "[edit]"):
        assert text in shown
