"""What a back end does: the two contact problems of B independent contacts on one layer, and how its surface answers to tractions.

Lengths are mm and stresses MPa; maps have shape (B, h, w), in-plane fields (B, 2, h, w), x before y. A contact's numbers never depend
on its neighbours in the batch, so any split of a batch gives the same bytes.
"""

from typing import Protocol

import numpy as np


class ContactSolver(Protocol):
    """One layer on one grid; it keeps nothing between calls."""

    def press(self, overlap: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pressure p >= 0 for an overlap d, and the sink w = C p that it causes on the whole grid: (1) of `normal.py`.

        Args:
            overlap: d [mm], (B, h, w); finite, negative where the indenter is away.
            start: Pressure to start from [MPa], (B, h, w); zero starts cold.
        """
        ...

    def slide(self, target: np.ndarray, limit: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shear traction (B, 2, h, w) and the cells at their limit, bool, (B, h, w): (1) of `friction.py`.

        Args:
            target: In-plane displacement that a cell must show if it sticks [mm], (B, 2, h, w).
            limit: Largest shear traction [MPa], (B, h, w); 0 outside the contact.
            start: Shear traction to start from [MPa], (B, 2, h, w).
        """
        ...

    def spread(self, pressure: np.ndarray) -> np.ndarray:
        """In-plane displacement that pressure alone causes [mm], (B, 2, h, w)."""
        ...

    def answer_to_shear(self, shear: np.ndarray) -> np.ndarray:
        """(u_x, u_y, w) that shear traction alone causes [mm], (B, 3, h, w)."""
        ...
