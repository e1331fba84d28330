"""Many bead mazes at once, their physics stepped by MuJoCo's own thread pool: actions in, what `SyncVectorEnv` would give out, bit for bit.

Each maze stays an environment of its own: it turns its action into controls and senses what became of it. In between, one call of
`mujoco.batch` moves all of them.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np

from simtouch._checks import ArgumentError
from simtouch_envs.bead_maze.env import BeadMazeEnv

_ID = "simtouch/BeadMaze-v0"
_READ = ("qpos", "qvel", "xpos", "xmat", "site_xpos", "site_xmat", "sensordata")


class NativeVectorEnv(gym.vector.SyncVectorEnv):
    """`gymnasium.make_vec("simtouch/BeadMaze-v0", num_envs=8, vectorization_mode="vector_entry_point")` makes one."""

    def __init__(self, num_envs: int = 1, *, max_episode_steps: int | None = None, threads: int = 0, **kwargs: Any):
        """Make `num_envs` environments.

        Args:
            num_envs: How many.
            max_episode_steps: Of each; None: the registered limit.
            threads: Of MuJoCo; 0 takes every core. The results do not depend on it.
            **kwargs: Of `BeadMazeEnv`.
        """
        if num_envs < 1:
            raise ArgumentError(f"`num_envs` must be at least 1; got {num_envs}.")
        limit = {} if max_episode_steps is None else {"max_episode_steps": max_episode_steps}
        one: Callable[[], gym.Env] = lambda: gym.make(_ID, **limit, **kwargs)  # noqa: E731
        super().__init__([one] * num_envs)
        self._threads = threads
        self._mazes: list[BeadMazeEnv] = [env.unwrapped for env in self.envs]
        self._batch = None
        self._episodes = [-1] * num_envs

    def step(self, actions):
        """See `SyncVectorEnv.step`: environments that ended in the last step begin anew, the others play their action."""
        going = np.flatnonzero(~self._autoreset_envs)
        self._take_in(going)
        for i, action in zip(going, np.asarray(actions)[going], strict=True):
            maze = self._mazes[i]
            self._controls[i] = maze.controls_for(maze.checked(action))
        if going.size:
            self._batch.step(ids=going, nstep=self._mazes[0].physics_steps)
        for i in going:
            self._mazes[i].moved_by_others(self._rows[i], self._batch.state[i])
        return super().step(actions)

    def _take_in(self, going: np.ndarray) -> None:
        """Give the batch what changed by resets: states, and the models of other mazes."""
        fresh = [i for i in going if self._episodes[i] != self._mazes[i].episode]
        if self._batch is None:
            from mujoco.batch import Batch

            # In a batch of many models each must have its sizes: every maze has as many capsules.
            self._batch = Batch(self._mazes[0].model, nsim=self.num_envs, nthread=self._threads)
            bound = {name: self._batch.bind(name) for name in _READ}
            self._rows = [SimpleNamespace(**{name: field[i] for name, field in bound.items()}) for i in range(self.num_envs)]
            self._controls = self._batch.bind("ctrl")
        if fresh:
            self._batch.set_models([maze.model for maze in self._mazes])
        for i in fresh:
            self._batch.state[i] = self._mazes[i].physics_state()
            self._episodes[i] = self._mazes[i].episode
