from __future__ import annotations

import io
import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web import Fault, Web, mark

from curate.errors import FetchError, InputError, MissingInputError
from curate.recipe import FetchSection
from curate.sources import remote
from curate.sources.remote import Facts, identity_of

FETCH = FetchSection(
    attempts=4, first_wait_seconds=0.01, maximum_wait_seconds=0.05, timeout_seconds=2.0
)
MIB = 1 << 20
DATA = random.Random(1).randbytes(3 * MIB + 12_345)


@pytest.fixture
def web():
    with Web({"a.gz": DATA, "empty": b""}) as server:
        yield server


def fetch(web, path="a.gz", identity="", policy=FETCH):
    with remote.Web(policy) as client, client.open(f"{web.url}/{path}", identity) as stream:
        return stream.read()


def test_a_file_is_read_forward_over_one_connection_and_one_request(web):
    assert fetch(web) == DATA
    assert web.ranges("a.gz") == [(0, None)]
    assert web.connections == 1


@pytest.mark.parametrize("status", [403, 408, 425, 429, 500, 502, 503, 504])
def test_a_refusal_that_passes_is_tried_again(web, status):
    web.faults += [Fault(status=status)] * 3
    assert fetch(web) == DATA
    assert [seen.status for seen in web.seen] == [status] * 3 + [206]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(cut=2 * MIB + 5),
        Fault(cut=2 * MIB + 5, reset=True),
        Fault(cut=2 * MIB + 5, stall=30),
        Fault(shorten=len(DATA) - 2 * MIB - 5),
    ],
    ids=["closed", "reset", "silent", "wrong length"],
)
def test_a_body_that_breaks_is_continued_where_it_broke(web, fault):
    web.faults.append(fault)
    policy = FETCH.model_copy(update={"timeout_seconds": 0.3}) if fault.stall else FETCH
    assert fetch(web, policy=policy) == DATA
    first, second = web.ranges("a.gz")
    assert first == (0, None)
    if fault.reset:  # what the system had not handed over is lost with the connection
        assert 0 <= second[0] <= 2 * MIB + 5
    else:
        assert second == (2 * MIB + 5, None)


def test_each_break_costs_one_request(web):
    web.faults += [Fault(cut=500_000)] * 6  # in a row, with progress: more than the attempts
    assert fetch(web) == DATA
    assert web.ranges("a.gz") == [(n * 500_000, None) for n in range(7)]


def test_a_server_that_trickles_is_given_up(web):
    web.always = Fault(cut=3)
    with pytest.raises(FetchError) as caught:
        fetch(web)
    assert str(caught.value) == (
        f"{web.url}/a.gz: a remote input can be fetched, but the connection broke: IncompleteRead("
        f"3 bytes read, {len(DATA) - 12} more expected) (the last of 4 attempts, at byte 12); start the "
        "run again later: it reads what is missing; or raise `attempts` in [fetch]"
    )


def test_a_hard_failure_names_url_status_and_attempts(web):
    web.faults += [None, *[Fault(status=503)] * 9]
    with remote.Web(FETCH) as client, client.open(f"{web.url}/a.gz") as stream:
        assert stream.read(1) == DATA[:1]
        stream.seek(3 * MIB)
        with pytest.raises(FetchError) as caught:
            stream.read()
    assert caught.value.where == f"{web.url}/a.gz"
    assert caught.value.came == (
        f"the server answered 503 (Service Unavailable) (the last of 4 attempts, at byte {3 * MIB})"
    )


def test_a_server_that_is_not_there_is_a_hard_failure(web):
    url = web.url
    web.__exit__()
    with (
        remote.Web(FETCH) as client,
        client.open(f"{url}/a.gz") as stream,
        pytest.raises(FetchError) as caught,
    ):
        stream.read()
    assert "there was no answer: " in caught.value.came
    assert "refused" in caught.value.came
    assert "(the last of 4 attempts, at byte 0)" in caught.value.came
    web.__init__()
    web.__enter__()


@pytest.mark.parametrize(
    ("status", "kind"), [(404, MissingInputError), (410, MissingInputError), (401, InputError)]
)
def test_what_does_not_pass_is_an_error_at_once(web, status, kind):
    web.always = Fault(status=status)
    with pytest.raises(kind, match=f"the server answered {status}") as caught:
        fetch(web)
    assert not isinstance(caught.value, FetchError)
    assert len(web.seen) == 1


def test_retry_after_is_waited_for_up_to_the_maximum(web):
    web.faults += [Fault(status=429, headers={"Retry-After": "1"})]
    started = time.monotonic()
    assert fetch(web, policy=FETCH.model_copy(update={"maximum_wait_seconds": 5.0})) == DATA
    assert time.monotonic() - started >= 1
    web.faults += [Fault(status=429, headers={"Retry-After": "3600"})]
    web.faults += [Fault(status=503, headers={"Retry-After": "soon"})]
    started = time.monotonic()
    assert fetch(web) == DATA
    assert time.monotonic() - started < 30


def test_a_server_without_ranges_is_read_again_from_its_first_byte(web):
    web.always = Fault(whole=True)
    web.faults += [Fault(whole=True, cut=2 * MIB + 5)]
    assert fetch(web) == DATA
    assert web.ranges("a.gz") == [(0, None), (2 * MIB + 5, None)]
    assert {seen.status for seen in web.seen} == {200}


def test_an_answer_without_a_length_ends_where_it_ends(web):
    web.always = Fault(chunked=True)
    assert fetch(web) == DATA
    web.faults += [Fault(chunked=True, cut=MIB)]
    assert fetch(web) == DATA


def test_another_range_than_the_one_asked_for_is_refused(web):
    web.faults += [Fault(shift=7)]
    assert fetch(web) == DATA


@pytest.mark.parametrize("content", [DATA[::-1], DATA[:-1], b""])
def test_a_file_that_changes_while_it_is_read_is_refused(web, content):
    web.faults += [Fault(cut=2 * MIB), Fault(replace=content)]
    with pytest.raises(FetchError, match=r"a remote input stays the same .* but it changed \(now "):
        fetch(web)


def test_a_file_that_changed_since_it_was_described_is_refused(web):
    url = f"{web.url}/a.gz"
    with remote.Web(FETCH) as client:
        facts = client.describe(url)
    assert facts == Facts(len(DATA), mark(DATA))
    identity = identity_of(url, facts)
    assert fetch(web, identity=identity) == DATA
    web.files["a.gz"] = DATA[:-1]
    with pytest.raises(FetchError, match="it changed"):
        fetch(web, identity=identity)


def test_describing_asks_for_one_byte(web):
    with remote.Web(FETCH) as client:
        assert client.describe(f"{web.url}/a.gz").size == len(DATA)
        web.always = Fault(whole=True)
        assert client.describe(f"{web.url}/a.gz") == Facts(len(DATA), mark(DATA))
    assert web.ranges("a.gz") == [(0, 0), (0, 0)]


@pytest.mark.parametrize("fault", [None, Fault(whole=True), Fault(chunked=True)])
def test_an_empty_file_is_empty(web, fault):
    web.always = fault
    assert fetch(web, "empty") == b""
    with remote.Web(FETCH) as client:
        assert client.describe(f"{web.url}/empty").size in {0, None}


def test_redirects_are_followed_also_to_go_on(web):
    web.redirects["old.gz"] = f"{web.url}/a.gz"
    web.faults += [Fault(cut=MIB)]
    assert fetch(web, "old.gz") == DATA
    assert web.ranges("a.gz") == [(0, None), (MIB, None)]


def test_redirects_in_a_circle_are_an_error_at_once(web):
    web.redirects["a"] = f"{web.url}/a"
    with pytest.raises(InputError, match="redirects"):
        fetch(web, "a")


def test_a_body_is_taken_as_it_is_whatever_its_content_encoding(web):
    web.always = Fault(headers={"Content-Encoding": "gzip"})
    assert fetch(web) == DATA


def test_a_jump_asks_for_a_window_and_reading_on_for_larger_ones(web):
    web.files["big"] = big = random.Random(2).randbytes(30 * MIB)
    with remote.Web(FETCH) as client, client.open(f"{web.url}/big") as stream:
        stream.seek(-8, io.SEEK_END)
        assert stream.read() == big[-8:]
        stream.seek(MIB)
        assert stream.read() == big[MIB:]
    windows = [(0, 0), (30 * MIB - 8, 31 * MIB - 9), (MIB, 2 * MIB - 1), (2 * MIB, 6 * MIB - 1)]
    assert web.ranges("big")[:4] == windows


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.integers(0, len(DATA) + 10), st.integers(0, 2 * MIB)), min_size=1, max_size=6
    ),
    st.lists(
        st.one_of(
            st.none(),
            st.builds(Fault, cut=st.integers(0, len(DATA)), reset=st.booleans()),
            st.builds(Fault, status=st.sampled_from([403, 429, 500, 503])),
            st.builds(Fault, whole=st.just(True), cut=st.none() | st.integers(0, len(DATA))),
            st.builds(Fault, shift=st.integers(1, 5)),
            st.builds(Fault, chunked=st.just(True), cut=st.none() | st.integers(0, len(DATA))),
        ),
        max_size=5,
    ),
)
def test_what_is_read_equals_the_file_whatever_is_jumped_to_and_whatever_breaks(web, jumps, faults):
    web.faults.clear()
    web.faults.extend(faults)
    policy = FETCH.model_copy(update={"attempts": 8})
    here = io.BytesIO(DATA)
    with remote.Web(policy) as client, client.open(f"{web.url}/a.gz") as stream:
        for offset, size in jumps:
            stream.seek(offset)
            here.seek(offset)
            assert stream.read(size) == here.read(size)
            assert stream.tell() == here.tell()


def test_a_jump_just_beyond_an_answer_that_ends_is_no_end_of_the_file(web):
    web.faults += [Fault(cut=1)]
    with remote.Web(FETCH) as client, client.open(f"{web.url}/a.gz") as stream:
        for offset in (1, MIB + 2):
            stream.seek(offset)
            assert stream.read(1) == DATA[offset : offset + 1]


def test_a_small_file_is_read_up_to_a_maximum(web):
    with remote.Web(FETCH) as client:
        web.files["list"] = b"0123456789"
        assert client.read(f"{web.url}/list", 10) == b"0123456789"
        with pytest.raises(InputError, match="it has at most 9 bytes, but it has more"):
            client.read(f"{web.url}/list", 9)
