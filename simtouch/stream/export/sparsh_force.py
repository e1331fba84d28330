"""T1 and T2 of TacBench: clips with forces in, images and `dataset_slip_forces.pkl` out.

A batch is one probe felt by one resting sensor, and its first image is that sensor at rest: the loaders take the first image out
of contact as the background. `dataset_slip_forces.pkl` speaks of the images of all `dataset_digit_NN.pkl` of its folder in order:

    in_contact     (N,) 0 or 1
    trajectories   {number: one unbroken contact of one clip}, each with, n frames long,
      indexes (n,)        images of the batch
      forces (n, 3)       N: (F_x, F_y, F_n), F_x along the image's columns and F_y along its rows, as they are in the gel frame, what
                          the probe does to the gel; F_n = -F_z >= 0 presses, as the loaders' heads want it (a sigmoid)
      slip_label (n,)     1 in gross slip: the whole contact slides
      coef_friction       Coulomb coefficient, mean of the contact; NaN where it is not known
      poses (n, 7)        of the probe in the gel frame, where they are known: m, then the quaternion w, x, y, z
"""

from collections.abc import Iterator, Sequence

import numpy as np

from simtouch.stream.any_clip import AnyClip
from simtouch.stream.export.frame_values import file_name, position_quaternion, wanted
from simtouch.stream.export.sparsh import SparshFolder, background_digest, background_of
from simtouch.stream.images import encode_image

IMAGES_PER_FILE = 1000
FRAMES_PER_BATCH = 10_000


def write_force(folder: SparshFolder, clips: Sequence[AnyClip]) -> None:
    """The layout `force`."""
    for probe, places in _batches(clips):
        number = folder.number(probe) + 1
        where = f"{probe}/batch_{number}"
        _write_images(folder, where, clips, places)
        folder.pickle(f"{where}/dataset_slip_forces.pkl", _labels(clips, places))


def _batches(clips: Sequence[AnyClip]) -> Iterator[tuple[str, list[int]]]:
    """Probe and places of its clips, a batch at a time."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    frames: dict[tuple[str, str, str], int] = {}
    for place, clip in enumerate(clips):
        wanted(clip, "force_n", "the layout `force`")
        key = file_name(clip.indenter, "probe"), clip.sensor_type, background_digest(clip)
        if key in groups and frames[key] + len(clip) > FRAMES_PER_BATCH:
            yield key[0], groups.pop(key)
            frames[key] = 0
        groups.setdefault(key, []).append(place)
        frames[key] = frames.get(key, 0) + len(clip)
    for key, places in groups.items():
        yield key[0], places


def _write_images(folder: SparshFolder, where: str, clips: Sequence[AnyClip], places: list[int]) -> None:
    first = clips[places[0]]
    sensor = "digit" if first.sensor_type == "digit" else "gelsight"
    codec = "png" if folder.images == "png" else "jpeg95"

    def all_images() -> Iterator[bytes]:
        yield encode_image(background_of(first), codec)
        for place in places:
            yield from folder.jpegs(clips[place])

    images, count = all_images(), 1 + sum(len(clips[place]) for place in places)
    for number in range(-(-count // IMAGES_PER_FILE)):
        size = min(IMAGES_PER_FILE, count - number * IMAGES_PER_FILE)
        folder.pickle(f"{where}/dataset_{sensor}_{number:02d}.pkl", (next(images) for _ in range(size)))


def _labels(clips: Sequence[AnyClip], places: list[int]) -> dict:
    in_contact, trajectories = [np.zeros(1, np.int64)], {}
    begin = 1
    for place in places:
        clip = clips[place]
        touched = in_contact_of(clip)
        for run in _runs(touched):
            trajectories[len(trajectories)] = _trajectory(clip, run, begin)
        in_contact.append(touched.astype(np.int64))
        begin += len(clip)
    return {"in_contact": np.concatenate(in_contact), "trajectories": trajectories}


def in_contact_of(clip: AnyClip) -> np.ndarray:
    """Whether each frame is touched, bool, (T,)."""
    if clip.has("contact_area_m2"):
        return np.asarray(clip.values("contact_area_m2")) > 0
    return -np.asarray(clip.values("force_n"))[:, 2] > 0


def _slipping(clip: AnyClip) -> np.ndarray:
    """Whether each frame is one of gross slip; a recording may say it with a label `slip`."""
    if clip.has("slip") and not clip.has("slip_state"):
        return np.asarray(clip.values("slip"), float) > 0.5
    return wanted(clip, "slip_state", "the layout `force`") == "slip"


def _runs(touched: np.ndarray) -> list[np.ndarray]:
    """Frames of each unbroken contact."""
    frames = np.flatnonzero(touched)
    return [run for run in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1) if len(run)]


def _trajectory(clip: AnyClip, run: np.ndarray, begin: int) -> dict:
    forces = np.asarray(clip.values("force_n"), float)[run] * (1, 1, -1)
    known = {"indexes": run + begin, "forces": forces, "slip_label": _slipping(clip)[run].astype(float)}
    known["coef_friction"] = float(np.mean(clip.values("friction")[run])) if clip.has("friction") else float("nan")
    if clip.has("gel_T_indenter"):
        known["poses"] = position_quaternion(np.asarray(clip.values("gel_T_indenter"), float)[run])
    return known
