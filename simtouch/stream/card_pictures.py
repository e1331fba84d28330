"""Pictures of the data card: statistics in, PNGs out."""

import numpy as np
from matplotlib.colors import LogNorm

from simtouch.stream.drawing import STATE_COLOURS, Sheet, draw
from simtouch.stream.statistics import BINS, Statistics

_WIDTH, _HEIGHT = 1000, 316
_PANELS = (
    ("normal_force_n", "normal force [N]", "#333333"),
    ("shear_force_n", "shear force [N]", "#c0392b"),
    ("contact_area_mm2", "contact area [mm²]", "#2b7bba"),
    ("indent_depth_mm", "indent depth [mm]", "#4c9f70"),
)
_BARS = 24
_SMALL = {"fontsize": 8}


def forces_picture(found: Statistics) -> bytes:
    """Histograms of forces, contact area and depth, over the frames in contact."""

    def fill(sheet: Sheet) -> None:
        for k, (name, words, colour) in enumerate(_PANELS):
            ax = sheet.axes(60 + k * 240, 24, 185, _HEIGHT - 90)
            edges, counts = _coarse(found, name)
            ax.stairs(counts, edges, fill=True, color=colour)
            ax.set(
                xlim=(0, edges[-1]), ylim=(0.7, max(float(counts.max()), 1) * 1.5)
            )  # before the scale, which else looks for them
            ax.set_yscale("log", nonpositive="clip")
            _label(ax, words, "frames" if k == 0 else "")
            for share, style in ((0.5, "-"), (0.95, ":")):
                if found.touched:
                    ax.axvline(found.quantile(name, share), color="black", linewidth=0.8, linestyle=style)
        sheet.text(_WIDTH / 2, _HEIGHT - 10, "frames in contact; lines: median (full), 95 % (dotted)", size=7.5, ha="center")

    return draw(_WIDTH, _HEIGHT, fill)


def pad_picture(found: Statistics) -> bytes:
    """Centres of pressure over the pad, shear over normal force, and the states of slip."""
    height_mm, width_mm = (1e3 * side for side in found.pad_m)
    tall = 340

    def fill(sheet: Sheet) -> None:
        scale = min(300 / width_mm, (tall - 90) / height_mm)
        ax = sheet.axes(70, 30, scale * width_mm, scale * height_mm)
        extent = (-width_mm / 2, width_mm / 2, height_mm / 2, -height_mm / 2)
        _heat(sheet, ax, found.pad, extent, 70 + scale * width_mm + 8)
        _label(ax, "x [mm]", "y [mm]")
        sheet.text(70, 14, "centre of pressure, frames", size=9)
        ax = sheet.axes(520, 30, 220, tall - 90)
        last = _last(found.plane)
        _heat(sheet, ax, found.plane[:last, :last].T[::-1], (0, last / 4, 0, last / 4), 748)
        _label(ax, "shear force [N]", "normal force [N]")
        sheet.text(520, 14, "forces, frames", size=9)
        _states(sheet, found, 860, 30, tall - 90)

    return draw(_WIDTH, tall, fill)


def content_picture(found: Statistics) -> bytes:
    """Frames by kind of scene, motion and object."""
    ranked = {name: _ranked(found, name) for name in ("scene", "motion", "indenter")}
    rows = max(len(bars) for bars in ranked.values())
    tall = 70 + 16 * rows

    def fill(sheet: Sheet) -> None:
        for k, (name, bars) in enumerate(ranked.items()):
            left = 120 + k * 330
            sheet.text(
                left, 14, {"scene": "kinds of scene", "motion": "motions", "indenter": "objects"}[name] + ", frames", size=9
            )
            ax = sheet.axes(left, 28, 180, 16 * max(len(bars), 1) + 4)
            ax.barh(range(len(bars)), [count for _, count in bars], color="#2b7bba", height=0.7)
            ax.set(ylim=(len(bars) - 0.5, -0.5), xlim=(0, max((count for _, count in bars), default=1) * 1.02))
            ax.set_yticks(range(len(bars)), [_short(key) for key, _ in bars], fontsize=7)
            ax.locator_params(axis="x", nbins=4)
            ax.tick_params(labelsize=7, length=2)

    return draw(_WIDTH, tall, fill)


def _coarse(found: Statistics, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Edges and counts of at most 60 bins that end where 99.9 % of the frames do."""
    width, count = BINS[name]
    end = int(np.ceil(found.quantile(name, 0.999) / width)) if found.touched else 1
    step = max(1, -(-min(end, count) // 60))
    counts = found.histograms[name][: step * 60].reshape(-1, step).sum(1)
    last = max(1, -(-end // step))
    return np.arange(last + 1) * step * width, counts[:last]


def _heat(sheet: Sheet, ax, counts: np.ndarray, extent: tuple[float, float, float, float], bar_left: float) -> None:
    most = max(float(counts.max()), 2.0)
    shown = ax.imshow(
        np.ma.masked_equal(counts, 0),
        extent=extent,
        cmap="viridis",
        norm=LogNorm(1, most),
        aspect="auto",
        interpolation="nearest",
    )
    box = ax.get_position()
    bar = sheet.axes(bar_left, (1 - box.y1) * sheet.height, 10, box.height * sheet.height)
    sheet.figure.colorbar(shown, cax=bar)
    bar.tick_params(labelsize=7, length=2, which="both")


def _states(sheet: Sheet, found: Statistics, x: int, y: int, height: int) -> None:
    ax = sheet.axes(x, y, 60, height)
    ax.set_axis_off()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    sheet.text(x - 20, 14, "state of slip", size=9)
    below, total = 0.0, max(found.frames, 1)
    for state, colour in STATE_COLOURS.items():
        share = found.classes["slip_state"][state] / total
        ax.bar(0.5, share, bottom=below, width=1.0, color=colour)
        if share > 0.02:
            ax.text(0.5, below + share / 2, f"{state}\n{100 * share:.0f} %", ha="center", va="center", fontsize=7)
        below += share


def _ranked(found: Statistics, name: str) -> list[tuple[str, int]]:
    ranked = sorted(found.classes[name].items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ranked[_BARS:])
    return ranked[:_BARS] + ([(f"{len(ranked) - _BARS} others", rest)] if rest else [])


def _short(name: str) -> str:
    return name if len(name) <= 20 else name[:18] + "…"


def _last(plane: np.ndarray) -> int:
    """Bins of a square that holds all of the plane that is used."""
    used = np.flatnonzero(plane.sum(0) + plane.sum(1))
    return max(4, int(used[-1]) + 2) if len(used) else 4


def _label(ax, x: str, y: str) -> None:
    ax.set_xlabel(x, **_SMALL)
    ax.set_ylabel(y, **_SMALL)
    ax.tick_params(labelsize=7, length=2)
