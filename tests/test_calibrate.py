"""The verb `calibrate`: drawn presses of a known response in, a sensor file out."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from simtouch._checks import ArgumentError, SimtouchError, UnknownNameError
from simtouch.calibrate import Config, main
from simtouch.optics.calibration import sensor_of
from simtouch.sensors import GELSIGHT_MINI, load_sensor
from tests.optics.calibration.balls import BALL_RADIUS_M, PIXEL_PITCH_M, drawn_presses, random_circles
from tests.optics.calibration.test_press_files import write

LENGTHS = {"ball_diameter_mm": 2e3 * BALL_RADIUS_M, "pixel_pitch_mm": 1e3 * PIXEL_PITCH_M}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write(tmp_path_factory.mktemp("presses"), drawn_presses(random_circles(9, seed=4)))


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "mine.json"
    return main(Config(path=folder, out=out, **LENGTHS))


def test_the_file_holds_the_sensor_of_the_presses(made):
    spec = load_sensor(made)
    assert (spec.name, spec.image_shape, spec.camera.pixel_pitch_m) == ("mine", (120, 160), PIXEL_PITCH_M)
    assert spec.gel.thickness_m == GELSIGHT_MINI.gel.thickness_m
    assert spec.gel.grid_shape == (60, 80)
    assert spec.sources["response"] == ("calibrated by simtouch.calibrate from 9 presses, ball radius 2 mm, 0.1 mm a pixel")
    assert "left out of the fit" in spec.response.notes["error"]
    assert {p.name for p in made.parent.iterdir()} == {"mine.json", "mine.png"}


def test_the_error_on_presses_left_out_is_within_noise_and_offsets(made):
    """Pixel noise of 1 level leaves 0.8 and frame offsets of 2 levels 1.6 of mean absolute error; the rest is the fit's."""
    said = float(load_sensor(made).response.notes["error"].split()[0])
    assert 0.7 < said < 4.0


def test_the_resting_gel_is_the_measured_background(made, folder):
    spec = sensor_of.check_sensor_file(made)
    rest = cv2.imread(str(folder / "background.png"))[..., ::-1]
    assert np.abs(spec.background.picture.array - rest).mean() < 3.0


@pytest.mark.slow
def test_the_same_presses_make_the_same_file(made, folder, tmp_path):
    again = main(Config(path=folder, out=tmp_path / "mine.json", **LENGTHS))
    assert again.read_bytes() == made.read_bytes()


def test_given_circles_and_a_smooth_background(folder, tmp_path, capsys):
    presses = drawn_presses(random_circles(9, seed=4))
    rows = [f"{n},{x},{y},{r}" for n, (x, y, r) in zip(presses.names, presses.circles_px, strict=True)]
    (tmp_path / "c.csv").write_text("\n".join(["file,cx,cy,radius", *rows[:5]]))
    out = main(Config(path=folder, out=tmp_path / "s.json", circles=str(tmp_path / "c.csv"), background="cosines", **LENGTHS))
    spec, said = load_sensor(out), capsys.readouterr().out
    assert spec.background.picture is None
    assert spec.background.cosines.shape == (3, 8, 8)
    assert "5 given" in said
    assert "in-sample" in said
    assert f"next      python -m simtouch.generate --sensor {out}" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ball_diameter_mm": None}, r"`--ball-diameter-mm` must be given"),
        ({"pixel_pitch_mm": -1.0}, r"`--pixel-pitch-mm` must be given, a length in mm; got -1"),
        ({"sensor": "gelsite"}, r"`gelsite` is not a known sensor"),
        ({"rest": "nothing.png"}, r"`rest` must be a picture"),
    ],
)
def test_bad_input_gets_one_sentence_and_no_file(folder, tmp_path, change, said):
    with pytest.raises((ArgumentError, UnknownNameError), match=said):
        main(Config(**{"path": folder, "out": tmp_path / "s.json", **LENGTHS, **change}))
    assert list(tmp_path.iterdir()) == []


def test_an_out_that_cannot_be_is_refused_at_once(folder, tmp_path):
    for out in (tmp_path / "nowhere" / "s.json", tmp_path / "s.png"):
        with pytest.raises(ArgumentError, match=r"`--out` must be a .json file in a folder that exists"):
            main(Config(path=folder, out=out, **LENGTHS))


def test_a_file_that_fails_its_check_is_never_written(folder, tmp_path, monkeypatch):
    (tmp_path / "s.json").write_text("what was there before")

    def fails(path):
        assert json.loads(path.read_text())["name"] == "s"
        raise ArgumentError("it does not rest")

    monkeypatch.setattr(sensor_of, "check_sensor_file", fails)
    presses = drawn_presses(random_circles(4, seed=4))
    few = tmp_path / "few"
    few.mkdir()
    with pytest.raises(SimtouchError, match="it does not rest"):
        main(Config(path=write(few, presses), out=tmp_path / "s.json", **LENGTHS))
    assert (tmp_path / "s.json").read_text() == "what was there before"
    assert {p.name for p in tmp_path.iterdir()} == {"s.json", "few"}


def test_pictures_that_cannot_be_cut_into_cells_are_refused():
    assert sensor_of.grid_shape((240, 320)) == (60, 80)
    assert sensor_of.grid_shape((480, 640)) == (60, 80)
    with pytest.raises(ArgumentError, match="cannot be divided into square cells"):
        sensor_of.grid_shape((121, 161))


def test_a_picture_without_a_ball_is_named(tmp_path):
    presses = drawn_presses(random_circles(5))
    images = presses.images.copy()
    images[1] = presses.rest
    with pytest.raises(ArgumentError, match=r"`press_01.png` shows no ball"):
        main(Config(path=write(tmp_path, replace(presses, images=images)), out=tmp_path / "s.json", **LENGTHS))
    assert not (tmp_path / "s.json").exists()


def test_an_import_that_is_not_there_gets_one_sentence(tmp_path):
    with pytest.raises(ArgumentError, match="must be the file or folder of the calibration"):
        main(Config(path=tmp_path / "none", import_="taxim", out=tmp_path / "s.json"))
