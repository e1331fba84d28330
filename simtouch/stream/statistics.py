"""What a stream holds, counted over all frames: the light columns in, whole numbers out that add up over shards.

Only counts are kept, in bins that are the same for every stream, so the sum over shards does not depend on their order, and the
statistics of several streams are those of one. Quantiles are read from the bins.
"""

from collections import Counter
from dataclasses import dataclass, field, fields

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simtouch._checks import ArgumentError
from simtouch.stream.reader import Stream
from simtouch.stream.schema import LABEL_PREFIX

# Quantity: width of a bin, number of bins; what is larger goes to the last.
BINS = {
    "normal_force_n": (0.01, 6000),
    "shear_force_n": (0.01, 6000),
    "contact_area_mm2": (0.25, 4000),
    "indent_depth_mm": (0.005, 1000),
}
CLASSES = ("scene", "indenter", "motion", "sensor_id", "slip_state")
_LIGHT = (*CLASSES, "frame_index", "force_n", "contact_area_m2", "indent_depth_m", "centre_of_pressure_m", "leaves_view")
_PAD = (48, 48)
_PLANE, _PLANE_BIN_N = 80, 0.25
_MOST_VALUES = 100  # of a label in a shard that are told one by one


@dataclass(frozen=True)
class Statistics:
    """Counts of frames. They add up."""

    pad_m: tuple[float, float]
    """Height and width of the view on the gel."""
    frames: int = 0
    clips: int = 0
    touched: int = 0
    leaves_view: int = 0
    classes: dict[str, Counter] = field(default_factory=lambda: {name: Counter() for name in CLASSES})
    """Frames of each scene, indenter, motion, sensor and state of slip."""
    labels: dict[str, Counter] = field(default_factory=dict)
    """Frames of each value of a label as `= value`, where they are few; `known` counts those that are not null."""
    histograms: dict[str, np.ndarray] = field(default_factory=lambda: {n: np.zeros(b, np.int64) for n, (_, b) in BINS.items()})
    """Frames in contact by bins of `BINS`."""
    pad: np.ndarray = field(default_factory=lambda: np.zeros(_PAD, np.int64))
    """Frames in contact by their centre of pressure, (rows, columns) over the view."""
    plane: np.ndarray = field(default_factory=lambda: np.zeros((_PLANE, _PLANE), np.int64))
    """Frames in contact by (shear force, normal force) in bins of 0.25 N."""

    def __add__(self, other: "Statistics") -> "Statistics":
        if self.pad_m != other.pad_m:
            raise ArgumentError(f"statistics of pads of {self.pad_m} and {other.pad_m} m cannot be added.")
        sums = {f.name: _sum(getattr(self, f.name), getattr(other, f.name)) for f in fields(self) if f.name != "pad_m"}
        return Statistics(self.pad_m, **sums)

    def quantile(self, name: str, share: float) -> float:
        """Below this value are `share` of the frames in contact; NaN if there are none."""
        counts, (width, _) = self.histograms[name], BINS[name]
        below = np.cumsum(counts)
        if not len(below) or below[-1] == 0:
            return float("nan")
        i = int(np.searchsorted(below, share * below[-1], side="left"))
        inside = (share * below[-1] - (below[i] - counts[i])) / max(counts[i], 1)
        return float((i + inside) * width)

    @property
    def covered(self) -> float:
        """Share of the pad's bins that a centre of pressure has visited."""
        return float(np.mean(self.pad > 0))


def statistics_of(stream: Stream) -> Statistics:
    """Count the frames of all shards that are there."""
    spec = stream.spec
    grid = spec.image_grid if spec is not None else None
    pad_m = (grid.rows * grid.spacing_m, grid.cols * grid.spacing_m) if grid is not None else (0.02, 0.02)
    total = Statistics(pad_m)
    for shard_id in stream.shards:
        labels = [LABEL_PREFIX + name for name, _ in stream.layout_of_shard(shard_id).label_types]
        total = total + _count(stream.read_shard(shard_id, [*_LIGHT, *labels]), pad_m)
    return total


def _count(table: pa.Table, pad_m: tuple[float, float]) -> Statistics:
    area = table["contact_area_m2"].to_numpy()
    force = _flat(table["force_n"]).reshape(-1, 3)
    touched = area > 0
    normal, shear = -force[touched, 2], np.hypot(*force[touched, :2].T)
    quantities = (normal, shear, area[touched] * 1e6, table["indent_depth_m"].to_numpy()[touched] * 1e3)
    centre = _flat(table["centre_of_pressure_m"]).reshape(-1, 2)[touched, ::-1]  # row, column
    places = [_bins(c / side + 0.5, 1 / n, n) for c, side, n in zip(centre.T, pad_m, _PAD, strict=True)]
    plane = [_bins(f, _PLANE_BIN_N, _PLANE) for f in (shear, normal)]
    return Statistics(
        pad_m,
        frames=table.num_rows,
        clips=int((table["frame_index"].to_numpy() == 0).sum()),
        touched=int(touched.sum()),
        leaves_view=int(table["leaves_view"].to_numpy().sum()),
        classes={name: _values(table[name]) for name in CLASSES},
        labels={n.removeprefix(LABEL_PREFIX): _label(table[n]) for n in table.column_names if n.startswith(LABEL_PREFIX)},
        histograms={n: np.bincount(_bins(x, *BINS[n]), minlength=BINS[n][1]) for n, x in zip(BINS, quantities, strict=True)},
        pad=np.bincount(np.ravel_multi_index(places, _PAD), minlength=_PAD[0] * _PAD[1]).reshape(_PAD),
        plane=np.bincount(np.ravel_multi_index(plane, (_PLANE, _PLANE)), minlength=_PLANE**2).reshape(_PLANE, _PLANE),
    )


def _bins(values: np.ndarray, width: float, count: int) -> np.ndarray:
    return np.clip(np.floor(values / width), 0, count - 1).astype(np.int64)


def _values(column: pa.ChunkedArray) -> Counter:
    return Counter({row["values"]: row["counts"] for row in pc.value_counts(column).to_pylist()})


def _label(column: pa.ChunkedArray) -> Counter:
    known = Counter({"known": len(column) - column.null_count})
    if pa.types.is_floating(column.type):
        return known
    values = _values(column.drop_null())
    return known + (Counter({f"= {value}": n for value, n in values.items()}) if len(values) <= _MOST_VALUES else Counter(many=1))


def _flat(column: pa.ChunkedArray) -> np.ndarray:
    return column.combine_chunks().flatten().to_numpy(zero_copy_only=False)


def _sum(a, b):
    if isinstance(a, dict) and not isinstance(a, Counter):
        return {key: _sum(a[key], b[key]) if key in a and key in b else a.get(key, b.get(key)) for key in sorted({*a, *b})}
    return a + b
