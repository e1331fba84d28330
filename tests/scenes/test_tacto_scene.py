"""TACTO sees the same contact, where it is installed; where it is not, one sentence says how."""

import importlib.util

import numpy as np
import pytest

from simtouch import TactileSimulator, indenters
from simtouch._checks import MissingExtraError, SimtouchError
from simtouch.geometry.pose import from_rotvec
from simtouch.scenes import make_scene
from simtouch.scenes.tacto_scene import TactoScene, play_beside

FOUND = all(importlib.util.find_spec(name) for name in ("tacto", "pybullet", "urchin", "pyrender", "omegaconf"))
needs_tacto = pytest.mark.skipif(not FOUND, reason="TACTO is not installed: make tacto")
filters = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning")


def test_without_tacto_one_sentence_names_the_install_lines(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    sim = TactileSimulator("digit")
    with pytest.raises(MissingExtraError, match=r"make tacto.*pip install --no-deps tacto"):
        TactoScene(sim.spec, sim.background)


@pytest.fixture(scope="module")
def scene():
    if not FOUND:
        pytest.skip("TACTO is not installed: make tacto")
    import warnings

    sim = TactileSimulator("digit")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an old package and of OpenGL
        tacto = TactoScene(sim.spec, sim.background, noise=False)
    yield sim, tacto
    tacto.close()


def _changed(image, background):
    rows, cols = np.nonzero(np.abs(image.astype(int) - background).sum(-1) > 24)
    return np.array([cols.mean(), rows.mean()]) if len(rows) else None


@needs_tacto
@filters
def test_the_resting_pad_is_the_background(scene):
    sim, tacto = scene
    tacto.reset(indenters.sphere())
    pose = np.eye(4)
    pose[2, 3] = 0.02
    assert np.abs(tacto.image(pose).astype(int) - sim.background).max() <= 1
    assert not tacto.touches


@needs_tacto
@filters
@pytest.mark.parametrize("place_m", [(0, 0), (3e-3, 0), (0, 5e-3), (-2e-3, -4e-3)])
def test_a_ball_is_seen_where_ours_is(scene, place_m):
    sim, tacto = scene
    ball = indenters.sphere(radius_m=4e-3)
    sim.reset(ball)
    pose = np.eye(4)
    pose[:2, 3] = place_m
    frame = sim.step_depth(pose, 0.6e-3)
    tacto.reset(ball)
    theirs = _changed(tacto.image(frame.gel_T_indenter), sim.background)
    assert tacto.touches
    rows, cols = np.nonzero(frame.height_m < -0.1e-3)
    assert np.abs(theirs - (cols.mean(), rows.mean())).max() < 6


@needs_tacto
@filters
def test_a_letter_is_not_mirrored(scene):
    """The F's arms point to the right in both: as many changed pixels lie right of its stem as left of it in neither."""
    sim, tacto = scene
    letter = indenters.text("F")
    sim.reset(letter)
    frame = sim.step_depth(np.eye(4), 0.4e-3)
    tacto.reset(letter)
    ours = np.abs(frame.image.astype(int) - sim.background).sum(-1) > 40
    theirs = np.abs(tacto.image(frame.gel_T_indenter).astype(int) - sim.background).sum(-1) > 20
    both, mirrored = (ours & theirs).sum(), (ours & theirs[:, ::-1]).sum()
    assert both > 1.15 * mirrored


@needs_tacto
@filters
def test_objects_come_and_go_and_clips_play_beside(scene):
    sim, tacto = scene
    for k, name in enumerate(("cone", "textile", "box_face")):
        clip = make_scene(sim, indenters.random_indenter(name, np.random.default_rng(k)), "press", 6, np.random.default_rng(k))
        frames = list(play_beside(clip, sim, tacto))
        deepest, image = max(frames, key=lambda pair: pair[0].normal_force_n)
        assert deepest.normal_force_n > 0.01
        assert np.abs(image.astype(int) - sim.background).max() > 8


@needs_tacto
@filters
def test_before_reset_there_is_no_image(scene):
    sim, tacto = scene
    with pytest.raises(SimtouchError, match="reset"):
        TactoScene.image(_fresh(tacto), from_rotvec_pose())


def _fresh(tacto):
    """A scene like `tacto` whose object is not there yet: OpenGL allows no second one."""
    bare = object.__new__(TactoScene)
    bare._object = None
    return bare


def from_rotvec_pose():
    pose = np.eye(4)
    pose[:3, :3] = from_rotvec((0, 0, 0.1))
    return pose
