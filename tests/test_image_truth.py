"""What the image shows is what the labels say: left is left, and dots are where they are said to be."""

import numpy as np
import pytest
from scipy.ndimage import label

import simtouch
from simtouch import indenters
from simtouch.optics.dots import Dots
from simtouch.optics.planes import Planes
from simtouch.scenes import make_scene


def test_a_letter_and_a_screw_are_not_mirrored_in_the_image():
    """F reads as F: its stem left, its bars to the right, the longer on top. Crests of a right-handed thread rise to the right."""
    sim = simtouch.TactileSimulator("gelsight_mini", optics=simtouch.OpticsConfig(noise=False))
    pressed = {}
    for name, body in (("F", indenters.text("F", letter_height_m=7e-3)), ("screw", indenters.screw_thread())):
        sim.reset(body)
        frame = sim.step_depth(np.eye(4), 0.3e-3)
        changed = np.abs(frame.image.astype(int) - sim.background).max(2) > 20
        assert changed.any()
        pressed[name] = frame.height_m < 0.6 * frame.height_m.min()
    rows, cols = np.nonzero(pressed["F"])
    box = pressed["F"][rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
    quarter = np.array(box.shape) // 4
    assert box[:, : quarter[1]].mean() > 3 * box[:, -quarter[1] :].mean()
    assert box[: quarter[0]].mean() > 2 * box[-quarter[0] :].mean()
    assert _rise_of_the_crests(pressed["screw"]) > 0.05


def _rise_of_the_crests(mask):
    """Mean slope of the connected ridges: how far up (towards row 0) they go for a step to the right."""
    labels, count = label(mask)
    slopes = []
    for k in range(1, count + 1):
        rows, cols = np.nonzero(labels == k)
        if len(rows) >= 30 and np.ptp(cols) > 4:
            slopes.append(-np.polyfit(cols, rows, 1)[0])
    return np.mean(slopes)


@pytest.mark.parametrize("name", ["gelsight_mini_markers", "gelsight_2017"])
def test_drawn_dots_are_where_the_labels_say(name):
    """Centroids of the drawn dots against `markers_px`; a dot across a rim of slip is torn, and its centroid with it."""
    sim, rng = simtouch.TactileSimulator(name), np.random.default_rng(0)
    scene = make_scene(sim, indenters.sphere(radius_m=4e-3), "slide", 16, rng)
    frames = list(scene.play(sim))[4::4]
    assert max(np.hypot(*frame.flow_px.T).max() for frame in frames) > 1  # dots that stay prove nothing
    off = [_centroid_errors_px(sim.spec, frame) for frame in frames]
    assert np.median(np.concatenate(off)) < 0.05
    assert np.percentile(np.concatenate(off), 95) < 1.0


def _centroid_errors_px(spec, frame):
    H, W = spec.image_shape
    planes = Planes(H, W)
    light = planes.padded(np.ones((3, H, W), np.float32))
    Dots(spec, planes).print_on(light, frame.displacement_m)
    ink = 1 - planes.inner(light)[0]
    rows, cols = np.mgrid[:H, :W]
    reach = 1.35 * spec.markers.diameter_m / spec.camera.pixel_pitch_m / 2
    errors = []
    for x, y in frame.markers_px:
        if reach < x < W - reach and reach < y < H - reach:
            near = (cols - x) ** 2 + (rows - y) ** 2 < reach**2
            weight = ink[near]
            errors.append(
                np.hypot((cols[near] * weight).sum() / weight.sum() - x, (rows[near] * weight).sum() / weight.sum() - y)
            )
    return np.array(errors)
