import json
import math
from dataclasses import replace

import numpy as np
import pytest

from simtouch._checks import ArgumentError
from simtouch.sensors import SENSORS, SensorUnit, load_sensor, save_sensor
from simtouch.sensors.sensor_file import sensor_from_dict, sensor_to_dict


@pytest.mark.parametrize("name", SENSORS)
def test_every_number_has_a_source(name):
    spec = SENSORS[name]
    named = set(spec.sources)
    for part in ("gel", "camera"):
        for field in getattr(spec, part).__dataclass_fields__:
            assert f"{part}.{field}" in named, f"{part}.{field}"
    assert {"lights", "coating", "working_range"} <= named
    assert spec.markers is None or "markers" in named


@pytest.mark.parametrize("name", SENSORS)
def test_gel_and_image_see_the_same_view(name):
    spec = SENSORS[name]
    for image, gel in zip(spec.image_shape, spec.gel_grid.shape, strict=True):
        assert image * spec.camera.pixel_pitch_m == pytest.approx(gel * spec.gel_grid.spacing_m)


@pytest.mark.parametrize("name", SENSORS)
def test_a_sensor_file_gives_the_sensor_back(name, tmp_path):
    save_sensor(SENSORS[name], tmp_path / "s.json")
    assert load_sensor(tmp_path / "s.json") == SENSORS[name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("format"), "format"),
        (lambda d: d["gel"].update(poisson_ratio=0.5), "poisson_ratio"),
        (lambda d: d["gel"].update(youngs_modulus_pa=-1), "youngs_modulus_pa"),
        (lambda d: d["gel"].update(friction="slippery"), "friction"),
        (lambda d: d["gel"].update(colour="red"), "unknown field `colour`"),
        (lambda d: d["gel"].pop("thickness_m"), "incomplete"),
        (lambda d: d["gel"].update(grid_shape=[7, 9]), "grid_shape"),
        (lambda d: d["camera"].update(image_shape=[320]), "image_shape"),
        (lambda d: d["lights"][0].update(position_m=[0, 0, 1]), "z < 0"),
        (lambda d: d["camera"].update(exposure_drift=-0.1), "exposure_drift"),
        (lambda d: d.update(blemishes={"dust": -2}), "dust"),
        (lambda d: d.update(blemishes={"rust": 2}), "unknown field `rust`"),
        (lambda d: d.update(lights={}), "lights"),
    ],
)
def test_a_bad_sensor_file_is_refused_with_the_field(change, message):
    data = json.loads(json.dumps(sensor_to_dict(SENSORS["digit"])))
    change(data)
    with pytest.raises(ArgumentError, match=message):
        sensor_from_dict(data)


def test_a_file_that_is_no_sensor_is_refused(tmp_path):
    (tmp_path / "s.json").write_bytes(b"\xff\xfe not json")
    with pytest.raises(ArgumentError, match="not a readable sensor file"):
        load_sensor(tmp_path / "s.json")
    with pytest.raises(ArgumentError, match="not a readable sensor file"):
        load_sensor(tmp_path / "absent.json")


def test_the_default_unit_is_the_type():
    for spec in SENSORS.values():
        assert SensorUnit().apply_to(spec) == spec


def test_units_differ_and_stay_valid():
    spec = SENSORS["gelsight_mini_markers"]
    units = [SensorUnit.sample(np.random.default_rng(k), spec) for k in range(20)]
    assert len(set(units)) == 20
    for unit in units:
        own = unit.apply_to(spec)
        assert 0.6 < own.gel.youngs_modulus_pa / spec.gel.youngs_modulus_pa < 1.6
        assert own.markers.rest_m.shape == spec.markers.rest_m.shape


def test_turned_dots_turn_about_the_middle():
    grid = SENSORS["gelsight_mini_markers"].markers
    turned = replace(grid, rotation_rad=math.pi / 2)
    x, y = grid.rest_m.T
    np.testing.assert_allclose(turned.rest_m, np.stack([-y, x], -1), atol=1e-12)
