"""Observers: observations of several environments in, a row of numbers for each, and prepared tactile images where a policy reads them.

Whatever is computed here is computed once a step and kept with the episode: features of a frozen encoder never twice. Numbers are in
units of the largest value that their space allows, so that what hardly moves in demonstrations is not blown up by dividing by its spread.
"""

from collections.abc import Sequence
from typing import Protocol

import gymnasium as gym
import numpy as np

from simtouch._checks import ArgumentError
from simtouch.models.processor import TouchProcessor
from simtouch_envs.touch_features import TouchFeatures
from simtouch_envs.wrappers import TACTILE, tactile_keys

Observation = dict[str, np.ndarray]


class Observer(Protocol):
    """What an observation becomes before a policy sees it. A seat is one environment."""

    def begin(self, seat: int) -> None:
        """An episode begins at this seat."""

    def see(self, observations: Sequence[Observation], seats: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
        """Numbers, float32 (B, D), and images, uint8 (B, P, H, W, 3) or None, of B seats."""
        ...


class Numbers:
    """All that is no image, `state` before `force` before all else, side by side.

    Args:
        space: Of the observations.
    """

    scale: np.ndarray
    """What each number was divided by, float32 (D,)."""
    layout: dict[str, int]
    """How many numbers of each key, in their order."""

    def __init__(self, space: gym.Space):
        if not isinstance(space, gym.spaces.Dict):
            raise ArgumentError(f"`space` must be a Dict of numbers and tactile images; got {space}.")
        keys = [key for key in space.spaces if not key.startswith(TACTILE)]
        self.keys = sorted(keys, key=lambda key: (_ORDER.get(key, len(_ORDER)), key))
        highs = {key: np.ravel(box.high) for key in self.keys if isinstance(box := space[key], gym.spaces.Box)}
        self.scale = np.concatenate([np.zeros(0), *highs.values()]).astype(np.float32)
        self.layout = {key: len(high) for key, high in highs.items()}

    def begin(self, seat: int) -> None:
        """Nothing is kept."""

    def see(self, observations: Sequence[Observation], seats: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
        """See `Observer`."""
        rows = [np.concatenate([np.zeros(0), *(np.ravel(of[key]) for key in self.keys)]) for of in observations]
        return np.array(rows, np.float32) / self.scale, None


_ORDER = {"state": 0, "force": 1}


class Features(Numbers):
    """Features of a frozen encoder, then the numbers.

    Args:
        space: Of the observations, with tactile images.
        features: Of the pads, in the order of the images.
    """

    def __init__(self, space: gym.Space, features: TouchFeatures):
        super().__init__(space)
        self.tactile, self.features = tactile_keys(space), features
        self.scale = np.concatenate([features.bounds, self.scale])
        self.layout = {"features": features.size} | self.layout

    def begin(self, seat: int) -> None:
        """Forget the frames of the episode before."""
        self.features.begin(seat)

    def see(self, observations: Sequence[Observation], seats: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
        """See `Observer`."""
        felt = self.features([[of[key] for key in self.tactile] for of in observations], seats)
        rows = [
            np.concatenate([seen, *(np.ravel(of[key]) for key in self.keys)]) for seen, of in zip(felt, observations, strict=True)
        ]
        return np.array(rows, np.float32) / self.scale, None


class Images(Numbers):
    """Prepared images for policies that read them, and the numbers.

    Args:
        space: Of the observations, with tactile images.
        backgrounds: Resting image of each pad.
        size: (H, W) to resize to; landscape images are turned to portrait.
        sensor: Name of the sensor's type, or its spec.
    """

    def __init__(self, space: gym.Space, backgrounds: Sequence[np.ndarray], *, size: tuple[int, int] = (64, 48), sensor="digit"):
        super().__init__(space)
        processor = TouchProcessor.for_sensor(sensor, image_size=size, stride=1)
        raw = processor.window.background == "none"
        self._prepare, self.tactile = processor.prepare, tactile_keys(space)
        self._backgrounds = [None if raw else background for background in backgrounds]

    def see(self, observations: Sequence[Observation], seats: Sequence[int]) -> tuple[np.ndarray, np.ndarray | None]:
        """See `Observer`."""
        pads = list(zip(self.tactile, self._backgrounds, strict=True))
        images = [[self._prepare(of[key], background) for key, background in pads] for of in observations]
        return super().see(observations, seats)[0], np.array(images)
