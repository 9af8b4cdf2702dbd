from __future__ import annotations

import http.client
import random
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from curate.errors import FetchError, MissingInputError
from curate.recipe import FetchSection, RecordsSection
from curate.sources import remote
from curate.sources.inputs import find_inputs

moto = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")

FETCH = FetchSection(attempts=4, first_wait_seconds=0.01, maximum_wait_seconds=0.05)
MIB = 1 << 20
DATA = random.Random(3).randbytes(2 * MIB + 77)


class Gate:
    """Passes requests on to a server, after faults: a status, or the bytes of a body that pass."""

    def __init__(self, host: str, port: int) -> None:
        self.faults: list[int] = []
        self.ranges: list[str | None] = []
        self.queries: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.0"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                is_content = "GetObject" in self.path or "Range" in self.headers
                fault = outer.faults.pop(0) if outer.faults and is_content else 0
                if is_content:
                    outer.ranges.append(self.headers.get("Range"))
                    outer.queries.append(self.path.partition("?")[2])
                if 400 <= fault < 600:
                    self.send_response(fault)
                    self.end_headers()
                    return
                upstream = http.client.HTTPConnection(host, port)
                upstream.request(self.command, self.path, headers=dict(self.headers))
                answer = upstream.getresponse()
                body = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in {"connection", "transfer-encoding", "date", "server"}:
                        self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body[:fault] if fault else body)
                upstream.close()

            do_HEAD = do_GET  # noqa: N815  # the name that the library looks for

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://{host}:{self._server.server_address[1]}"

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def bucket(monkeypatch):
    """A bucket with a file, behind a gate."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    gate = Gate(host, port)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", gate.url)
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"remote-{uuid.uuid4().hex}"
    files = s3fs.S3FileSystem(key="test", secret="test", endpoint_url=f"http://{host}:{port}")
    files.mkdir(name)
    files.pipe_file(f"{name}/a.bin", DATA)
    files.pipe_file(f"{name}/b.bin", b"b")
    gate.files, gate.name = files, name
    yield gate
    s3fs.S3FileSystem.clear_instance_cache()
    gate.close()
    server.stop()


def test_a_file_in_a_bucket_is_read_with_keys_and_continued_where_it_broke(bucket):
    bucket.faults += [503, MIB + 9]
    with remote.Web(FETCH) as web, web.open(f"s3://{bucket.name}/a.bin") as stream:
        assert stream.read() == DATA
    assert bucket.ranges == ["bytes=0-", "bytes=0-", f"bytes={MIB + 9}-"]
    assert all("X-Amz-Signature" in query for query in bucket.queries)


def test_without_keys_a_bucket_is_read_as_anybody(bucket, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "none")
    bucket.files.chmod(f"{bucket.name}/a.bin", "public-read")
    with remote.Web(FETCH) as web, web.open(f"s3://{bucket.name}/a.bin") as stream:
        assert stream.read() == DATA
    assert bucket.queries == [""]


def test_what_is_wrong_names_the_bucket_s_url(bucket):
    with remote.Web(FETCH) as web, web.open(f"s3://{bucket.name}/none") as stream:
        with pytest.raises(MissingInputError) as caught:
            stream.read()
        assert caught.value.where == f"s3://{bucket.name}/none"
    bucket.faults += [503] * 4
    with remote.Web(FETCH) as web, web.open(f"s3://{bucket.name}/a.bin") as stream:
        with pytest.raises(FetchError, match=r"answered 503 .*the last of 4 attempts") as caught:
            stream.read()
        assert caught.value.where == f"s3://{bucket.name}/a.bin"


def test_patterns_in_a_bucket_are_expanded_and_identities_are_of_size_and_etag(bucket, tmp_path):
    section = RecordsSection(kind="records", inputs=(f"s3://{bucket.name}/*.bin",))
    found = find_inputs(section, tmp_path, FETCH)
    again = find_inputs(section, tmp_path, FETCH)
    bucket.files.pipe_file(f"{bucket.name}/b.bin", b"c")
    changed = find_inputs(section, tmp_path, FETCH)
    assert [(file.uri, file.size) for file in found] == [
        (f"s3://{bucket.name}/a.bin", len(DATA)),
        (f"s3://{bucket.name}/b.bin", 1),
    ]
    assert again == found
    assert changed[0] == found[0]
    assert changed[1].identity != found[1].identity
