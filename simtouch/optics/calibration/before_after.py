"""What a calibration is worth, to look at: presses and a fit in, one picture and the error inside the contacts out."""

import cv2
import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from simtouch.optics.calibration.coverage import Coverage
from simtouch.optics.calibration.evaluate import predict
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.calibration.table_fit import FitConfig, TableFit, field_of

_WIDEST_PX = 320


def contact_errors(fit: TableFit, presses: PressSet, config: FitConfig) -> np.ndarray:
    """Mean absolute error inside the contact circle of each press [grey levels], (N,)."""
    errors = []
    for k in range(len(presses)):
        field = field_of(presses, k, config)
        made = predict(fit.table, fit.background, field)
        errors.append(np.abs(made - presses.images[k])[field.touched].mean())
    return np.array(errors)


def before_after(fit: TableFit, presses: PressSet, covered: Coverage, config: FitConfig, *, title: str) -> np.ndarray:
    """Return a picture, RGB, uint8: rows of real press, simulated press and their difference, and the coverage.

    Args:
        fit: What the presses of a sensor say.
        presses: With circles, up to three are shown.
        covered: Of the presses that were fitted.
        config: The surface assumed.
        title: Headline.
    """
    shown = np.unique(np.linspace(0, len(presses) - 1, min(3, len(presses))).astype(int))
    with matplotlib.rc_context({"font.size": 8}):
        figure = Figure(figsize=(10, 0.6 + 2.3 * len(shown)), dpi=100, facecolor="white")
        axes = figure.subplots(len(shown), 4, squeeze=False)
        figure.suptitle(title, fontsize=10)
        for row, k in zip(axes, shown, strict=True):
            field = field_of(presses, k, config)
            made = predict(fit.table, fit.background, field)
            off = made - presses.images[k]
            pictures = (presses.images[k], made.round().astype(np.uint8), np.clip(127 + 4 * off, 0, 255).astype(np.uint8))
            inside = np.abs(off)[field.touched].mean()
            heads = ("real", "simulated", f"difference x 4, {inside:.1f} levels in contact")
            for ax, picture, head in zip(row, pictures, heads, strict=False):
                ax.imshow(_small(picture))
                ax.set_title(head, fontsize=8)
                ax.axis("off")
        _draw_coverage(axes[0, 3], covered)
        for ax in axes[1:, 3]:
            ax.axis("off")
        figure.tight_layout()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _draw_coverage(ax, covered: Coverage) -> None:
    shares = 100 * covered.by_place()
    ax.imshow(shares, cmap="Greens", vmin=0, vmax=120)
    for (i, j), value in np.ndenumerate(shares):
        ax.text(j, i, f"{value:.0f} %", ha="center", va="center", fontsize=8)
    ax.set_title("slopes seen, by place", fontsize=8)
    ax.set_xticks([])
    ax.set_yticks([])


def _small(picture: np.ndarray) -> np.ndarray:
    """At most `_WIDEST_PX` wide."""
    scale = min(1.0, _WIDEST_PX / picture.shape[1])
    return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
