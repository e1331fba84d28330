"""What every environment here is: actions checked, observations by `obs_type`, a reward that is the sum of named terms, a picture.

An environment says what its observations may be (`Spaces`), how it begins (`_begin`), how it goes on (`_advance`) and what it looks like
(`_scene`); all else is done once, here.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import gymnasium as gym
import numpy as np

from simtouch._checks import ArgumentError, ShapeError, SimtouchError
from simtouch_envs.window import Window

OBS_TYPES = ("state", "force", "tactile", "tactile_state")
RENDER_MODES = ("rgb_array", "human")
SCENE_SHAPE = (480, 640)


@dataclass(frozen=True, kw_only=True)
class Spaces:
    """What can be observed, whatever the `obs_type`."""

    state: gym.spaces.Box
    """Motion of the environment's own hand."""
    force: gym.spaces.Box
    """What touch would tell as numbers."""
    images: dict[str, tuple[int, int]]
    """Tactile images by key: rows and columns."""
    action: gym.spaces.Box

    def observed(self, obs_type: str) -> gym.spaces.Dict:
        """The space of observations of a kind."""
        pictures = {key: gym.spaces.Box(0, 255, (*shape, 3), np.uint8) for key, shape in self.images.items()}
        parts = {
            "state": {"state": self.state},
            "force": {"state": self.state, "force": self.force},
            "tactile": pictures,
            "tactile_state": {"state": self.state, **pictures},
        }
        return gym.spaces.Dict(parts[obs_type])


def box(limits, shape: tuple[int, ...] | None = None) -> gym.spaces.Box:
    """A symmetric box, float32: `limits` is the largest absolute value, one for all or one each."""
    most = np.broadcast_to(np.asarray(limits, np.float32), np.shape(limits) if shape is None else shape)
    return gym.spaces.Box(-most, most, dtype=np.float32)


class TouchEnv(gym.Env, ABC):
    """An environment that is felt."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": list(RENDER_MODES), "render_fps": 20}

    def __init__(self, spaces: Spaces, *, obs_type: str, render_mode: str | None):
        if obs_type not in OBS_TYPES:
            raise ArgumentError(f"`obs_type` must be one of {', '.join(OBS_TYPES)}; got {obs_type!r}.")
        if render_mode not in (None, *RENDER_MODES):
            raise ArgumentError(f"`render_mode` must be None or one of {', '.join(RENDER_MODES)}; got {render_mode!r}.")
        self.obs_type, self.render_mode = obs_type, render_mode
        self._spaces = spaces
        self.observation_space, self.action_space = spaces.observed(obs_type), spaces.action
        boxes = {"state": spaces.state, "force": spaces.force, "action": spaces.action}
        # A third of the time of np.clip, which would also widen the limits at every step.
        self._bounds = {name: (of.low.astype(float), of.high.astype(float)) for name, of in boxes.items()}
        self._clipped, self._begun = 0, False
        self._window: Window | None = None

    @property
    def looks(self) -> bool:
        """Whether tactile images are wanted at all."""
        return "tactile" in self.obs_type or self.render_mode is not None

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        """Begin an episode; see the environment's page for `options`."""
        super().reset(seed=seed)
        self._begin(dict(options or {}))
        self._clipped, self._begun = 0, True
        self._show()
        return self._observation(), self._info({})

    def step(self, action):
        """One action; NaN is refused, what lies outside the box is clipped and counted in `info["clipped_actions"]`."""
        if not self._begun:
            raise SimtouchError("Call `reset()` before the first step.")
        inside = self.checked(action)
        self._clipped += bool((inside != action).any())
        terms, terminated = self._advance(inside)
        self._show()
        return self._observation(), float(sum(terms.values())), bool(terminated), False, self._info(terms)

    def render(self) -> np.ndarray | None:
        """The scene beside what is felt, RGB uint8; None in mode human, which shows it in a window, and without a mode."""
        return self.picture() if self.render_mode == "rgb_array" else None

    def picture(self) -> np.ndarray:
        """The scene, and beside it the tactile images, RGB uint8, (480, W, 3)."""
        if not self._begun:
            raise SimtouchError("Call `reset()` before the first picture.")
        rows = SCENE_SHAPE[0] // len(self._spaces.images)
        felt = [self._fitted(image, rows) for image in self._images().values()]
        return np.concatenate([self._scene(), np.concatenate(felt)], axis=1)

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    @abstractmethod
    def _begin(self, options: dict) -> None:
        """Start an episode."""

    @abstractmethod
    def _advance(self, action: np.ndarray) -> tuple[dict[str, float], bool]:
        """Play an action within the box: reward terms, and whether the episode ends."""

    @abstractmethod
    def _numbers(self) -> tuple[np.ndarray, np.ndarray]:
        """(state, force) now, of the shapes in `Spaces`."""

    @abstractmethod
    def _images(self) -> dict[str, np.ndarray]:
        """Tactile images now."""

    @abstractmethod
    def _facts(self) -> dict[str, Any]:
        """What `info` holds beside rewards and counts; `is_success` among it."""

    @abstractmethod
    def _scene(self) -> np.ndarray:
        """The scene from outside, RGB uint8, (480, 640, 3)."""

    def checked(self, action) -> np.ndarray:
        """The action, clipped to the box, float64; NaN and other shapes are refused."""
        low, high = self._bounds["action"]
        given = np.asarray(action, np.float64)
        if given.shape != low.shape:
            raise ShapeError(f"`action` must have shape {low.shape}; got {given.shape}.")
        if not np.isfinite(given).all():
            raise ArgumentError(f"`action` must be finite; got {given.tolist()}.")
        return np.minimum(np.maximum(given, low), high)

    def _observation(self) -> dict[str, np.ndarray]:
        observation: dict[str, np.ndarray] = {}
        if self.obs_type != "tactile":
            state, force = self._numbers()
            observation["state"] = self._within("state", state)
            if self.obs_type == "force":
                observation["force"] = self._within("force", force)
        if "tactile" in self.obs_type:
            observation |= {key: image.copy() for key, image in self._images().items()}
        return observation

    def _within(self, name: str, value: np.ndarray) -> np.ndarray:
        low, high = self._bounds[name]
        return np.minimum(np.maximum(value, low), high).astype(np.float32)

    def _info(self, terms: dict[str, float]) -> dict[str, Any]:
        return {"reward_terms": terms, "clipped_actions": self._clipped, **self._facts()}

    def _show(self) -> None:
        if self.render_mode == "human":
            self._window = self._window or Window(type(self).__name__)
            self._window.show(self.picture())

    def _fitted(self, image: np.ndarray, rows: int) -> np.ndarray:
        """An image within `rows` rows and as many columns as all may need, on black."""
        cols = max(round(rows * W / H) for H, W in self._spaces.images.values())
        scale = min(rows / image.shape[0], cols / image.shape[1])
        shown = cv2.resize(image, (int(image.shape[1] * scale), int(image.shape[0] * scale)), interpolation=cv2.INTER_AREA)
        out = np.zeros((rows, cols, 3), np.uint8)
        top, left = (rows - shown.shape[0]) // 2, (cols - shown.shape[1]) // 2
        out[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
        return out
