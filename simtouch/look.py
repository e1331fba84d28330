"""The camera's part of a step: states of the gels of B contacts in, their surfaces and pictures out."""

import numpy as np

from simtouch.gel.lift import Lift
from simtouch.gel.surface import GelSurface
from simtouch.optics import Renderer
from simtouch.optics.planes import PAD


class Look:
    """What the cameras of B alike sensors see. Not to be shared between threads: it reuses its buffers."""

    def __init__(self, renderer: Renderer, batch: int):
        spec = renderer.spec
        (h, w), (H, _) = spec.gel.grid_shape, spec.image_shape
        self._renderer, self._dots = renderer, spec.markers is not None
        self.lift = Lift((h, w), H // h, batch=batch, stride=renderer.stride, pad=PAD)
        self._pictures = renderer.pictures(self.lift.touched)

    def surfaces(self, surface: GelSurface, over_m: np.ndarray, lowered_m: np.ndarray) -> np.ndarray:
        """Surfaces of the gels in rows of the optics [m], as `Lift.see` gives them; `over_m` and `lowered_m` as it takes them."""
        given = np.ascontiguousarray(surface.displacement_m), np.ascontiguousarray(surface.normal_traction_pa)
        return self.lift.see(*given, over_m, lowered_m, follows_indenter=surface.follows_indenter)

    def images(self, seen: np.ndarray, surface: GelSurface, keys: list[tuple[int, int]]) -> np.ndarray:
        """Tactile images of these surfaces, uint8, (B, H, W, 3); to be called after `surfaces`, which finds where they are touched.

        `keys`: seed and number of each picture, for the noise.
        """
        if self._pictures is not None:
            return self._renderer.take(self._pictures, seen, keys)
        heights, moved = self.lift.image(seen), surface.displacement_m
        touched = self.lift.touched[..., : heights.shape[2]] > 0
        images = [
            self._renderer.render(height, moved[b] if self._dots else None, touched=touched[b], seed=seed, frame_index=number)
            for b, (height, (seed, number)) in enumerate(zip(heights, keys, strict=True))
        ]
        return np.stack(images)
