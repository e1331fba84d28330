"""Contact circles of ball presses, found without a hand: pictures in, circles with the scatter of their rims out.

    Q(c, a) = mean over rays t and channels of sqrt(max(0, sign(D_1) (2 D_1 - D_i - D_o)))                     (1)

D is the change of colour against the resting gel, D_1 at c + a (cos t, sin t), D_i and D_o a little nearer and farther. Inside the contact
the gel has the shape of the ball, so that the change grows towards the rim; outside the free gel falls back: along each ray the change
has a ridge at the rim, whatever the lights, and (1) is largest where the circle lies on it. Being local and signed, (1) sees neither the
smooth offset of a frame nor how brightly a place is lit, and a side in shadow only adds nothing. The start is the brightest patch of
the change, moved to agree with the mean press of the set. Measured on labelled presses: see tests/optics/calibration/test_circles.py.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from simtouch._checks import ArgumentError
from simtouch.optics.calibration.presses import PressSet

FEWEST_LEVELS = 8.0
"""A picture that changes less than this anywhere shows no ball."""
_WIDTH = 320  # circles are searched at about this width: finer pixels hold no more of a blurred rim
_SMALL = 12  # radius in such pixels below which full ones are used after all
_RAYS = np.linspace(0, 2 * np.pi, 48, endpoint=False)
_STEP = 0.15  # of D_i and D_o, in radii
_SIZES = (1.0, 0.65, 0.4)  # of the start, in sizes of the brightest patch
_OFFER = np.stack(np.meshgrid(*[np.arange(-2, 3) / 2] * 3, indexing="ij"), -1).reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class FoundCircles:
    """Circles of the presses of a set, in its order."""

    circles_px: np.ndarray
    """Centre column, row and radius [px], float64, (N, 3); of a rejected press the best guess, or NaN."""
    residual_px: np.ndarray
    """Median distance of the rim, ray by ray, from the circle [px], (N,)."""
    rejected: dict[int, str]
    """Why a press is not to be used, by its index."""

    @property
    def kept(self) -> np.ndarray:
        """Indices of the presses with a circle to rely on."""
        return np.array([k for k in range(len(self.circles_px)) if k not in self.rejected], int)

    def apply(self, presses: PressSet) -> PressSet:
        """The presses that were kept, with their circles."""
        if not len(self.kept):
            raise ArgumentError(f"no press shows a ball's circle; the first: {next(iter(self.rejected.values()))}.")
        return replace(presses.pick(self.kept), circles_px=self.circles_px[self.kept])


def find_circles(presses: PressSet) -> FoundCircles:
    """Find the contact circle of every press; circles that the set already has are not looked at."""
    scale = max(1, round(presses.image_shape[1] / _WIDTH))
    found = _find(presses, scale)
    small = np.nanmedian(found.circles_px[:, 2]) / scale if len(found.kept) else np.inf
    return _find(presses, 1) if scale > 1 and small < _SMALL else found


def _find(presses: PressSet, scale: int) -> FoundCircles:
    """`find_circles` in pictures reduced by `scale`."""
    changes = _changes(presses, scale)
    spots = [_brightest_patch(change) for change in changes]
    seen = [k for k, spot in enumerate(spots) if spot is not None]
    rejected = {k: "no ball in the picture" for k in range(len(presses)) if spots[k] is None}
    circles, residual = np.full((len(presses), 3), np.nan), np.full(len(presses), np.nan)
    if seen:
        ball = presses.ball_radius_m / presses.pixel_pitch_m / scale
        start = np.array([spots[k] for k in seen])
        start[:, 2] = min(0.85 * np.median(start[:, 2]), 0.9 * ball)
        start[:, :2] = _aligned([changes[k] for k in seen], start)
        circles[seen] = _rims([changes[k] for k in seen], start, 0.985 * ball)
        if len(seen) > 4 and np.ptp(np.percentile(circles[seen, :2], (10, 90), axis=0), axis=0).max() < 2 * start[0, 2]:
            # Presses at one place are lit alike: how they lie to each other is better known than each rim.
            circles[seen, :2] = start[:, :2] + np.median(circles[seen, :2] - start[:, :2], axis=0)
        for k in seen:
            residual[k] = _rim_scatter(changes[k], circles[k])
        rejected |= _outliers(circles, residual, start, seen, changes[0].shape[:2])
    circles = circles * scale
    circles[:, :2] += (scale - 1) / 2  # centres of small pixels to centres of full ones
    return FoundCircles(circles, residual * scale, dict(sorted(rejected.items())))


def _changes(presses: PressSet, scale: int) -> list[np.ndarray]:
    """Change against the resting gel with each frame's offset removed, float32, reduced by `scale`."""
    size = presses.image_shape[1] // scale, presses.image_shape[0] // scale
    whole = slice(size[1] * scale), slice(size[0] * scale)

    def small(image):
        return cv2.resize(image[whole], size, interpolation=cv2.INTER_AREA).astype(np.float32)

    rest = small(presses.rest)
    changes = [small(image) - rest for image in presses.images]
    return [change - np.median(change, axis=(0, 1)) for change in changes]


def _brightest_patch(change: np.ndarray) -> np.ndarray | None:
    """Middle and radius of the patch with the most change, or None where nothing stands out."""
    strength = np.sqrt((cv2.GaussianBlur(change, (0, 0), change.shape[1] / 160) ** 2).sum(2))
    floor, peak = np.median(strength), np.percentile(strength, 99.8)
    if peak < max(FEWEST_LEVELS, 4 * floor):
        return None
    strength = np.maximum(strength - 2 * floor, 0)
    count, label, *_ = cv2.connectedComponentsWithStats((strength > 0.35 * (peak - 2 * floor)).astype(np.uint8))
    weight = np.bincount(label.ravel(), strength.ravel(), count)
    patch = label == 1 + np.argmax(weight[1:])
    y, x = np.nonzero(patch)
    middle = np.average(np.column_stack([x, y]), axis=0, weights=strength[patch])
    return np.array([*middle, np.sqrt(patch.sum() / np.pi)])


def _aligned(changes: list[np.ndarray], start: np.ndarray, rounds: int = 3) -> np.ndarray:
    """Centres at which every press looks most like the median press, (N, 2)."""
    half = int(np.ceil(1.4 * start[0, 2]))
    reach = half // 2
    centres = start[:, :2].copy()
    for _ in range(rounds if len(changes) > 2 else 0):
        model = np.median([_cut(c, at, half) for c, at in zip(changes, centres, strict=True)], axis=0).astype(np.float32)
        ones = np.ones(model.shape[:2], np.float32)
        for k, change in enumerate(changes):
            around = _cut(change, centres[k], half + reach)
            likeness = sum(cv2.matchTemplate(around[..., c], model[..., c], cv2.TM_CCORR) for c in range(3))
            energy = cv2.matchTemplate((around**2).sum(2), ones, cv2.TM_CCORR)
            likeness = likeness / np.sqrt(np.maximum(energy, 1e-3))
            row, col = np.unravel_index(np.argmax(likeness), energy.shape)
            top, left = min(max(row, 1), 2 * reach - 1), min(max(col, 1), 2 * reach - 1)
            centres[k] += (
                col - reach + _peak(likeness[row, left - 1 : left + 2]),
                row - reach + _peak(likeness[top - 1 : top + 2, col]),
            )
    return centres - np.median(centres - start[:, :2], axis=0)  # what all share is the model's own place, which means nothing


def _peak(three: np.ndarray) -> float:
    """Where a parabola through three neighbours is highest, from the middle one on, within half a step."""
    bend = three[0] - 2 * three[1] + three[2]
    return float(np.clip((three[0] - three[2]) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0


def _cut(change: np.ndarray, centre: np.ndarray, half: int) -> np.ndarray:
    """A square around `centre`, 0 beyond the image."""
    to = np.array([[1, 0, centre[0] - half], [0, 1, centre[1] - half]], np.float32)
    return cv2.warpAffine(change, to, (2 * half + 1, 2 * half + 1), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _rims(changes: list[np.ndarray], start: np.ndarray, largest: float) -> np.ndarray:
    """Circles on the rims, (N, 3): of a few sizes to start from, the one that serves the whole set best.

    How wide the patch is says little of the contact: a small ball moves the free gel far around it.
    """
    best, found = -np.inf, []
    for size in _SIZES:
        tried = [_on_rim(c, at * (1, 1, size), largest) for c, at in zip(changes, start, strict=True)]
        score = np.median([score for _, score in tried])
        if score > best:
            best, found = score, tried
    circles = np.array([circle for circle, _ in found])
    # A press that went astray starts again where and as large as the others ended.
    usual = start + np.median(circles - start, axis=0)
    again = [_on_rim(c, at, largest) for c, at in zip(changes, usual, strict=True)]
    return np.array([max(pair, key=lambda one: one[1])[0] for pair in zip(found, again, strict=True)])


def _on_rim(change: np.ndarray, circle: np.ndarray, largest: float) -> tuple[np.ndarray, float]:
    """The circle near `circle` with the largest (1), and (1): ever finer grids around the best so far."""
    change = cv2.GaussianBlur(change, (0, 0), max(0.7, 0.04 * circle[2]))
    reach, score = max(0.16 * circle[2], 2.0), 0.0
    while reach > 0.1:
        offers = circle + _OFFER * reach
        offers[:, 2] = np.clip(offers[:, 2], 3.0, largest)
        scores = _ridge(change, offers).mean(1)
        circle, score = offers[np.argmax(scores)], float(scores.max())
        reach *= 0.8
    return circle, score


def _ridge(change: np.ndarray, circles: np.ndarray) -> np.ndarray:
    """The rays of (1), (M circles, rays)."""
    inner, rim, outer = (_along(change, circles, factor) for factor in (1 - _STEP, 1, 1 + _STEP))
    return np.sqrt(np.maximum(np.sign(rim) * (2 * rim - inner - outer), 0)).mean(-1)


def _along(change: np.ndarray, circles: np.ndarray, factor: float) -> np.ndarray:
    """The change at `factor` radii, (M, rays, 3)."""
    x = circles[:, :1] + factor * circles[:, 2:] * np.cos(_RAYS)
    y = circles[:, 1:2] + factor * circles[:, 2:] * np.sin(_RAYS)
    return cv2.remap(change, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _rim_scatter(change: np.ndarray, circle: np.ndarray) -> float:
    """Median over the clearer half of the rays of how far their ridge lies from the circle [px]."""
    factors = np.linspace(0.75, 1.25, 41)
    rings = np.tile(circle, (len(factors), 1))
    rings[:, 2] *= factors
    ridge = _ridge(cv2.GaussianBlur(change, (0, 0), max(0.7, 0.04 * circle[2])), rings)
    clear = ridge.max(0) >= np.median(ridge.max(0))
    return float(np.median(np.abs(factors[ridge.argmax(0)][clear] - 1)) * circle[2])


def _outliers(circles, residual, start, seen, shape) -> dict[int, str]:
    """Circles that cannot be: too far out of the image, another size or place than the rest would have."""
    H, W = shape
    middle = np.median(circles[seen, 2])
    found = {}
    for k, begin in zip(seen, start, strict=True):
        x, y, r = circles[k]
        if not (0 <= x <= W - 1 and 0 <= y <= H - 1) or min(x, y, W - 1 - x, H - 1 - y) < 0.2 * r:
            found[k] = "the contact is cut by the rim of the image"
        elif not 0.4 * middle < r < 2.5 * middle:
            found[k] = f"its radius is {r / middle:.2f} times the median of the set"
        elif np.hypot(x - begin[0], y - begin[1]) > 0.8 * r or residual[k] > 0.2 * r:
            found[k] = "its rim is no circle"
    return found
