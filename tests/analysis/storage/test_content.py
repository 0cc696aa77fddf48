"""What a journal holds in memory, compressed as it grows."""

from hypothesis import given
from hypothesis import strategies as st

from reactune.analysis.storage import content
from reactune.analysis.storage.content import Content


@given(st.lists(st.binary(max_size=40)), st.integers(1, 64), st.data())
def test_it_gives_back_what_it_was_given(lines, block, data):
    before, content.BLOCK = content.BLOCK, block
    try:
        held = Content(b"head\n")
        for line in lines:
            held.append(line)
    finally:
        content.BLOCK = before
    whole = b"head\n" + b"".join(lines)
    assert len(held) == len(whole)
    start = data.draw(st.integers(0, len(whole)))
    assert held.since(start) == whole[start:]


def test_what_is_much_the_same_takes_little_memory():
    line = b'{"name": "event", "doc": {"data": {"X3": 0.0123, "flow_c60": 123.4}}}\n'
    held = Content(b"")
    for _ in range(10_000):
        held.append(line)
    assert len(held) == 10_000 * len(line)
    kept = sum(map(len, held._packed)) + len(held._tail)
    assert kept < len(held) / 4
