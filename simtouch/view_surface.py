"""The solid picture of `view`: heights, tractions and an indenter in; the numbers of the page's three-dimensional things out.

Lengths are in mm, heights times an exaggeration. A surface is a tile for each cell of the gel grid, tilted as the surface is
and large enough to meet its neighbours: viser can give each instance of a mesh a colour of its own, in each frame, but not
each vertex. A traction t is an arrow that ends where it acts:

    from x - k t to x,   t = (t_x, t_y, -p)                                                 (1)
"""

from dataclasses import dataclass

import cv2
import numpy as np

from simtouch.geometry.dome import dome_height_m
from simtouch.geometry.gap_map import Grid, Indenter
from simtouch.view_board import contact_colours, height_colours, traction_colours
from simtouch.view_reading import Reading, Scales

MM = 1e3
COLOURINGS = ("tactile image", "height", "normal traction", "stick and slip")
TILE = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]], np.float32)
"""Corners of a cell of unit size, (4, 3)."""
TILE_FACES = np.array([[0, 1, 2], [0, 2, 3]], np.uint32)
ARROWS = 140
_SIDES = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
ARROW = np.float32(
    [[0, 0, 0], *([*s, 0.4] for s in _SIDES), *([*s, 0.4] for s in 0.35 * _SIDES), *([*s, 1] for s in 0.35 * _SIDES)]
)
"""Corners of an arrow along -z that ends at the origin: a tip, the head's base, two ends of the shaft; (13, 3)."""
ARROW_FACES = np.uint32(
    [[0, 2, 1], [0, 3, 2], [0, 4, 3], [0, 1, 4], [1, 2, 3], [1, 3, 4], [9, 10, 11], [9, 11, 12]]
    + [[5 + k, 5 + (k + 1) % 4, 9 + k] for k in range(4)]
    + [[5 + (k + 1) % 4, 9 + (k + 1) % 4, 9 + k] for k in range(4)]
)
_OVERLAP = 1.06
_ARROW_MM = 3.0  # length of an arrow as long as the largest normal traction
_STEPS = 36  # cells across an indenter
_LINEAR = np.round(255 * (np.arange(256) / 255) ** 2.2).astype(
    np.uint8
)  # viser's client takes colours of instances as linear light


@dataclass(frozen=True, eq=False)
class Tiles:
    """Copies of one mesh, N of them: the cells of a surface, or arrows."""

    positions: np.ndarray
    """Places [mm], float32, (N, 3)."""
    wxyzs: np.ndarray
    """Turns, float32, (N, 4)."""
    scales: np.ndarray
    """Sizes [mm], float32, (N,) or (N, 3)."""
    colours: np.ndarray
    """RGB, uint8, (N, 3)."""


class Surface:
    """The gel grid of one sensor, and how to draw it."""

    def __init__(self, shape: tuple[int, int], cell_size_m: float, dome_radius_m=(np.inf, np.inf)):
        self.grid = Grid(*shape, cell_size_m)
        self.rest_m = dome_height_m(self.grid, dome_radius_m)
        self._xy = np.stack(np.meshgrid(self.grid.x_m, self.grid.y_m), -1) * MM

    @property
    def half_mm(self) -> tuple[float, float]:
        """Half the view (x, y) [mm]."""
        rows, cols = self.grid.shape
        return cols * self.grid.spacing_m * MM / 2, rows * self.grid.spacing_m * MM / 2

    def tiles(self, reading: Reading, scales: Scales, colouring: str, exaggeration: float) -> Tiles:
        """The surface of a reading that has a height map."""
        z = ((self.rest_m + reading.height_m) * (MM * exaggeration)).astype(np.float32)
        slope_y, slope_x = np.gradient(z, self.grid.spacing_m * MM)
        length = np.sqrt(slope_x**2 + slope_y**2 + 1)
        # The turn from z to the normal n = (-slope_x, -slope_y, 1) / length is (1 + n_z, -n_y, n_x, 0), normed.
        turn = np.stack([1 + 1 / length, slope_y / length, -slope_x / length, np.zeros_like(z)], -1)
        turn /= np.linalg.norm(turn, axis=-1, keepdims=True)
        return Tiles(
            positions=np.concatenate([self._xy, z[..., None]], -1).reshape(-1, 3).astype(np.float32),
            wxyzs=turn.reshape(-1, 4).astype(np.float32),
            scales=(length * (self.grid.spacing_m * MM * _OVERLAP)).reshape(-1).astype(np.float32),
            colours=_LINEAR[colours(reading, scales, colouring)].reshape(-1, 3),
        )

    def arrows(self, reading: Reading, scales: Scales, exaggeration: float) -> Tiles:
        """Tractions (1) of touched cells, coloured by stick and slip: always as many, as a new number would be a new mesh.

        `positions` are where they act, `wxyzs` turn -z into the traction, and `scales` are (N, 3).
        """
        i, j = self._touched(reading, scales)
        out = Tiles(
            positions=np.tile(np.float32((0, 0, -1e6)), (ARROWS, 1)),  # nowhere
            wxyzs=np.tile(np.float32((1, 0, 0, 0)), (ARROWS, 1)),
            scales=np.full((ARROWS, 3), 1e-3, np.float32),
            colours=np.zeros((ARROWS, 3), np.uint8),
        )
        ends, ways = self.tractions(reading, scales, exaggeration)
        length = np.linalg.norm(ways, axis=-1, keepdims=True)
        x, y, z = (ways / length).T
        turn = np.stack([1 - z, y, -x, np.zeros_like(x)], -1)  # from -z
        out.positions[: len(i)] = ends
        out.wxyzs[: len(i)] = turn / np.linalg.norm(turn, axis=-1, keepdims=True)
        out.scales[: len(i)] = np.concatenate([np.minimum(0.1 * length, 0.13)] * 2 + [length], -1)
        out.colours[: len(i)] = _LINEAR[contact_colours(reading.contact_mask, reading.stick_mask)[i, j]]
        return out

    def mesh(self, reading: Reading) -> tuple[np.ndarray, np.ndarray]:
        """The surface as one mesh: vertices [mm], float32, (h w, 3), and faces, (F, 3), whose outside is up."""
        z = (self.rest_m + reading.height_m) * MM
        number = np.arange(z.size, dtype=np.uint32).reshape(z.shape)
        a, b, c, d = (n.ravel() for n in (number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]))
        faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
        return np.concatenate([self._xy, z[..., None]], -1).reshape(-1, 3).astype(np.float32), faces

    def tractions(self, reading: Reading, scales: Scales, exaggeration: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Arrows (1) as places where they end and ways to there [mm], each (K, 3)."""
        i, j = self._touched(reading, scales)
        z = (self.rest_m + reading.height_m)[i, j] * (MM * exaggeration)
        shear, normal = np.asarray(reading.shear_traction_pa), np.asarray(reading.normal_traction_pa)
        traction = np.concatenate([shear[i, j], -normal[i, j, None]], -1)
        return np.concatenate([self._xy[i, j], z[:, None]], -1), traction * (_ARROW_MM / scales.traction_pa)

    def _touched(self, reading: Reading, scales: Scales) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the cells whose tractions are drawn: up to `ARROWS`, evenly chosen."""
        pressed = np.asarray(reading.normal_traction_pa) > 0.04 * scales.traction_pa
        step = max(1, int(np.ceil((pressed.sum() / ARROWS) ** 0.5)))
        some = np.zeros(self.grid.shape, bool)
        some[step // 2 :: step, step // 2 :: step] = True
        i, j = np.nonzero(some & pressed)
        return i[:ARROWS], j[:ARROWS]


def colours(reading: Reading, scales: Scales, colouring: str) -> np.ndarray:
    """Colours of the cells, RGB, uint8, (h, w, 3)."""
    if colouring == "height":
        return height_colours(reading.height_m, scales.height_m)
    if colouring == "normal traction":
        return traction_colours(reading.normal_traction_pa, scales.traction_pa)
    if colouring == "stick and slip":
        return contact_colours(reading.contact_mask, reading.stick_mask)
    return cv2.resize(reading.image, reading.height_m.shape[::-1], interpolation=cv2.INTER_AREA)


def indenter_mesh(indenter: Indenter, low_m: np.ndarray, high_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A body as it is seen from below and from above: vertices [mm], (V, 3), and faces, (F, 3).

    Args:
        indenter: The body.
        low_m, high_m: Corners of its bounding box in its own frame [m], (3,).
    """
    half = np.maximum(np.abs(low_m), np.abs(high_m))[:2]
    spacing = 2 * float(half.max()) / _STEPS
    cols, rows = (int(2 * np.ceil(h / spacing) + 2) for h in half)
    grid = Grid(rows, cols, spacing)
    under = indenter.underside_m(np.eye(4), grid)
    turned = np.diag([1.0, -1.0, -1.0, 1.0])  # half a turn about x brings the upper side down, and y to -y
    over = -indenter.underside_m(turned, grid)[::-1]
    there = np.isfinite(under) & np.isfinite(over)
    return _closed(grid, under, over, there)


def _closed(grid: Grid, under: np.ndarray, over: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two height maps over one mask as a closed surface."""
    number = np.full(grid.shape, -1)
    number[there] = np.arange(there.sum())
    i, j = np.nonzero(there)
    xy = np.stack([grid.x_m[j], grid.y_m[i]], 1)
    low = np.concatenate([xy, under[there][:, None]], 1)
    high = np.concatenate([xy, over[there][:, None]], 1)
    count = len(low)
    whole = there[:-1, :-1] & there[:-1, 1:] & there[1:, :-1] & there[1:, 1:]
    a, b, c, d = (n[whole] for n in (number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]))
    top = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    edges = np.concatenate([np.stack([a, b], 1), np.stack([b, c], 1), np.stack([c, d], 1), np.stack([d, a], 1)])
    # An edge that only one square has is on the rim; there a wall joins the two sides.
    _, first, uses = np.unique(np.sort(edges, 1), axis=0, return_index=True, return_counts=True)
    p, q = edges[first[uses == 1]].T
    walls = np.concatenate([np.stack([p, q, p + count], 1), np.stack([q, q + count, p + count], 1)])
    faces = np.concatenate([top[:, ::-1], top + count, walls])
    return (np.concatenate([low, high]) * MM).astype(np.float32), faces.astype(np.uint32)
