"""The verb `fidelity`, on presses that a known sensor made."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.fidelity import Config, main
from simtouch.fidelity_page import Picture, outside_the_project, strip
from simtouch.fidelity_renders import GelRender, OpticsRender, drift_of, grid_for, noise_of, spec_at
from simtouch.fidelity_rows import marked, score_row, table
from simtouch.indenters import sphere
from simtouch.optics.calibration.presses import PressSet
from simtouch.sensors import Background, Numbers, save_sensor
from simtouch.simulator import TactileSimulator
from tests.optics.calibration.balls import BALL_RADIUS_M, PIXEL_PITCH_M, drawn_presses, random_circles
from tests.optics.calibration.test_press_files import write
from tests.optics.hand_set import hand_set
from tests.real import taxim_file

GELSIGHT_MINI = hand_set("gelsight_mini")

ROOT = Path(__file__).resolve().parents[1]
BALL_M, PITCH_M = 2.5e-3, 0.15e-3
SPEC = replace(
    GELSIGHT_MINI,
    name="small",
    camera=replace(GELSIGHT_MINI.camera, image_shape=(72, 96), pixel_pitch_m=PITCH_M, noise_std=(1.0, 1.0, 1.0)),
    gel=replace(GELSIGHT_MINI.gel, grid_shape=(36, 48), dome_radius_m=(np.inf, np.inf)),
)
CIRCLES = np.array([(30 + 5 * k, 28 + 3 * (k % 4), 7.0 + 0.5 * (k % 3)) for k in range(8)])


def write_pack(path, images, rest, circles):
    """As Taxim stores presses: BGR."""
    np.savez(path, f0=rest[..., ::-1], imgs=images[..., ::-1], touch_center=circles[:, :2], touch_radius=circles[:, 2])
    return path


@pytest.fixture(scope="module")
def pack(tmp_path_factory):
    """Presses that `SPEC` made, its sensor file, and that of a sensor whose lamps have exchanged colours."""
    folder = tmp_path_factory.mktemp("presses")
    render = OpticsRender(SPEC, BALL_M, (SPEC.gel.thickness_m, SPEC.gel.poisson_ratio))
    images = np.stack([render.image(circle) for circle in CIRCLES])
    write_pack(folder / "dataPack.npz", images, render.background, CIRCLES)
    save_sensor(SPEC, folder / "sensor.json")
    lamps = [lamp.color for lamp in SPEC.lights]
    swapped = tuple(replace(lamp, color=color) for lamp, color in zip(SPEC.lights, lamps[1:] + lamps[:1], strict=True))
    save_sensor(replace(SPEC, lights=swapped), folder / "swapped.json")
    return folder


def config(pack, tmp_path, **more):
    asked = {"folder": pack, "sensor": str(pack / "sensor.json"), "ball_diameter_mm": 5.0, "out": tmp_path / "result.json"}
    return Config(**asked | more)


def rows_of(report, start=0):
    return {row["name"]: row for row in report["splits"][start]["rows"]}


def test_the_sensor_that_made_the_presses_is_perfect_and_beats_the_background(pack, tmp_path, capsys):
    report = main(config(pack, tmp_path, background="sensor"))
    rows = rows_of(report)
    assert list(rows) == ["no-contact frame alone", "optics only"]
    perfect, alone = rows["optics only"]["mean"], rows["no-contact frame alone"]["mean"]
    assert perfect["l1"] == perfect["msec"] == perfect["histogram"] == 0
    assert perfect["psnr"] is None  # infinite
    assert alone["l1c"] > 5
    assert rows["optics only"]["worse_than_background_in"] == []
    said = capsys.readouterr().out
    assert "no-contact frame alone" in said
    assert "resting gel, optics only: is the background, exactly" in said


def test_a_no_contact_frame_as_resting_picture_costs_its_rounding(pack, tmp_path):
    rows = rows_of(main(config(pack, tmp_path)))
    assert 0 < rows["optics only"]["mean"]["l1c"] < 0.5


def test_a_sensor_that_loses_to_the_background_is_marked(pack, tmp_path, capsys):
    report = main(config(pack, tmp_path, sensor=str(pack / "swapped.json")))
    row = rows_of(report)["optics only"]
    assert {"l1", "psnr", "l1c", "ssim"} <= set(row["worse_than_background_in"])
    assert rows_of(report)["no-contact frame alone"]["worse_than_background_in"] == []
    assert "* worse than the background alone" in capsys.readouterr().out


def test_the_result_names_split_config_seed_and_every_press(pack, tmp_path):
    main(config(pack, tmp_path, start=1, seed=5))
    found = json.loads((tmp_path / "result.json").read_text())
    split = found["splits"][0]
    assert (split["start"], split["test"]) == (1, ["press_01", "press_05"])
    assert split["training"] == [f"press_{k:02d}" for k in (0, 2, 3, 4, 6, 7)]
    assert [one["press"] for one in split["rows"][0]["each"]] == split["test"]
    assert (found["seed"], found["config"]["every"], found["presses"]["ball_diameter_mm"]) == (5, 4, 5.0)
    assert len(found["made_by"]["kernel_hash"]) == 64
    assert split["values_of_the_resting_gel_that_differ_from_the_background"] == {"optics": 0}


def test_each_press_is_tested_once_over_all_starts(pack, tmp_path, capsys):
    report = main(config(pack, tmp_path, all_starts=True))
    tested = [name for split in report["splits"] for name in split["test"]]
    assert sorted(tested) == [f"press_{k:02d}" for k in range(8)]
    assert "mean of 4 splits (start 0, 1, 2, 3)" in capsys.readouterr().out


def test_a_fit_is_scored_on_presses_it_never_saw_and_in_sample_rows_say_so(pack, tmp_path, capsys):
    report = main(config(pack, tmp_path, sensor=None, pixel_pitch_mm=PITCH_M * 1e3, fit=True, in_sample=True))
    split = report["splits"][0]
    assert "optics only, fitted on 6" in rows_of(report)
    assert [row["note"] for row in split["in_sample_rows"]][-1] == "in-sample"
    assert len(split["in_sample_rows"][-1]["each"]) == 6
    assert "in-sample, the 6 training presses" in capsys.readouterr().out
    assert report["fit"]["thickness_m"] > 0


def test_the_gel_makes_the_print_in_gel_mode(pack, tmp_path):
    report = main(config(pack, tmp_path, mode="both"))
    rows = rows_of(report)
    assert list(rows)[-2:] == ["optics only", "gel + optics"]
    assert 0 < rows["gel + optics"]["mean"]["l1c"] < 0.5 * rows["no-contact frame alone"]["mean"]["l1c"]
    assert report["splits"][0]["values_of_the_resting_gel_that_differ_from_the_background"] == {"optics": 0, "gel": 0}


def test_the_depth_of_gel_mode_gives_the_contact_of_the_circle():
    """The contact that a gel of twice as many cells makes at that depth has the circle's area."""
    finer = replace(SPEC.camera, image_shape=(144, 192), pixel_pitch_m=PITCH_M / 2)
    sim = TactileSimulator(replace(SPEC, camera=finer, gel=replace(SPEC.gel, grid_shape=(72, 96))))
    render = GelRender(SPEC, BALL_M)
    for radius_px in (6.0, 9.0):
        sim.reset(sphere(radius_m=BALL_M))
        area_m2 = sim.step_depth(np.eye(4), render.depth_m(radius_px)).contact_area_m2
        assert np.sqrt(area_m2 / np.pi) / PITCH_M == pytest.approx(radius_px, rel=0.05)
    with pytest.raises(ArgumentError, match=r"radius 90 px is larger than what the ball makes"):
        render.depth_m(90)


def test_pictures_and_page_hold_every_test_press(pack, tmp_path):
    out = tmp_path / "new" / "page.html"
    main(config(pack, tmp_path, page=out, pictures=tmp_path / "pictures"))
    page = out.read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "belong to whoever recorded them" in page
    assert "no-contact frame alone" in page
    assert "http" not in page
    assert sorted(p.name for p in (tmp_path / "pictures").iterdir()) == ["press_00-optics_only.png", "press_04-optics_only.png"]


def test_an_error_map_is_signed_and_grey_where_nothing_differs():
    real = np.full((20, 40, 3), 100, np.uint8)
    rendered = real.copy()
    rendered[:, :20] = (110, 90, 100)
    sheet = strip(Picture("a", "b", real, rendered, (20.0, 10.0, 5.0)))
    errors = sheet[:160, -320:]
    assert errors[80, 20].tolist() == [167, 87, 127]
    assert errors[80, 300].tolist() == [127, 127, 127]


@pytest.mark.parametrize("where", ["docs/page.html", "simtouch/page.html", "page.html", "tests/../assets/page.html"])
def test_real_pictures_are_never_written_into_the_project(pack, tmp_path, where):
    with pytest.raises(ArgumentError, match="`--page` must lie outside simtouch itself"):
        main(config(pack, tmp_path, page=ROOT / where))
    assert not (ROOT / where).exists()
    outside_the_project("--page", ROOT / "runs" / "page.html")


def test_the_probe_reports_chance_and_what_weighs(pack, tmp_path, capsys):
    report = main(config(pack, tmp_path, probe=True, all_starts=True))
    each = report["probe"]["optics"]
    assert each[0]["pairs"] == 8
    assert len(each[0]["groups"]) == 4
    noise = next(one for one in each if one["groups"] == ("noise",))
    assert noise["auc"] > 0.9  # renders have the camera's noise, these presses none
    assert "chance is 0.5" in capsys.readouterr().out


def test_noise_is_measured_where_the_gel_rests():
    rng = np.random.default_rng(0)
    rest = np.full((60, 80, 3), 120.0)
    images = np.round(rest + rng.normal(0, (1, 2, 3), (3, 60, 80, 3))).astype(np.uint8)
    images[:, 20:40, 30:50] += np.uint8(40)
    circles = np.tile([40.0, 30.0, 10.0], (3, 1))
    presses = PressSet(images=images, rest=rest.astype(np.uint8), ball_radius_m=2e-3, pixel_pitch_m=1e-4, circles_px=circles)
    assert noise_of(presses, rest) == pytest.approx((1, 2, 3), rel=0.1)


def test_drift_is_the_spread_of_the_frames_brightness():
    levels = np.array([[2.0, 4.0, 6.0], [-2.0, -4.0, -6.0]])
    assert drift_of(levels, np.full((4, 5, 3), 100.0)) == pytest.approx(0.04)


def test_a_sensor_is_brought_to_the_resolution_of_the_presses():
    rest = np.zeros((144, 192, 3), np.uint8)
    presses = PressSet(images=rest[None], rest=rest, ball_radius_m=2e-3, pixel_pitch_m=PITCH_M / 2)
    picture = Background(picture=Numbers(np.zeros((72, 96, 3))))
    found = spec_at(replace(SPEC, background=picture), presses)
    assert found.image_shape == (144, 192)
    assert found.background is None  # a picture has one resolution
    assert grid_for((480, 640)) == (60, 80)
    with pytest.raises(ArgumentError, match="even numbers of rows and columns; got 75 x 100"):
        grid_for((75, 100))


def test_a_row_is_marked_in_the_columns_that_it_loses():
    real = np.full((1, 30, 40, 3), 100, np.uint8)
    real[0, 5:25, 10:30] = 120
    circles = np.array([[20.0, 15.0, 8.0]])
    presses = PressSet(images=real, rest=real[0], ball_radius_m=2e-3, pixel_pitch_m=1e-4, circles_px=circles, names=("a",))
    alone = score_row("alone", presses, [np.full_like(real[0], 100)], is_background=True)
    tinted = real[0].copy()
    tinted[:, :8] = 160  # right inside the contact, tinted beside it
    rows = marked([alone, score_row("tinted", presses, [tinted])])
    assert rows[1].loses == ("l1", "mse", "psnr")
    assert "*" in table(rows)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ball_diameter_mm": None}, "`--ball-diameter-mm` is needed"),
        ({"ball_diameter_mm": -4.0}, "`--ball-diameter-mm` must be a finite number > 0; got -4."),
        ({"sensor": None}, "`--pixel-pitch-mm` is needed where no `--sensor` tells it."),
        ({"sensor": None, "pixel_pitch_mm": 0.15}, "`--sensor` or `--fit` is needed"),
        ({"sensor": "digitt"}, "`digitt` is not a known sensor. Did you mean `digit`?"),
        ({"start": 4}, "`--every` must be >= 2 and `--start` from 0 to below it; got 4 and 4."),
        ({"every": 1}, "`--every` must be >= 2"),
        ({"every": 9}, "holds 8 presses; a split wants 9 or more."),
        ({"folder": Path("nowhere")}, "`nowhere` does not exist."),
        ({"sensor": "digit"}, "`--sensor` sees 320 x 240 pixels and the presses 72 x 96: not the same picture."),
    ],
)
def test_bad_input_is_one_sentence(pack, tmp_path, change, said):
    with pytest.raises(SimtouchError) as found:
        main(config(pack, tmp_path, **change))
    assert said in str(found.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_calibrated_optics_of_the_wheels_presses_meet_their_bar(tmp_path):
    """Known anchors of the background row: L1 4.48, PSNR 29.6, SSIM .975, L1c 23.6."""
    pack = taxim_file("gelsight/dataPack.npz")
    report = main(Config(folder=pack, ball_diameter_mm=4.0, pixel_pitch_mm=0.0295, fit=True, out=tmp_path / "result.json"))
    rows = rows_of(report)
    alone, fitted = rows["no-contact frame alone"]["mean"], rows["optics only, fitted on 36"]
    assert [alone[n] for n in ("l1", "psnr", "ssim", "l1c")] == pytest.approx([4.48, 29.6, 0.975, 23.6], rel=2e-3)
    assert fitted["mean"]["l1c"] <= 2.5
    assert fitted["mean"]["psnr"] >= 40
    assert fitted["mean"]["ssim"] >= 0.985
    assert fitted["worse_than_background_in"] == []


def test_the_command_line_says_what_is_wrong_with_exit_code_2(tmp_path):
    command = [sys.executable, "-m", "simtouch.fidelity", "nowhere", "--ball-diameter-mm", "4", "--sensor", "digit"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "error: `nowhere` does not exist.\n")


def test_circles_that_the_fit_moves_are_marked(pack, tmp_path):
    (tmp_path / "presses").mkdir()
    folder = write(tmp_path / "presses", drawn_presses(random_circles(8, seed=4)))
    lengths = {"ball_diameter_mm": 2e3 * BALL_RADIUS_M, "pixel_pitch_mm": 1e3 * PIXEL_PITCH_M}
    report = main(Config(folder=folder, fit=True, circles="fitted", out=tmp_path / "result.json", **lengths))
    assert "placed by their own pictures" in report["presses"]["circles"]
    assert all("placed by their own pictures" in row["note"] for row in report["splits"][0]["rows"])
    assert min(row["mean"]["l1c"] for row in report["splits"][0]["rows"]) < 5
    with pytest.raises(ArgumentError, match="`--circles fitted` needs `--fit`"):
        main(config(pack, tmp_path, circles="fitted"))
