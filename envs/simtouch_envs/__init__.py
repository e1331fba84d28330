"""Gymnasium environments that are felt: importing this package registers `simtouch/<Name>-v<N>`.
`gymnasium.make("simtouch/BeadMaze-v0")` then makes one.
"""

import importlib.util
import os

if importlib.util.find_spec("gymnasium") is None:
    from simtouch._checks import MissingExtraError

    raise MissingExtraError("simtouch_envs needs gymnasium: pip install 'simtouch[envs]'")

if "DISPLAY" not in os.environ and "WAYLAND_DISPLAY" not in os.environ:
    os.environ.setdefault("MUJOCO_GL", "egl")  # MuJoCo reads it when it is first imported, and takes a window system otherwise

from gymnasium.envs.registration import register, registry

ENVIRONMENTS = {
    "simtouch/BeadMaze-v0": ("simtouch_envs.bead_maze.env:BeadMazeEnv", 300),
    "simtouch/EdgeFollow-v0": ("simtouch_envs.edge_follow.env:EdgeFollowEnv", 300),
    "simtouch/GraspLift-v0": ("simtouch_envs.grasp_lift.env:GraspLiftEnv", 300),
    "simtouch/HoldForce-v0": ("simtouch_envs.hold_force:HoldForceEnv", 200),
}
"""Every registered id: where it is, and how many steps an episode has."""

_AT_ONCE = {"simtouch/BeadMaze-v0": "simtouch_envs.native_vector:NativeVectorEnv"}

for _id, (_where, _steps) in ENVIRONMENTS.items():
    if _id not in registry:
        register(id=_id, entry_point=_where, vector_entry_point=_AT_ONCE.get(_id), max_episode_steps=_steps)

__all__ = ["ENVIRONMENTS"]
