"""The page of `view` in the browser: readings in, pictures, a solid surface and a force plot out, through viser's server.

viser serves its own client, one file that asks for nothing else, and keeps one state for all who look. It checks neither who
connects nor from which page, so the server listens on this machine alone unless told otherwise. Lengths are in mm.
"""

import contextlib
import html
import io
import socket
from typing import Any

import numpy as np

from simtouch._checks import ArgumentError, MissingExtraError
from simtouch.view_board import board
from simtouch.view_forces import columns, legend, scales, series, top_n
from simtouch.view_reading import Reading, Scales
from simtouch.view_surface import ARROW, ARROW_FACES, COLOURINGS, TILE, TILE_FACES, Surface, Tiles

_LEFT_PX, _RIGHT_PX = 500, 330
_JPEG = 88
_FLAT_MM = 20.0  # width of a picture that lies flat because no height map is known
_PORTS = 100  # tried from the wanted one on


class Page:
    """One server, and what its page shows. Made and updated by one thread; the callbacks of viser only take notes."""

    def __init__(self, host: str, port: int, title: str):
        """Open the server.

        Args:
            host: Address to listen on.
            port: Port; if it is taken, the next free one of a hundred.
            title: Headline of the controls.
        """
        viser = _import_viser()
        free = _free_port(host, port)
        with contextlib.redirect_stdout(io.StringIO()):  # its banner
            self.server = viser.ViserServer(host=host, port=free, label=title, verbose=False)
        self.server.request_share_url = _never_shared  # would put the page on the public internet
        self.port, self.host = self.server.get_port(), host
        self._surface: Surface | None = None
        self._tiles: Any = None
        self._arrows: Any = None
        self._flat: Any = None
        self._chart: Any = None
        self._chart_top = 0.0
        self._lay_out()

    @property
    def look(self) -> tuple:
        """What the choices of `add_look` say now."""
        return self.colouring.value, self.exaggeration.value, self.with_arrows.value, self.solid.value

    @property
    def url(self) -> str:
        """Where a browser finds the page."""
        name = "localhost" if self.host in ("127.0.0.1", "localhost", "0.0.0.0", "::") else self.host
        return f"http://{name}:{self.port}"

    def close(self) -> None:
        """Stop the server."""
        with contextlib.redirect_stdout(io.StringIO()):
            self.server.stop()

    def _lay_out(self) -> None:
        server = self.server
        server.gui.configure_theme(show_logo=False, show_share_button=False)
        # viser's own lamps and its picture of a warehouse, which every pixel mirrors, cost most of a frame where no GPU helps.
        server.scene.configure_default_lights(enabled=False)
        server.scene.configure_environment_map(hdri=None)
        server.scene.add_light_ambient("/light/all", intensity=1.7)
        server.scene.add_light_directional("/light/lamp", intensity=1.7, position=(-12.0, 10.0, 24.0))
        server.gui.main_panel.dock_right()
        server.gui.main_panel.set_width(_RIGHT_PX)
        panel = server.gui.add_panel()
        self._tab = panel.add_tab("Touch")
        panel.dock_left()
        panel.set_width(_LEFT_PX)
        with self._tab:
            self._board = server.gui.add_image(np.full((320, 240, 3), 255, np.uint8), jpeg_quality=_JPEG)
            self._legend = server.gui.add_html(legend(), visible=False)

    def add_look(self) -> None:
        """Add the choices of how the surface is drawn."""
        with self.server.gui.add_folder("Surface"):
            self.colouring = self.server.gui.add_dropdown("colour", COLOURINGS)
            self.exaggeration = self.server.gui.add_slider("height ×", min=1, max=8, step=1, initial_value=1)
            self.with_arrows = self.server.gui.add_checkbox("tractions", initial_value=True)
            self.solid = self.server.gui.add_checkbox("in 3-D", initial_value=True)
        self.info = self.server.gui.add_html("")

    def stand_on(self, surface: Surface | None) -> None:
        """Begin with another gel grid; None where no height map is known."""
        for thing in (self._tiles, self._arrows, self._flat):
            if thing is not None:
                thing.remove()
        self._tiles = self._arrows = self._flat = None
        self._surface = surface
        half_x, half_y = surface.half_mm if surface else (_FLAT_MM / 2, _FLAT_MM / 2)
        self._mark_axes(half_x, half_y)
        far = 2.25 * max(half_x, half_y)
        self.server.initial_camera.position = (0.0, -1.15 * far, 1.0 * far)
        self.server.initial_camera.look_at = (0.0, -0.06 * far, 0.0)
        self.server.initial_camera.fov = np.deg2rad(50)

    def _mark_axes(self, half_x: float, half_y: float) -> None:
        scene = self.server.scene
        place = (-half_x - 1.0, -half_y - 1.0, 0.0)
        scene.add_frame("/axes", axes_length=3.0, axes_radius=0.06, origin_radius=0.12, position=place)
        for text, end in (("x", (3.6, 0.0, 0.0)), ("y", (0.0, 3.6, 0.0)), ("z", (0.0, 0.0, 3.6))):
            scene.add_label(f"/axes/{text}", text, position=end)

    def show(self, reading: Reading, scale: Scales) -> None:
        """Show a reading everywhere but in the force plot."""
        with self.server.atomic():
            self._board.image = board(reading, scale)
            if self._surface is None:
                self._show_flat(reading)
            else:
                self._show_solid(self._surface, reading, scale)

    def _show_flat(self, reading: Reading) -> None:
        if self._flat is None:
            H, W = reading.image.shape[:2]
            width = _FLAT_MM * W / max(H, W)
            # viser's pictures hang with y down; turned about x they lie as the gel does, row 0 in front.
            self._flat = self.server.scene.add_image("/gel", reading.image[::-1], width, width * H / W, jpeg_quality=_JPEG)
        else:
            self._flat.image = reading.image[::-1]

    def _show_solid(self, surface: Surface, reading: Reading, scale: Scales) -> None:
        for thing in (self._tiles, self._arrows):
            if thing is not None:
                thing.visible = self.solid.value
        if not self.solid.value:
            return
        k = float(self.exaggeration.value)
        self._tiles = self._copies("/gel", self._tiles, TILE, TILE_FACES, surface.tiles(reading, scale, self.colouring.value, k))
        if self._arrows is None or self.with_arrows.value:
            tractions = surface.arrows(reading, scale, k)
            self._arrows = self._copies("/tractions", self._arrows, ARROW, ARROW_FACES, tractions)
        self._arrows.visible = self.with_arrows.value

    def _copies(self, name: str, handle: Any, vertices: np.ndarray, faces: np.ndarray, tiles: Tiles):
        """Copies of a mesh, made once and then moved."""
        if handle is None:
            return self.server.scene.add_batched_meshes_simple(
                name, vertices, faces, tiles.wxyzs, tiles.positions, batched_scales=tiles.scales, batched_colors=tiles.colours,
                lod="off", side="double", cast_shadow=False, receive_shadow=False,
            )  # fmt: skip
        handle.batched_positions, handle.batched_wxyzs = tiles.positions, tiles.wxyzs
        handle.batched_scales, handle.batched_colors = tiles.scales, tiles.colours
        return handle

    def plot_forces(self, time_s, normal_n, shear_n, states, now: int | None) -> None:
        """Show forces over time; without any (T = 0) there is no plot."""
        if not len(time_s):
            self._legend.visible = False
            if self._chart is not None:
                self._chart.visible = False
            return
        data, top = columns(time_s, normal_n, shear_n, states, now), top_n(normal_n, shear_n)
        axes = scales(time_s, top)
        if self._chart is None:
            with self._tab:
                self._chart = self.server.gui.add_uplot(
                    data, series(), scales=axes, legend={"show": False}, height=190, padding=(6, 12, 0, 0)
                )
        else:
            with self.server.atomic():
                self._chart.scales, self._chart.data, self._chart.visible = axes, data, True
        self._legend.visible = True

    def tell(self, rows: dict[str, str], note: str = "") -> None:
        """Fill the table of the page: names and values, which may come from foreign files, and a sentence below."""
        cells = "".join(
            f'<tr><td style="color:#70757d;padding-right:10px;vertical-align:top;white-space:nowrap">{html.escape(name)}</td>'
            f"<td>{html.escape(value)}</td></tr>"
            for name, value in rows.items()
        )
        below = f'<div style="padding-top:6px;color:#b3261e">{html.escape(note)}</div>' if note else ""
        self.info.content = f'<div style="font-size:13px;padding:4px 12px"><table>{cells}</table>{below}</div>'


def _import_viser():
    try:
        import viser
    except ImportError as error:
        raise MissingExtraError("`view` needs viser: pip install 'simtouch[view]'") from error
    return viser


def _free_port(host: str, port: int) -> int:
    """The first free port from `port` on; viser would look for one too, but for ever where the host is not ours."""
    if not 1 <= port <= 65535:
        raise ArgumentError(f"`--port` must be from 1 to 65535; got {port}.")
    last = min(port + _PORTS, 65536)
    for candidate in range(port, last):
        try:
            family, kind, proto, _, address = socket.getaddrinfo(host, candidate, type=socket.SOCK_STREAM)[0]
        except OSError as error:
            raise ArgumentError(f"`--host` must be an address of this machine; `{host}` is not known.") from error
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
                return candidate
            except PermissionError as error:
                raise ArgumentError(f"`--port` {candidate} may not be opened by this user; take one from 1024 on.") from error
            except OSError as error:
                if error.errno not in (98, 48):  # address in use, on Linux and on macOS
                    raise ArgumentError(f"`--host` must be an address of this machine; `{host}` cannot be bound.") from error
    raise ArgumentError(f"`--port` must be free; {port} to {last - 1} are all taken.")


def _never_shared(*_, **__) -> None:
    """In the place of viser's public tunnel."""
