"""Statistics of a feature as LeRobot keeps them: its values in, min, max, mean, std, count and quantiles out.

Images count per channel, in [0, 1], shape (3, 1, 1); their quantiles are exact, because a channel has 256 values. Vectors count
per number, shape (n,). NaN, a label that a frame does not have, is left out.
"""

import numpy as np

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}


class FeatureStats:
    """Takes values as they come."""

    def __init__(self, *, images: bool):
        self.images = images
        self._frames = 0
        self._histogram = np.zeros((3, 256), np.int64)
        self._parts: list[np.ndarray] = []

    def add(self, values: np.ndarray) -> None:
        """Count T values: (T,), (T, n), or images (T, H, W, 3)."""
        self._frames += len(values)
        if self.images:
            for channel in range(3):
                self._histogram[channel] += np.bincount(values[..., channel].ravel(), minlength=256)
        else:
            self._parts.append(np.asarray(values, np.float64).reshape(len(values), -1))

    def merge(self, other: "FeatureStats") -> None:
        """Count all that `other` counted."""
        self._frames += other._frames
        self._histogram += other._histogram
        self._parts += other._parts

    def numbers(self) -> dict[str, list]:
        """The statistics by name, as nested lists."""
        found = self._of_images() if self.images else self._of_vectors()
        return {name: value.tolist() for name, value in found.items()} | {"count": [self._frames]}

    def _of_images(self) -> dict[str, np.ndarray]:
        levels, total = np.arange(256) / 255, self._histogram.sum(1, keepdims=True)
        mean = (self._histogram * levels).sum(1) / total[:, 0]
        std = np.sqrt((self._histogram * (levels - mean[:, None]) ** 2).sum(1) / total[:, 0])
        below = np.cumsum(self._histogram, axis=1) / total
        found = {"min": _level(self._histogram > 0), "max": levels[255 - np.argmax(self._histogram[:, ::-1] > 0, axis=1)]}
        found |= {"mean": mean, "std": std}
        found |= {name: _level(below >= q) for name, q in QUANTILES.items()}
        return {name: value.reshape(3, 1, 1) for name, value in found.items()}

    def _of_vectors(self) -> dict[str, np.ndarray]:
        values = np.concatenate(self._parts)
        known = [column[np.isfinite(column)] for column in values.T]
        known = [column if len(column) else np.zeros(1) for column in known]
        found = {name: np.array([get(c) for c in known]) for name, get in _OF_COLUMN.items()}
        return found | {name: np.array([np.quantile(c, q) for c in known]) for name, q in QUANTILES.items()}


_OF_COLUMN = {"min": np.min, "max": np.max, "mean": np.mean, "std": np.std}


def _level(reached: np.ndarray) -> np.ndarray:
    """The first level at which `reached` holds."""
    return np.argmax(reached, axis=1) / 255
