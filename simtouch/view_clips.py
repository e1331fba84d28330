"""Clips in the browser: an opened stream or recordings in, a page with chooser, scrubber and play out."""

import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from simtouch._checks import SimtouchError
from simtouch.geometry.pose import to_quaternion
from simtouch.stream.any_clip import AnyClip
from simtouch.view_page import Page
from simtouch.view_reading import Reading, Scales, reading_of_clip, scales_of_clip
from simtouch.view_surface import MM, Surface

_MOST_NAMES = 200  # clips that a list can name; beyond, a number is asked for
_SPEEDS = ("0.1", "0.25", "0.5", "1", "2")


class ClipPage:
    """The page of a stream: what it shows of which clip and frame."""

    def __init__(self, clips: Any, page: Page):
        """Show the first clip.

        Args:
            clips: What `open_stream` returns: a sequence of clips.
            page: An open page.
        """
        self.clips, self.page = clips, page
        self._spec = getattr(clips, "spec", None)
        self._changed = threading.Event()
        self._shown: tuple | None = None
        self._clip_index, self._frames = -1, 0
        self._started = 0.0
        self._note = ""
        self._add_controls()
        self.turn()

    def _add_controls(self) -> None:
        gui, count = self.page.server.gui, len(self.clips)
        if count <= _MOST_NAMES:
            self.chooser = gui.add_dropdown("clip", [_name(i, self.clips) for i in range(count)])
        else:
            self.chooser = gui.add_number("clip", 0, min=0, max=count - 1, step=1)
        self.scrubber = gui.add_slider("frame", min=0, max=1, step=1, initial_value=0)
        self.play = gui.add_checkbox("play", initial_value=False)
        self.speed = gui.add_dropdown("speed ×", _SPEEDS, initial_value="0.5")
        self.page.add_look()
        look = (self.page.colouring, self.page.exaggeration, self.page.with_arrows, self.page.solid)
        for control in (self.chooser, self.scrubber, self.play, self.speed, *look):
            control.on_update(self._note_change)

    def _note_change(self, _) -> None:
        self._changed.set()

    def run(self) -> None:
        """Show what is asked for until Ctrl-C."""
        while True:
            self._changed.wait(timeout=None if not self.play.value else 1 / 60)
            self._changed.clear()
            self.turn()

    def turn(self) -> None:
        """Show what the controls ask for now; when playing, the frame that its time has come for."""
        index = self._wanted_clip()
        if index != self._clip_index:
            self._open(index)
        if not self._frames:
            return
        if self.play.value:
            self.scrubber.value = self._frame_by_clock()
        else:
            self._started = 0.0
        t = min(int(self.scrubber.value), self._frames - 1)
        if self._shown != (index, t, self.page.look):
            self._shown = (index, t, self.page.look)
            self._show(t)

    def _wanted_clip(self) -> int:
        value = self.chooser.value
        return int(str(value).split(" ", 1)[0])

    def _open(self, index: int) -> None:
        """Begin with another clip; one that cannot be read says so in the page."""
        self._clip_index, self._shown, self._started = index, None, 0.0
        try:
            self._clip: AnyClip = self.clips[index]
            self._frames = len(self._clip)
            first = reading_of_clip(self._clip, 0)
            self._scales: Scales = scales_of_clip(self._clip)
            self._forces = _forces(self._clip)
        except SimtouchError as error:
            self._frames = 0
            self.page.tell({"clip": str(index)}, str(error))
            return
        self.scrubber.value = 0
        self.scrubber.max = max(1, self._frames - 1)
        if len(self._forces[1]):
            self.scrubber.value = int(np.argmax(np.nan_to_num(self._forces[1])))  # where there is most to see
        surface = None
        if first.height_m is not None and first.cell_size_m is not None:
            dome = self._spec.gel.dome_radius_m if self._spec else (np.inf, np.inf)
            surface = Surface(first.height_m.shape, first.cell_size_m, dome)
        self.page.stand_on(surface)

    def _frame_by_clock(self) -> int:
        """The frame that is due; at the end the clip begins again."""
        time_s, speed, now = self._clip.time_s, float(self.speed.value), time.monotonic()
        length = float(time_s[-1] - time_s[0]) + float(np.median(np.diff(time_s))) if self._frames > 1 else 1.0
        here = float(time_s[min(int(self.scrubber.value), self._frames - 1)] - time_s[0])
        if not self._started or self._speed != speed or (self._shown and self._shown[1] != int(self.scrubber.value)):
            self._started, self._speed = now - here / speed, speed  # from the frame that is shown
        due = ((now - self._started) * speed) % length
        return int(np.searchsorted(time_s - time_s[0], due + 1e-9, side="right") - 1)

    def _show(self, t: int) -> None:
        try:
            reading = reading_of_clip(self._clip, t)
        except SimtouchError as error:
            self.page.tell({"clip": str(self._clip_index), "frame": str(t)}, str(error))
            return
        self.page.show(reading, self._scales)
        self.page.plot_forces(*self._forces, now=t)
        self._show_pose(reading)
        rows = describe_clip(self._clip) | {"frame": f"{t} of {self._frames}, {reading.time_s:.3f} s"} | describe(reading)
        rows |= {name: _label(values[t]) for name, values in self._clip.labels.items()}
        missing = f"Not in this clip: {', '.join(reading.missing)}." if reading.missing else ""
        self.page.tell(rows, missing)

    def _show_pose(self, reading: Reading) -> None:
        scene = self.page.server.scene
        if reading.gel_T_indenter is None:
            return
        x, y, z = reading.gel_T_indenter[:3, 3] * MM
        place = (float(x), float(y), float(z * self.page.exaggeration.value))
        scene.add_frame(
            "/indenter",
            axes_length=2.5,
            axes_radius=0.05,
            origin_radius=0.1,
            position=place,
            wxyz=to_quaternion(reading.gel_T_indenter[:3, :3]),
        )


def describe_clip(clip: AnyClip) -> dict[str, str]:
    """What the page says of a clip."""
    kind = "simulated" if clip.synthetic else "recorded"
    rows = {
        "clip": f"{clip.clip_id} of {clip.source} ({kind})",
        "sensor": " · ".join(dict.fromkeys(s for s in (clip.sensor_type, clip.sensor_id) if s)),
        "indenter": clip.indenter,
        "motion": clip.motion,
    }
    return {name: value for name, value in rows.items() if value}


def describe(reading: Reading) -> dict[str, str]:
    """What the page says of a reading."""
    rows = {}
    if reading.force_n is not None:
        rows["normal force"] = f"{max(0.0, reading.normal_force_n):.3f} N"
        rows["shear force"] = f"{reading.shear_force_n:.3f} N"
    if reading.torque_nm is not None:
        rows["torque about z"] = f"{reading.torque_nm[2] * 1e3:.2f} mN m"
    if reading.slip_state is not None:
        share = "" if reading.slip_ratio is None else f", {100 * reading.slip_ratio:.0f} % of the contact slides"
        rows["slip"] = reading.slip_state + share
    if reading.indent_depth_m is not None:
        rows["indent depth"] = f"{reading.indent_depth_m * 1e3:.3f} mm"
    if reading.contact_area_m2 is not None:
        rows["contact area"] = f"{reading.contact_area_m2 * 1e6:.1f} mm²"
    if reading.friction is not None:
        rows["friction"] = f"{reading.friction:.2f}"
    return rows


def _forces(clip: AnyClip) -> tuple:
    """Time, normal and shear force and slip states of a clip; of length 0 if forces are not known."""
    if not clip.has("force_n"):
        return np.zeros(0), np.zeros(0), np.zeros(0), None
    force = np.asarray(clip.values("force_n"), float)
    states = np.asarray(clip.values("slip_state")) if clip.has("slip_state") else None
    return clip.time_s, -force[:, 2], np.hypot(force[:, 0], force[:, 1]), states


def _name(index: int, clips: Sequence) -> str:
    """How the chooser names a clip; its number first."""
    try:
        clip = clips[index]
        words = [clip.sensor_id, clip.indenter, clip.motion]
    except SimtouchError:
        words = ["cannot be read"]
    return " · ".join([str(index), *(word for word in words if word)])


def _label(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    return np.array2string(value, precision=4) if isinstance(value, np.ndarray) else str(value)
