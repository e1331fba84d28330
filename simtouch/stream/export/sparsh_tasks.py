"""T3, T4 and T5 of TacBench: clips with the labels of a task in, its files out.

T3, pose:    {train,test}/OBJECT/bag_NN.pkl with digit_FINGER (images) and object_FINGER_rel_pose_n5 (T, 4, 4), the motion of the object
             over five frames: its turn in the gel frame, and how far its origin moved in mm, x along the image's columns, y along
             its rows (`simtouch.scenes.pose_trials.relative_motion_mm`); bgs/digit_FINGER.png. One sensor is the ring finger, which the
             official evaluation reads; a scene's second and third are the middle and index finger. The layout has one background a
             finger, so clips of several units of the sensor become several sets, unit_NN/.
T4, grasp:   NNN.pkl, 50 trials each, lists of object_name, is_gripping (label `grasp_success`) and gelsight{A,B}_{before,during,after}:
             the first frame, the last before the lift (label `phase`), and the last of all. A trial is a scene of two sensors.
T5, textile: {train,test}/CLASS/CLIP/dataset_gelsight.pkl (images) and metadata.txt (label `textile`, a name, and `class`, its number;
             without it classes are numbered in alphabetical order).
"""

from collections.abc import Sequence

import numpy as np

from simtouch._checks import SimtouchError
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.export.frame_values import file_name, scenes_of, wanted
from simtouch.stream.export.sparsh import SparshFolder, background_digest, background_of
from simtouch.stream.images import encode_image

FINGERS = ("ring", "middle", "index")
TRIALS_PER_FILE = 50
_MOMENTS = ("before", "during", "after")


def write_pose(folder: SparshFolder, clips: Sequence[AnyClip]) -> None:
    """The layout `pose`; clips of several units of the sensor go to a set of their own each, `unit_NN/`."""
    from simtouch.scenes.pose_trials import relative_motion_mm

    units: dict[tuple[str, ...], str] = {}
    for scene in scenes_of(clips):
        units.setdefault(_backgrounds(scene), f"unit_{len(units):02d}/")
    for scene in scenes_of(clips):
        unit = units[_backgrounds(scene)] if len(units) > 1 else ""
        bag: dict[str, object] = {}
        for finger, clip in zip(FINGERS, scene, strict=False):
            poses = wanted(clip, "gel_T_indenter", "the layout `pose`")
            bag[f"digit_{finger}"] = folder.jpegs(clip)
            bag[f"object_{finger}_rel_pose_n5"] = relative_motion_mm(poses)
            path = folder.path / f"{unit}bgs" / f"digit_{finger}.png"
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode_image(background_of(clip), "png"))
        obj = file_name(scene[0].indenter, "object")
        where = f"{unit}{folder.split_of(obj)}/{obj}"
        folder.pickle(f"{where}/bag_{folder.number(where):02d}.pkl", bag)


def _backgrounds(scene: Sequence[AnyClip]) -> tuple[str, ...]:
    """Tells the units that feel a scene from others."""
    if len(scene) > len(FINGERS):
        raise SimtouchError(f"the layout `pose` has {len(FINGERS)} fingers; clip {scene[0].clip_id} has {len(scene)} sensors.")
    return tuple(map(background_digest, scene))


def write_grasp(folder: SparshFolder, clips: Sequence[AnyClip]) -> None:
    """The layout `grasp`."""
    trials: list[dict] = []
    for scene in scenes_of(clips):
        if len(scene) != 2:
            raise SimtouchError(
                f"the layout `grasp` needs two sensors in a scene; clip {scene[0].clip_id} of `{scene[0].source}` has {len(scene)}."
            )
        moments = _moments(scene[0])
        trial: dict[str, object] = {"object_name": scene[0].indenter}
        trial["is_gripping"] = bool(wanted(scene[0], "grasp_success", "the layout `grasp`")[-1])
        for name, clip in zip("AB", scene, strict=True):
            pictures = folder.jpegs(clip, moments)
            trial |= {f"gelsight{name}_{moment}": picture for moment, picture in zip(_MOMENTS, pictures, strict=True)}
            folder.tick(len(clip) - len(_MOMENTS))
        trials.append(trial)
        if len(trials) == TRIALS_PER_FILE:
            _write_trials(folder, trials)
            trials = []
    if trials:
        _write_trials(folder, trials)


def _write_trials(folder: SparshFolder, trials: list[dict]) -> None:
    folder.pickle(f"{folder.number('trials'):03d}.pkl", {name: [trial[name] for trial in trials] for name in trials[0]})


def _moments(clip: AnyClip) -> list[int]:
    """Frames before, during and after the grasp: the first, the last before the lift, the last."""
    phase = wanted(clip, "phase", "the layout `grasp`")
    before_lift = np.flatnonzero(phase != "after")
    return [0, int(before_lift[-1]) if len(before_lift) else 0, len(clip) - 1]


def write_textile(folder: SparshFolder, clips: Sequence[AnyClip]) -> None:
    """The layout `textile`."""
    names = [str(wanted(clip, "textile", "the layout `textile`")[0]) for clip in clips]
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    for clip, name in zip(clips, names, strict=True):
        cloth = file_name(name, "textile")
        where = f"{folder.split_of(cloth)}/{cloth}/{folder.number(cloth):06d}"
        folder.pickle(f"{where}/dataset_gelsight.pkl", folder.jpegs(clip))
        known = next((label for label in ("class", "textile_class") if clip.has(label)), None)
        number = numbers[name] if known is None else int(clip.values(known)[0])
        (folder.path / where / "metadata.txt").write_text(f"label: {number}\nclass_name: {name}\n", encoding="utf-8")
