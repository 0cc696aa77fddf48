"""Documents as lines of JSON, and back."""

import enum
from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reactune.analysis.storage.journals.encoding import dumps, loads
from tests.analysis.storage.samples import same

numbers = hnp.boolean_dtypes() | hnp.integer_dtypes() | hnp.floating_dtypes(sizes=(16, 32, 64))
others = hnp.complex_number_dtypes() | hnp.unicode_string_dtypes() | hnp.datetime64_dtypes()
arrays = hnp.arrays(
    numbers | others, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.floats().map(np.float64)
    | st.integers(0, 2**64 - 1).map(np.uint64)
    | arrays
)
keys = st.text() | st.sampled_from(["$array", "$dict", "$tuple", "name", "filed"]) | st.integers()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.dictionaries(keys, values, max_size=5))
def test_every_document_comes_back_as_it_was(doc):
    line, losses = dumps("event", doc)
    assert losses == []
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    read = loads(line)
    read.pop("crc")
    assert same(read, {"name": "event", "doc": doc})


def test_arrays_of_objects_and_structures_come_back():
    objects = np.empty((2, 1), dtype=object)
    objects[0, 0], objects[1, 0] = [1, (2.0,)], "text"
    table = np.array([(1, 2.5)], dtype=[("n", "<i4"), ("x", ">f8")])
    doc = {"objects": objects, "table": table}
    assert same(loads(dumps("start", doc)[0])["doc"], doc)


def test_foreign_values_keep_their_text_and_are_named():
    class Colour(enum.StrEnum):
        RED = "red"

    line, losses = dumps("start", {"day": date(2017, 5, 1), "colour": Colour.RED})
    doc = loads(line)["doc"]
    assert doc == {"day": "datetime.date(2017, 5, 1)", "colour": "red"}
    assert losses == ["date datetime.date(2017, 5, 1)"]
