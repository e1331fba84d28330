"""What would spoil a calibration, said before it is made: presses in, an error with one sentence or nothing out."""

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.optics.calibration.circles import FoundCircles
from simtouch.optics.calibration.presses import PressSet

FEWEST_PRESSES = 4
"""Three terms of place and an offset a frame leave fewer presses undetermined."""
MOST_SATURATED = 0.02
"""Share of pixels at 255 in one channel beyond which a picture counts as overexposed: a contact fills about as much."""
_MORE_ALIKE = 0.2  # in correlation, before a swap of channels is taken for a fault


def check_presses(presses: PressSet) -> None:
    """Raise `ArgumentError` for overexposed presses, exchanged channels or too few presses."""
    if len(presses) < FEWEST_PRESSES:
        raise ArgumentError(f"a calibration needs at least {FEWEST_PRESSES} presses; got {len(presses)}.")
    for k, image in enumerate(presses.images):
        share = float((image == 255).mean((0, 1)).max())
        if share > MOST_SATURATED + float((presses.rest == 255).mean((0, 1)).max()):
            raise ArgumentError(
                f"`{_name(presses, k)}` is overexposed: {share:.0%} of a channel is at 255; turn the exposure down."
            )
    _check_channels(presses)


def check_found(presses: PressSet, found: FoundCircles) -> None:
    """Raise `ArgumentError` if a picture shows no ball, or too few presses have a circle to rely on."""
    for k, why in found.rejected.items():
        if why.startswith("no ball"):
            raise ArgumentError(
                f"`{_name(presses, k)}` shows no ball: nothing differs from the no-contact frame there; leave it out."
            )
    if len(found.kept) < FEWEST_PRESSES:
        k, why = next(iter(found.rejected.items()))
        raise ArgumentError(
            f"only {len(found.kept)} of {len(presses)} presses show a circle to rely on, {FEWEST_PRESSES} are needed; "
            f"`{_name(presses, k)}`: {why}."
        )


def _check_channels(presses: PressSet) -> None:
    """The no-contact frame and the presses must agree on what is red and what is blue."""
    step = max(1, presses.image_shape[1] // 80)
    rest = presses.rest[::step, ::step].astype(float)
    press = np.median(presses.images[:, ::step, ::step], axis=0)
    as_is, swapped = np.abs(press - rest).mean(), np.abs(press[..., ::-1] - rest).mean()
    alike = [np.corrcoef(p.ravel(), rest.ravel())[0, 1] if p.std() and rest.std() else 1 for p in (press, press[..., ::-1])]
    if alike[1] > alike[0] + _MORE_ALIKE and swapped < 0.5 * as_is:
        raise ArgumentError(
            "the no-contact frame has red and blue exchanged against the presses: read both in one order (OpenCV stores BGR)."
        )


def _name(presses: PressSet, k: int) -> str:
    return presses.names[k] if presses.names else f"press {k}"
