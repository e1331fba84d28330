import numpy as np
import pytest

from simtouch import indenters
from simtouch._checks import ArgumentError, SimtouchError
from simtouch.geometry.gap_map import Grid
from simtouch.geometry.pose import from_rotvec, pose
from simtouch.scenes.gel_bushing import bushing_of, softening
from simtouch.scenes.geom_solids import Geom, hull_points, solid_of
from simtouch.simulator import TactileSimulator

pytest.importorskip("mujoco")

from simtouch.scenes.mujoco_scene import MujocoScene

GRID = Grid(40, 40, 0.4e-3)

# A sensor that looks somewhere odd in the world, and a ball on three servos along the gel's own axes.
TURN = from_rotvec((0.4, -0.9, 1.3))
PROBE = """<mujoco><option gravity="0 0 0"/><worldbody>
<body name="housing" pos=".1 .2 .3" quat="{quat}"><geom type="box" size=".01 .01 .005" pos="0 0 -.02"/><site name="gel" pos="0 0 .004"/>
<body name="carriage" pos="0 0 .012"><geom type="sphere" size=".0001" contype="0" conaffinity="0" mass=".05"/></body></body>
<body name="ball" pos="{place}" quat="{quat}"><joint name="x" type="slide" axis="1 0 0"/><joint name="y" type="slide" axis="0 1 0"/>
<joint name="z" type="slide" axis="0 0 1"/><geom type="sphere" size=".005" mass=".05"/></body>
</worldbody><actuator><position joint="x" kp="50000" kv="100"/><position joint="y" kp="50000" kv="100"/>
<position joint="z" kp="2000" kv="20"/></actuator></mujoco>"""
RESTING = """<mujoco><worldbody><site name="gel" pos="0 0 .1"/>
<body name="ball" pos="0 0 .1051"><freejoint/><geom type="sphere" size=".005" mass=".1"/></body></worldbody></mujoco>"""


@pytest.fixture(scope="module")
def mini():
    return TactileSimulator("gelsight_mini")


@pytest.fixture(scope="module")
def probe(mini):
    return probe_on(mini)


def probe_on(sensor, **coupling):
    from simtouch.geometry.pose import to_quaternion

    quat = " ".join(f"{q:.12f}" for q in to_quaternion(TURN))
    place = " ".join(f"{v:.12f}" for v in np.array([0.1, 0.2, 0.3]) + TURN @ (0, 0, 0.004 + 0.0051))
    return MujocoScene(PROBE.format(quat=quat, place=place), lambda side: sensor, **coupling)


def pressed(scene, x_m=0.0, y_m=0.0, frames=10):
    """Press the probe down in 0.1 s, then move it sideways in 0.2 s; the last frame before the move, and the last of all."""
    scene.reset()

    def control(data):
        share = np.clip((data.time - 0.2) / 0.2, 0, 1)
        data.ctrl[:] = x_m * share, y_m * share, -0.7e-3 * min(1, data.time / 0.1)

    felt = [scene.step(control)[""] for _ in range(frames)]
    return felt[4], felt[-1]


def test_layer_presses_as_hard_as_mujoco_says(probe):
    for felt in pressed(probe, x_m=0.1e-3):
        assert 0.1 < felt.frame.normal_force_n < 3
        assert felt.frame.normal_force_n == pytest.approx(-felt.force_n[2], rel=1e-3)


@pytest.mark.parametrize(("axis", "sign"), [(0, 1), (0, -1), (1, 1)])
def test_an_object_that_moves_along_the_gels_axis_drags_gel_and_image_that_way(probe, axis, sign):
    move = [0.0, 0.0]
    move[axis] = sign * 1.5e-3
    before, after = pressed(probe, *move)
    for force in (after.force_n, after.frame.force_n):
        assert sign * force[axis] > 5 * abs(force[1 - axis])
    assert sign * (after.frame.centre_of_pressure_m - before.frame.centre_of_pressure_m)[axis] > 0.5e-3

    def seen(felt):
        changed = np.abs(felt.frame.image.astype(float) - probe._pads[0].sim.background).sum(2)
        changed[changed < 15] = 0
        rows, cols = np.indices(changed.shape)
        return np.array([(changed * cols).sum(), (changed * rows).sum()]) / changed.sum()

    pitch = probe._pads[0].sim.spec.camera.pixel_pitch_m
    assert sign * (seen(after) - seen(before))[axis] * pitch > 0.5e-3


def test_shear_and_torque_follow_mujoco(probe):
    _, after = pressed(probe, x_m=0.25e-3, y_m=0.15e-3, frames=13)
    assert np.allclose(after.frame.force_n, after.force_n, atol=0.05 * np.linalg.norm(after.force_n[:2]))
    assert np.allclose(after.frame.torque_nm, after.torque_nm, atol=0.1 * np.linalg.norm(after.torque_nm))


def test_a_whole_number_of_substeps_makes_a_frame(probe, mini):
    assert probe.substeps * probe.model.opt.timestep * mini.spec.camera.fps == pytest.approx(1, abs=1e-12)
    probe.reset()
    for _ in range(3):
        probe.step()
    assert probe.data.time == pytest.approx(3 / mini.spec.camera.fps, abs=1e-12)


def test_frames_are_stamped_and_seen_as_the_sensors_whatever_the_coupling(mini):
    often, once = probe_on(mini, coupling_hz=100.0), probe_on(mini, coupling_hz=0)
    assert (often.couplings, once.couplings) == (4, 1)
    frames = {}
    for scene in (often, once):
        scene.reset()
        frames[scene] = [scene.step()[""].frame for _ in range(3)]
        assert [frame.time_s for frame in frames[scene]] == pytest.approx([0, 1 / mini.spec.camera.fps, 2 / mini.spec.camera.fps])
    for one, other in zip(*frames.values(), strict=True):  # nothing touches yet, so the noise is all that changes
        assert np.array_equal(one.image, other.image)


def test_gel_and_mujoco_differ_less_when_they_are_coupled_more_often(mini):
    def error(coupling_hz):
        scene = probe_on(mini, coupling_hz=coupling_hz)
        scene.reset()
        felt = [scene.step(pull)[""] for _ in range(10)][3:]
        return np.sqrt(np.mean([(f.frame.shear_force_n - f.force_n[:2]) ** 2 for f in felt]))

    def pull(data):
        data.ctrl[:] = 2e-3 * np.clip((data.time - 0.12) / 0.2, 0, 1), 0, -0.7e-3 * min(1, data.time / 0.1)

    assert error(200.0) < 0.5 * error(0)


def test_springs_follow_the_slope_that_the_gel_showed():
    stuck, answer = np.array([1.0, -1.0, 1.0, 1.0, 1e-9, 1.0]), np.ones(6)
    growth = np.array([0.5, -0.5, 0.1, 0.0, 5.0, 2.0])  # half as steep, so backwards too; z; slides; stands still; unloads
    assert softening(growth, stuck, answer) == pytest.approx([0.5, 0.5, 1, 0.2, 1, 1])


def test_a_ball_at_rest_presses_with_its_weight(mini):
    scene = MujocoScene(RESTING, lambda side: mini)
    for _ in range(12):
        felt = scene.step()[""]
    assert -felt.force_n[2] == pytest.approx(0.981, rel=0.01)
    assert felt.frame.normal_force_n == pytest.approx(0.981, rel=0.01)
    assert not felt.gross_slip


def test_equal_seeds_give_equal_bytes(probe):
    def play():
        _, felt = pressed(probe, x_m=0.2e-3)
        return felt.frame.image.tobytes() + felt.force_n.tobytes() + felt.frame.shear_traction_pa.tobytes()

    assert play() == play()


BAD = {
    "no sensor site": (RESTING.replace('name="gel"', 'name="tip"'), "must have a sensor site"),
    "no site at all": (RESTING.replace('<site name="gel" pos="0 0 .1"/>', ""), "no site at all"),
    "nothing to touch": ('<mujoco><worldbody><site name="gel"/></worldbody></mujoco>', "must name the body"),
    "two bodies": (RESTING.replace("</worldbody>", '<body name="b"><freejoint/><geom size=".01"/></body></worldbody>'), "ball, b"),
    "not MJCF": ("<mujoco", "MJCF that MuJoCo loads"),
    "no such file": ("/nowhere/scene.xml", "MJCF that MuJoCo loads"),
    "a shape no gel knows": (
        '<mujoco><asset><hfield name="h" nrow="2" ncol="2" size="1 1 .1 .1" elevation="0 0 0 1"/></asset><worldbody>'
        '<geom name="ground" type="hfield" hfield="h"/><body name="finger"><joint/><geom size=".01"/><site name="gel"/></body>'
        "</worldbody></mujoco>",
        "`ground` is a hfield",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_mjcf_gets_one_sentence(case, mini):
    text, said = BAD[case]
    with pytest.raises(ArgumentError, match=said) as caught:
        MujocoScene(text, lambda side: mini)
    assert "\n" not in str(caught.value)


def test_unknown_names_list_the_known_ones(mini):
    with pytest.raises(SimtouchError, match="Known: gel"):
        MujocoScene(RESTING, lambda side: mini, sites=("gel_left",))
    with pytest.raises(SimtouchError, match="ball"):
        MujocoScene(RESTING, lambda side: mini, touched="egg")


UPRIGHT = from_rotvec((np.pi / 2, 0, 0))
SAME = {
    "sphere": (Geom(kind="sphere", size_m=(4e-3,), place=np.eye(4)), indenters.sphere(radius_m=4e-3)),
    "capsule": (Geom(kind="capsule", size_m=(2e-3, 3e-3), place=pose((0, 0, 0), UPRIGHT)), indenters.capsule(2e-3, 10e-3)),
    "cylinder": (Geom(kind="cylinder", size_m=(3e-3, 4e-3), place=np.eye(4)), indenters.cylinder(3e-3, 8e-3, axis="end")),
    "ellipsoid": (Geom(kind="ellipsoid", size_m=(5e-3, 3e-3, 4e-3), place=np.eye(4)), indenters.ellipsoid((5e-3, 3e-3, 4e-3))),
    "box": (Geom(kind="box", size_m=(4e-3, 3e-3, 5e-3), place=np.eye(4)), indenters.box((8e-3, 6e-3, 10e-3), edge_radius_m=60e-6)),
}  # fmt: skip


@pytest.mark.parametrize("kind", SAME)
def test_geoms_become_the_bodies_they_are(kind):
    geom, wanted = SAME[kind]
    held = pose((1e-3, 0, 6e-3), from_rotvec((0.2, -0.3, 0.5)))
    ours, theirs = solid_of("body", [geom]).underside_m(held, GRID), wanted.underside_m(held, GRID)
    assert (np.isfinite(ours) == np.isfinite(theirs)).mean() > 0.995
    both = np.isfinite(ours) & np.isfinite(theirs)
    assert np.abs(ours[both] - theirs[both]).max() < 20e-6


def test_a_body_of_several_geoms_is_the_lowest_of_them():
    low, high = (Geom(kind="sphere", size_m=(2e-3,), place=pose((x, 0, z))) for x, z in ((-4e-3, 0), (4e-3, 1e-3)))
    both = solid_of("two", [low, high]).underside_m(np.eye(4), GRID)
    apart = [solid_of("one", [geom]).underside_m(np.eye(4), GRID) for geom in (low, high)]
    assert (both == np.minimum(*apart)).all()


def test_hull_points_lie_on_the_body():
    points = hull_points(indenters.cylinder(3e-3, 12e-3))
    low, high = indenters.cylinder(3e-3, 12e-3).bounds_m
    assert np.allclose(points.min(0), low, atol=30e-6)
    assert np.allclose(points.max(0), high, atol=30e-6)


def test_a_bushing_is_stiffest_in_stick_and_as_strong_as_friction(mini):
    """The arm of friction of a ball is near that of Hertz, 3 pi a / 16, on a thick gel."""
    ball = indenters.sphere(radius_m=5e-3)
    stick, loaded = (bushing_of(mini, ball, np.eye(4), 0.4, share=share) for share in (0.0, 0.7))
    assert all(first > secant > 0.6 * first for first, secant in zip(stick.shear_n_m, loaded.shear_n_m, strict=True))
    assert stick.torsion_nm > loaded.torsion_nm > 0.3 * stick.torsion_nm
    mini.reset(ball)
    radius = np.sqrt(mini.step_force(np.eye(4), 0.4).contact_area_m2 / np.pi)
    assert stick.friction_length_m == pytest.approx(mini.spec.gel.friction * 3 * np.pi / 16 * radius, rel=0.1)
