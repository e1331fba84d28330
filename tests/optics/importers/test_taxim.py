"""Taxim, ObjectFolder and GPU-Taxim files become the colours that their own formula gives, and never tint the resting gel."""

import pickle

import numpy as np
import pytest

from simtouch._checks import ArgumentError, ShapeError
from simtouch.optics.importers.gpu_taxim import import_gpu_taxim
from simtouch.optics.importers.object_folder import import_object_folder
from simtouch.optics.importers.shadow_table import read_shadow_table
from simtouch.optics.importers.taxim import import_taxim
from simtouch.sensors import GELSIGHT_2017
from simtouch.sensors.sensor_file import sensor_from_dict, sensor_to_dict
from tests.optics.importers.pressed import ball_height_px, correlation, slopes_of, table_change, tint_at_rest
from tests.optics.importers.taxim_files import smooth_table, write_pack, write_params, write_shadows
from tests.reference.taxim_table import taxim_change

SHAPE = (60, 80)
HEIGHT = ball_height_px(SHAPE, (33, 26), 30.0, 18.0)
TOUCHED = HEIGHT < 0


@pytest.fixture
def folder(tmp_path):
    np.savez(tmp_path / "polycalib.npz", **smooth_table(SHAPE))
    write_pack(tmp_path, SHAPE)
    return tmp_path


def test_a_pressed_ball_shows_taxims_own_colours(folder):
    """Sign, channel order, bins and polynomials at once: the same ball through Taxim's formula, written apart."""
    response = import_taxim(folder, GELSIGHT_2017).response
    ours = table_change(response, slopes_of(HEIGHT), TOUCHED)
    theirs = np.where(TOUCHED[..., None], taxim_change(smooth_table(SHAPE), -HEIGHT)[..., ::-1], 0)
    steep = np.linalg.norm(slopes_of(HEIGHT), axis=-1) > 0.05  # at the ball's apex slope 0 is blended to no change
    assert correlation(ours, theirs) > 0.98
    assert np.abs(ours - theirs)[TOUCHED & steep].mean() < 1.5
    turned = np.where(TOUCHED[..., None], taxim_change(smooth_table(SHAPE), HEIGHT)[..., ::-1], 0)
    assert correlation(ours, turned) < 0.5
    assert correlation(ours, theirs[..., ::-1]) < 0.5


def test_the_free_zone_is_the_table_minus_its_flat_answer(folder):
    response = import_taxim(folder, GELSIGHT_2017).response
    slope = slopes_of(HEIGHT)
    raw, free = (table_change(response, slope, np.full(SHAPE, zone)) for zone in (True, False))
    steep = np.linalg.norm(slope, axis=-1) > 0.1
    flat = taxim_change(smooth_table(SHAPE), np.zeros(SHAPE))[..., ::-1]
    assert np.abs((raw - free) - flat)[steep].max() < 4  # bin 0 depends on the direction a little
    assert np.abs(flat).min() > 3


@pytest.mark.parametrize("importer", [import_taxim, import_gpu_taxim, import_object_folder])
def test_the_resting_gel_is_exactly_the_background(folder, importer):
    write_params(folder, SHAPE)
    write_real_bg(folder) if importer is import_object_folder else None
    spec = importer(folder, GELSIGHT_2017)
    assert tint_at_rest(spec) == 0
    f0 = np.load(folder / "dataPack.npz")["f0"][..., ::-1]
    assert np.allclose(spec.background.levels(SHAPE), f0, atol=1e-3)


def write_real_bg(folder, wrap=False) -> tuple[np.ndarray, np.ndarray]:
    """real_bg and depth_bg of a dome that is lower at the rim, as ObjectFolder stores them; returns f0 (BGR) and the dome."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    dome = (10 - ((x - 39.5) ** 2 / 2 / 200 + (y - 29.5) ** 2 / 2 / 150)).astype(np.float32)
    f0 = write_pack(folder, SHAPE)
    real = f0 - taxim_change(smooth_table(SHAPE), dome.astype(float))
    np.save(folder / "real_bg.npy", real.clip(0, 255).astype(np.uint8) if wrap else real)
    np.save(folder / "depth_bg.npy", dome)
    return f0, dome.astype(float)


def test_real_bg_gives_back_f0_and_the_change_on_the_dome(folder):
    f0, dome = write_real_bg(folder)
    spec = import_object_folder(folder, GELSIGHT_2017)
    assert np.abs(spec.background.picture.array - f0[..., ::-1]).max() < 1e-3
    assert "CC BY 4.0" in spec.sources["licence"]
    table = smooth_table(SHAPE)
    theirs = (taxim_change(table, dome - HEIGHT) - taxim_change(table, dome))[..., ::-1]
    ours = table_change(spec.response, slopes_of(HEIGHT), TOUCHED)
    assert correlation(ours, theirs) > 0.97
    assert "miss the files' response by" in spec.response.notes["separable"]
    assert spec.gel.dome_radius_m == pytest.approx((200 * spec.camera.pixel_pitch_m, 150 * spec.camera.pixel_pitch_m), rel=1e-3)


def test_a_clipped_real_bg_is_refused(folder):
    write_real_bg(folder, wrap=True)
    with pytest.raises(ShapeError, match="not clipped"):
        import_object_folder(folder, GELSIGHT_2017)


def test_object_folder_needs_its_two_files(folder):
    with pytest.raises(ArgumentError, match=r"real_bg\.npy"):
        import_object_folder(folder, GELSIGHT_2017)


def test_the_background_is_f0_in_rgb_and_the_record_says_so(folder):
    f0 = write_pack(folder, SHAPE, integers="uint16", names=False)
    spec = import_taxim(folder, GELSIGHT_2017)
    assert np.array_equal(spec.background.picture.array, f0[..., ::-1])
    assert spec.image_shape == SHAPE
    assert spec.gel.youngs_modulus_pa == GELSIGHT_2017.gel.youngs_modulus_pa
    for key in ("response", "background", "camera.pixel_pitch_m", "camera.image_shape", "shadows", "base"):
        assert spec.sources[key]


def test_an_imported_sensor_survives_its_file(folder):
    spec = import_taxim(folder, GELSIGHT_2017)
    assert sensor_from_dict(sensor_to_dict(spec)) == spec


def test_a_table_alone_takes_the_base_sensors_size_and_says_so(tmp_path):
    np.savez(tmp_path / "polycalib.npz", **smooth_table((480, 640)))
    with pytest.warns(UserWarning, match="no picture in the folder says"):
        spec = import_taxim(tmp_path, GELSIGHT_2017)
    assert spec.background == GELSIGHT_2017.background  # smooth, of any size
    assert spec.sources["background"].startswith("none came with the files")
    assert import_taxim(tmp_path, GELSIGHT_2017, image_shape=(240, 320)).image_shape == (240, 320)


def test_gpu_taxim_reads_scale_and_size_from_its_parameters(folder):
    write_params(folder, SHAPE, pixmm=0.05)
    spec = import_gpu_taxim(folder / "polycalib.npz", GELSIGHT_2017)
    assert spec.camera.pixel_pitch_m == pytest.approx(0.05e-3)
    assert "unverified" in spec.sources["camera.pixel_pitch_m"]
    write_params(folder, (120, 160))
    with pytest.raises(ShapeError, match="the folder's pictures have"):
        import_gpu_taxim(folder, GELSIGHT_2017)


@pytest.mark.parametrize("text", ["{", "[]", '{"sensor": 3}', '{"sensor": {"w": 80, "h": "60", "pixmm": 1}}', "[" * 100_000])
def test_broken_parameters_are_one_sentence(folder, text):
    (folder / "params.json").write_text(text)
    with pytest.raises(ArgumentError, match=r"params\.json"):
        import_gpu_taxim(folder, GELSIGHT_2017)


def test_empty_shadow_lists_are_said_aloud(folder):
    write_shadows(folder, empty=True)
    with pytest.warns(UserWarning, match="no shadow in this file"):
        spec = import_taxim(folder, GELSIGHT_2017)
    assert spec.sources["shadows"].startswith("no shadow in this file")
    write_shadows(folder, empty=False)
    assert "63 directions, 4 depths" in import_taxim(folder, GELSIGHT_2017).sources["shadows"]


class Evil:
    def __reduce__(self):
        return eval, ("open('/tmp/simtouch-should-not-exist', 'w')",)


def test_a_hostile_shadow_table_is_refused(folder):
    table = np.empty((3, 1, 1), object)
    table[0, 0, 0] = Evil()
    np.savez(folder / "shadowTable.npz", shadowDirections=np.zeros(1), shadowTable=table)
    with pytest.raises(ArgumentError, match=r"builtins\.eval"):
        import_taxim(folder, GELSIGHT_2017)


def test_shadow_lists_must_hold_numbers(folder):
    table = np.empty((3, 1, 1), object)
    table[:] = "text"
    np.savez(folder / "shadowTable.npz", shadowDirections=np.zeros(1), shadowTable=table)
    with pytest.raises(ArgumentError, match="a str where a list of numbers"):
        read_shadow_table(folder / "shadowTable.npz")
    np.savez(folder / "shadowTable.npz", shadowDirections=np.zeros(2), shadowTable=table)
    with pytest.raises(ArgumentError, match=r"shape \(3, 2, D\)"):
        read_shadow_table(folder / "shadowTable.npz")


def change_file(folder, **arrays):
    np.savez(folder / "polycalib.npz", **({k: v for k, v in (smooth_table(SHAPE) | arrays).items() if v is not None}))


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"grad_b": None}, "has no `grad_b`"),
        ({"bins": np.array(40)}, r"shape \(40, 40, 6\)"),
        ({"bins": np.array(10**9)}, "`bins` from 3 to 512"),
        ({"grad_g": np.full((41, 41, 6), np.nan)}, "finite numbers `grad_g`"),
        ({"grad_r": np.zeros((41, 41, 6), int)}, "finite numbers `grad_r`"),
    ],
)
def test_wrong_tables_are_one_sentence(folder, arrays, sentence):
    change_file(folder, **arrays)
    with pytest.raises(ArgumentError, match=sentence):
        import_taxim(folder, GELSIGHT_2017)


def test_corrupted_files_are_one_sentence(folder):
    good = (folder / "polycalib.npz").read_bytes()
    for data in (b"", b"no zip", good[: len(good) // 2], good[:200] + b"\0" * 200 + good[400:]):
        (folder / "polycalib.npz").write_bytes(data)
        with pytest.raises(ArgumentError, match="polycalib"):
            import_taxim(folder, GELSIGHT_2017)
    with pytest.raises(ArgumentError, match="has no polycalib"):
        import_taxim(write_nothing(folder), GELSIGHT_2017)
    with pytest.raises(ArgumentError, match="does not exist"):
        import_taxim(folder / "absent", GELSIGHT_2017)


def write_nothing(folder):
    (folder / "empty").mkdir()
    return folder / "empty"


def test_a_header_that_promises_too_much_is_refused(folder):
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**40, 2, 3)}
    with open(folder / "real_bg.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(ArgumentError, match="promises"):
        import_taxim(folder, GELSIGHT_2017)


def test_pictures_of_different_sizes_are_refused(folder):
    np.save(folder / "gelmap.npy", np.zeros((30, 40), np.float32))
    with pytest.raises(ShapeError, match="one size"):
        import_taxim(folder, GELSIGHT_2017)


def test_a_pickle_in_place_of_an_array_is_refused(folder):
    (folder / "depth_bg.npy").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ArgumentError, match="not a readable"):
        import_taxim(folder, GELSIGHT_2017)
