from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.sources import Checksum, InputFile
from curate.sources.checksums import CheckedStream, find_fault

DATA = bytes(range(256)) * 10
SHA1 = hashlib.sha1(DATA).hexdigest()


def file_of(checksum):
    return InputFile("a", "a", "a", len(DATA), "i", checksum=checksum)


def fault(checksum, jumps=(), **changes):
    stream = CheckedStream(io.BytesIO(DATA), checksum)
    reader = io.BufferedReader(stream, 64)
    for offset, size in jumps:
        reader.seek(offset)
        assert reader.read(size) == DATA[offset : offset + size]
    return find_fault(stream, replace(file_of(checksum), **changes))


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), max_size=5))
def test_a_sum_is_of_the_whole_file_in_whatever_order_it_is_read(jumps):
    assert fault(Checksum("sha1", SHA1, len(DATA)), jumps) == ""
    assert fault(Checksum("sha1", "0" * 40), jumps) == (
        f"its sha1 is {SHA1}, its publisher says {'0' * 40}"
    )


@pytest.mark.parametrize(
    ("checksum", "expected"),
    [
        (Checksum("md5", hashlib.md5(DATA).hexdigest()), ""),
        (Checksum("", "", len(DATA)), ""),
        (Checksum("sha1", SHA1, 2561), "the file has 2560 bytes, its publisher says 2561"),
    ],
)
def test_size_and_sum_are_compared(checksum, expected):
    assert fault(checksum) == expected


def test_of_a_file_in_ranges_the_first_tells_and_a_remote_one_is_not_fetched_twice():
    wrong = Checksum("sha1", "0" * 40, len(DATA))
    assert fault(wrong, stop=100) != ""
    assert fault(wrong, start=100) == ""
    assert fault(wrong, uri="https://x/a", stop=100) == ""
    assert fault(wrong, uri="https://x/a") != ""
    assert fault(wrong._replace(size=1), uri="https://x/a", stop=100) == (
        "the file has 2560 bytes, its publisher says 1"
    )
