"""The flat pictures of `view`: a `Reading` in, one RGB picture of captioned tiles out.

Tactile image, difference image, height map, normal traction with shear arrows, stick and slip, marker flow: those that are
known, side by side, at the image's own size.
"""

from functools import lru_cache

import cv2
import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from simtouch.stream.images import difference_image
from simtouch.view_reading import Reading, Scales

STATE_COLOURS = {"none": "#c9ced6", "stick": "#2b7bba", "incipient": "#f2c14e", "slip": "#e4572e"}
"""Of the slip states, wherever they are shown."""
_TILE_AREA_PX = 320 * 240
_GAP, _CAPTION = 8, 26  # px
_PAPER = 255
_ARROWS = 500  # at most, of shear on a tile
_ARROW_SHARE = 0.09  # length of the longest arrow, as a share of the tile's width
_SHIFT = 4  # fixed-point bits of OpenCV's drawing


def board(reading: Reading, scales: Scales) -> np.ndarray:
    """Return the picture, RGB, uint8."""
    tiles = [draw(reading, scales) for draw in (_image, _difference, _height, _traction, _contact, _flow)]
    there = [tile for tile in tiles if tile is not None]
    rows, cols = there[0][1].shape[:2]
    columns = min(len(there), 3 if rows > cols else 2)
    lines = -(-len(there) // columns)
    out = np.full((lines * (rows + _CAPTION) + (lines - 1) * _GAP, columns * (cols + _GAP) - _GAP, 3), _PAPER, np.uint8)
    for k, (caption, tile) in enumerate(there):
        y, x = (k // columns) * (rows + _CAPTION + _GAP), (k % columns) * (cols + _GAP)
        out[y : y + _CAPTION, x : x + cols] = _caption(caption, cols)
        out[y + _CAPTION : y + _CAPTION + rows, x : x + cols] = tile
    return out


def height_colours(height_m: np.ndarray, limit_m: float) -> np.ndarray:
    """Blue where pressed in, red where bulged out, RGB, uint8."""
    return _coloured(height_m / (2 * limit_m) + 0.5, "RdBu_r")


def traction_colours(normal_traction_pa: np.ndarray, limit_pa: float) -> np.ndarray:
    """Black to yellow, RGB, uint8."""
    return _coloured(normal_traction_pa / limit_pa, "magma")


def contact_colours(contact_mask: np.ndarray, stick_mask: np.ndarray) -> np.ndarray:
    """Colours of `STATE_COLOURS` for untouched, sticking and slipping cells, RGB, uint8, (h, w, 3)."""
    return _state_table()[contact_mask.astype(np.intp) + stick_mask]


def tile_size(image_shape: tuple[int, ...]) -> tuple[int, int]:
    """(rows, columns) of a tile [px]."""
    H, W = image_shape[:2]
    factor = min(1.0, (_TILE_AREA_PX / (H * W)) ** 0.5)
    return max(8, round(H * factor)), max(8, round(W * factor))


def _image(reading: Reading, scales: Scales):
    return "tactile image", _fitted(reading.image, reading)


def _difference(reading: Reading, scales: Scales):
    if reading.background is None:
        return None
    return "difference image", _fitted(difference_image(reading.image, reading.background), reading)


def _height(reading: Reading, scales: Scales):
    if reading.height_m is None:
        return None
    smooth = cv2.resize(reading.height_m, tile_size(reading.image.shape)[::-1], interpolation=cv2.INTER_LINEAR)
    return f"height, ± {scales.height_m * 1e6:.4g} µm", height_colours(smooth, scales.height_m)


def _traction(reading: Reading, scales: Scales):
    if reading.normal_traction_pa is None:
        return None
    tile = _fitted(traction_colours(reading.normal_traction_pa, scales.traction_pa), reading)
    if (shear := reading.shear_traction_pa) is not None:
        step = max(1, round((shear.shape[0] * shear.shape[1] / _ARROWS) ** 0.5))
        some = shear[step // 2 :: step, step // 2 :: step]
        i, j = np.nonzero(np.hypot(some[..., 0], some[..., 1]) > 0.05 * scales.shear_pa)
        cell = tile.shape[1] / shear.shape[1]
        starts = np.stack([j, i], 1) * (step * cell) + (step // 2 + 0.5) * cell
        _arrows(tile, starts, some[i, j] * (_ARROW_SHARE * tile.shape[1] / scales.shear_pa), "#4df3ff")
    return f"normal to {scales.traction_pa * 1e-3:.3g}, → {scales.shear_pa * 1e-3:.3g} kPa", tile


def _contact(reading: Reading, scales: Scales):
    if reading.contact_mask is None or reading.stick_mask is None:
        return None
    tile = contact_colours(reading.contact_mask, reading.stick_mask)
    return (("stick", STATE_COLOURS["stick"]), ("slip", STATE_COLOURS["slip"])), _fitted(tile, reading)


def _flow(reading: Reading, scales: Scales):
    if reading.flow_px is None or reading.markers_px is None:
        return None
    rows, cols = tile_size(reading.image.shape)
    scale = cols / reading.image.shape[1]
    tile = np.full((rows, cols, 3), 244, np.uint8)
    rest = (reading.markers_px - reading.flow_px + 0.5) * scale
    for x, y in np.round(rest * (1 << _SHIFT)).astype(int).tolist():
        cv2.circle(tile, (x, y), 2 << _SHIFT, (165, 165, 165), -1, cv2.LINE_AA, _SHIFT)
    _arrows(tile, rest, reading.flow_px * (_ARROW_SHARE * cols / scales.flow_px), "#1a1a1a")
    return f"marker flow, → {scales.flow_px:.3g} px", tile


def _fitted(picture: np.ndarray, reading: Reading) -> np.ndarray:
    rows, cols = tile_size(reading.image.shape)
    if picture.shape[:2] == (rows, cols):
        return picture
    return cv2.resize(picture, (cols, rows), interpolation=cv2.INTER_AREA if picture.shape[0] > rows else cv2.INTER_NEAREST)


def _arrows(tile: np.ndarray, starts: np.ndarray, ends: np.ndarray, colour: str) -> None:
    rgb = [round(255 * c) for c in to_rgb(colour)]
    places = np.round(np.stack([starts, starts + ends], 1) * (1 << _SHIFT)).astype(int).tolist()
    for start, end in places:
        cv2.arrowedLine(tile, start, end, rgb, 1, cv2.LINE_AA, _SHIFT, 0.35)


def _coloured(share: np.ndarray, name: str) -> np.ndarray:
    return _table(name)[np.clip(share * 255, 0, 255).astype(np.uint8)]


@lru_cache(maxsize=8)
def _table(name: str) -> np.ndarray:
    return matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3].copy()


@lru_cache(maxsize=1)
def _state_table() -> np.ndarray:
    return np.array([[round(255 * c) for c in to_rgb(STATE_COLOURS[s])] for s in ("none", "slip", "stick")], np.uint8)


@lru_cache(maxsize=64)
def _caption(text: str | tuple[tuple[str, str], ...], width: int) -> np.ndarray:
    """A line of text above a tile, RGB, uint8, (rows, width, 3); parts (text, colour) get a square of their colour."""
    dpi, left = 100, 0.0
    figure = Figure(figsize=(width / dpi, _CAPTION / dpi), dpi=dpi, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    for part in (text,) if isinstance(text, str) else text:
        if not isinstance(part, str):
            figure.text(left, 0.5, "■", color=part[1], fontsize=11, va="center_baseline")
            left += 20 / width
        words = part if isinstance(part, str) else part[0]
        label = figure.text(left, 0.5, words, fontsize=11.5, va="center_baseline", color="#25292e", family="DejaVu Sans")
        left += label.get_window_extent(canvas.get_renderer()).width / width + 18 / width
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
