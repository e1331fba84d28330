"""What use does to a coating, as numbers: dust, scratches and a worn patch. `optics/blemishes.py` turns them into a gain.

Nothing here is measured on a unit: dust, bubbles and marks are reported by users and seen in public images (digit-design issues 37
and 40), their sizes are not published.
"""

from dataclasses import dataclass

from simtouch._checks import ArgumentError, as_number

MOST = 1000
"""Specks or scratches; more is a texture."""


@dataclass(frozen=True, kw_only=True)
class Blemishes:
    """Marks on the coating; where they lie is drawn from `seed`. The defaults are a coating without a mark."""

    dust: int = 0
    """Number of specks."""
    dust_radius_m: float = 60e-6
    """Standard deviation of a middling speck's dark spot [m]; specks are 0.5 to 2 times that."""
    dust_loss: float = 0.3
    """Share of the light lost in the middle of the darkest speck, in [0, 1]; others lose 0.3 to 1 times that."""
    scratches: int = 0
    """Number of scratches."""
    scratch_width_m: float = 40e-6
    """Standard deviation of a scratch's profile [m]."""
    scratch_gain: float = 0.2
    """Change of the light along the strongest scratch, in [-1, 1]: brighter where > 0, darker where paint is gone; others are 0.3 to 1
    times that."""
    wear: float = 0.0
    """Change of the light in the middle of the worn patch, in [-1, 1]."""
    wear_radius_m: float = 4e-3
    """Standard deviation of the worn patch [m]."""
    seed: int = 0

    def __post_init__(self):
        for name in ("dust", "scratches"):
            if getattr(self, name) not in range(MOST + 1):
                raise ArgumentError(f"`{name}` must be a whole number from 0 to {MOST}; got {getattr(self, name)}.")
        for name in ("dust_radius_m", "scratch_width_m", "wear_radius_m"):
            as_number(name, getattr(self, name), above=0)
        as_number("dust_loss", self.dust_loss, at_least=0, at_most=1)
        for name in ("scratch_gain", "wear"):
            as_number(name, getattr(self, name), at_least=-1, at_most=1)
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ArgumentError(f"`seed` must be a whole number >= 0; got {self.seed}.")
