"""JSON texts, sound and broken, for tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

PARTS = [
    *(
        '{"a":',
        '"',
        "1",
        "-",
        "0",
        ".5",
        "e",
        "E+",
        "9" * 30,
        "]",
        "[",
        "{",
        "}",
        ",",
        ":",
        " ",
        "\n",
        "\\",
        "\\u00",
        "é",
    ),
    *(
        "true",
        "fals",
        "nul",
        "NaN",
        "-Infinity",
        "Inf",
        '"k":1,',
        "[1,2],",
        '{"x":{}}',
        "\ud800",
        "\x01",
        "\0",
        "\ufeff",
    ),
]
texts = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)

PIECES = [
    *(b"[[[[]]]],", b'{"":[{"k":1}]},', b'"' + b"x" * 50 + b'",', b"1," * 30, b"NaN,", b"7" * 5000, b" " * 40),
    *(b"[" * 40, b"]" * 40, b"],", b"}", b'"', b":", b"\\", b'{"a":{"b":', b'"k":[', b"[1," * 300),
    *(b'"\\\\\\"",', b'"\xff\\ud800",', b'\\"' * 20),
    *(b"].5", b"[]e5,", b"1-Infinity,", b'"\\NaN"', b'{"Infinity":NaN},'),
]
nests = st.lists(st.sampled_from(PIECES), max_size=30).map(lambda parts: b"[" + b"".join(parts))
