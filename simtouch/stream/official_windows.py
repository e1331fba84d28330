"""Which frames and labels Sparsh's loaders put together, quirks and all: lengths and indexes in, positions and targets out.

Needed to reproduce published figures, and to say what a fair protocol does otherwise. Quirks, each by its name:

* `pretraining_frames`: the index counts the oldest frame; the last indexes of a file repeat its last frame.
* `trajectory_frames`: lags of four frames add up, t, t-2, t-6, t-12 where t-2, t-4, t-6 was meant; the first frames repeat.
* `trajectory_samples`: the last 5 samples of a trajectory are dropped, while the first 5, with repeated frames, are kept.
* `pose_classes`: `tx` is the pose's y and `ty` its x. That loader also takes its frames as RGB and their background as BGR; to do
  the same, give `encoder_image` a background with its channels reversed.

Taken from the behaviour that the loaders show on synthetic files; none of their code is used.
"""

import numpy as np

from simtouch._checks import ArgumentError, as_array

FORCE_SCALE_N = {"digit": (4.0, 4.0, 5.0), "gelsight_mini": (1.5, 1.5, 2.0)}
"""What forces (x, y, z) are divided by, per sensor."""
DELTA_FORCE_SCALE_N = (0.25, 0.25, 0.15)
"""What changes of force are divided by before they are clipped to [-1, 1]."""
TRANSLATION_EDGES = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Edges of the classes of relative translation, to either side of 0, in the units of the set."""
YAW_EDGES_DEG = (0.03, 0.2, 0.5, 1.0, 2.0)
"""Edges of the classes of relative yaw."""
_DROPPED = 5
_FORCE_LAG = 5


def pretraining_frames(index: int, length: int, *, frames: int = 2, stride: int = 5) -> list[int]:
    """Positions in a file of `length` frames that sample `index` shows, newest first."""
    _check_window(frames, stride)
    if not 0 <= index < length:
        raise ArgumentError(f"`index` must lie in a file of {length} frames; got {index}.")
    return [min(index + (frames - 1 - k) * stride, length - 1) for k in range(frames)]


def trajectory_frames(sample: int, *, frames: int = 2, stride: int = 5, adding_up: bool = True) -> list[int]:
    """Positions in a trajectory that its sample shows, newest first, the first frame repeated before the start.

    Args:
        sample: Number of the sample in its trajectory.
        frames, stride: How many frames, and their distance.
        adding_up: Whether lags add up, 0, s, 3 s, 6 s, as in the published loaders, and not 0, s, 2 s, 3 s; alike for two frames.
    """
    _check_window(frames, stride)
    if sample < 0:
        raise ArgumentError(f"`sample` must be at least 0; got {sample}.")
    lags = [stride * k * (k + 1) // 2 if adding_up else stride * k for k in range(frames)]
    return [max(sample - lag, 0) for lag in lags]


def trajectory_samples(length: int) -> int:
    """How many samples a trajectory of `length` frames has."""
    return max(length - _DROPPED, 0)


def force_targets(force_n, scale_n) -> np.ndarray:
    """Forces as probes are asked for them: force_n (T, 3) / scale_n (3,), z positive in a press as recorded, (T, 3)."""
    return as_array("force_n", force_n, "T 3", np.float64) / as_array("scale_n", scale_n, "3", np.float64)


def delta_force_targets(force_n, scale_n=DELTA_FORCE_SCALE_N) -> np.ndarray:
    """clip((F_t - F_(t-5)) / scale, -1, 1), with F_0 before the start: force_n (T, 3), scale_n (3,) -> (T, 3)."""
    force = as_array("force_n", force_n, "T 3", np.float64)
    before = force[np.maximum(np.arange(len(force)) - _FORCE_LAG, 0)]
    return np.clip((force - before) / as_array("scale_n", scale_n, "3", np.float64), -1, 1)


def pose_classes(relative_poses) -> dict[str, np.ndarray]:
    """Classes 0 to 10 of relative poses (N, 4, 4): {"tx", "ty", "yaw"}, (N,) each."""
    pose = as_array("relative_poses", relative_poses, "N 4 4", np.float64)
    # The third of the angles about the fixed axes x, y, z.
    yaw_deg = np.degrees(np.arctan2(pose[:, 1, 0], pose[:, 0, 0]))
    return {
        "tx": np.digitize(pose[:, 1, 3], _both_sides(TRANSLATION_EDGES)),
        "ty": np.digitize(pose[:, 0, 3], _both_sides(TRANSLATION_EDGES)),
        "yaw": np.digitize(yaw_deg, _both_sides(YAW_EDGES_DEG)),
    }


def _both_sides(edges: tuple[float, ...]) -> np.ndarray:
    return np.concatenate([-np.array(edges[::-1]), edges])


def _check_window(frames: int, stride: int) -> None:
    if frames < 1 or stride < 1:
        raise ArgumentError(f"`frames` and `stride` must be at least 1; got {frames} and {stride}.")
