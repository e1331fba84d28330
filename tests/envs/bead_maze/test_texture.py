"""A pattern on the bead is seen by the gels, pressed as hard as a smooth one, and named when it is not known."""

import numpy as np
import pytest

pytest.importorskip("gymnasium")
pytest.importorskip("mujoco")

from simtouch_envs.bead_maze.env import BeadMazeEnv
from simtouch_envs.fingertips import FingertipConfig

from simtouch._checks import UnknownNameError


def first(texture: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Image and normal forces of both pads at the start."""
    env = BeadMazeEnv(obs_type="tactile", bead_texture=texture, fingertips=FingertipConfig(cells=40))
    image = env.reset(seed=0, options={"maze": 0})[0]["tactile_left"]
    return image.astype(float), env.touch.frame.normal_force_n


def test_the_gels_see_the_pattern_and_carry_the_same_force():
    smooth, force = first(None)
    for texture in ("dimples", "ribs"):
        patterned, felt = first(texture)
        assert np.abs(patterned - smooth).max() > 15
        np.testing.assert_allclose(felt, force, rtol=0.02)


def test_an_unknown_pattern_is_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match="dimples, knurl, ribs"):
        BeadMazeEnv(obs_type="state", bead_texture="fur")
