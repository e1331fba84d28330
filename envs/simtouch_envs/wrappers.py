"""Wrappers: an environment of touch in, the same with another observation out. PyTorch is loaded by `EncoderFeatures` alone.

env = EncoderFeatures(gymnasium.make("simtouch/BeadMaze-v0", obs_type="tactile_state"), "runs/mae")
env = FrameStackObservation(env, 3)                     # gymnasium's own stacks these observations, too
"""

from collections.abc import Mapping

import gymnasium as gym
import numpy as np

from simtouch._checks import ArgumentError

STATE_PARTS = {"servo_error": slice(0, 3), "velocity": slice(3, 6)}
"""What `state` is made of."""
TACTILE = "tactile"
"""How the keys of tactile images begin."""


def tactile_keys(space: gym.Space) -> tuple[str, ...]:
    """Keys of the tactile images of an observation space, in its order.

    Raises:
        ArgumentError: It has none; the message names what there is.
    """
    keys = tuple(space.spaces) if isinstance(space, gym.spaces.Dict) else ()
    found = tuple(key for key in keys if key.startswith(TACTILE))
    if not found:
        raise ArgumentError(
            f"the observations have no tactile images, but {', '.join(keys) or space}: give `obs_type='tactile'`."
        )
    return found


def resting_images(env: gym.Env) -> dict[str, np.ndarray]:
    """The background image of each tactile key of an environment, uint8, (H, W, 3).

    Raises:
        ArgumentError: It has no tactile images, or does not know its backgrounds.
    """
    keys, inner = tactile_keys(env.observation_space), env.unwrapped
    known = getattr(inner, "background_images", None)
    if known is None and (touch := getattr(inner, "touch", None)) is not None:
        known = dict.fromkeys(keys, touch.background)
    if not isinstance(known, Mapping) or not set(keys) <= set(known):
        raise ArgumentError(f"{inner} has no `background_images` of {', '.join(keys)}: give `backgrounds`, one for each.")
    return {key: np.asarray(known[key]) for key in keys}


class HideState(gym.ObservationWrapper):
    """Leave parts of `state` out: what a policy does without them shows what they are worth.

    Args:
        env: With Dict observations.
        servo_error: Hide how far the gripper is from its target, a force sensor in disguise.
        velocity: Hide the gripper's velocity.
    """

    def __init__(self, env: gym.Env, *, servo_error: bool = True, velocity: bool = False):
        super().__init__(env)
        space = env.observation_space
        if not isinstance(space, gym.spaces.Dict) or "state" not in space.spaces:
            raise ArgumentError(f"`HideState` needs an observation with `state`; got {space}.")
        hidden = {"servo_error": servo_error, "velocity": velocity}
        self._kept = np.ones(space["state"].shape[0], bool)
        for name, part in STATE_PARTS.items():
            self._kept[part] &= not hidden[name]
        spaces = dict(space.spaces)
        state = spaces.pop("state")
        if self._kept.any():
            spaces = {"state": gym.spaces.Box(state.low[self._kept], state.high[self._kept], dtype=state.dtype)} | spaces
        if not spaces:
            raise ArgumentError("`HideState` would leave nothing to observe.")
        self.observation_space = gym.spaces.Dict(spaces)

    def observation(self, observation: dict) -> dict:
        """The observation without what is hidden."""
        seen = {key: value for key, value in observation.items() if key != "state"}
        return ({"state": observation["state"][self._kept]} | seen) if self._kept.any() else seen


class EncoderFeatures(gym.Wrapper):
    """Features of a frozen encoder in place of the tactile images: `features`, float32 (P x 2 D,), and all else as it was.

    See `simtouch_envs.touch_features`; for many environments at once `FeatureVecEnv` encodes all of them in one batch.

    Args:
        env: With tactile images among its Dict observations.
        encoder: One, or a name, folder or file for `simtouch.load_encoder`.
        backgrounds: Resting image of each pad; by default those of the environment.
        sensor: Name of the sensor's type, or its spec; by default the environment's.
        lag_steps: Steps between the two frames of a window.
    """

    def __init__(self, env: gym.Env, encoder, *, backgrounds=None, sensor=None, lag_steps: int = 2):
        super().__init__(env)
        from simtouch_envs.touch_features import TouchFeatures

        self._keys = tactile_keys(env.observation_space)
        resting = list(resting_images(env).values()) if backgrounds is None else backgrounds
        self.features = TouchFeatures(encoder, backgrounds=resting, sensor=sensor or sensor_of(env), lag_steps=lag_steps)
        self.observation_space = feature_space(env.observation_space, self.features.bounds)

    def reset(self, *, seed: int | None = None, options: dict | None = None):
        """Begin an episode; the first frame stands for the past."""
        observation, info = self.env.reset(seed=seed, options=options)
        self.features.begin()
        return self._featured(observation), info

    def step(self, action):
        """As the environment's."""
        observation, *rest = self.env.step(action)
        return self._featured(observation), *rest

    def _featured(self, observation: dict) -> dict:
        seen = {key: value for key, value in observation.items() if key not in self._keys}
        return {"features": self.features([[observation[key] for key in self._keys]])[0]} | seen


def sensor_of(env: gym.Env):
    """The sensor of an environment, a name or a spec; a DIGIT where it does not say."""
    inner = env.unwrapped
    return getattr(inner, "sensor", None) or getattr(getattr(inner, "touch", None), "spec", None) or "digit"


def feature_space(space: gym.Space, bounds: np.ndarray) -> gym.spaces.Dict:
    """`space` with `features` within +-`bounds` in place of its tactile images."""
    keys = tactile_keys(space)
    assert isinstance(space, gym.spaces.Dict)
    kept = {key: value for key, value in space.spaces.items() if key not in keys}
    return gym.spaces.Dict({"features": gym.spaces.Box(-bounds, bounds, dtype=np.float32)} | kept)
