"""Contact sheet: a few clips in, one PNG out that shows images, maps, slip and forces over time.

A block a clip; in a block one strip of tiles a quantity, time running to the right, and below them the force over the whole
clip. Equal clips give equal bytes. Of a recording, which knows less, what it knows is shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from simtouch._checks import ArgumentError
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.clip import Clip
from simtouch.stream.drawing import STATE_COLOURS, Sheet, draw
from simtouch.stream.images import difference_image

_TILE_AREA_PX = 19_200  # 120 x 160
_GAP, _LEFT, _RIGHT, _TOP, _CURVE, _BOTTOM = 4, 70, 54, 44, 120, 44
_HEAD = 34
_MAX_CLIPS = 6


def make_contact_sheet(clips: Sequence[AnyClip], *, title: str = "") -> bytes:
    """Return the sheet as PNG.

    Args:
        clips: A stream or a set of recordings, of which up to six clips are shown, evenly chosen; or a list of up to six clips.
        title: Headline; by default the sensors, and what the stream holds.
    """
    chosen = list(clips) if isinstance(clips, list | tuple) else [clips[i] for i in _spread(0, len(clips) - 1, _MAX_CLIPS)]
    if not 1 <= len(chosen) <= _MAX_CLIPS:
        raise ArgumentError(f"a contact sheet shows 1 to {_MAX_CLIPS} clips; got {len(chosen)}.")
    blocks = [_Block(clip, tiles=5 if len(chosen) <= 4 else 4) for clip in chosen]
    columns = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3}[len(blocks)]
    rows = -(-len(blocks) // columns)
    width, height = (max(getattr(b, side) for b in blocks) for side in ("width", "height"))

    def fill(sheet: Sheet) -> None:
        sheet.text(12, 21, title or _headline(clips, chosen), size=12, weight="bold")
        for i, block in enumerate(blocks):
            _draw_block(sheet, block, width * (i % columns), _HEAD + height * (i // columns))

    return draw(width * columns, height * rows + _HEAD, fill)


@dataclass(frozen=True)
class _Block:
    """What is shown of one clip, and how large."""

    clip: AnyClip
    tiles: int

    @cached_property
    def frames(self) -> list[int]:
        """The frames that are shown: spread over the touch, or over the clip if there is none."""
        touched = np.flatnonzero(self.clip.values("contact_area_m2") > 0) if self.clip.has("contact_area_m2") else np.arange(0)
        first, last = (touched[0], touched[-1]) if len(touched) else (0, len(self.clip) - 1)
        return _spread(int(first), int(last), self.tiles)

    @cached_property
    def images(self) -> list[np.ndarray]:
        return [self.clip.image(t) for t in self.frames]

    @cached_property
    def strips(self) -> list[Callable]:
        """What is drawn of this clip, from the top."""
        strips: list[Callable] = [_image_strip]
        if self.clip.background is not None:
            strips.append(_difference_strip)
        if isinstance(self.clip, Clip):
            strips += [_height_strip, _traction_strip, _slip_strip]
            if any(len(self.clip.points("markers_px", t)) for t in self.frames):
                strips.append(_flow_strip)
        return strips

    @cached_property
    def tile(self) -> tuple[int, int]:
        """(rows, columns) of a tile [px]."""
        H, W, _ = self.images[0].shape
        factor = (_TILE_AREA_PX / (H * W)) ** 0.5
        return max(8, round(H * factor)), max(8, round(W * factor))

    @property
    def width(self) -> int:
        return _LEFT + self.tiles * (self.tile[1] + _GAP) + _RIGHT

    @property
    def height(self) -> int:
        return _TOP + len(self.strips) * (self.tile[0] + _GAP) + _CURVE + _BOTTOM


def _draw_block(sheet: Sheet, block: _Block, x: int, y: int) -> None:
    clip = block.clip
    friction = f"µ = {clip.values('friction')[0]:.2f}" if clip.has("friction") else ""
    title = (f"clip {clip.clip_id}", clip.sensor_id, clip.indenter, clip.motion, friction)
    sheet.text(x + _LEFT, y + 12, " · ".join(filter(None, title)), size=9.5, weight="bold")
    for k, t in enumerate(block.frames):
        middle = x + _LEFT + k * (block.tile[1] + _GAP) + block.tile[1] / 2
        sheet.text(middle, y + _TOP - 9, f"frame {t} · {clip.time_s[t]:.2f} s", size=6.5, ha="center")
    for i, draw_strip in enumerate(block.strips):
        draw_strip(sheet, block, x, y + _TOP + i * (block.tile[0] + _GAP))
    below = y + _TOP + len(block.strips) * (block.tile[0] + _GAP) + 14
    if clip.has("force_n"):
        _force_curves(sheet, block, x, below)
    else:
        sheet.text(x + _LEFT, below + 20, f"no forces; {len(clip)} frames in {clip.time_s[-1]:.2f} s", size=8)
        sheet.text(x + _LEFT, below + 38, "labels: " + (", ".join(sorted(clip.labels)) or "none"), size=8)


def _image_strip(sheet: Sheet, block: _Block, x: int, y: int) -> None:
    _strip(sheet, block, x, y, "image", [_thumbnail(image, block.tile) for image in block.images])


def _difference_strip(sheet: Sheet, block: _Block, x: int, y: int) -> None:
    changes = [difference_image(image, block.clip.background) for image in block.images]
    _strip(sheet, block, x, y, "difference\nimage", [_thumbnail(change, block.tile) for change in changes])


def _height_strip(sheet: Sheet, block: _Block, x: int, y: int) -> None:
    maps = [block.clip.map("height_m", t) * 1e6 for t in block.frames]
    limit = max(max(float(np.abs(m).max()) for m in maps), 1.0)
    _strip(sheet, block, x, y, "height\nµm", [_colored(m, "RdBu_r", -limit, limit) for m in maps])
    _color_bar(sheet, block, x, y, "RdBu_r", -limit, limit)


def _traction_strip(sheet: Sheet, block: _Block, x: int, y: int) -> None:
    clip = block.clip
    normal = [clip.map("normal_traction_pa", t) * 1e-3 for t in block.frames]
    shear = [clip.map("shear_traction_pa", t) * 1e-3 for t in block.frames]
    limit = max(max(float(m.max()) for m in normal), 1e-3)
    longest = max(float(np.hypot(s[..., 0], s[..., 1]).max()) for s in shear)
    label = f"traction\nkPa\n\n→ shear,\nlongest\n{longest:.3g}"
    ax = _strip(sheet, block, x, y, label, [_colored(m, "magma", 0, limit) for m in normal])
    _color_bar(sheet, block, x, y, "magma", 0, limit)
    if longest > 0:
        step = max(1, round((shear[0].shape[0] * shear[0].shape[1] / 600) ** 0.5))
        for k, s in enumerate(shear):
            arrows = s[step // 2 :: step, step // 2 :: step]
            i, j = np.nonzero(np.hypot(arrows[..., 0], arrows[..., 1]) > 0.03 * longest)
            row, column = (n * step + step // 2 + 0.5 for n in (i, j))
            cell = block.tile[1] / s.shape[1]
            ends = arrows[i, j] * (0.11 * block.tile[1] / longest)
            _arrows(ax, k * (block.tile[1] + _GAP) + column * cell, row * cell, ends, "#4df3ff")


def _slip_strip(sheet: Sheet, block: _Block, x: int, y: int) -> None:
    none, stick, slip = (np.array(to_rgb(STATE_COLOURS[s])) * 255 for s in ("none", "stick", "slip"))
    tiles = []
    for t in block.frames:
        touched, stuck = block.clip.map("contact_mask", t)[..., None], block.clip.map("stick_mask", t)[..., None]
        tiles.append(np.where(stuck, stick, np.where(touched, slip, none)).astype(np.uint8))
    _strip(sheet, block, x, y, "contact", tiles)
    for i, state in enumerate(("stick", "slip")):
        sheet.text(x + 6, y + block.tile[0] / 2 + 16 + 13 * i, state, color=STATE_COLOURS[state], weight="bold")


def _flow_strip(sheet: Sheet, block: _Block, x: int, y: int) -> None:
    clip, (rows, cols) = block.clip, block.tile
    scale = cols / clip.layout.image_shape[1]
    flows = [clip.points("flow_px", t) for t in block.frames]
    longest = max(float(np.linalg.norm(f, axis=1).max(initial=0)) for f in flows)
    paper = np.full((rows, cols, 3), 244, np.uint8)
    ax = _strip(sheet, block, x, y, f"marker\nflow\n\nlongest\n{longest:.3g} px", [paper] * len(flows))
    for k, (t, flow) in enumerate(zip(block.frames, flows, strict=True)):
        rest = (clip.points("markers_px", t) - flow) * scale + (k * (cols + _GAP), 0)
        ax.scatter(rest[:, 0], rest[:, 1], s=3, c="#9a9a9a", linewidths=0)
        if longest > 0:
            _arrows(ax, rest[:, 0], rest[:, 1], flow * (0.12 * cols / longest), "#1a1a1a")


def _force_curves(sheet: Sheet, block: _Block, x: int, y: int) -> None:
    clip, time_s = block.clip, block.clip.time_s
    ax = sheet.axes(x + _LEFT, y, block.width - _LEFT - _RIGHT, _CURVE - 14)
    force = np.asarray(clip.values("force_n"), float)
    normal, shear = -force[:, 2], np.hypot(force[:, 0], force[:, 1])
    top = max(float(np.nanmax(normal, initial=0)), float(np.nanmax(shear, initial=0)), 1e-3) * 1.3
    ends = np.append(time_s, time_s[-1] + (time_s[-1] - time_s[0]) / max(len(time_s) - 1, 1))
    for state, color in STATE_COLOURS.items():
        states = clip.values("slip_state") if clip.has("slip_state") else [""] * len(clip)
        spans = [(a, b - a) for a, b, s in zip(ends[:-1], ends[1:], states, strict=True) if s == state]
        ax.broken_barh(spans, (top * 0.9, top * 0.1), color=color, linewidth=0)
    for t in block.frames:
        ax.axvline(time_s[t], color="#bbbbbb", linewidth=0.6, linestyle=":")
    ax.plot(time_s, normal, color="black", linewidth=1.3, label="normal")
    ax.plot(time_s, shear, color="#c0392b", linewidth=1.3, label="shear")
    ax.set(xlim=(ends[0], max(ends[-1], ends[0] + 1e-9)), ylim=(float(np.nanmin(normal, initial=0)), top))
    ax.tick_params(labelsize=7, length=2, pad=2)
    ax.set_xlabel("time [s]", fontsize=7, labelpad=1)
    style = {"frameon": False, "handlelength": 0.8, "handletextpad": 0.3, "borderpad": 0}
    ax.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), **style)
    sheet.text(x + 6, y + (_CURVE - 14) / 2, "force\nN", size=8)
    for i, (state, color) in enumerate(STATE_COLOURS.items()):
        sheet.text(x + _LEFT + 10 + 74 * i, y - 7, "■", size=7, color=color)
        sheet.text(x + _LEFT + 20 + 74 * i, y - 7, state, size=7)


def _strip(sheet: Sheet, block: _Block, x: int, y: int, label: str, tiles: list[np.ndarray]) -> Axes:
    """Tiles side by side, in axes whose units are pixels."""
    rows, cols = block.tile
    strip = np.full((rows, block.tiles * (cols + _GAP) - _GAP, 3), 255, np.uint8)
    for k, tile in enumerate(tiles):
        smaller = tile.shape[0] > rows
        how = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
        strip[:, k * (cols + _GAP) : k * (cols + _GAP) + cols] = cv2.resize(tile, (cols, rows), interpolation=how)
    ax = sheet.axes(x + _LEFT, y, strip.shape[1], rows)
    ax.set_axis_off()
    ax.imshow(strip, extent=(0, strip.shape[1], rows, 0), interpolation="nearest", aspect="auto")
    sheet.text(x + 6, y + rows / 2 - (10 if label == "contact" else 0), label)
    return ax


def _thumbnail(image: np.ndarray, tile: tuple[int, int]) -> np.ndarray:
    """The image at the tile's size, in odd grey levels (127 stays 127): half of the noise need not be stored."""
    return np.bitwise_or(cv2.resize(image, tile[::-1], interpolation=cv2.INTER_AREA), 1)


def _color_bar(sheet: Sheet, block: _Block, x: int, y: int, name: str, low: float, high: float) -> None:
    rows, left = block.tile[0], x + block.width - _RIGHT + 4
    ax = sheet.axes(left, y + 6, 9, rows - 12)
    ax.set_axis_off()
    ax.imshow(_colored(np.linspace(high, low, 64)[:, None], name, low, high), aspect="auto")
    for share in (0.0, 0.5, 1.0):
        sheet.text(left + 13, y + 8 + (1 - share) * (rows - 16), f"{low + share * (high - low):.3g}", size=7)


def _arrows(ax: Axes, x: np.ndarray, y: np.ndarray, ends: np.ndarray, color: str) -> None:
    pixels = {"angles": "xy", "scale_units": "xy", "scale": 1, "units": "dots"}
    ax.quiver(x, y, ends[:, 0], ends[:, 1], color=color, width=1.1, headwidth=4, **pixels)


def _colored(values: np.ndarray, name: str, low: float, high: float) -> np.ndarray:
    return matplotlib.colormaps[name](np.clip((values - low) / (high - low), 0, 1), bytes=True)[..., :3]


def _spread(first: int, last: int, count: int) -> list[int]:
    """Up to `count` whole numbers from first to last, evenly; exactly `count` unless there are fewer."""
    return np.unique(np.linspace(first, last, count).round().astype(int)).tolist()


def _headline(clips: Sequence[AnyClip], chosen: list[AnyClip]) -> str:
    H, W, _ = chosen[0].image(0).shape
    sensors = ", ".join(sorted({clip.sensor_id for clip in chosen}))
    total = "" if isinstance(clips, list | tuple) else f" of {len(clips)}"
    shown = f"{len(chosen)}{total} clip{'s' * (len(clips) > 1)}"
    return f"{sensors} · {H} x {W} px · {shown}"
