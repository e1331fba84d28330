"""The compliance between a list of cells, as matrices: what `Compliance` is to a whole grid, for contacts of few cells.

Entry (a, b) of a matrix is the grid's real-space table at the offset from cell b to cell a. A contact of n cells costs n^2 a product,
which beats transforms of the window around it below some 500 cells. Products go through `einsum`, whose order of summation does not
depend on threads; BLAS's does.
"""

from functools import cached_property

import numpy as np

from simtouch.gel.compliance import Compliance


class CellCompliance:
    """Compliance between the cells that are set in a mask; fields are (n,) and (2, n)."""

    def __init__(self, compliance: Compliance, mask: np.ndarray):
        self.dtype, self.shape = compliance.dtype, (int(mask.sum()),)
        self._tables = compliance.offset_tables
        h, w = compliance.shape
        rows, cols = np.nonzero(mask)
        place = rows * (2 * w) + cols
        # Offsets run from -h..h-1 and -w..w-1; the tables have offset 0 at (h, w).
        self._offsets = place[:, None] - place[None, :] + (h * 2 * w + w)

    def sink(self, pressure: np.ndarray) -> np.ndarray:
        """See `Compliance.sink`."""
        return np.einsum("ab,b->a", self._zz, pressure)

    def sink_inverse(self, sink: np.ndarray) -> np.ndarray:
        """See `Compliance.sink_inverse`."""
        return np.einsum("ab,b->a", self._inverse, sink)

    def drag(self, shear: np.ndarray) -> np.ndarray:
        """See `Compliance.drag`."""
        return np.einsum("ab,b->a", self._xy, shear.ravel()).reshape(2, -1)

    def spread(self, pressure: np.ndarray) -> np.ndarray:
        """See `Compliance.spread`."""
        return np.stack([np.einsum("ab,b->a", self._matrix(name), pressure) for name in ("zx", "zy")])

    @cached_property
    def _zz(self) -> np.ndarray:
        return self._matrix("zz")

    @cached_property
    def _inverse(self) -> np.ndarray:
        return self._matrix("inverse")

    @cached_property
    def _xy(self) -> np.ndarray:
        """The tangential part, (2n, 2n)."""
        n = self.shape[0]
        matrix = np.empty((2 * n, 2 * n), self.dtype)
        matrix[:n, :n], matrix[n:, n:] = self._matrix("xx"), self._matrix("yy")
        matrix[:n, n:] = matrix[n:, :n] = self._matrix("xy")
        return matrix

    def _matrix(self, name: str) -> np.ndarray:
        return self._tables[name].take(self._offsets, mode="clip")
