"""Foreign pickles are data: honest ones come out as they went in, hostile ones are refused by name and never run."""

import collections
import io
import mmap
import os
import pickle
import struct

import numpy as np
import pytest

from simtouch import _unpickle
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


def laughs(make=list, depth: int = 60):
    """A value that is small, and 2^60 long when it is walked."""
    value = make(("ha",))
    for _ in range(depth):
        value = make((value, value))
    return value


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(laughs(), 4)[:-1] + b"\x8c\x01x\x93.",
        b"\x80\x04cnumpy\ndtype\n" + pickle.dumps(laughs(), 4)[2:-1] + b"\x85R.",
        b"\x80\x04c_codecs\nencode\n\x8c\x01x" + pickle.dumps(laughs(), 4)[2:-1] + b"\x86R.",
        pickle.dumps(laughs(), 4)[:-1] + b"Q.",
        pickle.dumps(np.zeros(3), 2).replace(b"K\x03\x85", pickle.dumps(laughs(tuple), 2)[2:-1] + b"\x85"),
        pickle.dumps([Call(collections.OrderedDict, [(laughs(tuple), 1)])]),
    ],
    ids=["name", "dtype", "codec", "persistent id", "shape", "key"],
)
def test_what_has_no_end_is_never_walked(data):
    with pytest.raises(ArgumentError) as error:
        restricted_load(data, where="file")
    assert len(str(error.value)) < 200


def test_shared_parts_come_back_shared():
    value = restricted_load(pickle.dumps(laughs()))
    assert value[0] is value[1]


def test_a_number_is_no_array_s_bytes():
    """`bytes(10**10)` would be ten gigabytes."""
    data = pickle.dumps(np.zeros(3, np.uint8), 4).replace(b"C\x03\0\0\0", b"\x8a\x05" + (10**10).to_bytes(5, "little"))
    with pytest.raises(ArgumentError, match="where its bytes must be"):
        restricted_load(data)


def test_objects_are_counted(monkeypatch):
    monkeypatch.setattr(_unpickle, "MOST_OVERHEAD", 1 << 20)
    assert len(restricted_load(b"\x80\x04(" + b"]" * 9000 + b"t.")) == 9000
    for bomb in (b"]" * 20_000, b"](" * 10_000, b"]" + b"\x94" * 20_000, (b"X\x00\x10\x00\x00" + b"a" * 4096) * 300):
        with pytest.raises(ArgumentError, match="beside their bytes"):
            restricted_load(b"\x80\x04" + bomb + b".")


def test_whole_numbers_that_hash_alike_are_no_keys():
    assert restricted_load(pickle.dumps({2**59: 1})) == {2**59: 1}
    with pytest.raises(ArgumentError, match="as a key"):
        restricted_load(pickle.dumps({(2**61 - 1) * k: 0 for k in range(2, 9)}))


def test_an_empty_array_comes_back():
    assert same(np.zeros((0, 3)), restricted_load(pickle.dumps(np.zeros((0, 3)))))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [*VALUES, RAGGED], ids=range(len(VALUES) + 1))
def test_honest_values_come_back_from_a_mapped_file(value, protocol, tmp_path):
    found = restricted_load(mapped(tmp_path / "file.pkl", pickle.dumps(value, protocol)))
    assert same(value, found if not isinstance(value, list) else as_bytes(found))


def mapped(path, data: bytes) -> mmap.mmap:
    path.write_bytes(data)
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def as_bytes(values: list) -> list:
    return [bytes(v) if isinstance(v, memoryview) else v for v in values]


def test_images_of_a_mapped_file_are_read_only_views_of_it(tmp_path):
    image = bytes(range(256)) * 4
    buffers = np.empty(2, object)
    buffers[0] = buffers[1] = np.frombuffer(image, np.uint8)
    for value in ([image, b"", image], buffers):
        file = mapped(tmp_path / "file.pkl", pickle.dumps(value))
        found = restricted_load(file)[0]
        assert bytes(found) == image
        assert np.shares_memory(np.frombuffer(found, np.uint8), np.frombuffer(file, np.uint8))
        assert not np.frombuffer(found, np.uint8).flags.writeable


def test_a_mapped_file_that_promises_more_than_it_has_is_refused(tmp_path):
    for code, size in ((b"B", "<I"), (b"\x8e", "<Q"), (b"\x96", "<Q")):
        data = b"\x80\x05" + code + struct.pack(size, 3 << 30) + b"xyz."
        with pytest.raises(ArgumentError, match="promises 3221225472 bytes; 4 are there"):
            restricted_load(mapped(tmp_path / "file.pkl", data))
