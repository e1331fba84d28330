"""The main job as a user meets it: the command line, what it leaves on disk, and what it says to nonsense."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import simtouch
from simtouch import generate
from simtouch._checks import SimtouchError
from simtouch.stream import dataset_digest
from simtouch.stream.disk_space import estimate_bytes

SMALL = ("--clips", "3", "--frames", "4", "--object", "sphere", "cone", "--motion", "press", "slide")


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "simtouch.generate", *map(str, arguments)], capture_output=True, text=True, **options
    )


def make(out, **changes):
    defaults = {
        "sensor": "digit",
        "clips": 3,
        "frames": 4,
        "object": ("sphere", "cone"),
        "motion": ("press", "slide"),
        "out": out,
    }
    return generate.main(generate.Config(**defaults | changes))


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    out = tmp_path_factory.mktemp("generate") / "s"
    make(out)
    return out


def test_a_stream_has_its_parts(stream):
    card = ["README.md", "card-content.png", "card-forces.png", "card-pad.png"]
    parts = ["background.png", "clips-00000.parquet", "manifest.json", "preview.png", *card]
    assert sorted(p.name for p in stream.iterdir()) == sorted(parts)
    opened = simtouch.open_stream(stream)
    assert len(opened) == 3
    assert opened.complete
    assert opened.spec == simtouch.SENSORS["digit"]
    assert {clip.motion for clip in opened} == {"press", "slide"}


def test_the_manifest_says_what_made_it(stream):
    manifest = json.loads((stream / "manifest.json").read_text())
    assert manifest["made_by"]["simtouch"] == simtouch.__version__
    assert len(manifest["made_by"]["kernel_hash"]) == 64
    assert manifest["seed"] == 0
    assert "workers" not in json.dumps(manifest)
    assert str(stream.parent) not in json.dumps(manifest)


def test_stored_fields_sum_to_the_stored_force(stream):
    for clip in simtouch.open_stream(stream):
        for frame in clip.frames:
            area = frame.cell_size_m**2
            shear = frame.shear_traction_pa.astype(float).sum((0, 1)) * area
            normal = frame.normal_traction_pa.astype(float).sum() * area
            scale = max(frame.normal_force_n, 1e-6)
            np.testing.assert_allclose([*shear, -normal], frame.force_n, atol=1e-3 * scale)


def test_workers_and_threads_do_not_change_a_byte(stream, tmp_path):
    make(tmp_path / "two", workers=2)
    run("--sensor", "digit", *SMALL, "--out", tmp_path / "one", env=os.environ | {"SIMTOUCH_TI_THREADS": "1"}, check=True)
    run("--sensor", "digit", *SMALL, "--out", tmp_path / "both", env=os.environ | {"SIMTOUCH_TI_THREADS": "2"}, check=True)
    assert {dataset_digest(tmp_path / name) for name in ("two", "one", "both")} == {dataset_digest(stream)}


def test_another_seed_is_another_stream(stream, tmp_path):
    make(tmp_path / "s", seed=1)
    assert dataset_digest(tmp_path / "s") != dataset_digest(stream)


def test_resuming_a_whole_stream_does_nothing(stream):
    before = {p.name: p.stat().st_mtime_ns for p in stream.iterdir()}
    make(stream, resume=True)
    assert {p.name: p.stat().st_mtime_ns for p in stream.iterdir()} == before


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path):
    """Kill -9 in the middle of a run of several shards: at most the open shard is made again."""
    options = ("--sensor", "gelsight_mini", "--object", "sphere", "--motion", "slide", "--frames", "8", "--clips", "16")
    options += ("--shard-frames", "32")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run(*options, "--out", whole, check=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "simtouch.generate", *options, "--out", str(killed)], stderr=subprocess.DEVNULL
    )
    while not (killed / "clips-00000.parquet").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (killed / "first-look.png").exists()
    done = {p.name: p.stat().st_mtime_ns for p in killed.glob("clips-*.parquet")}
    assert 1 <= len(done) < 4
    run(*options, "--out", killed, "--resume", check=True)
    assert {name: (killed / name).stat().st_mtime_ns for name in done} == done
    assert dataset_digest(killed) == dataset_digest(whole)
    assert not list(killed.glob("*.tmp"))


@pytest.mark.slow
def test_ctrl_c_leaves_no_open_shard_and_resume_goes_on(tmp_path):
    options = ("--sensor", "gelsight_mini", "--object", "sphere", "--motion", "slide", "--frames", "8", "--clips", "40")
    options += ("--shard-frames", "32", "--workers", "2")
    process = subprocess.Popen(
        [sys.executable, "-m", "simtouch.generate", *options, "--out", str(tmp_path / "s")],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list((tmp_path / "s").glob("clips-*.parquet")):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal sends: to the whole group
    message = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert "--resume" in message
    assert "Traceback" not in message
    assert not list((tmp_path / "s").glob("*.tmp"))
    assert run(*options, "--out", tmp_path / "s", "--resume").returncode == 0
    assert simtouch.open_stream(tmp_path / "s").complete


def test_a_mesh_of_the_user_touches_every_sensor(tmp_path):
    trimesh = pytest.importorskip("trimesh")
    solid = trimesh.creation.icosphere(subdivisions=5, radius=4.0)  # 20,480 faces, millimetres
    torn = trimesh.creation.icosphere(subdivisions=3, radius=4.0)
    torn.update_faces(np.arange(len(torn.faces)) % 7 != 0)
    assert not torn.is_watertight
    solid.export(tmp_path / "solid.stl")
    torn.export(tmp_path / "torn.obj")
    objects = (str(tmp_path / "solid.stl"), str(tmp_path / "torn.obj"))
    for sensor in ("digit", "gelsight_mini_markers", "gelsight_2017"):
        out = make(tmp_path / sensor, sensor=sensor, object=objects, motion=("press",), clips=2, scale=1e-3)
        clips = list(simtouch.open_stream(out))
        assert {clip.indenter for clip in clips} == {"solid", "torn"}
        assert all(clip.force_n[:, 2].min() < -0.01 for clip in clips)


def test_units_share_the_clips(tmp_path):
    opened = simtouch.open_stream(make(tmp_path / "s", units=2))
    assert [clip.sensor_id for clip in opened] == ["digit-000", "digit-001", "digit-000"]
    assert len(opened.manifest["units"]) == 2


def test_a_sensor_file_is_a_sensor(tmp_path):
    simtouch.save_sensor(simtouch.SENSORS["digit"], tmp_path / "mine.json")
    assert simtouch.open_stream(make(tmp_path / "s", sensor=str(tmp_path / "mine.json"), clips=1)).spec.name == "digit"


def test_a_recipe_mixes_scenes_and_leaves_unknown_labels_empty(tmp_path):
    recipe = "motion=1,force_protocol=1,textiles=1"
    out = make(tmp_path / "s", recipe=recipe, clips=3, frames=12, motion=(), object=("sphere",), codec="jpeg95", units=2)
    opened = simtouch.open_stream(out)
    clips = {clip.scene: clip for clip in opened}
    assert set(clips) == {"motion", "force_protocol", "textiles"}
    assert opened.manifest["recipe"]["shares"] == {"motion": 1, "force_protocol": 1, "textiles": 1}
    assert clips["textiles"].values("textile")[0]
    assert clips["motion"].values("textile")[0] is None
    assert np.isfinite(clips["force_protocol"].values("load_n")).all()
    assert np.isnan(clips["motion"].values("load_n")).all()
    assert "| `label_textile` | string | 12 |" in (out / "README.md").read_text()
    make(tmp_path / "two", recipe=recipe, clips=3, frames=12, motion=(), object=("sphere",), codec="jpeg95", units=2, workers=2)
    assert dataset_digest(tmp_path / "two") == dataset_digest(out)


@pytest.mark.slow
def test_both_fingers_of_a_gripper_share_their_clips(tmp_path):
    pytest.importorskip("mujoco")
    opened = simtouch.open_stream(make(tmp_path / "s", recipe="grasp", clips=2, frames=20, motion=(), object=()))
    assert opened.sensors_per_clip == 2
    assert [clip.clip_id for clip in opened] == [0, 0, 1, 1]
    assert [clip.sensor_id.rsplit("-", 1)[1] for clip in opened] == ["left", "right"] * 2
    assert opened[0].sensor_id != opened[2].sensor_id  # other units
    assert opened[0].world_T_gel is not None
    assert not np.array_equal(opened[0].images, opened[1].images)


def test_a_disk_that_is_too_small_is_refused_with_numbers_and_leaves_nothing(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10**8))
    with pytest.raises(SimtouchError, match=r"disk is too small: the stream needs about .* GB and .* has 100 MB"):
        make(tmp_path / "s", total_frames=10**6)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(("sensor", "codec"), [("digit", "png"), ("digit", "jpeg95"), ("gelsight_mini_markers", "jpeg95")])
def test_the_estimate_of_space_is_near(sensor, codec, tmp_path):
    out = make(tmp_path / "s", sensor=sensor, codec=codec, clips=2, frames=12)
    found = sum(p.stat().st_size for p in out.glob("clips-*"))
    spec = simtouch.SENSORS[sensor]
    assert found / 1.5 < estimate_bytes(spec, codec, 24) < 1.5 * found


def test_total_frames_is_rounded_up_to_clips(tmp_path):
    assert len(simtouch.open_stream(make(tmp_path / "s", total_frames=9, clips=1))) == 3


def _file(folder, name, data):
    (folder / name).write_bytes(data)
    return str(folder / name)


NONSENSE = {
    "unknown sensor": (lambda d: ("--sensor", "didgit"), "Did you mean `digit`"),
    "unknown object": (lambda d: ("--object", "spere"), "Did you mean `sphere`"),
    "unknown motion": (lambda d: ("--motion", "wiggle"), "Known: drag, explore"),
    "mesh missing": (lambda d: ("--object", "absent.stl"), "absent.stl"),
    "mesh empty": (lambda d: ("--object", _file(d, "a.stl", b"")), "empty"),
    "mesh without faces": (lambda d: ("--object", _file(d, "a.obj", b"v 0 0 0\nv 1 0 0\n")), "triangle"),
    "mesh with NaN": (lambda d: ("--object", _file(d, "a.obj", b"v 0 0 nan\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")), "(?i)nan|finite"),
    "mesh header that lies": (
        lambda d: ("--object", _file(d, "a.stl", b"\0" * 80 + (40_000_000).to_bytes(4, "little") + b"\0" * 50)),
        "40,?000,?000",
    ),
    "mesh too large": (lambda d: ("--object", _file(d, "a.obj", b"v 0 0 0\nv 5 0 0\nv 0 5 0\nf 1 2 3\n")), "--scale"),
    "mesh too small": (lambda d: ("--object", _file(d, "a.obj", b"v 0 0 0\nv 1e-5 0 0\nv 0 1e-5 0\nf 1 2 3\n")), "--scale"),
    "unknown recipe": (lambda d: ("--recipe", "sparsh-pretain"), "Did you mean `sparsh-pretrain`"),
    "unknown kind of scene": (lambda d: ("--recipe", "motion=1,textile=1"), "Did you mean `textiles`"),
    "shares that sum to 0": (lambda d: ("--recipe", "motion=0,textiles=0"), "must sum to 1..1000; these sum to 0"),
    "negative share": (lambda d: ("--recipe", "motion=2,textiles=-1"), "whole number >= 0; got -1"),
    "share that is no number": (lambda d: ("--recipe", "motion=much"), "whole shares"),
    "recipe and motion": (lambda d: ("--recipe", "pose", "--motion", "press"), "`--motion` cannot be given with `--recipe`"),
    "cluster that does not answer": (lambda d: ("--cluster", "ray://127.0.0.1:9"), "cannot be reached|simtouch\\[cluster\\]"),
    "no address": (lambda d: ("--cluster", "10.0.0.1"), "`ray://HOST:PORT`; got '10.0.0.1'|simtouch\\[cluster\\]"),
    "negative clips": (lambda d: ("--clips", "-3"), "`--clips` must be >= 1; got -3"),
    "no frames": (lambda d: ("--frames", "0"), "`--frames` must be >= 2; got 0"),
    "negative workers": (lambda d: ("--workers", "-1"), "`--workers` must be >= 1"),
    "not a number": (lambda d: ("--clips", "many"), "many"),
    "bad scale": (lambda d: ("--object", _file(d, "a.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"), "--scale", "-1"), "scale"),
    "broken sensor file": (lambda d: ("--sensor", _file(d, "s.json", b"{}")), "sensor file"),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_nonsense_gets_one_sentence_and_leaves_nothing(case, tmp_path):
    arguments, message = NONSENSE[case]
    out = tmp_path / "out"
    done = run(*arguments(tmp_path), "--out", out)
    assert done.returncode == 2
    assert re.search(message, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


def test_a_folder_with_another_data_set_is_refused(stream, tmp_path):
    before = dataset_digest(stream)
    done = run("--sensor", "digit", *SMALL, "--seed", "1", "--out", stream, "--resume")
    assert done.returncode == 2
    assert "seed is 0 there and 1 here" in done.stderr
    (tmp_path / "thesis.tex").write_text("do not lose me")
    done = run("--sensor", "digit", *SMALL, "--out", tmp_path)
    assert done.returncode == 2
    assert "thesis.tex" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
    assert dataset_digest(stream) == before


def test_the_package_lists_its_verbs():
    done = subprocess.run([sys.executable, "-m", "simtouch"], capture_output=True, text=True, check=True)
    assert "simtouch.generate" in done.stdout
    assert "simtouch.preview" in done.stdout


@pytest.mark.slow
def test_finite_elements_make_a_small_stream_whose_fields_add_up(tmp_path):
    make(tmp_path / "s", gel="fem", clips=1, frames=4, object=("sphere",), motion=("press",))
    clip = simtouch.open_stream(tmp_path / "s")[0]
    assert clip.force_n[:, 2].min() < -0.05
    for frame in clip.frames:
        sums = [*frame.shear_traction_pa.sum((0, 1)), -frame.normal_traction_pa.sum()]
        np.testing.assert_allclose(np.array(sums) * frame.cell_size_m**2, frame.force_n, atol=1e-3 * max(1e-3, -frame.force_n[2]))
