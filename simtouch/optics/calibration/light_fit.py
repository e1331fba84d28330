"""Fit of the physical lights: ball presses of a real sensor and its spec in, the spec with lamps that explain them out.

The numbers of the lamps minimise over the sampled pixels of all presses, per channel,

    sum (D - D_seen)^2 + w^2 sum (E_0 - B)^2 + priors                                                (1)

D the difference image of `light_model.py`, E_0 the resting light and B the resting picture. Colours and ambient light enter linearly
and not negatively: at each step they are solved for, and the rest is a problem of least squares in eight numbers a lamp and three
shared ones whose derivatives follow the solved ones (variable projection, Golub and Pereyra, Inverse Problems 19, 2003; the
derivative of the projection itself is left out, as Kaufman does). Several starts on few pixels, the best one on all of them; then
depth and penumbra of the cast shadows by trial, and once more all together. The priors are weak: they hold numbers that the pictures
do not know. Different lamps can give the same pictures, so the numbers are a description of the light, not a survey of the housing.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cholesky, qr, solve_triangular
from scipy.optimize import least_squares, nnls

from simtouch._checks import ArgumentError
from simtouch.optics.calibration import light_model as model
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.planes import Planes
from simtouch.optics.shadow import Shadows
from simtouch.sensors.spec import SensorSpec

EXPECTED = np.array([0.0, np.log(1.3), np.log(0.4), 1.0, 0.0, 0.0, np.log(2.0), np.log(2.0)])
SPREAD = np.array([np.inf, 0.5, 0.7, 1.0, 0.5, 0.5, 1.0, 1.0])
"""Priors of a lamp's eight numbers: expected value and standard deviation."""
PRIOR_LEVELS = 0.05
"""One standard deviation away from a prior costs as much as this rms residual."""
REST_WEIGHT = 0.1
"""w of (1), by pixel; there are as many resting as pressed pixels by weight."""
FAR = 3.0
"""Radii from a contact beyond which the gel counts as untouched."""
PENUMBRAS_PX = (64.0, 32.0, 16.0, 8.0, 4.0, 2.0)
DEPTHS = np.linspace(0.05, 1, 20)
WORTH = 0.995
"""A shadow, and a sharper one than before, must bring the cost (1) below this share: sharp edges that are not there show."""


def fit_lights(
    presses: PressSet, spec: SensorSpec, *, lamps: int | None = None, background: np.ndarray | None = None, starts: int = 3,
    pixels: int = 600, seed: int = 0,
) -> SensorSpec:  # fmt: skip
    """Return `spec` with lamps, coating and shadows fitted to ball presses.

    Args:
        presses: Ball presses with their circles, of the image and pixel size of `spec`.
        spec: Gel and camera are taken as they are; if `lamps` is its number of lamps, they are one of the starts.
        lamps: How many lamps to fit; None: as many as `spec` has.
        background: Resting picture [grey levels], shape (H, W, 3); None: the no-contact frame of `presses`.
        starts: Arrangements of lamps to start from.
        pixels: Sampled of each press.
        seed: Of the choice of pixels.
    """
    lamps = len(spec.lights) if lamps is None else lamps
    _check(presses, spec, lamps)
    background = presses.rest.astype(float) if background is None else np.asarray(background, float)
    at = model.view(spec)
    surfaces = model.press_surfaces(presses, spec, at.rest_px)
    rng = np.random.default_rng(seed)
    touched = model.joined([_sampled(presses, k, at, surfaces[k], background, pixels, rng) for k in range(len(presses))])
    problem = _Problem(touched, _resting(at, background), lamps)
    coarse = _Problem(touched.thinned(4), problem.rest, lamps)
    tries = [coarse.solved(start, 20) for start in _starts(spec, at, lamps, starts)]
    numbers = problem.solved(min(tries, key=coarse.cost), 25)
    shadow = problem.cast(numbers, surfaces, at)
    numbers = problem.solved(numbers, 15)
    shadow = problem.cast(numbers, surfaces, at)
    return _described(problem, numbers, shadow, presses, spec, at)


def _check(presses: PressSet, spec: SensorSpec, lamps: int) -> None:
    if presses.image_shape != spec.image_shape:
        raise ArgumentError(f"`presses` must have the sensor's image shape {spec.image_shape}; got {presses.image_shape}.")
    if not np.isclose(presses.pixel_pitch_m, spec.camera.pixel_pitch_m, rtol=1e-3):
        raise ArgumentError(
            f"`presses` must have the sensor's pixel pitch {spec.camera.pixel_pitch_m:g} m; got {presses.pixel_pitch_m:g} m."
        )
    if not 1 <= lamps <= 12:
        raise ArgumentError(f"`lamps` must be from 1 to 12; got {lamps}.")


def _sampled(presses, k, at, surface_px, background, pixels, rng) -> model.Samples:
    """Half of the pixels from inside the circle of press k, half from around it; exposed neither too much nor too little."""
    x, y, radius = presses.circles[k]
    H, W = presses.image_shape
    image = presses.images[k]
    away = np.hypot(np.arange(W)[None] - x, np.arange(H)[:, None] - y) / radius
    change = image - background
    drift = np.median(change[away > FAR], axis=0) if (away > FAR).sum() > 1000 else 0.0
    good = (image > 0).all(2) & (image < 255).all(2)
    good[[0, -1]], good[:, [0, -1]] = False, False
    chosen = []
    for zone in (good & (away < 1), good & (away >= 1) & (away < FAR)):
        places = np.argwhere(zone)
        chosen.append(places[rng.permutation(len(places))[: pixels // 2]])
    rows, cols = np.concatenate(chosen).T
    return model.samples_at(at, k, np.stack([rows, cols]), surface_px, (change - drift)[rows, cols])


def _resting(at: model.View, background: np.ndarray) -> model.Samples:
    """The resting picture on a coarse grid, each the mean of the pixels around it."""
    H, W = at.rest_px.shape
    step = max(H, W) // 20
    rows, cols = np.mgrid[step // 2 : H - step // 2 : step, step // 2 : W - step // 2 : step].reshape(2, -1)
    half = step // 2
    target = np.array(
        [background[r - half : r + half + 1, c - half : c + half + 1].mean((0, 1)) for r, c in zip(rows, cols, strict=True)]
    )
    return model.samples_at(at, -1, np.stack([rows, cols]), None, target)


def _starts(spec: SensorSpec, at: model.View, lamps: int, starts: int) -> list[np.ndarray]:
    """Lamps evenly around the gel, turned from start to start; the first may be those of the sensor."""
    shared = np.array([0.05, np.log(12.0), np.log(0.15)])
    found = []
    if len(spec.lights) == lamps:
        found.append(np.concatenate([*(model.lamp_numbers(light, spec, at.half_px) for light in spec.lights), shared]))
    for k in range(starts - len(found)):
        ring = np.tile(EXPECTED, (lamps, 1))
        ring[:, 0] = 2 * np.pi * (np.arange(lamps) + k / max(starts - len(found), 1)) / lamps
        found.append(np.concatenate([ring.ravel(), shared]))
    return found


@dataclass
class _Problem:
    """Equation (1) as residuals of the numbers that do not enter linearly."""

    touched: model.Samples
    rest: model.Samples
    lamps: int

    def __post_init__(self):
        count, resting = self.touched.rise.size, self.rest.rise.size
        self._weight = REST_WEIGHT * np.sqrt(count / resting)
        self._seen = np.concatenate([self.touched.target, self._weight * self.rest.target])
        self._prior = PRIOR_LEVELS * np.sqrt(3 * count)
        self.lit, self.rest_lit = np.ones((self.lamps, 2, count)), np.ones((self.lamps, resting))
        self._lows = np.concatenate([np.tile(model.LOWEST, self.lamps), model.LOWEST_SHARED])
        self._highs = np.concatenate([np.tile(model.HIGHEST, self.lamps), model.HIGHEST_SHARED])

    def lights(self, k: int, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Light of lamp k per unit of colour, unshadowed: pressed pixels and the same at rest, (2, N); resting picture."""
        lamp, shared = numbers[k * model.PER_LAMP : (k + 1) * model.PER_LAMP], numbers[-model.SHARED :]
        return model.light_of(lamp, shared, self.touched), model.light_of(lamp, shared, self.rest)[0]

    def column(self, k: int, lights: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """What lamp k adds to the pressed pixels, then to the resting ones, (M,)."""
        pressed, before = lights[0] * self.lit[k]
        return np.concatenate([pressed - before, self._weight * lights[1] * self.rest_lit[k]])

    def design(self, lights: list) -> np.ndarray:
        """Columns of the lamps and of the ambient light, (M, K + 1)."""
        ambient = np.concatenate([np.zeros(self.touched.rise.size), self._weight * self.rest.gain])
        return np.stack([*(self.column(k, pair) for k, pair in enumerate(lights)), ambient], axis=1)

    def design_of(self, numbers: np.ndarray) -> np.ndarray:
        return self.design([self.lights(k, numbers) for k in range(self.lamps)])

    def colors(self, design: np.ndarray) -> np.ndarray:
        """Colours of the lamps, then the ambient light, (K + 1, 3), none negative."""
        square = design.T @ design
        root = cholesky(square + 1e-9 * np.trace(square) * np.eye(len(square)))
        wanted = solve_triangular(root, design.T @ self._seen, trans="T")
        return np.stack([nnls(root, wanted[:, c])[0] for c in range(3)], axis=1)

    def residuals(self, numbers: np.ndarray) -> np.ndarray:
        design = self.design_of(numbers)
        off = design @ self.colors(design) - self._seen
        return np.concatenate([off.T.ravel(), self._off_prior(numbers)])

    def cost(self, numbers: np.ndarray) -> float:
        return float(np.sum(self.residuals(numbers) ** 2))

    def derivatives(self, numbers: np.ndarray) -> np.ndarray:
        """Of `residuals`, (3 M + priors, P), with the colours following."""
        design = self.design_of(numbers)
        colors, step = self.colors(design), 1e-5
        slopes = np.zeros((3, len(design), numbers.size))
        for p in range(numbers.size):
            moved = numbers.copy()
            moved[p] += step if numbers[p] + step <= self._highs[p] else -step
            one = p < self.lamps * model.PER_LAMP
            for k in [p // model.PER_LAMP] if one else range(self.lamps):
                change = (self.column(k, self.lights(k, moved)) - design[:, k]) / (moved[p] - numbers[p])
                slopes[:, :, p] += colors[k][:, None] * change
        for c in range(3):
            q = qr(design[:, colors[:, c] > 0], mode="economic")[0]
            slopes[c] -= q @ (q.T @ slopes[c])
        priors = np.zeros((self.lamps * model.PER_LAMP, numbers.size))
        np.fill_diagonal(priors, self._prior / np.tile(SPREAD, self.lamps))
        return np.concatenate([slopes.reshape(-1, numbers.size), priors])

    def solved(self, numbers: np.ndarray, evaluations: int) -> np.ndarray:
        """The numbers that `least_squares` reaches from here."""
        inside = numbers.clip(self._lows + 1e-9, self._highs - 1e-9)
        bounds = (self._lows, self._highs)
        return least_squares(
            self.residuals, inside, self.derivatives, bounds, x_scale="jac", max_nfev=evaluations, ftol=1e-5, xtol=1e-6
        ).x

    def cast(self, numbers: np.ndarray, surfaces: list[np.ndarray], at: model.View) -> tuple[float, float]:
        """Try shadows and keep those that are worth it: their depth, and their penumbra [px]; (0, 0) for none."""
        lights = [self.lights(k, numbers) for k in range(self.lamps)]
        best, kept, shadow = self._cost_lit(lights, 1.0, 1.0), (1.0, 1.0), (0.0, 0.0)
        for penumbra in PENUMBRAS_PX:
            dark, rest_dark = self._shadows(numbers, surfaces, at, penumbra)
            costs = [self._cost_lit(lights, 1 - depth * dark, 1 - depth * rest_dark) for depth in DEPTHS]
            if min(costs) < WORTH * best:
                depth = float(DEPTHS[np.argmin(costs)])
                best, kept, shadow = min(costs), (1 - depth * dark, 1 - depth * rest_dark), (depth, penumbra)
        self._cost_lit(lights, *kept)
        return shadow

    def _cost_lit(self, lights: list, lit, rest_lit) -> float:
        """Cost without priors under these shadows, which stay."""
        self.lit, self.rest_lit = (np.broadcast_to(x, y.shape) for x, y in ((lit, self.lit), (rest_lit, self.rest_lit)))
        design = self.design(lights)
        return float(np.sum((design @ self.colors(design) - self._seen) ** 2))

    def _shadows(self, numbers, surfaces, at, penumbra_px) -> tuple[np.ndarray, np.ndarray]:
        """Share that a full shadow takes from each lamp at the samples, (K, 2, N), and at rest, (K, N)."""
        H, W = at.rest_px.shape
        planes, rows = Planes(H, W), numbers[: self.lamps * model.PER_LAMP].reshape(self.lamps, -1)
        places = np.array([model.lamp_place(lamp) for lamp in rows]) * at.half_px + [(W - 1) / 2, (H - 1) / 2, 0]
        shadows = Shadows(places.astype(np.float32), planes, depth=1.0, penumbra_px=penumbra_px)
        still = 1 - planes.inner(shadows.lit(planes.padded(at.rest_px)))
        dark = np.stack([still[(slice(None), *self.touched.pixel)]] * 2, axis=1)
        for k, surface in enumerate(surfaces):
            here = self.touched.press == k
            cast = planes.inner(shadows.lit(planes.padded(surface)))
            dark[:, 0, here] = 1 - cast[(slice(None), *self.touched.pixel[:, here])]
        return dark, still[(slice(None), *self.rest.pixel)]

    def _off_prior(self, numbers: np.ndarray) -> np.ndarray:
        lamps = numbers[: self.lamps * model.PER_LAMP].reshape(self.lamps, -1)
        return self._prior * ((lamps - EXPECTED) / SPREAD).ravel()


def _described(problem, numbers, shadow, presses, spec, at) -> SensorSpec:
    """The sensor with these lamps; the exponent of the highlight becomes a whole number, then colours are solved again."""
    gloss, shininess, softness = numbers[-3], round(np.exp(numbers[-2])), np.exp(numbers[-1])
    numbers = np.concatenate([numbers[:-2], [np.log(shininess), numbers[-1]]])
    colors = problem.colors(problem.design_of(numbers))
    rows = numbers[: -model.SHARED].reshape(problem.lamps, -1)
    lights = [model.lamp_of(*pair, spec, at.half_px) for pair in zip(rows, colors[:-1], strict=True) if pair[1].any()]
    penumbra_m = shadow[1] * spec.camera.pixel_pitch_m if shadow[0] else spec.coating.penumbra_m
    coating = replace(
        spec.coating, ambient=tuple(colors[-1].tolist()), specular=float(gloss), shininess=int(shininess), softness=float(softness),
        shadow_depth=shadow[0], penumbra_m=penumbra_m, unevenness=0.0,
    )  # fmt: skip
    said = f"fitted to {len(presses)} ball presses{' of ' + presses.source if presses.source else ''}"
    sources = spec.sources | {"lights": said, "coating": said}
    return replace(spec, lights=tuple(lights), coating=coating, sources=sources)
