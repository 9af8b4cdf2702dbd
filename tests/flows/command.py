"""The command as a user starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Command:
    """`curate` in a process of its own.

    Attributes:
        environment: of the process.
    """

    environment: dict[str, str]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it and come back at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=self.environment,
        )

    def __call__(self, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run it, and check its exit status and that no traceback reaches the user."""
        process = self.start(*arguments)
        output, errors = process.communicate(timeout=300)

        assert process.returncode == status, f"{arguments}: {output}\n{errors}"
        assert "Traceback" not in output + errors
        return subprocess.CompletedProcess(arguments, status, output, errors)

    def json(self, *arguments: str, status: int = 0) -> Any:
        """Run it with `--json`; standard output is JSON alone."""
        return json.loads(self(*arguments, "--json", status=status).stdout)
