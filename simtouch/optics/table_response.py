"""Calibrated colour response of one sensor: gel surface and touched pixels in, change of colour, or the whole tactile image, out.

    I = floor(f (R + G D) + noise + 1/2), held to 0..255                                               (1)

D is the change of colour that a `ColourTable` gives, relative to the resting gel; R the resting picture and G the gain of the surface's
marks, R already with them; f the exposure of the frame; noise that of `camera.py`. A tile of pixels is passed over where no slope is
above t, in x or in y, which changes no pixel by more than a fiftieth of a grey level:

    max_zc G sum_c' |M_cc'| sum_r max_xy |B_zc'r| L_zc'r (n - 1) / 2 t <= 1/50,   L = max |a_10| + |a_01| + |a_11 - a_10 - a_01|   (2)

over the four cells around the middle node, where A = a_10 u + a_01 v + (a_11 - a_10 - a_01) u v.
"""

import numpy as np

from simtouch._taichi import Bound, ensure_runtime
from simtouch.optics.camera import noise_cubic
from simtouch.optics.planes import PAD, Planes
from simtouch.optics.table_kernel import _change, _pictures
from simtouch.sensors.colour_table import POWERS, ColourTable

UNSEEN_LEVELS = 0.02


class TableResponse:
    """The calibrated response on one sensor's image; owns the planes it writes."""

    def __init__(
        self,
        table: ColourTable,
        planes: Planes,
        *,
        rest: np.ndarray | None = None,
        gain: np.ndarray | None = None,
        noise_std: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ):
        """Prepare the numbers of the kernels.

        Args:
            table: Calibrated colour response.
            planes: Layout of the image.
            rest: Resting picture, marks and all [grey levels], shape (H, W, 3); None for black.
            gain: Gain of the surface's marks, shape (H, W); None for ones.
            noise_std: Standard deviation of the pixel noise per channel [grey levels].
        """
        ensure_runtime()
        H, W = planes.rows, planes.cols
        rest = np.zeros((H, W, 3)) if rest is None else rest
        gain = np.ones((H, W)) if gain is None else gain
        self._planes, self._out = planes, planes.new(3)
        self._lanes = _lanes(table)
        tail = [*np.ravel(table.mix), *table.covered[0], *np.outer(noise_std, noise_cubic()).ravel()]
        levels = planes.padded(np.concatenate([np.moveaxis(rest, 2, 0), gain[None]]))
        self._rest, self._gain = levels[:3], levels[3]
        parts = (_rows_of_place(table, H, self._lanes), _in_lanes(table.slope.array, self._lanes), tail, levels, _gentle(table))
        self._numbers = _on_a_cache_line(np.concatenate([np.ravel(part) for part in parts]).astype(np.float32))
        self._sizes = (table.terms, self._lanes, table.nodes, H, W, planes.stride)
        self.unseen_slope = _unseen_slope(table, (H, W), float(np.abs(gain).max()))
        self._touched = np.ones((1, H, planes.stride - 2 * PAD), np.uint8)
        self._one = Pictures(self, self._touched, 1.0)

    def change(self, surface_px: np.ndarray, touched: np.ndarray | None = None) -> np.ndarray:
        """Change of colour D [grey levels], overwritten by the next call, planes, shape (3, H, stride); padding is not meant.

        Args:
            surface_px: Gel surface relative to its rest, in pixels, plane extended linearly, shape (1, H, stride).
            touched: Where the gel is touched, bool or uint8, shape (H, W); None for everywhere.
        """
        flat = (surface_px.reshape(-1), self._mark(touched), self._numbers)
        _change(*flat, self.unseen_slope, *self._sizes, self._out.reshape(-1))
        return self._out

    def levels(self, surface_px: np.ndarray, touched: np.ndarray | None = None) -> np.ndarray:
        """R + G D of (1) [grey levels], overwritten by the next call, planes, shape (3, H, stride). See `change`."""
        out = self.change(surface_px, touched)
        out *= self._gain
        out += self._rest
        return out

    def image(
        self, surface_px: np.ndarray, touched: np.ndarray | None = None, *, key: int | None = None, exposure: float = 1.0
    ) -> np.ndarray:
        """Tactile image (1), uint8, shape (H, W, 3); `key` of the noise, None for none. See `change`."""
        self._mark(touched)
        return self._one.take(surface_px, [exposure], None if key is None else [key])[0]

    def _mark(self, touched: np.ndarray | None) -> np.ndarray:
        """Touched pixels in rows of whole tiles, flat."""
        self._touched[0, :, : self._planes.cols] = 1 if touched is None else touched
        return self._touched.reshape(-1)


class Pictures:
    """Several pictures of one response at once. Not to be shared between threads."""

    def __init__(self, response: TableResponse, touched: np.ndarray, per_pitch: float):
        """Prepare to take pictures.

        Args:
            response: The response of the sensor.
            touched: Where the surfaces are touched, uint8, in rows of whole tiles, shape (B, H, stride - 2 PAD): read by each `take`.
            per_pitch: Pixel pitches in the unit of the surfaces.
        """
        (terms, lanes, nodes, *shape), count = response._sizes, len(touched)
        self._planes, self._count = response._planes, count
        self._exposures, self._keys = np.ones(count, np.float32), np.zeros(count, np.uint32)
        given = (touched.reshape(-1), response._numbers, self._exposures, self._keys.view(np.int32), response.unseen_slope)
        self._launch = Bound(_pictures, None, per_pitch, *given, None, terms, lanes, nodes, count, *shape, None)

    def take(self, surface: np.ndarray, exposures, keys) -> np.ndarray:
        """Tactile images (1), uint8, shape (B, H, W, 3); `keys` of the noise, one each, None for none.

        `surface`: relative to its rest, planes extended linearly, float32, shape (B, H, stride).
        """
        planes = self._planes
        cols = -(-planes.cols // 4) * 4
        out = np.empty((self._count, planes.rows, cols, 3), np.uint8)
        self._exposures[:] = exposures
        self._keys[:] = 0 if keys is None else keys
        self._launch(surface.reshape(-1), int(keys is not None), out.reshape(-1).view(np.int32))
        return out if cols == planes.cols else np.ascontiguousarray(out[:, :, : planes.cols])


def _lanes(table: ColourTable) -> int:
    """Numbers of a node: four a term, a power of two, and eight at least, which the kernel reads at once."""
    return max(8, 4 << (table.terms - 1).bit_length())


def _in_lanes(values: np.ndarray, lanes: int) -> np.ndarray:
    """Zone, channel and term first to zone first, then the rest, then lanes: channels of a term side by side, float64."""
    zones, channels, terms, *rest = values.shape
    out = np.zeros((zones, *rest, lanes))
    by_term = np.moveaxis(values, (2, 1), (-2, -1))
    for r in range(terms):
        out[..., 4 * r : 4 * r + channels] = by_term[..., r, :]
    return out


def _rows_of_place(table: ColourTable, rows: int, lanes: int) -> np.ndarray:
    """Coefficients of B in x, constant first, for each row and zone, float64, shape (H, 2, 4, lanes)."""
    y = np.clip((2 * np.arange(rows) + 1) / rows - 1, *table.covered[1])
    in_x = np.zeros((*table.place.shape[:3], 4, rows))
    for (p, q), b in zip(POWERS, np.moveaxis(table.place.array, -1, 0), strict=True):
        in_x[..., p, :] += b[..., None] * y**q
    return np.moveaxis(_in_lanes(in_x, lanes), 2, 0)


def _gentle(table: ColourTable) -> np.ndarray:
    """The numbers of (1) of the kernels: a left and right, b above and below, four c, float64, shape (3, R, 8)."""
    first = table.nodes // 2 - 1
    (nw, n, ne), (w, _, e), (sw, s, se) = np.moveaxis(
        table.slope.array[0, ..., first : first + 3, first : first + 3].astype(float), (-2, -1), (0, 1)
    )
    return np.stack([w, e, n, s, nw - w - n, ne - e - n, sw - w - s, se - e - s], -1)


def _unseen_slope(table: ColourTable, shape: tuple[int, int], gain: float) -> float:
    """t of (2)."""
    lattice, middle = table.slope.array.astype(float), table.nodes // 2
    steepest = np.zeros(lattice.shape[:3])
    for down in (-1, 1):
        for along in (-1, 1):
            one, other = lattice[..., middle, middle + along], lattice[..., middle + down, middle]
            both = lattice[..., middle + down, middle + along]
            steepest = np.maximum(steepest, abs(one) + abs(other) + abs(both - one - other))
    in_x = _rows_of_place(table, shape[0], _lanes(table))
    x = np.clip((2 * np.arange(shape[1]) + 1) / shape[1] - 1, *table.covered[0])
    largest = np.abs(np.einsum("hzkl,kw->hzlw", in_x, x[None] ** np.arange(4)[:, None])).max((0, 3))
    largest = largest.reshape(2, -1, 4)[:, : table.terms, :3].transpose(0, 2, 1)
    change = np.einsum("cd,zdr->zc", np.abs(np.array(table.mix)), largest * steepest)
    per_slope = gain * change.max() * (table.nodes - 1) / 2
    return float(min(UNSEEN_LEVELS / max(per_slope, 1e-9), 2 / (table.nodes - 1)))


def _on_a_cache_line(values: np.ndarray) -> np.ndarray:
    """The same numbers from an address on that is a multiple of 64 bytes: a node's 16 lanes are one line."""
    spare = np.empty(values.size + 16, np.float32)
    first = -spare.ctypes.data % 64 // 4
    out = spare[first : first + values.size]
    out[:] = values
    return out
