"""The tables of `torus.py`: windows of contacts in, tori that hold them, their angles and the layer's spectra out."""

from functools import lru_cache

import numpy as np

from simtouch._taichi import LANES
from simtouch.gel.compliance import Compliance
from simtouch.gel.lanes import rows_of_lanes, smooth_size, turns_of

Window = tuple[int, int, int, int]
"""Row, column, rows and columns."""


class Tori:
    """Tori of one layer: tables are made when a size is first asked for, and kept; they depend on nothing else."""

    def __init__(self, compliance: Compliance):
        self._compliance = compliance
        self._turns_at: dict[int, int] = {}
        self._spectra_at: dict[tuple[int, int], int] = {}
        self.turns, self.spectra = np.zeros(0, np.float32), rows_of_lanes(0)
        self.inside, self.outside = lru_cache(4096)(self._inside), lru_cache(4096)(self._outside)

    def _inside(self, window: Window) -> tuple[int, ...]:
        """`PLACE` for convolutions from the window to itself."""
        return *window, *self._tables(smooth_size(2 * window[2] - 1), smooth_size(2 * window[3] - 1))

    def _outside(self, window: Window) -> tuple[int, ...]:
        """`PLACE` for convolutions from the window to the whole grid."""
        sizes = []
        for n, first, count in zip(self._compliance.shape, window[:2], window[2:], strict=True):
            reach = 2 * max(n - 1 - first, first + count - 1) + 1
            sizes.append(smooth_size(max(reach, first + _whole_lanes(count), _whole_lanes(n))))
        return *window, *self._tables(*sizes)

    def _tables(self, n_y: int, n_x: int) -> tuple[int, ...]:
        for n in (n_y, n_x):
            if n not in self._turns_at:
                self._turns_at[n] = len(self.turns)
                self.turns = np.concatenate([self.turns, turns_of(n)])
        if (n_y, n_x) not in self._spectra_at:
            self._spectra_at[n_y, n_x] = len(self.spectra)
            before, new = self.spectra, self._spectra(n_y, n_x)
            self.spectra = rows_of_lanes(len(before) + len(new))
            self.spectra[: len(before)], self.spectra[len(before) :] = before, new
        return n_y, n_x, self._turns_at[n_y], self._turns_at[n_x], self._spectra_at[n_y, n_x]

    def _spectra(self, n_y: int, n_x: int) -> np.ndarray:
        """[table][lanes of k_y][k_x], (N, LANES): even kernels' real, odd ones' imaginary parts; halved, as `part` gives twice."""
        tables = self._compliance.tables_on((n_y, n_x))
        half = np.fft.fft(np.fft.rfft(tables, axis=1), axis=2)
        parts = np.concatenate([half[:4].real, half[4:6].imag, half[6:].real]) / (2 * n_y * n_x)
        deep = -(-parts.shape[1] // LANES)
        padded = np.zeros((len(parts), deep * LANES, n_x))
        padded[:, : parts.shape[1]] = parts
        return padded.reshape(-1, deep, LANES, n_x).transpose(0, 1, 3, 2).reshape(-1, LANES).astype(np.float32)


def _whole_lanes(count: int) -> int:
    return LANES * -(-count // LANES)
