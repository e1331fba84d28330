"""What every frame of every sensor may be relied on for."""

import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import simtouch
from simtouch import indenters
from simtouch.frame import SLIP_STATES, TactileFrame
from simtouch.gel.slip import slip_state
from simtouch.geometry.pose import from_rotvec
from simtouch.scenes import MOTIONS, make_scene
from simtouch.sensors import SENSORS

QUIET = simtouch.OpticsConfig(noise=False)
_KEPT: dict = {}


def simulator(name: str, **options) -> simtouch.TactileSimulator:
    """One simulator a sensor for the whole module; `reset` makes it new."""
    key = (name, *sorted(options))
    if key not in _KEPT:
        _KEPT[key] = simtouch.TactileSimulator(name, optics=QUIET, **options)
    return _KEPT[key]


def at(depth_m: float, radius_m: float = 4e-3, x_m: float = 0.0) -> np.ndarray:
    pose = np.eye(4)
    pose[0, 3], pose[2, 3] = x_m, radius_m - depth_m
    return pose


def check(frame: TactileFrame, spec) -> None:
    """The invariants of a frame."""
    area = frame.cell_size_m**2
    normal, shear = frame.normal_traction_pa.astype(float), frame.shear_traction_pa.astype(float)
    sums = np.array([shear[..., 0].sum(), shear[..., 1].sum(), -normal.sum()]) * area
    scale = max(np.abs(frame.force_n).max(), 1e-9)
    np.testing.assert_allclose(sums, frame.force_n, atol=1e-5 * scale)
    assert (normal >= 0).all()
    assert (np.hypot(shear[..., 0], shear[..., 1]) <= spec.gel.friction * normal * (1 + 1e-6)).all()
    assert not (frame.stick_mask & ~frame.contact_mask).any()
    assert (frame.contact_mask == (normal > 0)).all()
    assert frame.contact_area_m2 == pytest.approx(frame.contact_mask.sum() * area)
    assert frame.slip_state == slip_state(frame.contact_mask, frame.contact_mask & ~frame.stick_mask)
    assert 0 <= frame.slip_ratio <= 1
    assert frame.slip_state in SLIP_STATES
    assert frame.image.shape == (*spec.image_shape, 3)
    assert frame.image.dtype == np.uint8
    assert frame.height_m.shape == spec.image_shape
    for field in fields(TactileFrame):
        value = getattr(frame, field.name)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            assert np.isfinite(value).all(), field.name
    x, y = spec.gel_grid.x_m[None, :], spec.gel_grid.y_m[:, None]
    assert frame.torque_nm[2] == pytest.approx(((x * shear[..., 1] - y * shear[..., 0]) * area).sum(), abs=1e-9)


@pytest.mark.parametrize("name", SENSORS)
def test_resting_gel_shows_the_background(name):
    sim = simulator(name)
    sim.reset(indenters.sphere(radius_m=4e-3))
    frame = sim.step(at(-1e-3))
    assert (frame.image == sim.background).all()
    assert frame.slip_state == "none"
    assert not frame.force_n.any()
    check(frame, sim.spec)


@given(
    name=st.sampled_from(sorted(SENSORS)),
    shape=st.sampled_from(sorted(indenters.INDENTERS)),
    motion=st.sampled_from(sorted(MOTIONS)),
    seed=st.integers(0, 2**20),
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_frame_of_any_clip_keeps_the_invariants(name, shape, motion, seed):
    rng, sim = np.random.default_rng(seed), simulator(name)
    indenter = indenters.random_indenter(shape, rng)
    scene = make_scene(sim, indenter, motion, 10, rng)
    for frame in scene.play(sim, seed=seed):
        check(frame, sim.spec)
        assert frame.normal_force_n <= 2 * sim.spec.working_range.normal_force_n[1]


@given(
    name=st.sampled_from(sorted(SENSORS)),
    path=st.lists(
        st.tuples(
            st.floats(-1e-3, 1e-3),
            st.floats(-3e-3, 3e-3),
            st.floats(-3e-3, 3e-3),
            st.floats(-0.3, 0.3),
            st.floats(-0.3, 0.3),
            st.floats(-3, 3),
        ),
        min_size=1,
        max_size=5,
    ),
)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_path_keeps_the_invariants(name, path):
    """Jumps, tilts and turns that no motion would make."""
    sim = simulator(name)
    sim.reset(indenters.sphere(radius_m=4e-3))
    for depth, x, y, *turn in path:
        pose = at(depth, x_m=x)
        pose[1, 3], pose[:3, :3] = y, from_rotvec(turn)
        check(sim.step(pose), sim.spec)


def test_equal_seeds_give_equal_bytes_and_reset_rewinds():
    sim, other = simtouch.TactileSimulator("digit"), simtouch.TactileSimulator("digit")
    ball = indenters.sphere(radius_m=4e-3)
    runs = []
    for one in (sim, other, sim):
        one.reset(ball, seed=7)
        runs.append([one.step(at(0.4e-3, x_m=1e-4 * k)) for k in range(4)])
    other.reset(ball, seed=8)
    for first, second, third in zip(*runs, strict=True):
        for name in (field.name for field in fields(TactileFrame)):
            assert np.array_equal(getattr(first, name), getattr(second, name)), name
            assert np.array_equal(getattr(first, name), getattr(third, name)), name
    assert not np.array_equal(other.step(at(0.4e-3)).image, runs[0][0].image)


def test_a_frame_does_not_depend_on_another_simulator():
    ball = indenters.sphere(radius_m=4e-3)
    alone = simtouch.TactileSimulator("digit", seed=3)
    alone.reset(ball)
    expected = [alone.step(at(0.3e-3, x_m=1e-4 * k)) for k in range(3)]
    one, other = simtouch.TactileSimulator("digit", seed=3), simtouch.TactileSimulator("gelsight_mini", seed=9)
    one.reset(ball)
    other.reset(indenters.text())
    for k, frame in enumerate(expected):
        other.step(at(0.5e-3, x_m=2e-4 * k))
        mine = one.step(at(0.3e-3, x_m=1e-4 * k))
        assert np.array_equal(mine.image, frame.image)
        assert np.array_equal(mine.shear_traction_pa, frame.shear_traction_pa)


def test_a_batch_is_its_contacts_side_by_side():
    ball, punch = indenters.sphere(radius_m=4e-3), indenters.flat_punch()
    batch = simtouch.TactileSimulator("digit", seed=5, batch=2)
    batch.reset([ball, punch])
    poses = np.stack([at(0.4e-3), at(0.2e-3, punch.reach_m(np.eye(3)))])
    both = batch.step(poses)
    assert both.image.shape == (2, *batch.spec.image_shape, 3)
    assert both.normal_force_n.shape == (2,)
    for index, indenter in enumerate((ball, punch)):
        single = simtouch.TactileSimulator("digit", seed=5 + index)
        single.reset(indenter)
        frame = single.step(poses[index])
        assert np.array_equal(frame.image, both.image[index])
        assert np.array_equal(frame.force_n, both.force_n[index])


@pytest.mark.parametrize("how", ["step_force", "step_depth"])
def test_a_batch_finds_its_depths_and_forces_each_for_itself(how):
    ball = indenters.sphere(radius_m=4e-3)
    poses = np.stack([at(0.4e-3), at(-1e-3, x_m=1e-3), at(0.1e-3, x_m=-2e-3)])
    wanted = np.array([0.8, 0.0, 2.5]) * (1 if how == "step_force" else 0.2e-3)
    batch = simtouch.TactileSimulator("digit", seed=5, batch=3)
    batch.reset(ball)
    both = [getattr(batch, how)(poses, wanted) for _ in range(2)][-1]
    if how == "step_force":
        np.testing.assert_allclose(both.normal_force_n, wanted, rtol=1e-3, atol=1e-9)
    for index in range(3):
        single = simtouch.TactileSimulator("digit", seed=5 + index)
        single.reset(ball)
        frame = [getattr(single, how)(poses[index], wanted[index]) for _ in range(2)][-1]
        for name in ("image", "force_n", "slip_m", "centre_of_pressure_m", "gel_T_indenter"):
            assert np.array_equal(getattr(frame, name), getattr(both, name)[index])


def test_a_sphere_at_its_radius_less_d_indents_by_d():
    sim = simulator("gelsight_mini")
    sim.reset(indenters.sphere(radius_m=4e-3))
    frame = sim.step(at(0.5e-3))
    assert frame.indent_depth_m == pytest.approx(0.5e-3, rel=2e-3)
    assert frame.height_m.min() == pytest.approx(-0.5e-3, rel=2e-3)
    assert frame.force_n[2] < 0


def test_a_press_on_the_mini_has_the_force_of_the_layer():
    """Sphere of 8 mm, 0.5 mm deep, E 0.30 MPa, t 4.25 mm: 0.56 N; the crown takes a little of it."""
    sim = simulator("gelsight_mini")
    sim.reset(indenters.sphere(radius_m=4e-3))
    assert sim.step(at(0.5e-3)).normal_force_n == pytest.approx(0.56, rel=0.03)


@pytest.mark.parametrize("name", SENSORS)
def test_step_depth_indents_by_the_depth_wherever_the_dome_is(name):
    sim = simulator(name)
    sim.reset(indenters.sphere(radius_m=4e-3))
    for x in (0.0, 4e-3):
        frame = sim.step_depth(at(0.0, x_m=x), 0.4e-3)
        assert frame.indent_depth_m == pytest.approx(0.4e-3, rel=1e-3)
    assert sim.step_depth(at(0.0), -0.1e-3).slip_state == "none"


@pytest.mark.parametrize("name", SENSORS)
def test_step_force_presses_with_the_force(name):
    sim = simulator(name)
    sim.reset(indenters.sphere(radius_m=4e-3))
    for force in (0.2, 1.0, 0.5):
        frame = sim.step_force(at(0.0, x_m=1e-3), force)
        assert frame.normal_force_n == pytest.approx(force, rel=2e-3)
        assert frame.gel_T_indenter[0, 3] == 1e-3
    assert sim.step_force(at(0.0), 0.0).normal_force_n == 0


def test_a_slide_sticks_then_creeps_then_slips():
    sim = simulator("gelsight_mini_markers")
    sim.reset(indenters.sphere(radius_m=4e-3))
    states = [sim.step(at(0.1e-3 * min(k, 5), x_m=0.03e-3 * max(0, k - 8))).slip_state for k in range(60)]
    order = [s for i, s in enumerate(states) if i == 0 or s != states[i - 1]]
    assert order == ["none", "stick", "incipient", "slip"]


def test_markers_follow_the_finger_sideways():
    sim = simulator("gelsight_mini_markers")
    sim.reset(indenters.flat_punch())
    reach = indenters.flat_punch().reach_m(np.eye(3))
    for k in range(6):
        frame = sim.step(at(0.3e-3, reach, x_m=0.04e-3 * k))
    near = np.abs(frame.markers_px - np.array(sim.spec.image_shape[::-1]) / 2).max(1) < 30
    assert (frame.flow_px[near, 0] > 1).all()
    assert (frame.shear_traction_pa[..., 0].sum()) > 0


def test_time_goes_on_by_dt():
    sim = simulator("digit")
    sim.reset(indenters.sphere(radius_m=4e-3))
    times = [sim.step(at(0.1e-3), dt).time_s for dt in (None, None, 0.5)]
    assert times == pytest.approx([0, 1 / 60, 1 / 60 + 0.5])


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda s: simtouch.TactileSimulator("digitt"), "Did you mean `digit`"),
        (lambda s: simtouch.TactileSimulator("digit", gel="jelly"), "Known: fem, layer, membrane"),
        (lambda s: simtouch.TactileSimulator("digit", batch=0), "`batch` must be >= 1"),
        (lambda s: s.reset("ball"), "`indenter` must be an indenter"),
        (lambda s: s.step(np.eye(3)), "`gel_T_indenter` must have shape"),
        (lambda s: s.step(np.diag([1, 1, 2, 1])), "rigid transform"),
        (lambda s: s.step(np.full((4, 4), np.nan)), "NaN"),
        (lambda s: s.step(at(0.1e-3), 0.0), "`dt_s` must be"),
        (lambda s: s.step(at(3.9e-3)), "presses 3.90 mm deep"),
        (lambda s: s.step_force(at(0), -1), "`normal_force_n` must be"),
        (lambda s: s.step_depth(at(0, x_m=1.0), 1e-4), "beside the sensor"),
        (lambda s: s.step_force(at(0), "hard"), "`normal_force_n` must be a number"),
        (lambda s: s.step_force(at(0), 1e4), "more depth than the gel has"),
    ],
)
def test_bad_arguments_are_named(act, message):
    sim = simulator("digit")
    sim.reset(indenters.sphere(radius_m=4e-3))
    with pytest.raises(simtouch.SimtouchError, match=message.replace("(", r"\(")):
        act(sim)


def test_a_step_before_reset_says_so():
    with pytest.raises(simtouch.SimtouchError, match="reset"):
        simtouch.TactileSimulator("digit").step(np.eye(4))


def test_taichi_threads_do_not_change_a_frame():
    code = (
        "import hashlib, numpy as np, simtouch\n"
        "sim = simtouch.TactileSimulator('gelsight_mini_markers', seed=1); sim.reset(simtouch.indenters.text('F'))\n"
        "pose = np.eye(4); pose[2, 3] = simtouch.indenters.text('F').reach_m(np.eye(3)) - 3e-4\n"
        "f = sim.step(pose); print(hashlib.sha256(f.image.tobytes() + f.height_m.tobytes() + f.shear_traction_pa.tobytes()).hexdigest())"
    )
    import os

    hashes = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"SIMTOUCH_TI_THREADS": str(n)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for n in (1, 2)
    }
    assert len(hashes) == 1
