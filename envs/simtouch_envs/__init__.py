"""Gymnasium environments that are felt: importing this package registers `simtouch/<Name>-v<N>`.
`gymnasium.make("simtouch/HoldForce-v0")` then makes one.
"""

import importlib.util

if importlib.util.find_spec("gymnasium") is None:
    from simtouch._checks import MissingExtraError

    raise MissingExtraError("simtouch_envs needs gymnasium: pip install 'simtouch[envs]'")

from gymnasium.envs.registration import register, registry

ENVIRONMENTS = {"simtouch/HoldForce-v0": ("simtouch_envs.hold_force:HoldForceEnv", 200)}
"""Every registered id: where it is, and how many steps an episode has."""

for _id, (_where, _steps) in ENVIRONMENTS.items():
    if _id not in registry:
        register(id=_id, entry_point=_where, max_episode_steps=_steps)

__all__ = ["ENVIRONMENTS"]
