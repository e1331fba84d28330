import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.optics import OpticsConfig, Renderer
from simtouch.sensors import SENSORS, Background, Blemishes, ColourTable, Numbers, SensorUnit, load_sensor, save_sensor
from simtouch.sensors.colour_table import POWERS
from simtouch.sensors.unit_light import light_gain, unit_background, unit_table

RNG = np.random.default_rng(0)
FIELD = SensorUnit.sample(np.random.default_rng(1)).light_field


def table() -> ColourTable:
    slope = RNG.normal(0, 30, (2, 3, 2, 9, 9))
    slope[..., 4, 4] = 0
    return ColourTable(slope=Numbers(slope), place=Numbers(RNG.normal(0, 1, (2, 3, 2, len(POWERS)))))


def coarse(spec):
    """The same view in a sixteenth of the pixels."""
    H, W = (n // 4 for n in spec.image_shape)
    camera = replace(spec.camera, image_shape=(H, W), pixel_pitch_m=4 * spec.camera.pixel_pitch_m)
    return replace(spec, camera=camera, gel=replace(spec.gel, grid_shape=(H // 2, W // 2)))


def calibrated(spec, *, picture: bool):
    """A sensor with a made-up calibration and a resting picture of either form."""
    cosines = RNG.normal(0, 4, (3, 4, 5))
    cosines[:, 0, 0] = (90, 110, 100)
    background = Background(cosines=Numbers(cosines))
    if picture:
        background = Background(picture=Numbers(background.levels(spec.image_shape)))
    return replace(spec, response=table(), background=background, blemishes=Blemishes(dust=3, seed=2))


def units(count: int, spec=None) -> list[SensorUnit]:
    return [SensorUnit.sample(np.random.default_rng(k), spec) for k in range(count)]


def change(colours: ColourTable, s, x, y) -> np.ndarray:
    """D of `colour_table.py` at one slope and place, zones x channels."""
    slope, place = colours.slope.array.astype(float), colours.place.array.astype(float)
    n = slope.shape[-1]
    row, col = ((p + 1) * (n - 1) / 2 for p in (s[1], s[0]))
    i, j = min(int(row), n - 2), min(int(col), n - 2)
    v, u = row - i, col - j
    a = slope[..., i, j] * (1 - v) * (1 - u) + slope[..., i, j + 1] * (1 - v) * u
    a += slope[..., i + 1, j] * v * (1 - u) + slope[..., i + 1, j + 1] * v * u
    b = place @ np.array([x**p * y**q for p, q in POWERS])
    return (a * b).sum(-1) @ np.array(colours.mix).T


@pytest.mark.parametrize("name", SENSORS)
@pytest.mark.parametrize("picture", [True, False])
def test_the_default_unit_is_the_calibrated_type(name, picture):
    spec = calibrated(SENSORS[name], picture=picture)
    assert SensorUnit().apply_to(spec) == spec


@pytest.mark.parametrize("name", SENSORS)
def test_a_unit_drawn_for_any_type_is_the_unit_drawn_for_this_type(name):
    spec = calibrated(SENSORS[name], picture=False)
    for any_type, this_type in zip(units(5), units(5, spec), strict=True):
        assert len(this_type.light_gain) == len(spec.lights)
        assert any_type.apply_to(spec) == this_type.apply_to(spec) != spec


def test_a_unit_is_numbers_alone():
    for unit in (SensorUnit(), *units(10)):
        hash(unit)
        assert json.loads(json.dumps(asdict(unit)))["name"] == unit.name
    assert len(set(units(10))) == 10
    assert units(3) == units(3)


def test_drawn_units_stay_in_the_ranges_that_their_docstrings_name():
    drawn = units(300)
    ranges = {
        "modulus_scale": (0.67, 1.5),
        "thickness_change_m": (-0.2e-3, 0.2e-3),
        "friction": (0.5, 1.6),
        "light_gain": (0.85, 1.15),
        "light_shift_m": (-1e-3, 1e-3),
        "light_aim_shift_m": (-1.2e-3, 1.2e-3),
        "light_spread": (0.8, 1.25),
        "slope_turn_rad": (-0.06, 0.06),
        "slope_offset": (-0.03, 0.03),
        "noise_scale": (0.5, 1.5),
        "blur_scale": (0.7, 1.4),
        "exposure_drift": (5e-4, 0.05),
        "channel_gain": (0.79, 1.24),
        "tint": (0.95, 1.05),
        "marker_jitter_m": (0, 0.06e-3),
        "marker_dropout": (0, 0.01),
    }
    for name, (low, high) in ranges.items():
        values = np.array([getattr(unit, name) for unit in drawn])
        assert low <= values.min() < low + 0.15 * (high - low), name
        assert high - 0.15 * (high - low) < values.max() <= high, name
    talk = np.array([unit.cross_talk for unit in drawn])
    np.testing.assert_allclose(talk.sum(-1), 1)
    assert talk.min() >= 0
    assert 0.8 <= talk[:, range(3), range(3)].min() < 0.85


def test_the_light_field_spreads_as_the_measured_units_do():
    field = np.array([unit.light_field for unit in units(400)])
    assert not field[:, :, 0, 0].any()
    rms = np.sqrt(field.var(0).mean(0))
    assert 0.04 < rms[0, 1] < 0.065
    assert 0.04 < rms[1, 0] < 0.065
    assert rms[2, 2] < 0.03


def test_resting_pictures_of_drawn_units_have_levels_as_different_as_real_units():
    """Std of the log mean level: .06-.15 a channel on nine real Minis; within a factor of 2 of that on either side."""
    spec = replace(coarse(SENSORS["gelsight_mini"]), response=None, background=None)
    means = np.log([Renderer(unit.apply_to(spec)).background.mean((0, 1)) for unit in units(8)])
    assert (means.std(0) > 0.05).all()
    assert (means.std(0) < 0.25).all()


@pytest.mark.parametrize("name", SENSORS)
def test_the_resting_gel_of_a_drawn_unit_shows_its_background(name):
    type_ = coarse(SENSORS[name])
    for spec in (replace(type_, response=None, background=None), calibrated(type_, picture=name == "digit")):
        renderer = Renderer(units(1)[0].apply_to(spec), OpticsConfig(noise=False))
        rest = renderer.render(np.zeros(spec.image_shape), np.zeros((*spec.gel.grid_shape, 2)))
        assert np.array_equal(rest, renderer.background)


@pytest.mark.parametrize("name", SENSORS)
def test_a_drawn_unit_survives_its_sensor_file(name, tmp_path):
    own = units(1)[0].apply_to(calibrated(SENSORS[name], picture=False))
    assert own.blemishes is not None
    save_sensor(own, tmp_path / "s.json")
    assert load_sensor(tmp_path / "s.json") == own


def test_a_turned_table_answers_as_the_type_at_the_turned_slope():
    """A'(s) = A(T s + d) - A(d), exact at the nodes; nothing at rest."""
    plain = table()
    turn, offset = (0.5, -0.3, 0.0), ((0.05, 0.02), (0.0, 0.0), (-0.1, 0.1))
    own = unit_table(plain, np.eye(3), (), turn, offset)
    for s in ((0.5, -0.25), (0.25, 0.25), (0.0, 0.0)):
        for c in range(3):
            cos, sin = np.cos(turn[c]), np.sin(turn[c])
            there = (cos * s[0] + sin * s[1] + offset[c][0], cos * s[1] - sin * s[0] + offset[c][1])
            wanted = change(plain, there, 0.3, -0.2) - change(plain, offset[c], 0.3, -0.2)
            np.testing.assert_allclose(change(own, s, 0.3, -0.2)[:, c], wanted[:, c], atol=1e-3)
    np.testing.assert_array_equal(change(own, (0.0, 0.0), 0.1, 0.7), 0)


def test_rest_and_change_see_the_same_light():
    """What the unit's light does to the resting picture it does to the change: matrix and field alike."""
    matrix = np.array([[0.9, 0.05, 0.1], [0.0, 1.1, 0.05], [0.02, 0.08, 0.8]])
    grey, shape = np.array([120.0, 90.0, 60.0]), (24, 32)
    own = unit_background(Background(cosines=Numbers(grey[:, None, None])), matrix, FIELD).levels(shape)
    wanted = np.einsum("dc,chw->hwd", matrix, light_gain(FIELD, shape) * grey[:, None, None])
    np.testing.assert_allclose(own, wanted, atol=0.05)
    assert np.ptp(own, axis=(0, 1)).min() > 5
    plain, s = table(), (0.25, 0.5)
    even = np.zeros((*plain.slope.shape[:3], len(POWERS)))
    even[..., 0] = 1
    plain = replace(plain, place=Numbers(even))
    unit, true = unit_table(plain, matrix, FIELD, (0, 0, 0), ((0, 0),) * 3), change(plain, s, 0, 0)
    off = []
    for i, j in np.ndindex(shape):
        wanted = (true * light_gain(FIELD, shape)[:, i, j]) @ matrix.T
        off.append(change(unit, s, (2 * j + 1) / 32 - 1, (2 * i + 1) / 24 - 1) - wanted)
    assert np.sqrt(np.mean(np.square(off))) < 0.03 * np.abs(true).mean()


def test_a_picture_and_its_cosines_become_the_same_unit():
    spec = calibrated(SENSORS["digit"], picture=False)
    picture = Background(picture=Numbers(spec.background.levels((64, 48))))
    matrix = np.diag([1.1, 0.9, 1.0])
    smooth, measured = (unit_background(b, matrix, FIELD).levels((64, 48)) for b in (spec.background, picture))
    np.testing.assert_allclose(smooth, measured, atol=0.3)


def test_the_units_lamps_channels_and_dots_reach_the_spec():
    spec = SENSORS["gelsight_2017"]
    unit = SensorUnit(
        light_gain=(1.1, 1.0, 0.9),
        channel_gain=(2.0, 1.0, 1.0),
        tint=(1.0, 0.5, 1.0),
        noise_scale=(0.5, 1.0, 2.0),
        exposure_drift=0.02,
        marker_jitter_m=0.05e-3,
        marker_seed=4,
    )
    own = unit.apply_to(spec)
    np.testing.assert_allclose(own.lights[0].color, np.array(spec.lights[0].color) * (2.2, 0.55, 1.1))
    np.testing.assert_allclose(own.coating.ambient, np.array(spec.coating.ambient) * (2, 0.5, 1))
    np.testing.assert_allclose(own.camera.noise_std, np.array(spec.camera.noise_std) * (0.5, 1, 2))
    assert own.camera.exposure_drift == 0.02
    assert 0 < np.abs(own.markers.rest_m - spec.markers.rest_m).max() <= 0.05e-3
    assert own.markers.present.all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"modulus_scale": 0.0}, "`modulus_scale`"),
        ({"tint": (1.0, 1.0)}, "`tint` must have shape"),
        ({"cross_talk": ((1.0, 0.0), (0.0, 1.0))}, "`cross_talk` must have shape"),
        ({"channel_gain": (1.0, -0.1, 1.0)}, "`channel_gain`"),
        ({"light_spread": (1.0, 0.0)}, "`light_spread`"),
        ({"light_field": ((0.0,),)}, "`light_field` must have shape"),
    ],
)
def test_bad_numbers_of_a_unit_are_refused(values, message):
    with pytest.raises(ArgumentError, match=message):
        SensorUnit(**values)


def test_a_unit_with_fewer_lamps_than_the_sensor_is_refused():
    with pytest.raises(ArgumentError, match=r"`light_gain` .* 4 lamps; it has 2"):
        SensorUnit(light_gain=(1.0, 0.9)).apply_to(SENSORS["gelsight_mini"])
