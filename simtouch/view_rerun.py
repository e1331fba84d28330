"""Clips as a Rerun recording: an opened stream or recordings in, one .rrd file out, for those who live in Rerun's viewer.

An entity a quantity, below the clip's number: pictures, the surface as a mesh, numbers as curves; time is the clip's own.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simtouch._checks import ArgumentError, MissingExtraError, SimtouchError
from simtouch.stream.any_clip import AnyClip
from simtouch.stream.images import difference_image
from simtouch.view_board import contact_colours
from simtouch.view_clips import describe_clip
from simtouch.view_reading import Reading, Scales, reading_of_clip, scales_of_clip
from simtouch.view_surface import MM, Surface, colours

_JPEG = 92
_CURVES = ("indent_depth_m", "contact_area_m2", "slip_ratio")


def write_rerun(clips: Sequence[AnyClip], path: Path, only: int | None = None) -> int:
    """Write clips to the file `path` and return the number of frames.

    Args:
        clips: What `open_stream` returns.
        path: File to write, in a folder that exists.
        only: Place of the one clip to write; by default all.
    """
    try:
        import rerun
    except ImportError as error:
        raise MissingExtraError("`--rerun` needs rerun-sdk: pip install 'simtouch[rerun]'") from error
    if not path.parent.is_dir():
        raise ArgumentError(f"`--rerun` must lie in a folder that exists; got {path}.")
    if only is not None and not 0 <= only < len(clips):
        raise ArgumentError(f"`--clip` must be one of the {len(clips)} clips from 0 to {len(clips) - 1}; got {only}.")
    spec = getattr(clips, "spec", None)
    dome_radius_m = spec.gel.dome_radius_m if spec else (np.inf, np.inf)
    tmp, frames = path.with_name(path.name + ".tmp"), 0
    try:
        recording = rerun.RecordingStream("simtouch")
        recording.save(tmp)
        for index in range(len(clips)) if only is None else [only]:
            frames += _write_clip(rerun, recording, clips[index], dome_radius_m, f"clip_{index:05d}")
        recording.flush()
        recording.disconnect()
        os.replace(tmp, path)
    except OSError as error:
        raise SimtouchError(f"`{path}` cannot be written: {error.strerror or error}.") from error
    finally:
        tmp.unlink(missing_ok=True)
    return frames


def _write_clip(rerun: Any, recording: Any, clip: AnyClip, dome_radius_m: tuple[float, float], root: str) -> int:
    scales = scales_of_clip(clip)
    words = "\n".join(f"{name}: {value}" for name, value in describe_clip(clip).items())
    recording.log(f"{root}/about", rerun.TextDocument(words), static=True)
    surface = None
    for t in range(len(clip)):
        reading = reading_of_clip(clip, t)
        recording.set_time("frame", sequence=t)
        recording.set_time("time", duration=reading.time_s)
        _write_pictures(rerun, recording, reading, root)
        if reading.height_m is not None and reading.cell_size_m is not None:
            surface = surface or Surface(reading.height_m.shape, reading.cell_size_m, dome_radius_m)
            _write_surface(rerun, recording, reading, scales, surface, root)
        _write_numbers(rerun, recording, clip, reading, t, root)
    return len(clip)


def _write_pictures(rerun: Any, recording: Any, reading: Reading, root: str) -> None:
    recording.log(f"{root}/tactile_image", rerun.Image(reading.image).compress(jpeg_quality=_JPEG))
    if reading.background is not None:
        change = difference_image(reading.image, reading.background)
        recording.log(f"{root}/difference_image", rerun.Image(change).compress(jpeg_quality=_JPEG))
    if reading.contact_mask is not None and reading.stick_mask is not None:
        recording.log(f"{root}/contact", rerun.Image(contact_colours(reading.contact_mask, reading.stick_mask)))
    if reading.markers_px is not None and reading.flow_px is not None:
        rest = reading.markers_px - reading.flow_px
        recording.log(f"{root}/tactile_image/marker_flow", rerun.Arrows2D(origins=rest, vectors=reading.flow_px))


def _write_surface(rerun: Any, recording: Any, reading: Reading, scales: Scales, surface: Surface, root: str) -> None:
    points, faces = surface.mesh(reading)
    mesh = rerun.Mesh3D(
        vertex_positions=points,
        triangle_indices=faces,
        vertex_colors=colours(reading, scales, "tactile image").reshape(-1, 3),
    )
    recording.log(f"{root}/gel/surface", mesh)
    ends, ways = surface.tractions(reading, scales)
    recording.log(f"{root}/gel/tractions", rerun.Arrows3D(origins=ends - ways, vectors=ways))
    if reading.gel_T_indenter is not None:
        place, turn = reading.gel_T_indenter[:3, 3] * MM, reading.gel_T_indenter[:3, :3]
        recording.log(f"{root}/gel/indenter", rerun.Transform3D(translation=place, mat3x3=turn), rerun.TransformAxes3D(2.5))


def _write_numbers(rerun: Any, recording: Any, clip: AnyClip, reading: Reading, t: int, root: str) -> None:
    numbers = {name: getattr(reading, name) for name in _CURVES}
    numbers |= {"normal_force_n": reading.normal_force_n, "shear_force_n": reading.shear_force_n}
    numbers |= {name: values[t] for name, values in clip.labels.items()}
    for name, value in numbers.items():
        if isinstance(value, int | float | np.number) and np.isfinite(value):
            recording.log(f"{root}/curves/{name}", rerun.Scalars(float(value)))
    if reading.slip_state is not None:
        recording.log(f"{root}/slip_state", rerun.TextLog(reading.slip_state))
