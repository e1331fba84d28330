"""WebDataset: clips in, tar shards out, each frame one sample.

    shard-000000.tar   000000-000000.background.png   the resting sensor, with the first frame of a clip that has one
                       000000-000000.json             all that is known of the frame, SI, gel frame
                       000000-000000.png              the tactile image (or .jpg)
                       000000-000000.height_m.npy     maps, where they are asked for
    index.json         shards and their numbers of samples, as `wids` and `webdataset` read it

A sample's key is CLIP-FRAME, CLIP being the place of the clip in the source. Members come in the order of their names, with no
time, owner or mode of this machine, so equal clips give equal bytes. A clip never spans two shards.
"""

import io
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, SimtouchError, as_number, pick
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.export.frame_values import ImageCodec, encoded_as, known_values
from simtouch.stream.export.new_folder import new_folder
from simtouch.stream.images import encode_image
from simtouch.stream.maps import MAPS

_BLOCK = 512  # of a tar file: header of a member, and padding of its data


def export_webdataset(
    clips: Sequence[AnyClip],
    out: str | Path,
    *,
    images: ImageCodec = "stored",
    maps: Sequence[str] = (),
    shard_mb: float = 256.0,
    tick: Callable[[int], object] = lambda frames: None,
) -> Path:
    """Write `clips` as tar shards and return their folder.

    Args:
        clips: Simulated or recorded.
        out: New or empty folder; whole or not there at all.
        images: `stored` takes the bytes of the source; `png` and `jpeg95` encode again where those are something else.
        maps: Maps to add as `.npy`, by their names in `TactileFrame`; float32, masks bool.
        shard_mb: A shard is closed at the first clip after that many megabytes.
        tick: Called with the number of frames written since the last call.
    """
    for name in maps:
        pick("map", name, MAPS)
    most = as_number("shard_mb", shard_mb, above=0) * 1e6
    if not len(clips):
        raise ArgumentError("`clips` must hold at least one clip; got none.")
    shards: list[dict] = []
    with new_folder(out) as folder:
        places = iter(enumerate(clips))
        current = next(places, None)
        while current is not None:
            name, samples, size = f"shard-{len(shards):06d}.tar", 0, 0
            with tarfile.open(folder / name, "w", format=tarfile.USTAR_FORMAT) as tar:
                while current is not None and size < most:
                    place, clip = current
                    known = known_values(clip)
                    for t in range(len(clip)):
                        key = f"{place:06d}-{t:06d}"
                        members = {f"{key}.json": _json(clip, t, known)} | _pictures(clip, t, key, images, maps)
                        size += _add(tar, members)
                        tick(1)
                    samples += len(clip)
                    current = next(places, None)
            shards.append({"url": name, "nsamples": samples, "filesize": (folder / name).stat().st_size})
        index = {"__kind__": "wids-shard-index-v1", "wids_version": 1, "shardlist": shards}
        (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    return Path(out)


def _pictures(clip: AnyClip, t: int, key: str, images: ImageCodec, maps: Sequence[str]) -> dict[str, bytes]:
    """Image, background and maps of one sample, by their names in the shard."""
    data, extension = encoded_as(clip, t, images)
    members = {f"{key}.{extension}": data}
    if t == 0 and clip.background is not None:
        members[f"{key}.background.png"] = encode_image(clip.background, "png")
    for name in maps:
        members[f"{key}.{name}.npy"] = _npy(clip, name, t)
    return members


def _json(clip: AnyClip, t: int, values: dict[str, np.ndarray]) -> bytes:
    known = {
        "source": clip.source,
        "clip_id": clip.clip_id,
        "frame_index": t,
        "time_s": float(clip.time_s[t]),
        "sensor_id": clip.sensor_id,
        "sensor_type": clip.sensor_type,
        "indenter": clip.indenter,
        "motion": clip.motion,
        "synthetic": clip.synthetic,
    }
    known |= {name: _plain(column[t]) for name, column in values.items()}
    return (json.dumps(known, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _plain(value):
    """A value as JSON has it: what is not known is null."""
    value = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _npy(clip: AnyClip, name: str, t: int) -> bytes:
    read = getattr(clip, "map", None)
    if read is None:
        raise SimtouchError(f"clip {clip.clip_id} of `{clip.source}` has no maps; `{name}` was asked for.")
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(read(name, t)), allow_pickle=False)
    return file.getvalue()


def _add(tar: tarfile.TarFile, members: dict[str, bytes]) -> int:
    """Write the members in the order of their names; return the bytes that took."""
    size = 0
    for name in sorted(members):
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = len(members[name]), 0o644, 0
        tar.addfile(info, io.BytesIO(members[name]))
        size += _BLOCK + -(-info.size // _BLOCK) * _BLOCK
    return size
