"""A folder that Hugging Face `datasets` saved → its Arrow files.

`Dataset.save_to_disk` writes `state.json`, which names the files in order; `DatasetDict` writes
`dataset_dict.json`, which names a folder for each split. What `load_dataset` keeps in its cache has
`dataset_info.json` and Arrow files alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curate.errors import InputError
from curate.sources.listings import Found

_ASKED = "a folder among `inputs` is a dataset that `datasets` saved"


def find_saved(text: str, folder: Path) -> list[Found]:
    """The Arrow files of a saved dataset, or of all splits of one.

    Args:
        text: the folder, as the recipe spells it.
        folder: the recipe's, which it is relative to.

    Raises:
        InputError: the folder is no saved dataset, a file of it is missing, or it holds a
            selection of rows that was not written out.
    """
    place = folder / text
    splits = _load(place / "dataset_dict.json", text)
    if splits is None:
        return _files(place, text)
    try:
        return [
            found
            for split in splits["splits"]
            for found in _files(place / split, f"{text}/{split}")
        ]
    except (KeyError, TypeError) as error:
        raise InputError(_ASKED, f"dataset_dict.json has no splits: {error!r}", text) from error


def _files(place: Path, name: str) -> list[Found]:
    state = _load(place / "state.json", name)
    if state is None:
        if not (place / "dataset_info.json").is_file():
            change = f"name the files in it, as in {name.rstrip('/') + '/*'!r}"
            raise InputError("an input is a file", "it is a folder", name, change)
        names = sorted(path.name for path in place.glob("*.arrow"))
    else:
        if state.get("_indices_data_files") or state.get("_indices_files"):
            change = "save it again with datasets 2 or later, which writes the rows out"
            raise InputError(_ASKED, "it selects rows of another one", name, change)
        try:
            names = [str(entry["filename"]) for entry in state["_data_files"]]
        except (KeyError, TypeError) as error:
            raise InputError(_ASKED, f"state.json names no files: {error!r}", name) from error
    for file in names:
        if not (place / file).is_file() or Path(file).name != file:
            raise InputError(_ASKED, f"there is no file {file!r}", name, "save it again")
    if not names:
        raise InputError(_ASKED, "it has no files", name)
    return [Found(str(place / file), f"{name.rstrip('/')}/{file}") for file in names]


def _load(path: Path, name: str) -> Any:
    """A JSON file's object; None where there is no such file."""
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(_ASKED, f"{path.name} is no JSON: {error}", name) from error
    if not isinstance(content, dict):
        raise InputError(_ASKED, f"{path.name} holds no object", name)
    return content
