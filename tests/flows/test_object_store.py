"""A whole run whose inputs and store lie behind S3."""

from __future__ import annotations

import json

import pytest
from command import Command

SENTENCE = (
    "The harbour master wrote in his diary that the winter of that year was long, and that the "
    "boats which were to have sailed with the first tide of March were still held by the ice."
)


@pytest.mark.slow
def test_a_run_from_s3_to_s3_is_reused_and_explained(curate, tmp_path):
    moto = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    keys = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    command = Command({**curate.environment, **keys, "AWS_ENDPOINT_URL": endpoint})
    bucket = s3fs.S3FileSystem(key="test", secret="test", endpoint_url=endpoint)
    bucket.mkdir("far")
    rows = [json.dumps({"id": f"r{n}", "text": f"{SENTENCE} {'and so on ' * n}"}) for n in range(3)]
    bucket.pipe_file("far/in/a.jsonl", "\n".join(rows).encode())
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        'name = "far"\nstore = "s3://far/store"\n'
        '[[sources]]\nkind = "records"\ninputs = ["s3://far/in/*.jsonl"]\n'
    )

    first = command.json("run", str(recipe))
    again = command.json("run", str(recipe))
    story = command.json("explain", "r0", "--release", "far@1", "--store", "s3://far/store")
    problems = command.json("verify", "far@1", "--store", "s3://far/store")["problems"]
    server.stop()

    assert first["release"] == again["release"] == "far@1"
    assert first["documents"]["read"] == 3
    assert all(step["computed"] == 0 for step in again["steps"].values())
    assert story["documents"][0]["ledger"]["source_id"] == "r0"
    assert problems == []
