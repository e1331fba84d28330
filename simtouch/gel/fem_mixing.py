"""Anderson's acceleration of a fixed point x = g(x): pairs (x, g(x)) in, the next x out.

next x = sum_j a_j (x_j + b r_j)   with   r_j = g(x_j) - x_j,   sum a_j = 1,   |sum a_j r_j| smallest            (1)
"""

import numpy as np


class Mixer:
    """Remembers the last few pairs."""

    def __init__(self, memory: int = 3, share: float = 0.7):
        """`memory`: how many pairs; `share`: b of (1)."""
        self._memory, self._share = memory, share
        self._residuals: list[np.ndarray] = []
        self._images: list[np.ndarray] = []

    def mix(self, x: np.ndarray, image: np.ndarray) -> np.ndarray:
        """The next x after `image` = g(`x`)."""
        self._residuals = [*self._residuals, (image - x).ravel()][-self._memory :]
        self._images = [*self._images, x + np.float32(self._share) * (image - x)][-self._memory :]
        steps = np.diff(np.stack(self._residuals), axis=0)
        if not len(steps):
            return self._images[-1]
        # Normal equations summed by einsum: the same to the bit for any number of threads.
        normal = np.einsum("an,bn->ab", steps, steps, dtype=np.float64)
        right = np.einsum("an,n->a", steps, self._residuals[-1], dtype=np.float64)
        normal += np.eye(len(steps)) * (1e-6 * np.trace(normal) + 1e-300)
        shares = np.linalg.solve(normal, right)
        changes = np.diff(np.stack(self._images), axis=0)
        return (self._images[-1] - np.einsum("a,a...->...", shares, changes)).astype(image.dtype)
