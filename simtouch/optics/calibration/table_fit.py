"""Fit of the colour response: ball presses with circles in, colour table, background and exposure offsets out.

    D = image - background - [free] (o_n - mean of o)                                                    (1)

for some pixels of every press, o_n the frame's offset far from the contact (`rest_picture.py`); the surface is that of `surface.py`, and
D = sum_r A_r(s) B_r(x, y) for each zone and channel is solved in `slope_grid.py`. The offset is taken from free gel alone: what lifts
the far field of a frame does not lift the pixels under the ball (contact error 2.36 instead of 2.51 levels on presses left out of the fit).

Once the table is known, every press shows the resting gel everywhere, also where it was pressed:

    background' = background + mean over the presses of clip(image - background - D - [free] (o_n - mean of o), -c_n, c_n)    (2)

c_n is three standard deviations of the frame. More frames a pixel, and none that is alone: with ten presses of the `taxim` wheel 40.2 dB
instead of 39.6 on presses left out of the fit, with 36 41.2 instead of 41.0.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from simtouch._checks import ArgumentError, as_number
from simtouch.optics.calibration.evaluate import sines, table_change
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.calibration.rest_picture import FAR_RADII, far_levels, far_masks, rest_picture
from simtouch.optics.calibration.slope_grid import fit_products, moments, monomials, products
from simtouch.optics.calibration.surface import PressField, press_field
from simtouch.sensors.colour_table import POWERS, ZONES, ColourTable
from simtouch.sensors.numbers import Numbers

_CLIP = 3.0  # c_n of (2), in robust standard deviations
_SHARES = (0.5, 0.35, 0.15)  # of the pixels of a press: inside the contact, around it, far from it


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """What is assumed of the gel, and how stiff the table is."""

    thickness_m: float = 5e-3
    """Effective thickness of the elastic layer."""
    poisson_ratio: float = 0.48
    terms: int = 3
    """R of `ColourTable`."""
    nodes: int = 41
    """n of `ColourTable`, odd."""
    smoothness_free: float = 30.0
    """Weight of the second differences of A where the gel is free [pixels]."""
    smoothness_touched: float = 3.0
    """The same under the ball."""
    place_shrinkage: float = 0.003
    """How strongly B is drawn towards a constant, as a weight in presses; few presses leave its cubic terms open."""
    place_degree: int = 3
    """Of B, at most 3."""
    rounds: int = 6
    """Solves for A and for B in turn."""
    pixels_per_press: int = 6400
    background: Literal["presses", "rest"] = "presses"
    """What the presses show less what the ball did, or the no-contact frame."""
    seed: int = 0
    """Of the choice of pixels."""

    def __post_init__(self):
        as_number("thickness_m", self.thickness_m, above=0)
        as_number("poisson_ratio", self.poisson_ratio, above=0, below=0.5)
        as_number("terms", self.terms, at_least=1, at_most=8)
        as_number("nodes", self.nodes, at_least=3, at_most=101)
        as_number("place_degree", self.place_degree, at_least=0, at_most=3)
        as_number("rounds", self.rounds, at_least=1)
        as_number("pixels_per_press", self.pixels_per_press, at_least=100)
        for name in ("smoothness_free", "smoothness_touched", "place_shrinkage"):
            as_number(name, getattr(self, name), at_least=0)
        if self.nodes % 2 == 0:
            raise ArgumentError(f"`nodes` must be odd, so that the flat gel has a node; got {self.nodes}.")
        if self.background not in ("presses", "rest"):
            raise ArgumentError(f"`background` must be presses or rest; got {self.background!r}.")


@dataclass(frozen=True, eq=False, kw_only=True)
class TableFit:
    """What the presses of one sensor say."""

    table: ColourTable
    background: np.ndarray
    """Resting picture [grey levels], float32, (H, W, 3) RGB."""
    far_levels: np.ndarray
    """Mean of image - background far from the contact [grey levels], float32, (N, 3) RGB."""


@dataclass(frozen=True, eq=False)
class _Pixels:
    """Chosen pixels of all presses: s (N, 2), x and y in [-1, 1] (N,), change of colour (N, 3), zone (N,)."""

    s: np.ndarray
    x: np.ndarray
    y: np.ndarray
    change: np.ndarray
    touched: np.ndarray


@threadpool_limits.wrap(limits=1, user_api="blas")  # so that no thread count is in the bytes, and none waits on a busy machine
def fit_table(presses: PressSet, config: FitConfig = FitConfig()) -> TableFit:
    """Return the colour response of the sensor that the presses come from; equal presses give equal bytes.

    Args:
        presses: With circles.
        config: What is assumed.
    """
    if config.background == "presses":
        background, levels = rest_picture(presses)
    else:
        background = presses.rest.astype(np.float32)
        levels = far_levels(presses, background, far_masks(presses))
    covered = covered_box(presses)
    pixels = _gather(presses, config, background, levels - levels.mean(0))
    slope, place, errors = [], [], {}
    for zone, name in enumerate(ZONES):
        a, b, errors[name] = _fit_zone(pixels, zone, covered, config, len(presses))
        slope.append(a)
        place.append(b)
    table = ColourTable(slope=Numbers(slope), place=Numbers(place), covered=covered, notes=_notes(presses, config, errors))
    if config.background == "presses":
        background = _seen_through(presses, config, table, background, levels - levels.mean(0))
        levels = far_levels(presses, background, far_masks(presses))
    return TableFit(table=table, background=background, far_levels=levels)


def _seen_through(presses: PressSet, config: FitConfig, table: ColourTable, background, offset) -> np.ndarray:
    """(2), float32, (H, W, 3)."""
    step = np.zeros(background.shape)
    for k, image in enumerate(presses.images):
        field = field_of(presses, k, config)
        left = image - background - table_change(table, field.slope, field.touched)
        left -= np.where(field.touched[..., None], 0, offset[k])
        limit = max(_CLIP * 1.4826 * float(np.median(np.abs(left))), 1.0)
        step += np.clip(left, -limit, limit)
    return (background + step / len(presses)).astype(np.float32)


def field_of(presses: PressSet, k: int, config: FitConfig) -> PressField:
    """The surface that the fit assumes under press k."""
    return press_field(
        presses.circles[k],
        presses.image_shape,
        ball_radius_px=presses.ball_radius_m / presses.pixel_pitch_m,
        thickness_px=config.thickness_m / presses.pixel_pitch_m,
        poisson_ratio=config.poisson_ratio,
    )


def covered_box(presses: PressSet) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ranges of x and of y, in [-1, 1], of the contact circles."""
    (H, W), (x, y, r) = presses.image_shape, presses.circles.T
    ends = (((2 * np.array([(c - r).min(), (c + r).max()]) + 1) / n - 1).clip(-1, 1) for c, n in ((x, W), (y, H)))
    (left, right), (top, bottom) = ends
    return (float(left), float(right)), (float(top), float(bottom))


def _gather(presses: PressSet, config: FitConfig, background: np.ndarray, offset: np.ndarray) -> _Pixels:
    """(1) at pixels chosen at random, a fixed share inside each contact."""
    H, W = presses.image_shape
    rng, parts = np.random.default_rng(config.seed), []
    for k in range(len(presses)):
        field = field_of(presses, k, config)
        chosen = _choose(presses.circles[k], (H, W), config.pixels_per_press, rng)
        touched = field.touched.ravel()[chosen]
        change = presses.images[k].reshape(-1, 3)[chosen] - background.reshape(-1, 3)[chosen].astype(float)
        change -= np.where(touched[:, None], 0, offset[k])
        x, y = (2 * (chosen % W) + 1) / W - 1, (2 * (chosen // W) + 1) / H - 1
        parts.append((sines(field.slope.reshape(-1, 2)[chosen].astype(float)), x, y, change, touched))
    return _Pixels(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _choose(circle: np.ndarray, shape: tuple[int, int], count: int, rng: np.random.Generator) -> np.ndarray:
    """Flat indices of pixels of one press."""
    x, y, r = circle
    radii = np.hypot(np.arange(shape[1]) - x, np.arange(shape[0])[:, None] - y).ravel() / r
    edges = (0, 1, FAR_RADII, np.inf)
    rings = (np.flatnonzero((radii >= low) & (radii < high)) for low, high in pairwise(edges))
    return np.concatenate(
        [
            rng.choice(ring, min(round(share * count), len(ring)), replace=False)
            for ring, share in zip(rings, _SHARES, strict=True)
        ]
    )


def _fit_zone(pixels: _Pixels, zone: int, covered, config: FitConfig, presses: int) -> tuple[np.ndarray, np.ndarray, float]:
    """A (3, R, n, n) and b (3, R, 10) of one zone, and the mean absolute error [grey levels] on its pixels."""
    here, n = pixels.touched == bool(zone), config.nodes
    x, y = np.clip(pixels.x[here], *covered[0]), np.clip(pixels.y[here], *covered[1])
    used = [m for m, (p, q) in enumerate(POWERS) if p + q <= config.place_degree]
    basis, s, change = monomials(x, y)[:, used], pixels.s[here], pixels.change[here]
    a, b = fit_products(
        moments(s, basis, change, n),
        n,
        config.terms,
        smoothness=(config.smoothness_free, config.smoothness_touched)[zone],
        place_shrinkage=config.place_shrinkage / presses,
        rounds=config.rounds,
    )
    a = a.reshape(3, config.terms, n, n)
    error = float(np.abs(products(s, basis, a, b) - change).mean()) if len(s) else 0.0
    place = np.zeros((3, config.terms, len(POWERS)))
    place[..., used] = b
    return a, place, error


def _notes(presses: PressSet, config: FitConfig, errors: dict[str, float]) -> dict[str, str]:
    """What the table was fitted to."""
    said = f"{len(presses)} ball presses" + (f" of {presses.source}" if presses.source else "")
    return {
        "fitted to": said,
        "ball radius": f"{presses.ball_radius_m:.4g} m",
        "pixel pitch": f"{presses.pixel_pitch_m:.4g} m",
        "assumed gel": f"layer of {config.thickness_m:.3g} m, Poisson ratio {config.poisson_ratio:g}",
        "background": "of the presses, less what the table gives them" if config.background == "presses" else "no-contact frame",
        "mean absolute error on the fitted pixels": ", ".join(f"{name} {e:.2f}" for name, e in errors.items()) + " grey levels",
    }
