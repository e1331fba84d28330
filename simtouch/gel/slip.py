"""How much of a contact slides: the cells that touch and those that slide in, a ratio and a word out. The only place of the thresholds.

`stick`: less than a tenth of the patch slides (the rim of any contact carries next to no pressure and slides early);
`slip`: all but a twentieth (the centre of a spinning contact never slides); `incipient` between; `none` without contact.
"""

import numpy as np

STICK_BELOW = 0.10
SLIP_FROM = 0.95


def slip_ratio(contact_mask: np.ndarray, slides: np.ndarray) -> float:
    """Share of the touched cells that slide, in [0, 1]; 0 without contact."""
    touched = np.count_nonzero(contact_mask)
    return float(np.count_nonzero(contact_mask & slides)) / touched if touched else 0.0


def slip_state(contact_mask: np.ndarray, slides: np.ndarray) -> str:
    """One of none, stick, incipient, slip."""
    if not contact_mask.any():
        return "none"
    ratio = slip_ratio(contact_mask, slides)
    if ratio < STICK_BELOW:
        return "stick"
    return "slip" if ratio >= SLIP_FROM else "incipient"
