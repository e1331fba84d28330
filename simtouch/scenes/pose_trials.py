"""An object that is shifted and turned in the hand: a stage in, a clip with the object's motion over five frames as labels out.

The protocol of TacBench T3 (Higuera et al., "Sparsh", CoRL 2024), whose classes are

    class = number of edges below the value, edges +-(0.1, 0.5, 1, 2, 5) mm and +-(0.03, 0.2, 0.5, 1, 2) degrees          (1)
    yaw = atan2(R_10, R_00) of the relative pose, the third of its extrinsic x y z angles                                 (2)

The published labels call element (1, 3) of a relative pose tx and element (0, 3) ty; `pose_classes` follows them.
"""

import numpy as np

from simtouch._checks import as_array
from simtouch.geometry.pose import from_quaternion, from_rotvec, pose
from simtouch.scenes.force_follower import ForceFollower
from simtouch.scenes.force_protocol import WINDOW
from simtouch.scenes.stage import SceneKind, Stage, Touch
from simtouch.sensors.spec import SensorSpec

CLASSES = 11
EDGES_MM = np.array([-5, -2, -1, -0.5, -0.1, 0.1, 0.5, 1, 2, 5])
EDGES_DEG = np.array([-2, -1, -0.5, -0.2, -0.03, 0.03, 0.2, 0.5, 1, 2])

_SHIFT_M = (0.03e-3, 6e-3)  # over a window, log-uniform: past the outermost edges where the working speed allows it
_TURN_DEG = (0.01, 4.0)
_STILL = 0.15  # chance that one of the three does not move
_SEGMENT = (4, 14)  # frames of one push
_FORCE_SHARE = (0.05, 0.5)  # of the largest working force, log-uniform
_SWING = 0.3
_RIM_M = 3.5e-3
_TILT_RAD = 0.03


def pose_classes(relative_mm) -> np.ndarray:
    """Classes (tx, ty, yaw) of relative poses with translations in mm, int64, (N, 3), each from 0 to 10, by (1) and (2).

    Args:
        relative_mm: Rigid transforms, shape (N, 4, 4); tx is read from element (1, 3) and ty from (0, 3).
    """
    poses = as_array("relative_mm", relative_mm, "N 4 4", np.float64)
    yaw_deg = np.degrees(np.arctan2(poses[:, 1, 0], poses[:, 0, 0]))
    shifts = (np.digitize(poses[:, row, 3], EDGES_MM) for row in (1, 0))
    return np.stack([*shifts, np.digitize(yaw_deg, EDGES_DEG)], axis=1)


def relative_motion_mm(gel_T_indenter: np.ndarray) -> np.ndarray:
    """Motion of a body over `WINDOW` frames, (T, 4, 4): the turn in the gel frame, and how far its origin moved in mm.

    Args:
        gel_T_indenter: Poses, shape (T, 4, 4). The first frames look back to frame 0.
    """
    poses = as_array("gel_T_indenter", gel_T_indenter, "T 4 4", np.float64)
    before = poses[np.maximum(np.arange(len(poses)) - WINDOW, 0)]
    motion = np.broadcast_to(np.eye(4), poses.shape).copy()
    motion[:, :3, :3] = poses[:, :3, :3] @ np.swapaxes(before[:, :3, :3], 1, 2)
    motion[:, :3, 3] = (poses[:, :3, 3] - before[:, :3, 3]) * 1e3
    return motion


def perturb(stage: Stage) -> list[Touch]:
    """Hold `stage.indenter` with a force that varies slowly and push it about under the pad."""
    sim, rng = stage.simulator(), stage.rng
    spec, follower = sim.spec, ForceFollower(sim, stage.indenter, seed=int(rng.integers(2**31)))
    attitude = from_quaternion(rng.normal(size=4)) if stage.any_side else np.eye(3)
    tilt = from_rotvec((*rng.uniform(-_TILT_RAD, _TILT_RAD, 2), 0))
    hold = tilt @ from_rotvec((0, 0, rng.uniform(-np.pi, np.pi))) @ attitude
    ramp = int(np.clip(round(0.1 * spec.camera.fps), 3, stage.frames // 5))
    place, yaw = _plan(spec, stage.frames, 1 + ramp, rng)
    target = _grip(spec, stage.frames, ramp, rng)
    frames = []
    for (x, y), turn, force in zip(place, yaw, target, strict=True):
        frames.append(follower.step(pose((x, y, 0), from_rotvec((0, 0, turn)) @ hold), float(force)))
    poses = np.stack([frame.gel_T_indenter for frame in frames])
    motion = relative_motion_mm(poses)
    classes = pose_classes(motion)
    labels = {
        "dx_mm": motion[:, 0, 3].tolist(),
        "dy_mm": motion[:, 1, 3].tolist(),
        "dyaw_deg": np.degrees(np.arctan2(motion[:, 1, 0], motion[:, 0, 0])).tolist(),
        **{f"class_{axis}": classes[:, k].tolist() for k, axis in enumerate(("tx", "ty", "yaw"))},
    }
    return [
        Touch(
            frames=frames,
            indenter=stage.indenter.name,
            motion="pose_trial",
            labels=labels,
            world_T_gel=np.eye(4),
            world_T_indenter=poses,
        )
    ]


def _plan(spec: SensorSpec, frames: int, still: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Place (x, y) [m], (T, 2), and yaw [rad], (T,): nothing moves for the first frames, then push follows push."""
    grid = spec.image_grid
    room = np.maximum(np.array([grid.cols, grid.rows]) * grid.spacing_m / 2 - _RIM_M, 0.5e-3)
    fastest = spec.working_range.slide_speed_m_s[1] * WINDOW / spec.camera.fps
    at = np.array([*rng.uniform(-0.7, 0.7, 2) * room, 0.0])
    path = [at] * still
    while len(path) < frames:
        size = [_log_uniform(rng, *_SHIFT_M), _log_uniform(rng, *_SHIFT_M), np.radians(_log_uniform(rng, *_TURN_DEG))]
        step = np.array(size) * rng.choice([-1, 1], 3) * (rng.random(3) >= _STILL)
        step[:2] *= min(1.0, fastest / max(float(np.hypot(*step[:2])), 1e-12))
        for _ in range(int(rng.integers(*_SEGMENT, endpoint=True))):
            beyond = np.abs(at[:2] + step[:2] / WINDOW) > room
            step[:2] = np.where(beyond, -np.sign(at[:2]) * np.abs(step[:2]), step[:2])  # pushed back at the rim
            at = at + step / WINDOW
            path.append(at)
    path = np.stack(path[:frames])
    return path[:, :2], path[:, 2]


def _grip(spec: SensorSpec, frames: int, ramp: int, rng: np.random.Generator) -> np.ndarray:
    """Force wanted in each frame [N], (T,): off for one, down, then about a level."""
    level = _log_uniform(rng, *(share * spec.working_range.normal_force_n[1] for share in _FORCE_SHARE))
    time_s = np.arange(frames) / spec.camera.fps
    wave = np.sin(2 * np.pi * rng.uniform(0.3, 2.0) * time_s + rng.uniform(0, 2 * np.pi))
    return level * (1 + _SWING * wave) * np.clip(np.arange(frames) / ramp, 0, 1)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


POSE_TRIALS = SceneKind(
    play=perturb,
    labels={
        "dx_mm": float,
        "dy_mm": float,
        "dyaw_deg": float,
        "class_tx": int,
        "class_ty": int,
        "class_yaw": int,
    },
)
"""T3. `dx_mm`, `dy_mm`, `dyaw_deg`: motion of the object in the gel frame since five frames ago; `class_*`: as published, so
`class_tx` bins dy and `class_ty` dx."""
