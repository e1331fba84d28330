"""What all environments of touch share."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")

from simtouch_envs.touch_env import Spaces, TouchEnv, box

from simtouch._checks import SimtouchError


class Still(TouchEnv):
    """Nothing moves."""

    def __init__(self, **kwargs):
        spaces = Spaces(state=box(1.0, (2,)), force=box([2.0, 3.0]), images={"tactile": (8, 6)}, action=box(1.0, (1,)))
        super().__init__(spaces, **{"obs_type": "force", "render_mode": None} | kwargs)

    def _begin(self, options):
        self.options = options

    def _advance(self, action):
        return {"a": 1.0, "b": float(action[0])}, False

    def _numbers(self):
        return np.array([9.0, 0.5]), np.array([0.0, -9.0])

    def _images(self):
        return {"tactile": np.full((8, 6, 3), 200, np.uint8)}

    def _facts(self):
        return {"is_success": False}

    def _scene(self):
        return np.zeros((480, 640, 3), np.uint8)


def test_observations_stay_in_their_box_and_hold_what_was_asked_for():
    observation, _ = Still().reset()
    assert observation["state"].tolist() == [1.0, 0.5]
    assert observation["force"].tolist() == [0.0, -3.0]
    assert set(Still(obs_type="tactile").reset()[0]) == {"tactile"}
    assert set(Still(obs_type="tactile_state").reset()[0]) == {"state", "tactile"}


def test_the_reward_is_the_sum_of_the_terms_of_the_clipped_action():
    env = Still()
    env.reset()
    _, reward, _, _, info = env.step([4.0])
    assert (reward, info["reward_terms"], info["clipped_actions"]) == (2.0, {"a": 1.0, "b": 1.0}, 1)


def test_the_picture_has_the_image_in_its_own_proportions_beside_the_scene():
    env = Still(render_mode="rgb_array")
    env.reset()
    picture = env.render()
    assert picture.shape == (480, 640 + 360, 3)
    assert (picture[:, :640] == 0).all()
    assert (picture[:, 640:] == 200).all()


def test_a_window_without_a_display_is_refused():
    with pytest.raises(SimtouchError, match="needs a display"):
        Still(render_mode="human").reset()
