"""Plain pickles: equal bytes for equal values, and every reader reads them."""

import pickle
import warnings

import numpy as np
import pytest

from simtouch._checks import SimtouchError
from simtouch._unpickle import restricted_load
from simtouch.stream.export.plain_pickle import pickle_bytes

VALUES = {
    "none": [None, True, False],
    "numbers": [0, -1, 255, 2**31, -(2**40), 2**200, 1.5, float("inf")],
    "text": "gel \N{GREEK SMALL LETTER MU} \N{SNOWMAN}",
    "bytes": b"\x00\xff" * 300,
    "many": list(range(2500)),
    "floats": np.linspace(0, 1, 7).reshape(7, 1),
    "small": np.arange(12, dtype=np.uint8).reshape(3, 4),
    "turned": np.arange(12, dtype=np.float32).reshape(3, 4).T,
    "none_of_3": np.zeros((0, 3)),
    "flags": np.array([True, False]),
}


@pytest.mark.parametrize("reader", [restricted_load, pickle.loads])
def test_a_plain_pickle_is_read_back(reader):
    """By our restricted reader, and by Python's own without a warning from NumPy."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = reader(pickle_bytes(VALUES))
    for name, value in VALUES.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(found[name], value)
            assert found[name].dtype == value.dtype
        else:
            assert found[name] == value


def test_an_iterator_is_written_as_a_list():
    assert pickle_bytes(iter([1, b"two"])) == pickle_bytes([1, b"two"])


def test_a_plain_pickle_holds_no_objects():
    with pytest.raises(SimtouchError, match=r"plain pickle holds .*; got object"):
        pickle_bytes([object()])
