"""The force plot of `view`: normal and shear force over time and the slip states in, the columns of a uPlot chart out.

A chart has eight columns: time, normal force, shear force, a bar at the top for each of stick, incipient and slip, and the
place in time, which is an upright line: two points at one time.
"""

import numpy as np

from simtouch.view_board import STATE_COLOURS
from simtouch.view_reading import round_up

NORMAL, SHEAR, NOW = "#1b1e23", "#8e44ad", "#9aa3ad"
_BARS = ("stick", "incipient", "slip")
_LEAST_N = 0.1
_BAR_AT = 0.97  # of the chart's height


def series() -> tuple[dict, ...]:
    """How uPlot draws the columns."""
    lines = [{"label": name, "stroke": colour, "width": 1.6} for name, colour in (("normal", NORMAL), ("shear", SHEAR))]
    bars = [{"label": name, "stroke": STATE_COLOURS[name], "width": 5} for name in _BARS]
    all_of_them = [*lines, *bars, {"label": "now", "stroke": NOW, "width": 1.2}]
    return ({"label": "time"}, *(line | {"points": {"show": False}} for line in all_of_them))


def top_n(normal_n: np.ndarray, shear_n: np.ndarray) -> float:
    """Upper end of the chart [N]: a round number that leaves room for the bars."""
    largest = max(float(np.nanmax(values, initial=0.0)) for values in (normal_n, shear_n))
    return max(_LEAST_N, round_up(largest * 1.12))


def columns(
    time_s: np.ndarray, normal_n: np.ndarray, shear_n: np.ndarray, states: np.ndarray | None, now: int | None
) -> tuple[np.ndarray, ...]:
    """The columns, each float64 of one length.

    Args:
        time_s: Times in order [s], (T,).
        normal_n, shear_n: Forces [N], (T,).
        states: Slip states, (T,); None if they are not known.
        now: Frame at which the line stands; None for no line.
    """
    top = top_n(normal_n, shear_n)
    bars = [np.full(len(time_s), np.nan) for _ in _BARS]
    for bar, name in zip(bars, _BARS, strict=True):
        if states is not None:
            bar[states == name] = _BAR_AT * top
    table = np.array([time_s, normal_n, shear_n, *bars, np.full(len(time_s), np.nan)], float)
    if now is not None:
        table = np.repeat(table, np.where(np.arange(len(time_s)) == now, 2, 1), axis=1)
        table[-1, now : now + 2] = 0.0, top
    return tuple(table)


def scales(time_s: np.ndarray, top: float) -> dict:
    """The chart's axes: time as it is, forces from 0 to `top`."""
    last = float(time_s[-1]) if len(time_s) and time_s[-1] > time_s[0] else float(time_s[0]) + 1.0
    return {"x": {"time": False, "range": (float(time_s[0]), last)}, "y": {"range": (0.0, top)}}


def legend() -> str:
    """The chart's legend, as HTML."""
    marks = [(NORMAL, "normal"), (SHEAR, "shear force [N] over time [s]"), *((STATE_COLOURS[s], s) for s in _BARS)]
    spans = "".join(f'<span style="color:{colour}">&#9632;</span> {words} &ensp;' for colour, words in marks)
    return f'<div style="font-size:12px;padding:2px 12px 4px 12px">{spans}</div>'
