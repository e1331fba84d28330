"""One bounce of diffuse light on the coating: gel surface and its light towards the camera in, that light with the bounce out.

    E'(x) = E(x) + rho sum_s K(x, s) E_s,   K = (n . w)+ (-S . w)+ / (w^2 (pi w^2 + A))             (1)
    S = sum (dz/dx, dz/dy, -1)   over the pixels of a patch                                      (2)

A matte coating of albedo rho looks as bright from everywhere, so the light E that it sends to the camera (`response.py`), a first
reflection already, is also what it sends to other parts of the gel. Senders s are patches of 16 x 16 pixels with their mean light E_s
and their area as a vector S, which holds cosine and area at once; receivers are blocks of 8 x 8 pixels with normal n; w goes from
receiver to sender; (t)+ is max(0, t). K is the form factor cos cos dA / (pi r^2) of radiosity, softened by the patch area A = 256
px^2, which makes it exact for a disc of that area that faces the receiver and keeps it below 1 at any distance. Between the centres
of blocks the bounce is drawn by straight lines. Patches of one plane do not see each other, so a flat gel gets nothing. What
stands between two patches is not asked for, nor are light that the window or the walls send back, and further bounces, each of
which is smaller than the one before by more than the factor rho. Lengths in pixels. Ref: Goral, Torrance, Greenberg and Battaile,
"Modeling the interaction of light between diffuse surfaces", SIGGRAPH 1984.
"""

import numpy as np

from simtouch._checks import as_number
from simtouch._taichi import Flat, ensure_runtime, launched, ti
from simtouch.optics.planes import PAD, TILE, Planes, Tile, positive, store_tile

BLOCK = 8
"""Rows and columns of a receiver; a sender is twice as long."""
PATCH_AREA = float((2 * BLOCK) ** 2)
ALBEDO = 0.5
"""In the middle of .3 to .7, where grey matte paints lie; nobody has published the albedo of a gel's coating."""
STRIP = 16
"""Receivers at once; half a tile, for they have many numbers each."""
Strip = ti.types.vector(STRIP, ti.f32)
FEATURES = 6
"""Of a block: sums over its pixels of z, dz/dx, dz/dy, red, green, blue."""


@ti.func
def form_factor(away_x, away_y, away_z, n_x, n_y, n_z, area_x, area_y, area_z):
    """K of (1): w, n and S by their components; for several receivers at once, as vectors."""
    square = ti.max(away_x * away_x + away_y * away_y + away_z * away_z, 1e-6)
    leaves = positive(-(area_x * away_x + area_y * away_y + area_z * away_z))
    arrives = positive(n_x * away_x + n_y * away_y + n_z * away_z)
    return leaves * arrives / (square * (3.1415927 * square + ti.static(PATCH_AREA)))


@launched
@ti.kernel
def _sum_blocks(surface: Flat, light: Flat, rows: int, cols: int, stride: int, lines: int, out: Flat):
    """`out`: FEATURES planes of blocks, `lines` rows of them and as many columns as whole tiles have. Pixels outside the image
    count nothing."""
    for line in range(lines):
        size, tiles = rows * stride, (stride - 2 * PAD) // TILE
        for tile in range(tiles):
            z, slope_x, slope_y, red, green, blue = Tile(0.0), Tile(0.0), Tile(0.0), Tile(0.0), Tile(0.0), Tile(0.0)
            start = PAD + tile * TILE
            for i in range(line * BLOCK, ti.min((line + 1) * BLOCK, rows)):
                above, below = ti.max(i - 1, 0), ti.min(i + 1, rows - 1)
                per_row = 1.0 / ti.max(below - above, 1)
                for e in range(TILE):
                    at = i * stride + start + e
                    z[e] += surface[at]
                    slope_x[e] += (surface[at + 1] - surface[at - 1]) * 0.5
                    slope_y[e] += (surface[below * stride + start + e] - surface[above * stride + start + e]) * per_row
                    red[e] += light[at]
                    green[e] += light[size + at]
                    blue[e] += light[2 * size + at]
            for b in range(TILE // BLOCK):
                sums = ti.Vector([0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
                for c in range(BLOCK):
                    e = b * BLOCK + c
                    mine = ti.select(tile * TILE + e < cols, 1.0, 0.0)
                    sums += mine * ti.Vector([z[e], slope_x[e], slope_y[e], red[e], green[e], blue[e]])
                for f in ti.static(range(FEATURES)):
                    out[((f * lines + line) * tiles + tile) * (TILE // BLOCK) + b] = sums[f]


@launched
@ti.kernel
def _gather(numbers: Flat, count: int, sender_count: int, albedo: float, out: Flat):
    """Sum of (1). `numbers`: planes of x, y, z and the normal of the receivers, `count` of them in whole strips, then of x, y, z, S and the
    light of the senders; `out`: of red, green, blue of each receiver."""
    for strip in range(count // STRIP):
        start = strip * STRIP
        x, y, z, n_x, n_y, n_z = Strip(0.0), Strip(0.0), Strip(0.0), Strip(0.0), Strip(0.0), Strip(0.0)
        red, green, blue = Strip(0.0), Strip(0.0), Strip(0.0)
        for e in ti.static(range(STRIP)):
            x[e], y[e], z[e] = numbers[start + e], numbers[count + start + e], numbers[2 * count + start + e]
            n_x[e], n_y[e] = numbers[3 * count + start + e], numbers[4 * count + start + e]
            n_z[e] = numbers[5 * count + start + e]
        for s in range(sender_count):
            sender = 6 * count + s
            s_x, s_y, s_z = numbers[sender], numbers[sender + sender_count], numbers[sender + 2 * sender_count]
            a_x, a_y = numbers[sender + 3 * sender_count], numbers[sender + 4 * sender_count]
            a_z = numbers[sender + 5 * sender_count]
            factor = albedo * form_factor(s_x - x, s_y - y, s_z - z, n_x, n_y, n_z, a_x, a_y, a_z)
            red += factor * numbers[sender + 6 * sender_count]
            green += factor * numbers[sender + 7 * sender_count]
            blue += factor * numbers[sender + 8 * sender_count]
        for e in ti.static(range(STRIP)):
            out[start + e] = red[e]
        for e in ti.static(range(STRIP)):
            out[count + start + e] = green[e]
        for e in ti.static(range(STRIP)):
            out[2 * count + start + e] = blue[e]


@launched
@ti.kernel
def _spread(bounce: Flat, rows: int, cols: int, stride: int, count: int, out: Flat):
    """Add to `out` the bounce of the blocks by straight lines between their middles, level beyond the outer ones."""
    for task in range(3 * ((rows + BLOCK - 1) // BLOCK)):
        color, line = task % 3, task // 3
        last_line, last, block_cols = (rows - 1) // BLOCK, (cols - 1) // BLOCK, (stride - 2 * PAD) // BLOCK
        here = color * count + line * block_cols
        above, below = color * count + ti.max(line - 1, 0) * block_cols, color * count + ti.min(line + 1, last_line) * block_cols
        now, before, after, light = Tile(0.0), Tile(0.0), Tile(0.0), Tile(0.0)
        for tile in range((stride - 2 * PAD) // TILE):
            for b in ti.static(range(TILE // BLOCK)):
                col = tile * (TILE // BLOCK) + b
                j, beside = ti.min(col, last), ti.Vector([ti.min(ti.max(col - 1, 0), last), ti.min(col + 1, last)])
                for c in ti.static(range(BLOCK)):
                    k, share = beside[2 * c // BLOCK], ti.static(abs(2 * c + 1 - BLOCK) / (2 * BLOCK))
                    now[b * BLOCK + c] = bounce[here + j] * (1.0 - share) + bounce[here + k] * share
                    before[b * BLOCK + c] = bounce[above + j] * (1.0 - share) + bounce[above + k] * share
                    after[b * BLOCK + c] = bounce[below + j] * (1.0 - share) + bounce[below + k] * share
            for i in range(line * BLOCK, ti.min((line + 1) * BLOCK, rows)):
                twice = 2 * (i - line * BLOCK) + 1 - BLOCK
                share, start = ti.cast(ti.abs(twice), ti.f32) / (2 * BLOCK), (color * rows + i) * stride + PAD + tile * TILE
                up, down = ti.select(twice < 0, share, 0.0), ti.select(twice < 0, 0.0, share)
                for e in range(TILE):
                    light[e] = out[start + e] + (now[e] * (1.0 - share) + before[e] * up + after[e] * down)
                store_tile(light, start // 8, out)


class Bounce:
    """Equation (1) for images of one size; owns what it needs in between. Not to be shared between threads."""

    def __init__(self, planes: Planes, *, albedo: float = ALBEDO):
        """`albedo`: share of the light that the coating reflects, in [0, 1]."""
        ensure_runtime()
        self._planes, self._albedo = planes, as_number("albedo", albedo, at_least=0, at_most=1)
        lines, cols = 2 * -(-planes.rows // (2 * BLOCK)), (planes.stride - 2 * PAD) // BLOCK
        heights = np.clip(planes.rows - BLOCK * np.arange(lines), 0, BLOCK)
        widths = np.clip(planes.cols - BLOCK * np.arange(cols), 0, BLOCK)
        place = np.meshgrid(*(BLOCK * np.arange(len(n)) + (n - 1) / 2 for n in (widths, heights)))
        pixels = np.outer(heights, widths)
        self._per_pixel = (1 / np.maximum(pixels, 1)).astype(np.float32)
        self._blocks = np.zeros((FEATURES, lines, cols), np.float32)
        patch_pixels, count = _patches(pixels), -(-pixels.size // STRIP) * STRIP
        self._numbers = np.zeros(6 * count + 9 * patch_pixels.size, np.float32)  # one array, because each costs a launch 20 us
        self._receivers = self._numbers[: 6 * count].reshape(6, count)
        self._senders = self._numbers[6 * count :].reshape(9, *patch_pixels.shape)
        self._receivers[:2, : pixels.size] = np.reshape(place, (2, -1))
        self._bounce = np.zeros((3, count), np.float32)
        self._per_patch_pixel = (1 / np.maximum(patch_pixels, 1)).astype(np.float32)
        self._senders[:2] = _patches(pixels * np.array(place)) * self._per_patch_pixel
        self._senders[5] = -patch_pixels

    def add(self, surface_px: np.ndarray, light: np.ndarray) -> None:
        """Add the bounce to the light (1), in place; its planes hold nothing of use beyond the image.

        Args:
            surface_px: Gel surface in pixels, plane extended linearly, shape (1, H, stride).
            light: Light towards the camera, planes, shape (3, H, stride).
        """
        planes, lines = self._planes, self._blocks.shape[1]
        size = (planes.rows, planes.cols, planes.stride)
        _sum_blocks(surface_px.reshape(-1), light.reshape(-1), *size, lines, self._blocks.reshape(-1))
        self._seat()
        count = self._receivers.shape[1]
        _gather(self._numbers, count, self._senders[0].size, self._albedo, self._bounce.reshape(-1))
        _spread(self._bounce.reshape(-1), *size, count, light.reshape(-1))

    def _seat(self) -> None:
        """Heights, normals, vector areas and light of receivers and senders from the sums of the blocks."""
        senders, patches = self._senders, _patches(self._blocks)
        np.multiply(patches[0], self._per_patch_pixel, out=senders[2])
        senders[3:5] = patches[1:3]
        np.multiply(patches[3:], self._per_patch_pixel, out=senders[6:])
        means = self._blocks[:3] * self._per_pixel
        z, slope_x, slope_y = means.reshape(3, -1)
        scale = 1 / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
        self._receivers[2:, : z.size] = z, slope_x * scale, slope_y * scale, -scale


def _patches(blocks: np.ndarray) -> np.ndarray:
    """Sums over 2 x 2 blocks, shape (..., lines, cols) to (..., lines / 2, cols / 2)."""
    pairs = blocks[..., 0::2, :] + blocks[..., 1::2, :]
    return pairs[..., 0::2] + pairs[..., 1::2]
