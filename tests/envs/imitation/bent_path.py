"""A point on a bent path that pulls back where it leaves it: the spaces, info and expert of a maze, without physics, in microseconds."""

import gymnasium as gym
import numpy as np

SHAPE = (16, 12)
STEP_M, STIFFNESS_N_M, BUDGET_N = 3e-3, 400.0, 2.5
RESTING = np.full((*SHAPE, 3), 100, np.uint8)


class BentPath(gym.Env):
    """The hand is moved, the path holds it back by a force across; too much of it loses."""

    def __init__(self, obs_type: str = "force", length_m: float = 0.06):
        small, large = np.full(6, 0.05, np.float32), np.full(6, 20.0, np.float32)
        image = gym.spaces.Box(0, 255, (*SHAPE, 3), np.uint8)
        parts = {"state": gym.spaces.Box(-small, small), "force": gym.spaces.Box(-large, large)}
        parts |= {"tactile_left": image, "tactile_right": image}
        pads = ("tactile_left", "tactile_right")
        keys = {"state": ("state",), "force": ("state", "force"), "tactile": pads, "tactile_state": ("state", *pads)}[obs_type]
        self.observation_space = gym.spaces.Dict({key: parts[key] for key in keys})
        self.action_space = gym.spaces.Box(-1, 1, (3,), np.float32)
        self.background_images = {"tactile_left": RESTING, "tactile_right": RESTING}
        self.sensor, self._keys, self._length_m = "digit", keys, length_m

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        maze = (options or {}).get("maze", 0)
        self._bends = np.random.default_rng(maze).uniform(0.6, 1.2, 2) * np.random.default_rng(maze).choice([-1, 1], 2)
        self._along_m, self._off_m, self._steps, self._maze = 0.0, np.zeros(3), 0, maze
        self._moved_m = np.zeros(3)
        self._off_m[[0, 2]] = self.np_random.uniform(-2e-4, 2e-4, 2)
        return self._seen(), self._info("")

    @property
    def heading(self) -> np.ndarray:
        """Of the path here."""
        angle = self._bends @ np.sin(np.array([1, 2]) * 60 * self._along_m)
        return np.array([np.cos(angle), 0, np.sin(angle)])

    @property
    def force_n(self) -> np.ndarray:
        """Of the path on the hand."""
        return -STIFFNESS_N_M * self._off_m

    def step(self, action):
        moved = self._off_m + STEP_M * np.clip(action, -1, 1)
        along = float(np.clip(moved @ self.heading, 0, 2e-3))
        self._off_m, self._moved_m = moved - along * self.heading, along * self.heading
        self._along_m, self._steps = self._along_m + along, self._steps + 1
        lost = "force" if np.linalg.norm(self.force_n) > BUDGET_N else ""
        done = bool(lost) or self._along_m >= self._length_m
        return self._seen(), 100 * along, done, self._steps >= 200, self._info(lost)

    def _seen(self) -> dict:
        flat, force = np.zeros(6, np.float32), np.repeat(self.force_n[None] / 2, 2, 0).astype(np.float32)
        flat[:3], flat[3:] = 0.2 * self._off_m, 20 * self._moved_m
        shade = np.clip(100 + 40 * np.repeat(force[0], [6, 5, 5])[:, None, None], 0, 255)
        image = np.broadcast_to(shade, (*SHAPE, 3)).astype(np.uint8)
        seen = {"state": flat, "force": force.ravel(), "tactile_left": image, "tactile_right": image[::-1].copy()}
        return {key: seen[key] for key in self._keys}

    def _info(self, lost: str) -> dict:
        progress = min(self._along_m / self._length_m, 1.0)
        told = {
            "progress": progress,
            "distance_m": self._along_m,
            "is_success": progress >= 1 and not lost,
            "lost": lost or False,
        }
        return told | {"peak_force_n": float(np.linalg.norm(self.force_n)), "maze": self._maze, "clipped_actions": 0}


class Follower:
    """Turns towards where the force pulls."""

    def __init__(self, env):
        self._env = env.unwrapped
        self.reset()

    def reset(self) -> None:
        self._heading = np.array([1.0, 0, 0])

    def act(self) -> np.ndarray:
        across = self._env.force_n - self._env.force_n @ self._heading * self._heading
        self._heading = self._heading + 0.5 * across
        self._heading /= np.linalg.norm(self._heading)
        return np.clip(0.5 * self._heading + across, -1, 1).astype(np.float32)
