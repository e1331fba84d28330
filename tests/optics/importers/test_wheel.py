"""The calibrations inside the `taxim` wheel: the imported table gives the wheel's own presses, and the resting gel stays as it is."""

import json

import numpy as np
import pytest

from simtouch.optics.importers.data_pack import read_data_pack
from simtouch.optics.importers.gpu_taxim import import_gpu_taxim
from simtouch.optics.importers.npz import read_arrays
from simtouch.optics.importers.shadow_table import read_shadow_table
from simtouch.sensors import GELSIGHT_2017, GELSIGHT_MINI
from tests.optics.importers.pressed import table_change, tint_at_rest
from tests.real import taxim_file
from tests.reference.taxim_table import taxim_change_of_slope

PRESSES = (20,)


def cap_slope(circle, shape, ball) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[: shape[0], : shape[1]]
    offset = np.stack([x - circle[0], y - circle[1]], -1)
    rho2 = np.sum(offset**2, -1)
    touched = rho2 < circle[2] ** 2
    return np.where(touched[..., None], offset / np.sqrt(ball**2 - np.minimum(rho2, circle[2] ** 2))[..., None], 0.0), touched


def test_the_gelsight_table_gives_the_wheels_presses():
    """In-sample: the table was fitted to these presses. With exact slopes its contact error is 2.4 levels over every 4th press."""
    folder = taxim_file("gelsight/polycalib.npz").parent
    spec = import_gpu_taxim(folder, GELSIGHT_2017)
    presses = read_data_pack(folder / "dataPack.npz", ball_radius_m=2e-3, pixel_pitch_m=spec.camera.pixel_pitch_m).pick(PRESSES)
    grad = read_arrays(folder / "polycalib.npz", ("bins", "grad_r", "grad_g", "grad_b"))
    background = spec.background.levels(spec.image_shape)
    assert np.array_equal(background, presses.rest)
    rows = []
    for image, circle in zip(presses.images.astype(float), presses.circles_px, strict=True):
        slope, touched = cap_slope(circle, spec.image_shape, 2 / 0.0295)
        ours = table_change(spec.response, slope, touched)
        exact = taxim_change_of_slope(grad, 0.0 - slope[..., 1], 0.0 - slope[..., 0])[..., ::-1]
        off = [np.abs((background + change).clip(0, 255) - image) for change in (ours, exact, 0 * ours)]
        rows.append([off[0][touched].mean(), off[1][touched].mean(), off[2][touched].mean(), off[0].mean(), off[1].mean()])
        rows[-1].append(np.abs(ours - exact)[touched].mean())
    contact, contact_exact, contact_background, whole, whole_exact, resampling = np.mean(rows, 0)
    print(
        f"L1c {contact:.2f}, their formula {contact_exact:.2f}, background {contact_background:.2f}; L1 {whole:.2f}, {whole_exact:.2f}"
    )
    assert contact < min(3.5, contact_exact + 0.1)
    assert contact < contact_background / 5
    assert whole < whole_exact - 2  # the resting gel is not tinted
    assert resampling < 0.6


@pytest.mark.parametrize(("name", "base"), [("gelsight", GELSIGHT_2017), ("gelsight_mini", GELSIGHT_MINI)])
def test_the_resting_gel_is_the_wheels_f0(name, base):
    folder = taxim_file(f"{name}/polycalib.npz").parent
    spec = import_gpu_taxim(folder, base)
    rest = read_arrays(folder / "dataPack.npz", ("f0",))["f0"][..., ::-1]
    assert np.array_equal(spec.background.levels(spec.image_shape), rest)
    assert tint_at_rest(spec, every=37) == 0
    assert json.loads((folder / "params.json").read_text())["sensor"]["pixmm"] * 1e-3 == pytest.approx(spec.camera.pixel_pitch_m)
    dome = {"gelsight": pytest.approx((49.5e-3, 49.5e-3), rel=0.01), "gelsight_mini": (np.inf, np.inf)}[name]
    assert spec.gel.dome_radius_m == dome


@pytest.mark.parametrize(("name", "depths", "count"), [("gelsight", 9, 12_205), ("gelsight_mini", 24, 24_561)])
def test_the_wheels_shadow_tables_are_read(name, depths, count):
    table = read_shadow_table(taxim_file(f"{name}/shadowTable.npz"))
    assert (len(table.steps), len(table.steps[0]), len(table.steps[0][0])) == (3, 63, depths)
    assert sum(len(line) for channel in table.steps for line_of in channel for line in line_of) == count
    assert not table.empty
