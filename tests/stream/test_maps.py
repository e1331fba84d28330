"""Maps as bytes."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simtouch._checks import ArgumentError, ShapeError, SimtouchError
from simtouch.stream.maps import MAPS, _f16_bits

SHAPES = {"normal_traction_pa": (16, 12), "shear_traction_pa": (16, 12, 2), "displacement_m": (16, 12, 3), "height_m": (64, 48)}
CELL_AREA_M2 = 5.1e-8  # DIGIT: 0.2268 mm cells


def round_trip(name, array):
    return MAPS[name].decode(MAPS[name].encode(array, array.shape), array.shape)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    peak_pa=st.floats(-3, 6.5).map(lambda e: 10**e),
    cells=st.integers(1, 80 * 60),
    spread=st.floats(0, 4),
    friction=st.floats(0, 1.6),
)
def test_field_sums_survive_to_one_part_in_a_thousand(seed, peak_pa, cells, spread, friction):
    """Any pressure from 1 mPa to 3 MPa, one cell or all, values over many decades, shear that nearly cancels.

    A shear sum is judged by the sum of its absolute values: where it cancels, no relative error of the sum has a meaning.
    """
    rng = np.random.default_rng(seed)
    normal, shear = np.zeros(80 * 60, np.float32), np.zeros((80 * 60, 2), np.float32)
    touched = rng.permutation(80 * 60)[:cells]
    normal[touched] = peak_pa * 10 ** rng.uniform(-spread, 0, cells)
    angle = rng.uniform(0, 2 * np.pi, cells)
    shear[touched] = (friction * normal[touched] * (np.cos(angle), np.sin(angle))).T
    for name, field in (("normal_traction_pa", normal.reshape(80, 60)), ("shear_traction_pa", shear.reshape(80, 60, 2))):
        back = round_trip(name, field).astype(np.float64)
        off_n = np.abs((back - field).sum((0, 1))) * CELL_AREA_M2
        allowed_n = 1e-3 * np.abs(field.astype(np.float64)).sum((0, 1)) * CELL_AREA_M2 + 1e-8
        assert np.all(off_n <= allowed_n)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(sorted(SHAPES)), decades=st.floats(-3, 0))
def test_a_float_map_comes_back_within_f16(seed, name, decades):
    m, rng = MAPS[name], np.random.default_rng(seed)
    array = (rng.normal(0, 1, SHAPES[name]) * 10**decades * 1e4 / m.scale).astype(np.float32)
    back = round_trip(name, array)
    assert back.dtype == np.float32
    assert back.shape == array.shape
    assert np.all(np.abs(back - array) <= np.abs(array) * 2.0**-10.9 + (m.step / 2 + 2e-7) / m.scale)


@pytest.mark.parametrize("name", sorted(SHAPES))
@pytest.mark.parametrize("grid", [(1, 1), (1, 7), (7, 1), (5, 3)])
def test_any_grid_comes_back(name, grid):
    m = MAPS[name]
    shape = grid + SHAPES[name][2:]
    array = (np.random.default_rng(0).normal(0, 300, shape) / m.scale).astype(np.float32)
    assert np.allclose(round_trip(name, array), array, rtol=2.0**-10.9, atol=0.51 * m.step / m.scale)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_a_map_that_was_read_is_stored_as_it_is(name):
    m = MAPS[name]
    read = round_trip(name, (np.random.default_rng(0).normal(0, 500, SHAPES[name]) / m.scale).astype(np.float32))
    assert np.array_equal(round_trip(name, read), read)
    assert np.array_equal(round_trip(name, -read), -read)


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_the_metadata_alone_is_enough_to_read_a_map(name):
    """The decoder that a reader without this code would write."""
    m, shape = MAPS[name], SHAPES[name]
    array = (np.random.default_rng(0).normal(0, 300, shape) / m.scale).astype(np.float32)
    told = m.metadata(shape)
    rows, cols, *channels = map(int, told["shape"].split())
    count = rows * cols * (channels[0] if channels else 1)
    packed = pa.Codec("zstd").decompress(m.encode(array, shape), decompressed_size=2 * count)
    shuffled = np.frombuffer(packed, np.uint8).reshape(2, count)
    change = np.ascontiguousarray(shuffled.T).view("<u2")[:, 0] - np.uint16(128)
    code = np.cumsum(np.cumsum(change, dtype=np.uint16).reshape(-1, cols), axis=0, dtype=np.uint16).view(np.int16)
    magnitude = np.abs(code).view(np.float16).astype(np.float64) * 2**24 * float(told["step"])
    values = np.moveaxis((np.sign(code) * magnitude).reshape(-1, rows, cols), 0, -1).reshape(shape)
    assert np.allclose(values / float(told["scale"]), m.decode(m.encode(array, shape), shape), rtol=1e-6, atol=0)


def test_a_length_is_rounded_to_the_step_near_zero_and_to_f16_beyond():
    m = MAPS["height_m"]
    um = np.linspace(-2000, 1000, 64 * 48).reshape(64, 48)
    expected = np.where(np.abs(um) < 16, np.rint(um / m.step) * m.step, um.astype(np.float16))
    back = round_trip("height_m", (um * 1e-6).astype(np.float32)) * 1e6
    assert np.abs(back - expected).max() <= 1e-3  # the same but for ties after rounding to f32
    assert np.abs(back - um).max() <= 0.5 + 1e-3


def test_half_bits_equal_numpys_rounding():
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(300, 400)) * 10.0 ** rng.uniform(-9, 5, (300, 400))).astype(np.float32)
    with np.errstate(over="ignore"):
        assert np.array_equal(_f16_bits(x, 0.5), (x * np.float32(0.5)).astype(np.float16).view(np.int16))


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_an_array_of_another_float_type_or_layout_is_stored(dtype):
    array = np.asfortranarray(np.linspace(-5, 5, 64 * 48).reshape(64, 48).astype(dtype)) * dtype(1e-4)
    assert np.allclose(round_trip("height_m", array), array.astype(np.float32), rtol=2.0**-11, atol=1e-8)


def test_the_resting_gel_comes_back_as_exact_zero():
    assert not round_trip("height_m", np.full((64, 48), -1e-12, np.float32)).any()


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (80, 60)])
def test_a_mask_comes_back(shape):
    mask = np.random.default_rng(0).random(shape) > 0.5
    assert np.array_equal(round_trip("stick_mask", mask), mask)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 65520e3, -65520e3])
def test_a_value_beyond_f16_is_refused(value):
    array = np.zeros((16, 12), np.float32)
    array[3, 4] = value
    with pytest.raises(ArgumentError, match=r"`normal_traction_pa` must be finite and within ±65504 kPa"):
        MAPS["normal_traction_pa"].encode(array, array.shape)


def test_a_value_just_inside_f16_is_kept():
    assert round_trip("normal_traction_pa", np.full((4, 4), 65500e3, np.float32)).max() == pytest.approx(65504e3)


def test_another_shape_is_refused():
    with pytest.raises(ShapeError, match="`height_m`"):
        MAPS["height_m"].encode(np.zeros((4, 4), np.float32), (4, 5))


def test_a_mask_of_numbers_is_refused():
    with pytest.raises(ArgumentError, match="must be bool"):
        MAPS["stick_mask"].encode(np.zeros((4, 4), np.float32), (4, 4))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not zstd",
        pa.Codec("zstd").compress(bytes(2 * 16 * 12 - 1), asbytes=True),
        pa.Codec("zstd").compress(bytes(2**26), asbytes=True),  # 64 MiB of zeros in 2 KB
        pa.Codec("zstd").compress(bytes(2 * 16 * 12), asbytes=True)[:-3],
    ],
    ids=["empty", "foreign", "short", "bomb", "cut"],
)
def test_bytes_of_another_size_are_refused(data):
    with pytest.raises(SimtouchError, match=r"does not unpack to 384 bytes"):
        MAPS["normal_traction_pa"].decode(data, (16, 12))
