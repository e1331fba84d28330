"""Ball presses drawn by the tests: a known colour table, circles and exposure offsets in, presses out."""

import numpy as np

from simtouch.optics.calibration.evaluate import predict
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.calibration.surface import press_field
from simtouch.sensors.colour_table import POWERS, ColourTable
from simtouch.sensors.numbers import Numbers

BALL_RADIUS_M, PIXEL_PITCH_M = 2e-3, 0.1e-3


def plain_table(nodes: int = 21) -> ColourTable:
    """Three lamps at 120 degrees, a little brighter to the right; 0 at rest."""
    s = np.linspace(-1, 1, nodes)
    s_y, s_x = np.meshgrid(s, s, indexing="ij")
    lamps = np.deg2rad([90, 210, 330])
    slope = np.stack([90 * (np.cos(t) * s_x + np.sin(t) * s_y) + 10 * (s_x**2 + s_y**2) for t in lamps])
    place = np.zeros((2, 3, 1, len(POWERS)))
    place[..., 0], place[..., 1] = 1.0, 0.15
    return ColourTable(slope=Numbers(np.stack([slope, slope])[:, :, None]), place=Numbers(place))


def drawn_presses(circles_px, shape=(120, 160), *, seed: int = 0, noise: float = 1.0, offset: float = 2.0) -> PressSet:
    """Presses with these circles, which the set knows."""
    rng, table = np.random.default_rng(seed), plain_table()
    H, W = shape
    y, x = np.mgrid[0:H, 0:W]
    rest = np.stack([110 + 20 * x / W, 120 - 15 * y / H, 100 + 10 * (x + y) / (H + W)], -1).astype(np.float32)
    images = []
    for circle in circles_px:
        field = press_field(circle, shape, ball_radius_px=BALL_RADIUS_M / PIXEL_PITCH_M, thickness_px=50.0)
        image = predict(table, rest, field) + rng.normal(0, offset, 3) + rng.normal(0, noise, (*shape, 3))
        images.append(np.clip(np.round(image), 0, 255).astype(np.uint8))
    return PressSet(
        images=np.stack(images),
        rest=np.clip(np.round(rest + rng.normal(0, noise, rest.shape)), 0, 255).astype(np.uint8),
        ball_radius_m=BALL_RADIUS_M,
        pixel_pitch_m=PIXEL_PITCH_M,
        circles_px=np.asarray(circles_px, float),
        names=tuple(f"press_{k:02d}.png" for k in range(len(images))),
    )


def random_circles(count: int, shape=(120, 160), *, seed: int = 0) -> np.ndarray:
    """Whole circles anywhere in the image, radii 12 to 16 px."""
    rng = np.random.default_rng(seed)
    r = rng.uniform(12, 16, count)
    return np.column_stack([rng.uniform(r + 5, shape[1] - r - 5), rng.uniform(r + 5, shape[0] - r - 5), r])
