"""Launches without Taichi's detour: the same numbers, and Taichi's own errors."""

import numpy as np
import pytest

from simtouch._taichi import Bound, Flat, FlatInt, ensure_runtime, launched, ti


@ti.kernel
def _scale(values: Flat, shifts: FlatInt, factor: float, by: int, key: ti.u32, times: ti.template(), out: Flat):
    for i in range(out.shape[0]):
        out[i] = values[i] * factor * times + ti.cast(shifts[i] + by, ti.f32) + ti.cast(key >> 31, ti.f32)


GIVEN = (np.arange(5, dtype=np.float32), np.arange(5, dtype=np.int32), 1.5, -3, 2**32 - 1)


def run(kernel, times, given=GIVEN):
    ensure_runtime()
    out = np.zeros(5, np.float32)
    kernel(*given, times, out)
    return out


@pytest.mark.parametrize("times", [2, 3])
def test_a_quick_launch_computes_what_the_kernel_computes(times):
    quick, wanted = launched(_scale), GIVEN[0] * 1.5 * times + GIVEN[1] - 3 + 1
    for _ in range(3):
        np.testing.assert_array_equal(run(quick, times), wanted)
    np.testing.assert_array_equal(run(quick, 5), run(_scale, 5))
    np.testing.assert_array_equal(run(quick, times), wanted)


def test_arguments_of_another_kind_meet_taichis_own_checks():
    quick = launched(_scale)
    run(quick, 2)
    with pytest.raises(ValueError, match="dtype"):
        run(quick, 2, (GIVEN[0].astype(np.float64), *GIVEN[1:]))
    with pytest.raises(Exception, match="ontiguous"):
        run(quick, 2, (np.zeros(10, np.float32)[::2], *GIVEN[1:]))
    with pytest.raises(Exception, match="missing"):
        quick(*GIVEN)
    np.testing.assert_array_equal(run(quick, 2), run(_scale, 2))


def test_a_bound_kernel_computes_what_the_kernel_computes_and_reads_anew_what_stays():
    values, shifts, *numbers = GIVEN
    values, key = values.copy(), numbers[-1]
    bound = Bound(launched(_scale), values, None, 1.5, None, key, 2, None)
    for k in range(4):
        values[:] += k
        out = np.zeros(5, np.float32)
        bound(shifts + k, -k, out)
        np.testing.assert_array_equal(out, values * 3 + shifts + 1)
    with pytest.raises(ValueError, match="dtype"):
        bound(shifts.astype(np.int64), 0, out)
    bound(shifts, 0, out)
    np.testing.assert_array_equal(out, values * 3 + shifts + 1)


@pytest.mark.skipif(ti.__name__ != "taichi", reason="other modules go through their own door")
def test_kernels_are_launched_quickly():
    from simtouch.optics import table_kernel

    assert launched(_scale) is not _scale
    assert table_kernel._pictures.__code__ is launched(_scale).__code__
