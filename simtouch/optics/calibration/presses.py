"""Ball presses of one real sensor: what a calibration reads, whatever file they came from."""

from dataclasses import dataclass, replace

import numpy as np

from simtouch._checks import ArgumentError, ShapeError


@dataclass(frozen=True, eq=False, kw_only=True)
class PressSet:
    """N pictures of a ball pressed into the gel, and one of the resting gel. RGB, uint8; (column, row) pixels."""

    images: np.ndarray
    """(N, H, W, 3)."""
    rest: np.ndarray
    """The no-contact frame, (H, W, 3)."""
    ball_radius_m: float
    pixel_pitch_m: float
    """Gel length seen by one pixel [m]."""
    circles_px: np.ndarray | None = None
    """Contact circles (column, row, radius) of the N presses [px], float64, (N, 3); None: not known."""
    names: tuple[str, ...] = ()
    source: str = ""
    """Where the pictures came from, and their licence."""

    def __post_init__(self):
        if self.images.ndim != 4 or self.images.shape[3] != 3 or self.images.dtype != np.uint8 or len(self.images) == 0:
            raise ShapeError(
                f"`images` must be uint8 of shape (N, H, W, 3), N >= 1; got {self.images.dtype} {self.images.shape}."
            )
        if self.rest.shape != self.images.shape[1:] or self.rest.dtype != np.uint8:
            raise ShapeError(f"`rest` must be uint8 of shape {self.images.shape[1:]}; got {self.rest.dtype} {self.rest.shape}.")
        if self.circles_px is not None:
            self._check_circles()

    def _check_circles(self) -> None:
        if self.circles_px.shape != (len(self.images), 3) or not np.isfinite(self.circles_px).all():
            raise ShapeError(f"`circles_px` must be finite, of shape ({len(self.images)}, 3); got {self.circles_px.shape}.")
        (H, W), largest = self.image_shape, self.ball_radius_m / self.pixel_pitch_m
        for k, (x, y, r) in enumerate(self.circles_px):
            name = self.names[k] if self.names else f"press {k}"
            if not (0 <= x < W and 0 <= y < H):
                raise ArgumentError(f"the circle of {name} has its centre ({x:g}, {y:g}) outside the image, W={W}, H={H}.")
            if not 0 < r < largest:
                raise ArgumentError(f"the circle of {name} has radius {r:g} px; the ball's is {largest:.1f} px.")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def circles(self) -> np.ndarray:
        """`circles_px`; raise if they are not known."""
        if self.circles_px is None:
            raise ArgumentError("`presses` must have circles: find them first, or give them.")
        return self.circles_px

    @property
    def image_shape(self) -> tuple[int, int]:
        """H, W."""
        return self.images.shape[1], self.images.shape[2]

    def pick(self, indices) -> "PressSet":
        """The presses with these indices."""
        indices = np.asarray(indices, int)
        circles = None if self.circles_px is None else self.circles_px[indices]
        names = tuple(self.names[k] for k in indices) if self.names else ()
        return replace(self, images=self.images[indices], circles_px=circles, names=names)

    def split(self, start: int = 0, every: int = 4) -> tuple["PressSet", "PressSet"]:
        """Training and test presses: test is every `every`-th from `start` on, in the order they are in."""
        test = np.arange(len(self)) % every == start
        return self.pick(np.flatnonzero(~test)), self.pick(np.flatnonzero(test))
