"""What a back end does: the two contact problems of B independent contacts on one layer, and how its surface answers to tractions.

Lengths are mm and stresses MPa; maps have shape (B, h, w), in-plane fields (B, 2, h, w), x before y. A contact's numbers never depend
on its neighbours in the batch, so any split of a batch gives the same bytes. A problem that is not settled after a few hundred iterations
is left at its last iterate: p >= 0 and |tau| <= l hold then too, the rest not to the tolerance, and nothing is raised.
"""

from typing import Protocol

import numpy as np


class ContactSolver(Protocol):
    """One layer on one grid; it keeps nothing between calls."""

    def press(self, overlap: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Pressure p >= 0 [MPa], (B, h, w), for an overlap d: (1) of `normal.py`.

        Args:
            overlap: d [mm], (B, h, w); finite, negative where the indenter is away.
            start: Pressure to start from [MPa], (B, h, w); zero starts cold.
        """
        ...

    def slide(
        self, target: np.ndarray, pressure: np.ndarray, limit: np.ndarray, start: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Shear traction (B, 2, h, w) and the cells at their limit, bool, (B, h, w): (1) of `friction.py`.

        Args:
            target: In-plane displacement that a cell must show if it sticks [mm], (B, 2, h, w).
            pressure: What moves the surface in-plane as well, so that shear adds what is missing to `target` [MPa], (B, h, w); of any
                sign, and not only in the contact. Zero leaves it out, and costs nothing.
            limit: Largest shear traction [MPa], (B, h, w); 0 outside the contact.
            start: Shear traction to start from [MPa], (B, 2, h, w).
        """
        ...

    def fields(self, pressure: np.ndarray, shear: np.ndarray) -> np.ndarray:
        """Displacements that tractions cause [mm], (B, 4, h, w): u_x and u_y by both, w = -u_z by pressure, and w by shear.

        Args:
            pressure: p [MPa], (B, h, w), of any sign.
            shear: tau [MPa], (B, 2, h, w).
        """
        ...
