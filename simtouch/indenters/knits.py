"""Knitted cloth and nets: stitches as swept yarns in, a `Swatch` out.

A stitch is a curve over 0 <= t < 2 pi, one wale w wide and moved up by one course c from row to row (after Peirce, "Geometrical
principles applicable to the design of functional fabrics", Textile Research Journal 17, 1947):

    x = w t / 2 pi + b sin 2 t,    y = (l / 2) cos t,    z = -f d cos 2 t                  (1)

Its legs are in front where f = 1, the face, and make a V that opens upwards; where f = -1, the back, heads and feet are in
front and make arcs. A swept yarn of radius r is as high as the highest ball of that radius along it. y is up, so v = -y.
"""

import numpy as np

from simtouch.indenters.cloth import Swatch

_PIXELS = 26  # a wale
_SAMPLES = 44  # of a stitch
_COURSE = 0.78  # height of a course in wales
_BULGE, _LENGTH, _DEPTH = 0.2, 1.85, 0.16  # b in wales, l in courses, d in wales


def jersey(wale_m: float, thickness: float, face: int = 1) -> Swatch:
    """Stocking stitch, its face (1) or its back (-1); `thickness` is the yarn's radius in wales."""
    return ribbed(wale_m, thickness, (face,))


def ribbed(wale_m: float, thickness: float, faces: tuple[int, ...], relief: float = 0.0) -> Swatch:
    """Columns of face (1) and back (-1) stitches; the backs lie `relief` wales lower on either side of the middle."""
    heights = _sweep(_courses(faces, relief), thickness, (len(faces), _COURSE))
    low = float(heights.min())
    return Swatch(height_m=wale_m * (heights - low), pixel_m=(wale_m / _PIXELS, wale_m * _COURSE / _rows(_COURSE)))


def cable(wale_m: float, thickness: float) -> Swatch:
    """Two ropes of two wales each that cross, right over left, every eight courses, between grounds of two purl wales."""
    wales, courses, width = 8, 8, 4
    ground = jersey(1.0, thickness, -1).height_m
    face = jersey(1.0, thickness, 1).height_m
    rows = face.shape[0] * courses
    u, v = np.meshgrid(np.arange(wales * _PIXELS) / _PIXELS, np.arange(rows) / rows)
    height = _tiled(ground, u, v * courses)
    middle, reach = wales / 2, width / 4
    for phase, front in ((0.0, 1.0), (np.pi, -1.0)):
        # The centre of a rope swings from side to side; where the two meet, one is in front.
        swing = np.cos(2 * np.pi * v + phase)
        slope = -2 * np.pi / (courses * _COURSE) * np.sin(2 * np.pi * v + phase) * reach
        across = (u - middle - reach * swing) * np.sqrt(1 / (1 + slope**2))
        body = np.sqrt(np.maximum(1 - (across / reach) ** 2, 0))
        over = 0.5 * front * np.sin(2 * np.pi * v + phase) * np.cos(np.pi * (u - middle) / width)
        rope = 0.15 + 0.28 * body + 0.2 * np.sign(front) * over + 0.7 * _tiled(face, across + 0.5, v * courses)
        height = np.where(np.abs(across) < reach, np.maximum(height, rope), height)
    return Swatch(height_m=wale_m * height, pixel_m=(wale_m / _PIXELS, wale_m * _COURSE * courses / rows))


def pique(wale_m: float, thickness: float) -> Swatch:
    """Tuck stitches at every other wale, set off from row to row: a honeycomb of hollows in a purl ground."""
    ground = jersey(1.0, thickness, -1).height_m
    rows = ground.shape[0] * 4
    u, v = np.meshgrid(np.arange(2 * _PIXELS) / _PIXELS, np.arange(rows) / rows * 4)
    height = _tiled(ground, u, v)
    for wale, course in ((0.5, 1.0), (1.5, 3.0)):
        du, dv = (u - wale + 1) % 2 - 1, (v - course + 2) % 4 - 2
        inside = np.exp(-((du / 0.5) ** 2 + (dv / 1.05) ** 2))
        height = height * (1 - 0.75 * inside) + 0.22 * (1 - inside)
    return Swatch(height_m=wale_m * height, pixel_m=(wale_m / _PIXELS, wale_m * _COURSE * 4 / rows))


def tulle(cell_m: float, thickness: float) -> Swatch:
    """Bobbin net: hexagons of yarn, corners up, that stand `cell_m` apart; `thickness` is the yarn's radius in cells."""
    root = np.sqrt(3.0)
    side = 1 / root
    a, b, c, d = np.array([(0, 0, 0), (0.5, side / 2, 0), (0.5, 1.5 * side, 0), (0, 2 * side, 0)])
    left, up = np.array([1.0, 0, 0]), np.array([0, root, 0])
    sides = ((a, b), (b, c), (c, d), (d, a + up), (a, b - left), (d, c - left))
    share = np.linspace(0, 1, 20)[:, None]
    points = np.concatenate([start * (1 - share) + end * share for start, end in sides])
    heights = _sweep(points, thickness, (1, root), floor=0.0)
    return Swatch(height_m=cell_m * heights, pixel_m=(cell_m / _PIXELS, cell_m * root / _rows(root)))


def _courses(faces: tuple[int, ...], relief: float) -> np.ndarray:
    """Points of one course of (1) in wales, (N, 3)."""
    t = np.arange(_SAMPLES) * 2 * np.pi / _SAMPLES - np.pi
    points = []
    for wale, face in enumerate(faces):
        x = wale + 0.5 + t / (2 * np.pi) + _BULGE * np.sin(2 * t)
        # Between a face and a back the yarn passes through the cloth: half way at the feet.
        before, after = faces[wale - 1], faces[(wale + 1) % len(faces)]
        foot = np.abs(t / np.pi) ** 3
        beside = np.where(t < 0, before, after)
        side = face * (1 - foot) + foot * (face + beside) / 2
        z = -side * _DEPTH * np.cos(2 * t) + relief * side
        points.append(np.stack([x, _LENGTH / 2 * _COURSE * np.cos(t), z], -1))
    return np.concatenate(points)


def _sweep(points: np.ndarray, radius: float, size: tuple[float, float], floor: float | None = None) -> np.ndarray:
    """Height of balls along a curve, (N, 3) with y up, on a repeat of this size (along x and y), (R, C)."""
    cols, rows = round(size[0] * _PIXELS), _rows(size[1])
    x, y = np.arange(cols) * size[0] / cols, -np.arange(rows) * size[1] / rows
    height = np.full((rows, cols), -np.inf if floor is None else floor)
    for px, py, pz in points:
        dx = (x - px + size[0] / 2) % size[0] - size[0] / 2
        dy = (y - py + size[1] / 2) % size[1] - size[1] / 2
        inside = radius**2 - dx[None, :] ** 2 - dy[:, None] ** 2
        np.maximum(height, np.where(inside > 0, pz + np.sqrt(np.maximum(inside, 0)), -np.inf), out=height)
    lowest = height[np.isfinite(height)].min()
    return np.where(np.isfinite(height), height, lowest - radius)


def _rows(height: float) -> int:
    return round(height * _PIXELS)


def _tiled(repeat: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """A repeat of one wale and one course looked up at (u, v) in wales and courses."""
    rows, cols = repeat.shape
    return repeat[np.floor(v % 1 * rows).astype(int) % rows, np.floor(u % 1 * cols).astype(int) % cols]
