"""Pictures in a window: RGB images in, a window of matplotlib's that shows the newest out."""

import numpy as np

from simtouch._checks import SimtouchError


class Window:
    """Opens with the first picture.

    Raises:
        SimtouchError: There is no display to show it on.
    """

    def __init__(self, title: str):
        from matplotlib import get_backend
        from matplotlib import pyplot as plt
        from matplotlib.backends import BackendFilter, backend_registry

        if get_backend().lower() not in backend_registry.list_builtin(BackendFilter.INTERACTIVE):
            raise SimtouchError("`render_mode` human needs a display and a toolkit for matplotlib; use rgb_array without one.")
        self._plt, self._title = plt, title
        self._figure = self._image = None

    def show(self, picture: np.ndarray) -> None:
        """Put up a picture, RGB uint8, (H, W, 3)."""
        if self._figure is None or self._image is None:
            self._figure, axes = self._plt.subplots(num=self._title, figsize=(picture.shape[1] / 100, picture.shape[0] / 100))
            axes.set_axis_off()
            self._image = axes.imshow(picture)
            self._figure.tight_layout(pad=0)
            self._figure.show()
        self._image.set_data(picture)
        self._figure.canvas.draw_idle()
        self._figure.canvas.flush_events()

    def close(self) -> None:
        """Close the window."""
        if self._figure is not None:
            self._plt.close(self._figure)
            self._figure = self._image = None
