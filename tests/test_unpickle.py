"""Foreign pickles are data: honest ones come out as they went in, hostile ones are refused by name and never run."""

import collections
import io
import os
import pickle
import struct

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch._unpickle import _CARRIERS, NUMPY, restricted_load

RAGGED = np.empty((2, 2), object)
RAGGED[0, 0], RAGGED[0, 1], RAGGED[1, 0], RAGGED[1, 1] = [1.5, -2.0], [], np.arange(3), "text"
VALUES = [
    None,
    [1, -2, 2**70, 1.5, True, "é", b"\x00\xff", (), (1,), (1, 2, 3, 4)],
    {"a": [1, {"b": (2.0, None)}], 3: "x", (1, "y"): []},
    np.arange(24, dtype=np.float64).reshape(2, 3, 4),
    np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
    np.array(["ab", "cde"]),
    np.array([True, False]),
    np.float32(1.25),
    collections.OrderedDict(a=np.ones(2)),
]


def same(a, b) -> bool:
    if isinstance(a, np.ndarray) and a.dtype != object:
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, np.ndarray):
        return a.shape == b.shape and all(same(x, y) for x, y in zip(a.flat, b.flat, strict=True))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [*VALUES, RAGGED], ids=range(len(VALUES) + 1))
def test_honest_values_come_back(value, protocol):
    assert same(value, restricted_load(pickle.dumps(value, protocol)))


def test_shared_arrays_stay_shared_and_are_read_only():
    array = np.arange(5.0)
    first, second = restricted_load(pickle.dumps([array, array]))
    assert first is second
    assert not first.flags.writeable


class Call:
    """Pickles to a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile(tmp_path):
    def mark(n):
        return f"echo run > {tmp_path / f'mark{n}'}"

    yield "system", pickle.dumps(Call(os.system, mark(0)))
    yield "system", pickle.dumps([1.0, Call(os.system, mark(1))], 0)
    yield "system", f"cposix\nsystem\n(S'{mark(2)}'\ntR.".encode()
    yield "INST", f"(S'{mark(3)}'\niposix\nsystem\n.".encode()
    yield "system", f"(cposix\nsystem\nS'{mark(4)}'\no.".encode()
    yield "builtins.eval", pickle.dumps(Call(eval, f"open({str(tmp_path / 'mark5')!r}, 'w')"))
    yield "builtins.getattr", pickle.dumps(Call(getattr, "x", "upper"))
    yield "numpy.load", b"cnumpy\nload\n."
    yield "numpy.ndarray.__class__", b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93."
    yield "EXT1", b"\x80\x02\x82\x01."


def test_hostile_pickles_are_refused_by_name_and_run_nothing(tmp_path):
    for name, data in hostile(tmp_path):
        with pytest.raises(ArgumentError, match=name):
            restricted_load(data, where="shadowTable.npz")
    assert not list(tmp_path.iterdir())


def test_the_marks_would_appear_if_the_pickle_were_run(tmp_path):
    """The test above can fail: Python's own unpickler does run the first."""
    pickle.loads(next(hostile(tmp_path))[1])
    assert list(tmp_path.iterdir())


def claims_more(shape) -> bytes:
    honest = pickle.dumps(np.zeros(3), 2)
    return honest.replace(b"K\x03\x85", b"J" + struct.pack("<i", shape) + b"\x85")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04",
        b"garbage",
        pickle.dumps(np.zeros(100))[:-40],
        claims_more(2**30),
        claims_more(-1),
        b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b".",  # a byte array of an exabyte
        b"\x80\x04\x8e" + struct.pack("<Q", 2**50) + b"x.",
        b"\x80\x02r\xff\xff\xff\xff.",  # PUT on an empty stack
        b"\x80\x02]r\xff\xff\xff\x7fh\x05.",  # GET of what was never put
        b"I" + b"9" * 10_000 + b"\n.",
        b"(lp0\nl(.",
        b"\x80\x02K\x01K\x02a.",
        b"\x80\x02}]K\x01s.",
        b"\x80\x02Qabc.",
    ],
    ids=range(15),
)
def test_broken_and_greedy_pickles_are_one_sentence(data):
    with pytest.raises(ArgumentError) as error:
        restricted_load(data, where="file")
    assert str(error.value).startswith("`file` ")
    assert "\n" not in str(error.value)


def test_odd_escapes_of_protocol_0_warn_nobody():
    assert restricted_load(b"S'\\c'\n.") == "\\c"


def test_more_than_the_limit_is_not_read():
    with pytest.raises(ArgumentError, match="larger than"):
        restricted_load(io.BytesIO(pickle.dumps(b"x" * 2_000_000)), most_bytes=1 << 20)


def test_nested_keys_cannot_hash_for_ever():
    data = b"\x80\x02}" + b")" + b"q\x00h\x00\x86" * 60 + b"K\x01s."
    with pytest.raises(ArgumentError, match="as a key"):
        restricted_load(data)


def test_opcodes_that_carry_a_value_are_the_known_ones():
    ints = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
    texts = {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
    assert ints | texts | {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"} == _CARRIERS


def test_more_names_may_be_allowed():
    allowed = NUMPY | {"decimal.Decimal": float}
    import decimal

    assert restricted_load(pickle.dumps([decimal.Decimal("2.5")]), allowed=allowed) == [2.5]
    with pytest.raises(ArgumentError, match=r"decimal\.Decimal"):
        restricted_load(pickle.dumps([decimal.Decimal("2.5")]))
