from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from curate.sources.headers import Fields

names = st.sampled_from(["X", "x-robots-tag", "Content-Type", "content-length", "Xx", "A.B"])
values = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
ends = st.sampled_from(["\n", "\r\n"])
fields = st.tuples(
    names, st.sampled_from(["", " ", "\t"]), st.lists(values, min_size=1, max_size=3)
)


@given(st.lists(fields, max_size=6), ends)
def test_fields_are_found_whatever_their_case_order_and_folding(fields, end):
    lines = ["HTTP/1.1 200 OK"]
    plain: dict[str, list[str]] = {}
    for name, blank, parts in fields:
        folded = f"{end} ".join(parts)
        lines.append(f"{name}{blank}:{folded}")
        value = " ".join(part.strip() for part in parts).strip()
        plain.setdefault(name.lower(), []).append(value)
    found = Fields((end.join(lines) + end + end).encode())

    assert dict(found) == {name: several[0] for name, several in plain.items()}
    for name in ("x", "xx", "a.b", "acb", "content-type"):
        assert found.all(name) == plain.get(name, [])
        assert (name in found) == (name in plain)
        assert found.get(name, "none") == plain.get(name, ["none"])[0]


def test_a_field_that_is_not_utf8_is_latin1_and_leaves_the_others_alone():
    found = Fields("HTTP/1.1 200 OK\r\nA: \u00e9\r\n".encode() + b"B: \xe9\r\n\r\n")
    assert dict(found) == {"a": "\u00e9", "b": "\u00e9"}
