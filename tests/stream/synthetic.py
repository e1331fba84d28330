"""Frames of a Hertz-like ball that is pressed and dragged: closed forms, no simulator, labels that fit each other."""

from dataclasses import dataclass, replace

import numpy as np

from simtouch.frame import TactileFrame

PITCH_M = 0.0567e-3
RADIUS_M = 4e-3
MODULUS_PA = 0.2e6


def make_frames(
    count=6, *, image_shape=(64, 48), gel_shape=(16, 12), markers=0, noise=2.0, seed=0, friction=0.9
) -> list[TactileFrame]:
    """A ball that comes down, is dragged until it slips, and leaves."""
    rng = np.random.default_rng(seed)
    size_m = np.array(image_shape) * PITCH_M * 320 / image_shape[0]
    balls = [_Ball(float(phase), friction) for phase in np.linspace(0, 1, count)]
    return [_frame(t, ball, image_shape, gel_shape, size_m, markers, noise, rng) for t, ball in enumerate(balls)]


def background(image_shape=(64, 48)) -> np.ndarray:
    """A resting sensor: three lamps that fade over the view."""
    y, x = np.mgrid[0 : 1 : image_shape[0] * 1j, 0 : 1 : image_shape[1] * 1j]
    return np.stack([90 + 60 * x, 100 + 50 * y, 150 - 60 * x], axis=-1).astype(np.uint8)


def with_field(frame: TactileFrame, **changes) -> TactileFrame:
    """The frame with other values, `force_n` made to fit the tractions."""
    frame = replace(frame, **changes)
    area = frame.cell_size_m**2
    x, y = frame.shear_traction_pa.sum((0, 1), dtype=np.float64)
    return replace(frame, force_n=np.array([x, y, -frame.normal_traction_pa.sum(dtype=np.float64)]) * area)


def _grid(shape, size_m):
    y = (np.arange(shape[0]) - (shape[0] - 1) / 2) * size_m[0] / shape[0]
    x = (np.arange(shape[1]) - (shape[1] - 1) / 2) * size_m[1] / shape[1]
    return np.meshgrid(x, y)


@dataclass(frozen=True)
class _Ball:
    """The ball at one moment."""

    phase: float
    friction: float

    @property
    def depth_m(self):
        return 0.6e-3 * float(np.clip(4 * min(self.phase, 1 - self.phase), 0, 1))

    @property
    def drag(self):
        return float(np.clip((self.phase - 0.25) * 2, 0, 1))

    @property
    def center_m(self):
        return np.array([(self.drag - 0.5) * 3e-3, 0.8e-3])

    @property
    def contact_radius_m(self):
        return np.sqrt(RADIUS_M * self.depth_m)

    @property
    def stick_radius_m(self):
        return self.contact_radius_m * (1 - self.drag) ** (1 / 3)

    def distance_m(self, x, y):
        return np.hypot(x - self.center_m[0], y - self.center_m[1])

    def height_m(self, x, y):
        return -self.depth_m * np.exp(-(self.distance_m(x, y) ** 2) / (2 * (self.contact_radius_m + 1e-4) ** 2))

    def tractions_pa(self, x, y):
        """Hertz, and Cattaneo-Mindlin while it is dragged."""
        peak_pa = 2 / np.pi * MODULUS_PA * self.contact_radius_m / RADIUS_M
        full, core = (_half_ellipsoid(self.distance_m(x, y), radius) for radius in (self.contact_radius_m, self.stick_radius_m))
        share = self.stick_radius_m / max(self.contact_radius_m, 1e-9)
        shear = self.friction * peak_pa * (full - share * core) * (self.drag > 0)
        return peak_pa * full, np.stack([shear, 0 * shear], axis=-1)


def _half_ellipsoid(r, radius):
    return np.sqrt(np.clip(1 - (r / max(radius, 1e-9)) ** 2, 0, 1))


def _image(ball, image_shape, size_m, noise, rng):
    height = ball.height_m(*_grid(image_shape, size_m))
    slope_y, slope_x = np.gradient(height, size_m[0] / image_shape[0])
    change = np.stack([90 * slope_x, 70 * slope_y, -80 * slope_x], axis=-1)
    noisy = background(image_shape) + change + rng.normal(0, 1, change.shape) * noise
    return height.astype(np.float32), np.clip(noisy, 0, 255).astype(np.uint8)


def _markers(count, image_shape, drag):
    rows, (H, W) = int(np.sqrt(count)), image_shape
    x, y = np.meshgrid(np.linspace(0.1, 0.9, rows) * W, np.linspace(0.1, 0.9, rows) * H)
    rest = np.stack([x, y], axis=-1).reshape(-1, 2)
    flow = np.exp(-((rest / (W, H) - 0.5) ** 2).sum(1, keepdims=True) / 0.05) * (0.05 * W * drag, 0)
    return (rest + flow).astype(np.float32), flow.astype(np.float32)


def _slip(touched, stuck):
    if not touched.any():
        return "none", 0.0
    ratio = float(1 - stuck.sum() / touched.sum())
    return "stick" if ratio == 0 else "slip" if ratio == 1 else "incipient", ratio


def _frame(t, ball, image_shape, gel_shape, size_m, markers, noise, rng) -> TactileFrame:
    x, y = _grid(gel_shape, size_m)
    normal, shear = ball.tractions_pa(x, y)
    touched = normal > 0
    stuck = touched & (ball.distance_m(x, y) < ball.stick_radius_m)
    slip_state, slip_ratio = _slip(touched, stuck)
    height, image = _image(ball, image_shape, size_m, noise, rng)
    markers_px, flow_px = _markers(markers, image_shape, ball.drag)
    lateral = 0.3e-3 * ball.drag * np.exp(-((ball.distance_m(x, y) / 2e-3) ** 2))
    pose = np.eye(4)
    pose[:3, 3] = *ball.center_m, RADIUS_M - ball.depth_m
    cell_m = size_m[0] / gel_shape[0]
    frame = TactileFrame(
        image=image,
        height_m=height,
        contact_mask=touched,
        stick_mask=stuck,
        normal_traction_pa=normal.astype(np.float32),
        shear_traction_pa=shear.astype(np.float32),
        displacement_m=np.stack([lateral, 0 * lateral, ball.height_m(x, y)], axis=-1).astype(np.float32),
        slip_m=np.where((touched & ~stuck)[..., None], np.stack([lateral, 0 * lateral], -1), 0).astype(np.float32),
        slip_rate_m_s=np.where((touched & ~stuck)[..., None], np.stack([2 * lateral, lateral], -1), 0).astype(np.float32),
        force_n=np.zeros(3),
        torque_nm=np.array([0.0, 0.0, 1e-4 * ball.drag]),
        torsion_nm=1e-4 * ball.drag,
        centre_of_pressure_m=np.array(ball.center_m, float),
        leaves_view=bool(touched[[0, -1]].any() or touched[:, [0, -1]].any()),
        cell_size_m=float(cell_m),
        friction=ball.friction,
        slip_state=slip_state,
        slip_ratio=slip_ratio,
        contact_area_m2=float(touched.sum() * cell_m**2),
        indent_depth_m=ball.depth_m,
        markers_px=markers_px,
        flow_px=flow_px,
        gel_T_indenter=pose,
        time_s=t / 60,
    )
    return with_field(frame)
