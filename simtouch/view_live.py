"""Touch in the browser, live: a sensor and an indenter in, a page where the mouse moves the indenter out.

The simulator runs in the thread that calls `run`, and takes the newest wish each time; viser's threads only write wishes down.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from simtouch._checks import SimtouchError
from simtouch.indenters import Solid
from simtouch.sensors import SensorSpec
from simtouch.view_clips import describe
from simtouch.view_page import Page
from simtouch.view_reading import Reading, Scales
from simtouch.view_surface import MM, Surface, indenter_mesh
from simtouch.view_touch import Touch, Wish, on_the_plane

_SHOWN_S = 10.0  # of the force plot
_PLOT_EVERY_S, _TELL_EVERY_S = 0.1, 0.25
_COLOUR = (120, 132, 148)


class LivePage:
    """The page of a simulated sensor."""

    def __init__(
        self,
        page: Page,
        sensors: Mapping[str, SensorSpec],
        objects: Mapping[str, Callable[[], Solid]],
        *,
        sensor: str,
        object: str,
        fps: float,
    ):
        """Begin with one sensor and one indenter.

        Args:
            page: An open page.
            sensors: Those that can be chosen, by name.
            objects: What makes the indenters that can be chosen, by name.
            sensor, object: The first ones.
            fps: Most readings a second.
        """
        self.page, self._sensors, self._objects, self._fps = page, sensors, objects, fps
        self._lock = threading.Lock()
        self._grab: tuple[float, np.ndarray] | None = None
        self._sliders_stale = False
        self._restart, self._reset = True, False
        self.readings = 0
        """How many there were."""
        self.reading: Reading | None = None
        """The newest."""
        self.error = ""
        """What the page says cannot be done."""
        self._wish = Wish()
        self._add_controls(sensor, object)
        self._start()

    @property
    def wish(self) -> Wish:
        """Where the user wants the indenter now."""
        with self._lock:
            return self._wish

    def ask(self, **changes) -> None:
        """Change the wish, as the controls do."""
        with self._lock:
            self._wish = self.touch.kept(replace(self._wish, **changes))

    def run(self, stop: threading.Event | None = None) -> None:
        """Simulate and show until `stop` is set, or Ctrl-C."""
        self._then = time.monotonic()
        while stop is None or not stop.is_set():
            self.turn()
            left = 1 / self._fps - (time.monotonic() - self._then)
            if left > 0:
                time.sleep(left)

    def turn(self) -> None:
        """One reading of what is wished for now."""
        if self._restart:
            self._start()
        if self._reset:
            self._reset = False
            self._let_go()
        now = time.monotonic()
        dt_s, self._then = now - self._then, now
        try:
            frame, self.reading = self.touch.step(self.wish, dt_s)
            self.error = "The contact reaches the rim of the view; what lies beyond is not felt." if frame.leaves_view else ""
        except SimtouchError as error:
            self.error = str(error)
            self._tell(now)
            return
        self.readings += 1
        self._took_s.append(time.monotonic() - now)
        self._times.append(now)
        self._scales = self._scales.widened(self.reading)
        self._place_indenter(self.reading)
        self.page.show(self.reading, self._scales)
        self._plot(now, self.reading)
        self._tell(now)

    def _add_controls(self, sensor: str, object: str) -> None:
        gui = self.page.server.gui
        self.sensor = gui.add_dropdown("sensor", tuple(self._sensors), initial_value=sensor)
        self.object = gui.add_dropdown("object", tuple(self._objects), initial_value=object)
        with gui.add_folder("Indenter: drag it with the mouse"):
            self.press_by = gui.add_dropdown("press by", ("depth", "force"))
            self.depth = gui.add_slider("depth mm", min=-2.0, max=3.0, step=0.01, initial_value=0.0)
            self.force = gui.add_slider("force N", min=0.0, max=5.0, step=0.01, initial_value=1.0, disabled=True)
            self.yaw = gui.add_slider("turn °", min=-180, max=180, step=1, initial_value=0)
            self.x = gui.add_slider("x mm", min=-10.0, max=10.0, step=0.01, initial_value=0.0)
            self.y = gui.add_slider("y mm", min=-10.0, max=10.0, step=0.01, initial_value=0.0)
            self.reset = gui.add_button("Let go and start again")
        self.page.add_look()
        for control in (self.press_by, self.depth, self.force, self.yaw, self.x, self.y):
            control.on_update(self._took_hold)
        for control in (self.sensor, self.object):
            control.on_update(self._chose)
        self.reset.on_click(self._asked_for_reset)

    def _took_hold(self, event) -> None:
        """A control moved: the user's hand, not ours, if it has a client."""
        if event.client is not None:
            force = float(self.force.value) if self.press_by.value == "force" else None
            self.force.disabled, self.depth.disabled = force is None, force is not None
            self.ask(
                x_m=self.x.value / MM, y_m=self.y.value / MM, yaw_rad=float(np.deg2rad(self.yaw.value)),
                depth_m=self.depth.value / MM, force_n=force,
            )  # fmt: skip

    def _chose(self, event) -> None:
        self._restart = True

    def _asked_for_reset(self, _) -> None:
        self._reset = True

    async def _dragged(self, event) -> None:
        """The mouse took the indenter: keep the point it took under the mouse, on a plane parallel to the gel."""
        eye, seen = np.asarray(event.client.camera.position, float), np.asarray(event.end_position, float)
        if event.phase == "start":
            height, here = float(event.start_position[2]), self.wish
            place = on_the_plane(eye, np.asarray(event.start_position, float), height)
            self._grab = None if place is None else (height, np.array([here.x_m, here.y_m]) * MM - place)
        if self._grab is None:
            return
        place = on_the_plane(eye, seen, self._grab[0])
        if place is not None:
            x, y = (place + self._grab[1]) / MM
            self.ask(x_m=float(x), y_m=float(y))
            self._sliders_stale = True
        if event.phase == "end":
            self._grab = None

    def _start(self) -> None:
        """Take the chosen sensor and object."""
        self._restart = False
        self.page.tell({"sensor": self.sensor.value, "object": self.object.value, "state": "starting ..."})
        self.touch = Touch(self._sensors[self.sensor.value], self._objects[self.object.value]())
        spec = self.touch.spec
        self._surface = Surface(spec.gel.grid_shape, spec.gel_grid.spacing_m, spec.gel.dome_radius_m)
        self.page.stand_on(self._surface)
        vertices, faces = indenter_mesh(self.touch.indenter, *self.touch.indenter.bounds_m)
        self._body = self.page.server.scene.add_mesh_simple(
            "/indenter", vertices, faces, color=_COLOUR, opacity=0.32, side="front", cast_shadow=False, receive_shadow=False
        )
        self._body.on_drag("left")(self._dragged)
        half_x, half_y = (half * MM for half in self.touch.half_view_m)
        for slider, low, high in ((self.x, -half_x, half_x), (self.y, -half_y, half_y), (self.depth, -2.0, None)):
            slider.min, slider.max = round(low, 2), round(high if high else self.touch.deepest_m * MM, 2)
        self.force.max = self.touch.most_n
        self._let_go()

    def _let_go(self) -> None:
        """Begin again in the middle."""
        self.touch.reset()
        self._scales, self._then = Scales(), time.monotonic()
        self._history: deque = deque()
        self._times: deque[float] = deque(maxlen=60)
        self._took_s: deque[float] = deque(maxlen=60)
        self._plotted_s = self._told_s = 0.0
        first = self.touch.first_wish()
        with self._lock:
            self._wish = first
        self.press_by.value, self.yaw.value, self._sliders_stale = "depth", 0, True
        self.force.disabled, self.depth.disabled = True, False
        self.depth.value = first.depth_m * MM

    def _place_indenter(self, reading: Reading) -> None:
        k = float(self.page.exaggeration.value)
        pose = np.asarray(reading.gel_T_indenter)
        x, y, z = pose[:3, 3] * MM
        yaw = np.arctan2(pose[1, 0], pose[0, 0])
        with self.page.server.atomic():
            self._body.position = (float(x), float(y), float(z * k))
            self._body.wxyz = (float(np.cos(yaw / 2)), 0.0, 0.0, float(np.sin(yaw / 2)))
            self._body.scale = (1.0, 1.0, k)
            self._body.visible = self.page.solid.value
        if self._sliders_stale:
            self._sliders_stale, wish = False, self.wish
            self.x.value, self.y.value = round(wish.x_m * MM, 2), round(wish.y_m * MM, 2)

    def _plot(self, now: float, reading: Reading) -> None:
        self._history.append((now, reading.normal_force_n, reading.shear_force_n, reading.slip_state))
        while now - self._history[0][0] > _SHOWN_S:
            self._history.popleft()
        if now - self._plotted_s >= _PLOT_EVERY_S and len(self._history) > 1:
            self._plotted_s = now
            time_s, normal, shear, states = zip(*self._history, strict=True)
            self.page.plot_forces(np.array(time_s) - now, np.array(normal), np.array(shear), np.array(states), None)

    def _tell(self, now: float) -> None:
        if now - self._told_s < _TELL_EVERY_S:
            return
        self._told_s = now
        span = self._times[-1] - self._times[0] if len(self._times) > 1 else 0.0
        rows = describe(self.reading) if self.reading else {}
        if span > 0:
            busy = float(np.mean(self._took_s)) * 1e3
            rows["rate"] = f"{(len(self._times) - 1) / span:.0f} readings/s ({busy:.0f} ms each)"
        self.page.tell(rows, self.error)
