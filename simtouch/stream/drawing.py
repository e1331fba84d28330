"""Pictures for people, in pixels: places and texts in, an RGB image out. Equal drawings give equal bytes.

Matplotlib draws through its Agg canvas, without pyplot and with its default style, whatever the user's settings are.
"""

from collections.abc import Callable

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from simtouch.stream.images import encode_small_png

STATE_COLOURS = {"none": "#d9d9d9", "stick": "#2b7bba", "incipient": "#f2c14e", "slip": "#e4572e"}
_DPI = 100


class Sheet:
    """A figure in pixels, (0, 0) at the upper left."""

    def __init__(self, width: int, height: int):
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
        self._canvas = FigureCanvasAgg(self.figure)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Axes that fill this box."""
        return self.figure.add_axes((x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height))

    def text(self, x: float, y: float, text: str, *, size: float = 8, **style) -> None:
        """Text whose middle line is at y."""
        self.figure.text(x / self.width, 1 - y / self.height, text, fontsize=size, va="center", **style)

    def pixels(self) -> np.ndarray:
        """The picture, RGB, uint8, (height, width, 3)."""
        self._canvas.draw()
        return np.ascontiguousarray(np.asarray(self._canvas.buffer_rgba())[..., :3])


def draw(width: int, height: int, fill: Callable[[Sheet], None]) -> bytes:
    """PNG of a sheet that `fill` has drawn on."""
    left_alone = ("backend", "interactive", "toolbar", "webagg")
    style = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith(left_alone)}
    with matplotlib.rc_context(style):
        sheet = Sheet(width, height)
        fill(sheet)
        return encode_small_png(sheet.pixels())
