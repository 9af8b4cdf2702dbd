"""What a run shows in the Prefect UI: the funnel, and the release in a few lines."""

from __future__ import annotations

from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from curate.release.manifest import Manifest


def publish(manifest: Manifest, result: dict[str, Any]) -> None:
    """Make the run's artifacts: a table of the funnel, and a summary."""
    for key, rows in (("funnel", result["rules"]), ("funnel-by-source", result["funnel"])):
        create_table_artifact(
            key=key,
            table=[{name: str(value) for name, value in row.items()} for row in rows],
            description=f"What each rule did to the documents of {manifest.reference}",
        )
    documents = manifest.documents
    lines = [
        f"# {manifest.reference}",
        "",
        f"{documents.read:,} read, {documents.made:,} made, {documents.removed:,} removed, **{documents.kept:,} kept**.",
        "",
        f"- folder: `{manifest.folder}` in `{result['store']}`",
        f"- content hash: `{manifest.content_hash}`",
        *(f"- warning: {warning}" for warning in result["warnings"]),
    ]
    create_markdown_artifact(key="release", markdown="\n".join(lines))
