"""What a journal holds: in a nameless file, or in memory."""

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactune.analysis.storage.journals import content
from reactune.analysis.storage.journals.content import Content


@given(st.lists(st.binary(max_size=40)), st.integers(1, 64), st.data())
def test_it_gives_back_what_it_was_given(lines, block, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "BLOCK", block)
        held = Content(b"head\n")
        for line in lines:
            held.append(line)
        whole = b"head\n" + b"".join(lines)
        assert len(held) == len(whole)
        start = data.draw(st.integers(0, len(whole)))
        assert held.since(start) == whole[start:]


def test_memory_holds_no_more_than_a_block():
    held, line = Content(b""), bytes(1000)
    for _ in range(1000):
        held.append(line)
    assert len(held) == 1_000_000
    assert len(held._tail) < content.BLOCK


@pytest.mark.parametrize("name", ["open", "write"])
def test_what_the_disk_does_not_take_stays_in_memory(monkeypatch, name):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    real = getattr(os, name)
    monkeypatch.setattr(os, name, full)
    held = Content(b"a" * content.BLOCK)
    held.append(b"b" * content.BLOCK)
    assert held.since(content.BLOCK) == b"b" * content.BLOCK
    monkeypatch.setattr(os, name, real)
    held.append(b"c")
    assert held.since(0)[-2:] == b"bc"


def test_no_file_is_left_open():
    before = set(os.listdir("/proc/self/fd"))
    held = Content(b"a" * content.BLOCK)
    assert set(os.listdir("/proc/self/fd")) > before
    del held
    assert set(os.listdir("/proc/self/fd")) == before
