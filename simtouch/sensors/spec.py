"""What a sensor is: frozen numbers, no behaviour. Everything below works from a `SensorSpec` and from nothing else.

All quantities are SI, in the gel frame: origin at the centre (a dome's apex) of the resting surface, x along image columns,
y along image rows (down), z out of the gel and away from the camera. H rows, W columns; (x, y) pairs unless a shape is meant.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from simtouch._checks import ArgumentError, as_number
from simtouch.geometry.gap_map import Grid
from simtouch.sensors.background import Background
from simtouch.sensors.blemishes import Blemishes
from simtouch.sensors.colour_table import ColourTable

Rgb = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class GelPad:
    """The elastomer: a layer bonded to a rigid window, possibly crowned."""

    size_m: tuple[float, float]
    """Footprint (x, y) [m]."""
    thickness_m: float
    """Thickness at the apex [m]."""
    youngs_modulus_pa: float
    poisson_ratio: float
    density_kg_m3: float
    friction: float
    """Coulomb coefficient of the coating against an indenter."""
    kinetic_friction_ratio: float
    """Kinetic over static coefficient, in (0, 1]; read only by rate-dependent friction."""
    relaxation: tuple[tuple[float, float], ...] = ()
    """Branches (share g, time tau [s]) of a Maxwell material, E (1 + sum g exp(-t / tau)); `youngs_modulus_pa` is E, of slow loads."""
    dome_radius_m: tuple[float, float] = (math.inf, math.inf)
    """Radii of curvature (along x, along y) [m]; inf = flat."""
    grid_shape: tuple[int, int]
    """Rows and columns of the mechanics grid; it spans the same view as the image."""

    def __post_init__(self):
        for name in ("thickness_m", "youngs_modulus_pa", "density_kg_m3"):
            as_number(name, getattr(self, name), above=0)
        as_number("poisson_ratio", self.poisson_ratio, above=0, at_most=0.499)
        as_number("friction", self.friction, at_least=0)
        as_number("kinetic_friction_ratio", self.kinetic_friction_ratio, above=0, at_most=1)
        for share, time_s in self.relaxation:
            as_number("relaxation share", share, at_least=0)
            as_number("relaxation time", time_s, above=0)
        for radius in self.dome_radius_m:
            if not radius > 0:
                raise ArgumentError(f"`dome_radius_m` must be > 0 (inf = flat); got {radius:g}.")


@dataclass(frozen=True, kw_only=True)
class Camera:
    """The camera behind the gel, after the maker's own crop and rotation."""

    image_shape: tuple[int, int]
    """Rows and columns of the delivered image."""
    pixel_pitch_m: float
    """Gel length seen by one pixel [m]."""
    fps: float
    distance_m: float
    """From the camera's centre to the resting gel [m]."""
    blur_px: float
    """Standard deviation of the optical blur [px]."""
    noise_std: Rgb
    """Standard deviation of the pixel noise per channel [grey levels of 255]."""
    vignetting: float
    """Share of the light lost in the corners, in [0, 1)."""
    exposure_drift: float = 0.0
    """Standard deviation of an overall gain that changes from frame to frame [share]; 0 for a fixed exposure."""

    def __post_init__(self):
        as_number("pixel_pitch_m", self.pixel_pitch_m, above=0)
        as_number("fps", self.fps, above=0)
        as_number("distance_m", self.distance_m, above=0)
        as_number("vignetting", self.vignetting, at_least=0, below=1)
        as_number("blur_px", self.blur_px, at_least=0)
        as_number("exposure_drift", self.exposure_drift, at_least=0)


@dataclass(frozen=True, kw_only=True)
class Light:
    """One lamp, or one row of lamps taken as one."""

    position_m: tuple[float, float, float]
    """Place in the gel frame [m]; z < 0, on the camera's side."""
    color: Rgb
    """Contribution to (R, G, B) at the centre of the gel for a surface that faces the lamp [share of full scale]."""
    falloff: float = 2.0
    """Exponent of the decay with distance: 2 for a point, less for a row of lamps."""
    aim_m: tuple[float, float] = (0.0, 0.0)
    """Middle (x, y) of the patch of gel that it lights [m]."""
    spread_m: tuple[float, float] = (math.inf, math.inf)
    """Standard deviation of that patch along x and y [m]; inf = even."""


@dataclass(frozen=True, kw_only=True)
class Coating:
    """The painted surface that the camera sees."""

    ambient: Rgb
    """Light that does not depend on the slope [share of full scale]."""
    specular: float
    """Share of the light that is reflected as a highlight, in [0, 1]."""
    shininess: int
    """Blinn exponent of the highlight, 1 to 255."""
    shadow_depth: float
    """Share of a lamp's light that a full cast shadow takes away, in [0, 1]."""
    penumbra_m: float
    """Depth below the horizon at which a shadow is full [m]."""
    softness: float = 0.1
    """Half-width, in cosines, over which a surface turns out of a lamp's light."""
    unevenness: float = 0.0
    """Standard deviation of the smooth unevenness of each lamp's light over the gel."""
    unevenness_seed: int = 0

    def __post_init__(self):
        as_number("specular", self.specular, at_least=0, at_most=1)
        as_number("shadow_depth", self.shadow_depth, at_least=0, at_most=1)
        as_number("penumbra_m", self.penumbra_m, above=0)
        as_number("softness", self.softness, above=0)
        as_number("unevenness", self.unevenness, at_least=0)
        if self.shininess not in range(1, 256):
            raise ArgumentError(f"`shininess` must be a whole number from 1 to 255; got {self.shininess}.")


@dataclass(frozen=True, kw_only=True)
class MarkerGrid:
    """Printed dots below the coating, centred on the view."""

    rows: int
    cols: int
    pitch_m: tuple[float, float]
    """Distance between neighbours (along x, along y) [m]."""
    diameter_m: float
    depth_m: float
    """How far below the surface the dots lie, towards the camera [m]."""
    ink: Rgb
    """Share of the light that a dot lets back, per channel."""
    offset_m: tuple[float, float] = (0.0, 0.0)
    rotation_rad: float = 0.0
    jitter_m: float = 0.0
    """Each dot lies up to that far from its place in the grid, along x and along y [m]."""
    size_jitter: float = 0.0
    """Each diameter differs by up to that share, in [0, 1)."""
    dropout: float = 0.0
    """Chance that a dot is missing, in [0, 1)."""
    jitter_seed: int = 0

    def __post_init__(self):
        for name in ("diameter_m", "rows", "cols"):
            as_number(name, getattr(self, name), above=0)
        for name in ("depth_m", "jitter_m"):
            as_number(name, getattr(self, name), at_least=0)
        for name in ("size_jitter", "dropout"):
            as_number(name, getattr(self, name), at_least=0, below=1)

    @property
    def rest_m(self) -> np.ndarray:
        """Places where the resting dots are seen (x, y) [m], float64, shape (M, 2), row by row; of missing dots, where they would be."""
        c, s = math.cos(self.rotation_rad), math.sin(self.rotation_rad)
        return self.lattice_m @ np.array([[c, s], [-s, c]]) + self.offset_m

    @property
    def lattice_m(self) -> np.ndarray:
        """The same in the grid's own axes, before it is turned and shifted."""
        x = (np.arange(self.cols) - (self.cols - 1) / 2) * self.pitch_m[0]
        y = (np.arange(self.rows) - (self.rows - 1) / 2) * self.pitch_m[1]
        return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2) + self.jitter_m * self._drawn[:, :2]

    @property
    def diameters_m(self) -> np.ndarray:
        """Diameter of each dot [m], float64, shape (M,)."""
        return self.diameter_m * (1 + self.size_jitter * self._drawn[:, 2])

    @property
    def present(self) -> np.ndarray:
        """Which dots there are: bool, shape (M,)."""
        return (self._drawn[:, 3] + 1) / 2 >= self.dropout

    @property
    def _drawn(self) -> np.ndarray:
        """Four numbers in [-1, 1) for each dot."""
        return np.random.default_rng(self.jitter_seed).uniform(-1, 1, (self.rows * self.cols, 4))


@dataclass(frozen=True, kw_only=True)
class WorkingRange:
    """What the sensor is used for: the ranges that motions draw from."""

    normal_force_n: tuple[float, float]
    indent_depth_m: tuple[float, float]
    shear_travel_m: tuple[float, float]
    press_speed_m_s: tuple[float, float]
    slide_speed_m_s: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class SensorSpec:
    """A sensor type, or one calibrated sensor: all that the simulator knows of it."""

    name: str
    gel: GelPad
    camera: Camera
    lights: tuple[Light, ...]
    coating: Coating
    response: ColourTable | None = None
    """Colour response calibrated on presses; None: from `lights` and `coating`."""
    background: Background | None = None
    """The resting picture; None: what `lights` and `coating` give."""
    markers: MarkerGrid | None = None
    blemishes: Blemishes | None = None
    """Dust, scratches and wear; None: a coating without a mark."""
    working_range: WorkingRange
    sources: dict[str, str] = field(default_factory=dict, hash=False)
    """Where each number comes from."""

    def __post_init__(self):
        (H, W), (h, w) = self.camera.image_shape, self.gel.grid_shape
        if H % h or W % w or H // h != W // w or H // h % 2:
            raise ArgumentError(
                f"`gel.grid_shape` must divide `camera.image_shape` by one even number; got {(h, w)} and {(H, W)}."
            )
        if any(not light.position_m[2] < 0 for light in self.lights):
            raise ArgumentError("`lights` must lie on the camera's side of the gel, z < 0.")
        picture = self.background and self.background.picture
        if picture and picture.shape[:2] != (H, W):
            raise ArgumentError(f"the background picture must have the shape of the image, {(H, W)}; got {picture.shape[:2]}.")

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        return self.camera.image_shape

    @property
    def image_grid(self) -> Grid:
        """Pixel centres on the gel."""
        return Grid(*self.camera.image_shape, self.camera.pixel_pitch_m)

    @property
    def gel_grid(self) -> Grid:
        """Cell centres of the mechanics grid, over the same view."""
        h, w = self.gel.grid_shape
        return Grid(h, w, self.camera.pixel_pitch_m * self.camera.image_shape[0] / h)
