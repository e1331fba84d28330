"""Synthetic recordings in the layouts of the public sets, for tests: frames that show a ramp, a spot that moves, and their number."""

import pickle
from pathlib import Path

import cv2
import numpy as np

SHAPE = (32, 24)


def background(unit: int = 0) -> np.ndarray:
    """A resting sensor, RGB."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.stack([70 + 2 * x + 25 * unit, 60 + 2 * y, 140 - x - 20 * unit], axis=-1).astype(np.uint8)


def frame(t: int, unit: int = 0) -> np.ndarray:
    """The sensor pressed at a place that moves with `t`, RGB."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    spot = np.exp(-((x - 6 - t % 12) ** 2 + (y - 16) ** 2) / 8)
    return np.clip(background(unit) + spot[..., None] * (80, 20, -60), 0, 255).astype(np.uint8)


def encoded(image: np.ndarray, kind: str = ".jpg") -> bytes:
    """As other people's code stores it: OpenCV, whose colours are BGR."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return cv2.imencode(kind, np.ascontiguousarray(image[..., ::-1]), quality if kind == ".jpg" else [])[1].tobytes()


def frames(count: int, unit: int = 0, kind: str = ".jpg") -> list[bytes]:
    """Encoded frames."""
    return [encoded(frame(t, unit), kind) for t in range(count)]


def write(path: Path, value, protocol: int = 4) -> Path:
    """A pickle as Python writes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol) if not isinstance(value, bytes) else value)
    return path


def slides(root: Path, objects=("004_sugar_box", "025_mug"), order=(1, 0), trajectories: int = 2) -> Path:
    """YCB-Slide: an array of JPEG buffers a trajectory; object k was felt by the unit of bg_{order[k]}."""
    base = root / "digitv1" / "Object-Slide"
    for obj, unit in zip(objects, order, strict=True):
        for k in range(trajectories):
            buffers = np.empty(7, object)
            for t, data in enumerate(frames(7, unit)):
                buffers[t] = np.frombuffer(data, np.uint8)
            write(base / obj / f"dataset_{k}.pkl", buffers)
    for unit in order:
        write(base / "bgs" / f"bg_{unit}.jpg", encoded(background(unit)))
    return root


def force_batch(folder: Path, sensor: str = "digit", protocol: int = 4) -> Path:
    """Two files of images, the first two frames at rest, and two trajectories."""
    images = [encoded(background()), encoded(background()), *frames(18)]
    write(folder / f"dataset_{sensor}_00.pkl", images[:9], protocol)
    write(folder / f"dataset_{sensor}_01.pkl", images[9:], protocol)
    trajectories = {}
    for number, indexes in enumerate((np.arange(2, 10), np.arange(11, 19))):
        steps = np.arange(len(indexes), dtype=float)
        trajectories[number] = {
            "indexes": indexes,
            "forces": np.stack([0.1 * steps, -0.2 * steps, 1 + steps], axis=1),
            "slip_label": (steps > 4)[: len(steps) - 5 * number].astype(float),
            "coef_friction": 0.4 + number,
            "poses": np.tile(steps[:, None], 7),
        }
    in_contact = np.ones(20, int)
    in_contact[[1, 10]] = 0
    write(folder / "dataset_slip_forces.pkl", {"in_contact": in_contact, "trajectories": trajectories}, protocol)
    return folder


def pose_set(root: Path) -> Path:
    """Two fingers of one bag, frames as pixels for one and as JPEG for the other."""
    poses = np.tile(np.eye(4), (6, 1, 1))
    poses[:, 0, 3], poses[:, 1, 3] = 3.0, -0.3
    bag = {
        "digit_ring": frames(6, kind=".png"),
        "digit_index": np.stack([frame(t, 1) for t in range(6)]),
        "object_ring_rel_pose_n5": poses,
        "object_index_rel_pose_n5": [pose.tolist() for pose in poses[:4]],
    }
    write(root / "train" / "sugar" / "bag_00.pkl", bag)
    write(root / "test" / "pringles" / "bag_03.pkl", {k: v for k, v in bag.items() if "index" not in k})
    write(root / "bgs" / "digit_ring.png", encoded(background(), ".png"))
    return root


def grasp_set(root: Path) -> Path:
    """Three trials of two fingers."""
    trials = {"object_name": ["cup", "cup", "brush"], "is_gripping": [True, False, True]}
    for f, finger in enumerate("AB"):
        for m, moment in enumerate(("before", "during", "after")):
            trials[f"gelsight{finger}_{moment}"] = [encoded(frame(3 * k + m, f), ".png") for k in range(3)]
    write(root / "000.pkl", trials)
    return root
