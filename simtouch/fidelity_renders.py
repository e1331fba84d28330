"""Ways to predict the picture of a ball press: a sensor and a contact circle in, the tactile image out.

Optics only: the true contact circle goes in, the layer's exact surface for it is lit. Gel + optics: the ball goes in, at the pose and
depth whose contact on the simulated gel is as large as the circle; what the gel makes of it is lit.
"""

import math
from dataclasses import replace

import numpy as np

from simtouch import indenters
from simtouch._checks import ArgumentError
from simtouch.contact import DEEPEST
from simtouch.optics import OpticsConfig, Renderer
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.calibration.surface import press_field
from simtouch.sensors import Background, Camera, Coating, GelPad, Light, Numbers, SensorSpec, WorkingRange
from simtouch.simulator import TactileSimulator

CELLS = 4800
"""Size of the mechanics grid of a sensor that is not described."""
_DEPTHS, _SAMPLES = 24, 3


class OpticsRender:
    """Optics only. `surface` is the thickness [m] and Poisson's ratio of the layer whose free surface surrounds the ball."""

    def __init__(
        self, spec: SensorSpec, ball_radius_m: float, surface: tuple[float, float], *, noise: bool = False, seed: int = 0
    ):
        self._renderer = Renderer(spec, OpticsConfig(noise=noise))
        self._pitch_m, self._shape = spec.camera.pixel_pitch_m, spec.image_shape
        self._ball_radius_m, self._surface, self._seed, self._count = ball_radius_m, surface, seed, 0

    @property
    def background(self) -> np.ndarray:
        """The resting sensor, RGB, uint8, (H, W, 3)."""
        return self._renderer.background

    def rest(self) -> np.ndarray:
        """What the resting gel is rendered as."""
        return self._renderer.render_clean(np.zeros(self._shape, np.float32))

    def image(self, circle_px) -> np.ndarray:
        """The press with this contact circle (column, row, radius), RGB, uint8, (H, W, 3)."""
        thickness_m, poisson_ratio = self._surface
        field = press_field(
            circle_px,
            self._shape,
            ball_radius_px=self._ball_radius_m / self._pitch_m,
            thickness_px=thickness_m / self._pitch_m,
            poisson_ratio=poisson_ratio,
        )
        height = np.asarray(field.height_px * self._pitch_m, np.float32)
        self._count += 1
        return self._renderer.render(height, touched=field.touched, seed=self._seed, frame_index=self._count)


class GelRender:
    """Gel + optics: presses the ball with the sensor's own mechanics, so deep that the contact has the circle's radius."""

    def __init__(self, spec: SensorSpec, ball_radius_m: float, *, noise: bool = False, seed: int = 0):
        self._sim = TactileSimulator(spec, optics=OpticsConfig(noise=noise))
        self._ball = indenters.sphere(radius_m=ball_radius_m)
        self._seed, self._count = seed, 0
        self._depths_m, self._radii_m = contact_radii(spec, self._ball)

    @property
    def background(self) -> np.ndarray:
        """The resting sensor, RGB, uint8, (H, W, 3)."""
        return self._sim.background

    def rest(self) -> np.ndarray:
        """What the resting gel is rendered as, the ball held clear of it."""
        pose = np.eye(4)
        pose[2, 3] = 1.0
        self._sim.reset(self._ball, seed=self._seed)
        return self._sim.step(pose).image

    def depth_m(self, radius_px: float) -> float:
        """Indent depth at which the contact has this radius."""
        radius_m = radius_px * self._sim.spec.camera.pixel_pitch_m
        if not radius_m <= self._radii_m[-1]:
            raise ArgumentError(
                f"a contact of radius {radius_px:g} px is larger than what the ball makes on this gel when pressed to "
                f"{DEEPEST:.0%} of its thickness, {self._radii_m[-1] / self._sim.spec.camera.pixel_pitch_m:.1f} px."
            )
        return float(np.interp(radius_m, self._radii_m, self._depths_m))

    def image(self, circle_px) -> np.ndarray:
        """The press with this contact circle (column, row, radius), RGB, uint8, (H, W, 3)."""
        x, y, radius = circle_px
        H, W = self._sim.spec.image_shape
        pose = np.eye(4)
        pose[:2, 3] = (np.array([x, y]) - ((W - 1) / 2, (H - 1) / 2)) * self._sim.spec.camera.pixel_pitch_m
        self._count += 1
        self._sim.reset(self._ball, seed=self._seed + self._count)
        return self._sim.step_depth(pose, self.depth_m(radius)).image


def contact_radii(spec: SensorSpec, ball) -> tuple[np.ndarray, np.ndarray]:
    """Indent depths [m], rising, and the contact radii [m] that they give: that of the circle with the contact's area.

    The area of a contact is a whole number of cells; the mean over a few places within a cell smooths that.
    """
    (h, w), cell = spec.gel.grid_shape, spec.gel_grid.spacing_m
    camera = replace(spec.camera, image_shape=(2 * h, 2 * w), pixel_pitch_m=cell / 2)
    sim = TactileSimulator(replace(spec, camera=camera, response=None, background=None, markers=None))
    depths = np.linspace(0, DEEPEST * spec.gel.thickness_m * 0.999, _DEPTHS + 1)
    areas = np.zeros(len(depths))
    for k in range(_SAMPLES):
        pose = np.eye(4)
        pose[:2, 3] = cell * np.array([0.31 * k, 0.17 + 0.23 * k])
        for i, depth in enumerate(depths[1:], 1):
            sim.reset(ball)
            areas[i] += sim.step_depth(pose, depth).contact_area_m2 / _SAMPLES
    return depths, np.sqrt(np.maximum.accumulate(areas) / math.pi)


def spec_of_presses(presses: PressSet, surface: tuple[float, float]) -> SensorSpec:
    """A sensor of which nothing is known but its presses: a flat gel of this thickness [m] and Poisson's ratio.

    Its one lamp is there because a sensor has one; a calibrated response does not ask for it.
    """
    (H, W), pitch = presses.image_shape, presses.pixel_pitch_m
    still = (0.0, 0.0)
    return SensorSpec(
        name="fitted to presses",
        gel=GelPad(
            size_m=(W * pitch, H * pitch),
            thickness_m=surface[0],
            youngs_modulus_pa=0.3e6,
            poisson_ratio=surface[1],
            density_kg_m3=1050.0,
            friction=0.9,
            kinetic_friction_ratio=0.85,
            grid_shape=grid_for((H, W)),
        ),
        camera=Camera(
            image_shape=(H, W),
            pixel_pitch_m=pitch,
            fps=25.0,
            distance_m=20e-3,
            blur_px=0.0,
            noise_std=(0.0, 0.0, 0.0),
            vignetting=0.0,
        ),
        lights=(Light(position_m=(0.0, 0.0, -10e-3), color=(0.5, 0.5, 0.5)),),
        coating=Coating(ambient=(0.0, 0.0, 0.0), specular=0.0, shininess=1, shadow_depth=0.0, penumbra_m=1e-3),
        working_range=WorkingRange(
            normal_force_n=(0.05, 5.0),
            indent_depth_m=(0.0, surface[0] * DEEPEST),
            shear_travel_m=still,
            press_speed_m_s=still,
            slide_speed_m_s=still,
        ),
        sources={"gel": "thickness and Poisson's ratio as the fit assumed them; the rest is of no sensor"},
    )


def spec_at(spec: SensorSpec, presses: PressSet) -> SensorSpec:
    """The sensor at the resolution and pixel pitch of the presses; refuse another aspect ratio."""
    (H, W), (rows, cols) = presses.image_shape, spec.image_shape
    if H * cols != W * rows:
        raise ArgumentError(f"`--sensor` sees {rows} x {cols} pixels and the presses {H} x {W}: not the same picture.")
    camera = replace(spec.camera, image_shape=(H, W), pixel_pitch_m=presses.pixel_pitch_m)
    same = spec.image_shape == presses.image_shape
    grid = spec.gel.grid_shape if same else grid_for((H, W))
    background = spec.background if same or not (spec.background and spec.background.picture) else None
    return replace(spec, camera=camera, gel=replace(spec.gel, grid_shape=grid), background=background)


def of_this_unit(spec: SensorSpec, picture: np.ndarray, **camera) -> SensorSpec:
    """The sensor with this picture at rest [grey levels], (H, W, 3), and these numbers of the camera, as `noise_std`."""
    return replace(spec, background=Background(picture=Numbers(picture)), camera=replace(spec.camera, **camera))


def resting_picture(spec: SensorSpec, render: OpticsRender | GelRender) -> np.ndarray:
    """What the resting gel should be rendered as, RGB, uint8, (H, W, 3): the sensor's picture in whole levels, if it has one."""
    if spec.background is None or spec.background.picture is None:
        return render.background
    return np.floor(np.clip(spec.background.picture.array + 0.5, 0, 255)).astype(np.uint8)


def grid_for(shape: tuple[int, int]) -> tuple[int, int]:
    """The mechanics grid nearest to `CELLS` cells that divides an image by one even number."""
    H, W = shape
    ratios = [r for r in range(2, min(H, W) // 4, 2) if H % r == W % r == 0]
    if not ratios:
        raise ArgumentError(f"images must have even numbers of rows and columns; got {H} x {W}.")
    best = min(ratios, key=lambda r: abs(math.log(H * W / r**2 / CELLS)))
    return H // best, W // best


def noise_of(presses: PressSet, background: np.ndarray) -> tuple[float, float, float]:
    """Standard deviation of the pixel noise [grey levels, RGB], from differences of neighbours beyond 2 contact radii.

    Args:
        presses: With circles.
        background: What they look like at rest [grey levels], (H, W, 3).
    """
    H, W = presses.image_shape
    rows, cols = np.ogrid[:H, :W]
    each = []
    for image, (x, y, radius) in zip(presses.images, presses.circles_px, strict=True):
        change = image.astype(np.float32) - background
        there = (np.hypot(cols - x, rows - y) > 2 * radius)[:, 1:]
        each.append(np.diff(change, axis=1)[there].std(0) / math.sqrt(2) if there.any() else np.full(3, np.nan))
    found = np.nanmedian(each, axis=0) if np.isfinite(each).any() else np.zeros(3)
    r, g, b = (float(value) for value in found)
    return r, g, b


def drift_of(far_levels: np.ndarray, background: np.ndarray) -> float:
    """Standard deviation of the frames' brightness [share of the background's].

    Args:
        far_levels: Mean of image - background far from the contact [grey levels], shape (N, 3).
        background: What the presses look like at rest [grey levels], (H, W, 3).
    """
    return float(np.std(np.mean(far_levels, axis=1)) / max(float(np.mean(background)), 1.0))
