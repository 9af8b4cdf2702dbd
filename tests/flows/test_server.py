"""The run's own Prefect server, where it cannot start."""

from __future__ import annotations

import pytest

from curate.errors import ComponentError
from flows.server import prefect_server


def test_a_server_that_ends_is_told_with_its_last_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "file/prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    with (
        pytest.raises(ComponentError, match=r"it ended with status -?\d+: .*Error.*PREFECT_HOME"),
        prefect_server(tmp_path / "server.log"),
    ):
        pass
