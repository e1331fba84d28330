"""What a clip knows of each frame, and its frames as encoded bytes: an `AnyClip` in, arrays and bytes out."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np

from simtouch._checks import SimtouchError
from simtouch.geometry.pose import to_quaternion
from simtouch.stream.any_clip import AnyClip, ChannelOrder
from simtouch.stream.images import decode_image, encode_image

ImageCodec = Literal["stored", "png", "jpeg95"]
KNOWN = (
    "force_n",
    "torque_nm",
    "torsion_nm",
    "centre_of_pressure_m",
    "slip_state",
    "slip_ratio",
    "contact_area_m2",
    "leaves_view",
    "indent_depth_m",
    "friction",
    "gel_T_indenter",
    "world_T_gel",
    "world_T_indenter",
)
"""Names of `TactileFrame` and of a scene that are exported where a clip has them."""


def known_values(clip: AnyClip) -> dict[str, np.ndarray]:
    """All that the clip knows of its frames, (T, ...) each, by name: those of `KNOWN`, then its labels as `label_NAME`."""
    known = {name: clip.values(name) for name in KNOWN if clip.has(name)}
    labels = {f"label_{name}": np.asarray(values) for name, values in clip.labels.items() if name not in known}
    # A pose that the scene lacks comes as None.
    return {name: np.asarray(v) for name, v in (known | labels).items() if v is not None and np.ndim(v)}


def wanted(clip: AnyClip, name: str, what_for: str) -> np.ndarray:
    """`clip.values(name)`, or one sentence about what the export needs it for."""
    if not clip.has(name):
        raise SimtouchError(f"{what_for} needs `{name}` of each frame; clip {clip.clip_id} of `{clip.source}` does not have it.")
    return np.asarray(clip.values(name))


def encoded_as(clip: AnyClip, t: int, codec: ImageCodec, channel_order: ChannelOrder = "rgb") -> tuple[bytes, str]:
    """Frame `t` as bytes that any decoder turns into RGB (or BGR), and its extension: `png` or `jpg`.

    `stored` takes the clip's own bytes; those of a source in the other order are encoded again, in the format they had.
    """
    data = clip.encoded_image(t)
    is_png = data[:4] == b"\x89PNG"
    has = "png" if is_png else "jpeg95"
    codec = has if codec == "stored" else codec
    same = codec == has and clip.channel_order == channel_order
    extension = "png" if codec == "png" else "jpg"
    if same:
        return data, extension
    image = decode_image(data)
    return encode_image(
        image if clip.channel_order == channel_order else np.ascontiguousarray(image[..., ::-1]), codec
    ), extension


def position_quaternion(poses: np.ndarray) -> np.ndarray:
    """Poses (T, 4, 4) as (T, 7): x, y, z and the quaternion's w, x, y, z, without jumps of its sign."""
    quaternions = np.array([to_quaternion(pose[:3, :3]) for pose in poses])
    turned = np.cumprod(np.concatenate([[1.0], np.where((quaternions[1:] * quaternions[:-1]).sum(1) < 0, -1.0, 1.0)]))
    return np.concatenate([poses[:, :3, 3], quaternions * turned[:, None]], axis=1)


def scenes_of(clips: Iterable[AnyClip]) -> Iterator[list[AnyClip]]:
    """The clips of one scene together: neighbours of one source that share `clip_id` and are different sensors."""
    group: list[AnyClip] = []
    for clip in clips:
        same = group and (clip.source, clip.clip_id) == (group[0].source, group[0].clip_id)
        if same and clip.sensor_id not in {c.sensor_id for c in group}:
            group.append(clip)
        else:
            if group:
                yield group
            group = [clip]
    if group:
        yield group


def frames_per_second(clip: AnyClip) -> float:
    """The clip's rate, from its times; a clip of one frame, or one whose times stand still, has none."""
    time_s = np.asarray(clip.time_s, float)
    span = float(time_s[-1] - time_s[0]) if len(time_s) > 1 else 0.0
    if not np.isfinite(span) or span <= 0:
        raise SimtouchError(f"clip {clip.clip_id} of `{clip.source}` has no frame rate: {len(time_s)} frame(s) over {span:g} s.")
    return (len(time_s) - 1) / span


def file_name(name: str, fallback: str) -> str:
    """`name` as a part of a path on any system: letters, digits, `-`, `_` and `.`."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name).strip("._")
    return kept or fallback


def side_names(group: Sequence[AnyClip]) -> list[str]:
    """Names of a scene's sensors: what distinguishes their ids, as `left` of `digit_left` and `digit_right`; else their places."""
    if len(group) == 1:
        return ["touch"]
    ids = [clip.sensor_id for clip in group]
    last = [name.replace("/", "-").replace("_", "-").split("-")[-1] for name in ids]
    are_names = all(name.isascii() and name.isalpha() for name in last) and len(set(last)) == len(last)
    return last if are_names else [f"touch_{i}" for i in range(len(group))]
