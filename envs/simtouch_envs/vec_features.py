"""Touch features for Stable-Baselines3: a VecEnv with tactile images in, one with features out, all encoded in one batch a step."""

from collections.abc import Sequence

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from simtouch_envs.touch_features import TouchFeatures
from simtouch_envs.wrappers import feature_space, tactile_keys


class FeatureVecEnv(VecEnvWrapper):
    """As `EncoderFeatures`, for N environments at once.

    The last observation of an episode, which SB3 keeps in `info["terminal_observation"]`, is featured, too.

    Args:
        venv: Environments with tactile images among their Dict observations.
        encoder: One, or a name, folder or file for `simtouch.load_encoder`.
        backgrounds: Resting image of each pad, uint8, (H, W, 3).
        sensor: Name of the sensor's type, or its spec.
        lag_steps: Steps between the two frames of a window.
    """

    def __init__(self, venv: VecEnv, encoder, *, backgrounds: Sequence[np.ndarray], sensor="digit", lag_steps: int = 2):
        self._keys = tactile_keys(venv.observation_space)
        self.features = TouchFeatures(encoder, backgrounds=backgrounds, sensor=sensor, lag_steps=lag_steps)
        super().__init__(venv, observation_space=feature_space(venv.observation_space, self.features.bounds))

    def reset(self):
        """First observations of all environments."""
        observations = self.venv.reset()
        for seat in range(self.num_envs):
            self.features.begin(seat)
        return self._featured(observations, list(range(self.num_envs)))

    def step_wait(self):
        """Observations, rewards, endings and infos of all environments."""
        observations, rewards, dones, infos = self.venv.step_wait()
        assert isinstance(observations, dict)
        ended = [seat for seat in range(self.num_envs) if dones[seat]]
        if ended:
            last = [infos[seat]["terminal_observation"] for seat in ended]
            featured = self._featured({key: np.stack([of[key] for of in last]) for key in last[0]}, ended)
            for i, seat in enumerate(ended):
                infos[seat]["terminal_observation"] = {key: value[i] for key, value in featured.items()}
                self.features.begin(seat)
        return self._featured(observations, list(range(self.num_envs))), rewards, dones, infos

    def _featured(self, observations, seats: list[int]) -> dict[str, np.ndarray]:
        images = [[observations[key][i] for key in self._keys] for i in range(len(seats))]
        kept = {key: value for key, value in observations.items() if key not in self._keys}
        return {"features": self.features(images, seats)} | kept
