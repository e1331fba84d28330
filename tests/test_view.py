"""The verb `view`: what its page holds, what the live sensor does, and the real page in a browser."""

import numpy as np
import pytest

from simtouch import SENSORS, TactileSimulator, indenters, open_stream
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.images import encode_small_png
from simtouch.view_board import STATE_COLOURS, board, contact_colours
from simtouch.view_forces import columns, top_n
from simtouch.view_reading import Reading, Scales, reading_of_clip, reading_of_frame, round_up, scales_of_clip
from simtouch.view_surface import ARROW, ARROW_FACES, ARROWS, Surface, indenter_mesh
from simtouch.view_touch import Touch, Wish, on_the_plane
from tests.stream.conftest import finished  # noqa: F401


class Recording(AnyClip):
    """Pictures and nothing else, as a folder of images has."""

    source, clip_id, sensor_id, sensor_type, indenter, motion, synthetic = "photos", 0, "unit 7", "digit", "", "", False
    background = None
    labels = {"class": np.array(["<b>bolt</b>", "nut"])}  # noqa: RUF012

    def __len__(self):
        return 2

    @property
    def time_s(self):
        return np.arange(2) / 30

    def encoded_image(self, t):
        return encode_small_png(np.full((48, 64, 3), 90 + t, np.uint8))


@pytest.fixture(scope="module")
def pressed():
    """A frame of a DIGIT pressed and dragged, and its background."""
    sim = TactileSimulator("digit")
    sim.reset(indenters.sphere(radius_m=4e-3))
    pose = np.eye(4)
    for x_m in (0.0, 0.3e-3, 0.9e-3):
        pose[0, 3] = x_m
        frame = sim.step_depth(pose, 0.7e-3)
    return frame, sim.background


# What is known of a frame


def test_a_frame_and_its_stored_twin_read_alike(finished):  # noqa: F811
    clip = open_stream(finished)[0]
    stored, loaded = reading_of_clip(clip, 2), reading_of_frame(clip.frames[2].load(), clip.background)
    for name in ("image", "background", "height_m", "normal_traction_pa", "stick_mask", "force_n", "flow_px", "gel_T_indenter"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(loaded, name), err_msg=name)
    assert stored.slip_state == loaded.slip_state
    assert stored.missing == []


def test_a_recording_of_pictures_says_what_it_lacks():
    reading = reading_of_clip(Recording(), 1)
    assert reading.image[0, 0].tolist() == [91, 91, 91]
    assert reading.missing == ["background image", "height map", "tractions", "stick and slip", "marker flow", "force"]
    assert reading.normal_force_n is None


def test_scales_fit_the_largest_frame_and_go_in_round_steps(finished):  # noqa: F811
    clip = open_stream(finished)[0]
    scales = scales_of_clip(clip)
    assert np.abs(clip.maps("normal_traction_pa")).max() <= scales.traction_pa
    assert scales.widened(reading_of_clip(clip, 0)) is scales
    assert [round_up(x) for x in (0, 0.011, 0.2, 3, 7, 10, 11)] == pytest.approx([0, 0.02, 0.2, 5, 10, 10, 20])


# Pictures


def test_the_board_has_a_tile_for_what_is_known(pressed):
    frame, background = pressed
    reading = reading_of_frame(frame, background)
    H, W = frame.image.shape[:2]
    full, bare = board(reading, Scales().widened(reading)), board(Reading(image=frame.image, time_s=0.0), Scales())
    assert full.shape[1] > 3 * W
    assert full.shape[0] > 2 * H
    assert bare.shape[1] == W
    np.testing.assert_array_equal(bare[-H:], frame.image)  # the tactile image as it is


def test_stick_and_slip_have_the_colours_of_the_legend():
    contact, stick = np.array([[False, True, True]]), np.array([[False, False, True]])
    found = ["#" + bytes(c).hex() for c in contact_colours(contact, stick)[0]]
    assert found == [STATE_COLOURS["none"], STATE_COLOURS["slip"], STATE_COLOURS["stick"]]


def test_the_surface_lies_where_the_gel_is_and_tilts_with_it(pressed):
    frame, background = pressed
    reading = reading_of_frame(frame, background)
    spec = SENSORS["digit"]
    surface = Surface(spec.gel.grid_shape, frame.cell_size_m, spec.gel.dome_radius_m)
    tiles = surface.tiles(reading, Scales(), "tactile image", 1.0)
    z = tiles.positions[:, 2].reshape(spec.gel.grid_shape)
    np.testing.assert_allclose(z, (surface.rest_m + reading.height_m) * 1e3, atol=1e-4)
    w, x, y, _ = tiles.wxyzs.T
    normal = np.stack([2 * w * y, -2 * w * x, 1 - 2 * (x**2 + y**2)], -1).reshape(*z.shape, 3)
    slope_x = np.gradient(z, frame.cell_size_m * 1e3, axis=1)
    np.testing.assert_allclose(-normal[..., 0] / normal[..., 2], slope_x, atol=1e-4)
    assert np.linalg.norm(tiles.wxyzs, axis=1) == pytest.approx(1, abs=1e-5)


def test_arrows_point_along_the_tractions_and_end_on_the_gel(pressed):
    frame, background = pressed
    reading = reading_of_frame(frame, background)
    scales = Scales().widened(reading)
    surface = Surface(frame.contact_mask.shape, frame.cell_size_m)
    arrows = surface.arrows(reading, scales, 1.0)
    ends, ways = surface.tractions(reading, scales)
    assert 20 < len(ends) <= ARROWS == len(arrows.positions)
    assert (arrows.positions[len(ends) :, 2] < -1e5).all()  # the rest is out of sight
    assert ways[:, 2].max() < 0  # into the gel
    assert ways[:, 0].mean() > 0  # dragged along +x
    w, x, y, z = arrows.wxyzs[: len(ends)].T
    turned = -np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x**2 + y**2)], -1)  # of -z
    np.testing.assert_allclose(turned * arrows.scales[: len(ends), 2:], ways, atol=1e-4)


@pytest.mark.parametrize("name", ["sphere", "torus", "gear", "box_corner"])
def test_a_body_in_the_page_is_closed_and_fills_its_box(name):
    import trimesh

    body = indenters.INDENTERS[name]()
    vertices, faces = indenter_mesh(body, *body.bounds_m)
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight
    assert mesh.volume > 0
    low, high = (corner * 1e3 for corner in body.bounds_m)
    np.testing.assert_allclose(mesh.bounds, [low, high], atol=0.08 * (high - low).max())
    if name == "sphere":
        assert mesh.volume == pytest.approx(4 / 3 * np.pi * 4**3, rel=0.05)


def test_the_arrow_is_a_closed_mesh():
    import trimesh

    assert trimesh.Trimesh(ARROW, ARROW_FACES, process=False).volume > 0


def test_the_force_plot_has_an_upright_line_now_and_bars_for_states():
    time_s, normal, shear = np.arange(4) / 10, np.array([0, 1.0, 2.0, 0.5]), np.array([0, 0.1, 0.2, 0.3])
    states = np.array(["none", "stick", "slip", "slip"])
    data = columns(time_s, normal, shear, states, 2)
    assert {len(column) for column in data} == {5}
    assert data[0].tolist() == pytest.approx([0, 0.1, 0.2, 0.2, 0.3])
    assert data[-1][2:4].tolist() == [0.0, top_n(normal, shear)]
    assert np.isfinite(data[3]).tolist() == [False, True, False, False, False]
    assert np.isfinite(data[5]).tolist() == [False, False, True, True, True]


# The live sensor


def settle(touch, wish, steps=30):
    for _ in range(steps):
        frame, reading = touch.step(wish, 1 / 30)
    return frame, reading


def test_a_hand_moves_the_indenter_where_it_wishes_and_no_further_than_the_gel_allows():
    touch = Touch(SENSORS["digit"], indenters.sphere(radius_m=4e-3))
    frame, _ = settle(touch, Wish(x_m=2e-3, y_m=-3e-3, yaw_rad=0.4, depth_m=0.5e-3))
    np.testing.assert_allclose(frame.gel_T_indenter[:2, 3], (2e-3, -3e-3), atol=1e-7)
    assert frame.indent_depth_m == pytest.approx(0.5e-3, rel=1e-3)
    half_x, half_y = touch.half_view_m
    frame, _ = settle(touch, Wish(x_m=1.0, y_m=-1.0, depth_m=1.0))
    np.testing.assert_allclose(frame.gel_T_indenter[:2, 3], (half_x, -half_y), atol=1e-6)
    assert frame.indent_depth_m < 0.8 * touch.spec.gel.thickness_m
    assert frame.leaves_view


def test_a_hand_presses_by_force_and_lets_go():
    touch = Touch(SENSORS["gelsight_mini"], indenters.sphere(radius_m=4e-3))
    frame, _ = settle(touch, Wish(force_n=2.0))
    assert frame.normal_force_n == pytest.approx(2.0, rel=0.02)
    frame, _ = settle(touch, Wish(depth_m=-1e-3))
    assert frame.normal_force_n == 0
    touch.reset()
    frame, _ = touch.step(touch.first_wish(), 1 / 30)
    assert frame.time_s == 0


def test_the_mouse_holds_the_point_that_it_took():
    eye = np.array([0.0, -20.0, 15.0])
    np.testing.assert_allclose(on_the_plane(eye, np.array([1.0, -10.0, 8.5]), 2.0), [2.0, 0.0])
    assert on_the_plane(eye, eye + np.array([1, 0, 0]), 2.0) is None  # beside the plane
    assert on_the_plane(eye, eye + np.array([0, 0, 1]), 2.0) is None  # away from it
