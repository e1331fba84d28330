"""The same contact through TACTO: a sensor and its poses in, TACTO's tactile images out, beside ours.

The real `tacto` package (Wang et al., RA-L 2022, arXiv 2012.08456) with pybullet: pybullet holds the pad and the object and finds out
whether they touch, `tacto.Sensor` renders through OpenGL. It sees our view, our dome, our background and our noise; lamps and everything
else are those of its own DIGIT configuration. It has no gel: the object is seen as far as it reaches through the resting surface, so
the same pose is the same contact.

    tacto_T_gel = (z_gel, -x_gel, -y_gel) along TACTO's (x, y, z), at its gel.origin                              (1)
    yfov = 2 atan(H pitch / 2 d)                                                                                  (2)

TACTO 0.0.3 wants packages of its day. `urchin` stands in for `urdfpy`, which imports no more, and TACTO's renderer gets the two names that
NumPy has dropped. Nothing else of either is touched.
"""

import importlib.util
import os
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from simtouch._checks import MissingExtraError, SimtouchError, as_pose
from simtouch.frame import TactileFrame
from simtouch.geometry.dome import dome_height_m
from simtouch.indenters import Solid
from simtouch.indenters.triangles import surface_mesh
from simtouch.scenes.motion_scene import Scene
from simtouch.sensors.spec import SensorSpec
from simtouch.simulator import TactileSimulator

INSTALL = "pip install 'simtouch[tacto]' && pip install --no-deps tacto==0.0.3"
_GL = "install libosmesa6 and set PYOPENGL_PLATFORM=osmesa, or `egl` with Mesa's EGL"
_PAD_M = 4e-3
_BEHIND = (-1.0, 0.0, 0.0)  # the camera: where nothing is seen
_SCALED = 1.02  # TACTO enlarges a gel mesh by this
_AXES = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])  # (1), columns x, y, z of the gel
_URDF = """<robot name="{name}"><link name="base">
<inertial><mass value="0.1"/><inertia ixx="1e-6" ixy="0" ixz="0" iyy="1e-6" iyz="0" izz="1e-6"/></inertial>
<visual><geometry><mesh filename="{name}.obj"/></geometry></visual>
<collision><geometry><mesh filename="hull_{name}.obj"/></geometry></collision>
</link></robot>
"""


class TactoScene:
    """TACTO's view of one sensor and what touches it. One at a time: OpenGL contexts do not come back once dropped."""

    def __init__(self, spec: SensorSpec, background: np.ndarray, *, noise: bool = True, seed: int = 0):
        """Make the sensor.

        Args:
            spec: View, dome and noise are taken from it.
            background: The resting sensor, RGB, uint8, (H, W, 3).
            noise: Add the sensor's pixel noise, one standard deviation for all channels as TACTO has it.
            seed: Of the noise; TACTO draws it from NumPy's global state, which is put back after every picture.

        Raises:
            MissingExtraError: TACTO, pybullet or their helpers are not installed.
            SimtouchError: OpenGL cannot be started.
        """
        self.spec = spec
        self._tacto, self._pybullet = _import_tacto()
        self._folder = tempfile.TemporaryDirectory(prefix="simtouch-tacto-")
        folder = Path(self._folder.name)
        origin = self._write_config(folder, noise)
        self._tacto_T_gel = np.eye(4)
        self._tacto_T_gel[:3, :3], self._tacto_T_gel[:3, 3] = _AXES, origin
        self._client = self._pybullet.connect(self._pybullet.DIRECT)
        rows, cols = spec.image_shape
        sensor = {"width": cols, "height": rows, "background": background[..., ::-1], "config_path": str(folder / "sensor.yml")}
        try:
            self._sensor = self._tacto.Sensor(**sensor, visualize_gui=False, cid=self._client)
        except Exception as error:
            raise SimtouchError(f"TACTO cannot start OpenGL ({error}); {_GL}.") from error
        self._pad = self._load_pad()
        self._sensor.add_camera(self._pad, [-1])
        self._object: int | None = None
        self._count = 0
        self._rng = np.random.RandomState(seed)

    def reset(self, indenter: Solid) -> None:
        """Take another object."""
        import trimesh

        if self._object is not None:
            self._remove_object()
        mesh = surface_mesh(indenter)
        self._count += 1
        folder, name = Path(self._folder.name), f"object_{self._count}"  # pybullet remembers a file by its name
        whole = trimesh.Trimesh(mesh.vertices_m, mesh.faces, process=False)
        whole.export(folder / f"{name}.obj")
        whole.convex_hull.export(folder / f"hull_{name}.obj")  # all that pybullet would take of it, and quicker
        urdf = folder / f"{name}.urdf"
        urdf.write_text(_URDF.format(name=name), encoding="utf-8")
        self._object = self._pybullet.loadURDF(str(urdf), _BEHIND, physicsClientId=self._client)
        self._sensor.add_object(str(urdf), self._object)

    def image(self, gel_T_indenter: np.ndarray) -> np.ndarray:
        """TACTO's tactile image with the object at this pose, RGB, uint8, (H, W, 3)."""
        if self._object is None:
            raise SimtouchError("Call `reset(indenter)` before the first image.")
        pose = self._tacto_T_gel @ as_pose("gel_T_indenter", gel_T_indenter)
        from scipy.spatial.transform import Rotation

        turn = Rotation.from_matrix(pose[:3, :3]).as_quat()
        self._pybullet.resetBasePositionAndOrientation(self._object, pose[:3, 3], turn, physicsClientId=self._client)
        self._pybullet.performCollisionDetection(physicsClientId=self._client)
        before = np.random.get_state()  # noqa: NPY002
        np.random.set_state(self._rng.get_state())  # noqa: NPY002
        try:
            colours, _ = self._sensor.render()
            self._rng.set_state(np.random.get_state())  # noqa: NPY002
        finally:
            np.random.set_state(before)  # noqa: NPY002
        return np.ascontiguousarray(colours[0][..., :3])

    @property
    def touches(self) -> bool:
        """Whether pybullet finds the object on the pad, at the last image."""
        return bool(self._pybullet.getContactPoints(self._pad, self._object, physicsClientId=self._client))

    def close(self) -> None:
        """Let go of pybullet and of the files; the OpenGL context stays TACTO's."""
        self._pybullet.disconnect(physicsClientId=self._client)
        self._folder.cleanup()

    def _remove_object(self) -> None:
        """Take the object out of pybullet and of TACTO's scene, which has no call for it."""
        renderer = self._sensor.renderer
        for name in list(self._sensor.objects):
            node = renderer.object_nodes.pop(name)
            if renderer.current_object_nodes.pop(name, None) is not None:
                renderer.scene.remove_node(node)
            del self._sensor.objects[name]
        self._sensor.object_poses.clear()
        self._pybullet.removeBody(self._object, physicsClientId=self._client)

    def _write_config(self, folder: Path, noise: bool) -> np.ndarray:
        """TACTO's DIGIT configuration with our view, dome and noise; return its gel origin."""
        from omegaconf import OmegaConf

        spec = self.spec
        config = OmegaConf.load(self._tacto.get_digit_config_path())
        sensor, (rows, _) = config.sensor, spec.image_shape
        origin = np.array(sensor.gel.origin, float)
        camera = sensor.camera[0]
        place = [float(v) for v in origin - (spec.camera.distance_m, 0, 0)]
        yfov = 2 * np.degrees(np.arctan(rows * spec.camera.pixel_pitch_m / 2 / spec.camera.distance_m))
        settings = {k: camera[k] for k in ("orientation", "znear", "lightIDList")}
        sensor.camera = [settings | {"position": place, "yfov": float(yfov)}]
        self._write_gel(folder / "gel.obj", origin)
        sensor.gel.mesh = str(folder / "gel.obj")
        sensor.noise.color.std = float(np.mean(spec.camera.noise_std)) if noise else 0.0
        sensor.force.enable = False  # how deep the object lies is told by its pose
        OmegaConf.save(config, folder / "sensor.yml")
        return origin

    def _write_gel(self, path: Path, origin: np.ndarray) -> None:
        """The resting surface over a little more than the view, as a mesh in TACTO's frame."""
        import trimesh

        grid = self.spec.gel_grid
        height = dome_height_m(grid, self.spec.gel.dome_radius_m)
        x, y = np.meshgrid(grid.x_m * 1.1, grid.y_m * 1.1)
        points = np.stack([x, y, height * 1.1**2], -1).reshape(-1, 3) @ _AXES.T + origin
        i, j = np.meshgrid(np.arange(grid.rows - 1), np.arange(grid.cols - 1), indexing="ij")
        a = (i * grid.cols + j).ravel()
        faces = np.concatenate([np.stack([a, a + grid.cols, a + 1], -1), np.stack([a + 1, a + grid.cols, a + grid.cols + 1], -1)])
        trimesh.Trimesh(points / _SCALED, faces, process=False).export(path)

    def _load_pad(self) -> int:
        """The pad in pybullet: a block that stands still, its face at the apex, so that contact is found."""
        half = [_PAD_M / 2, *(np.array(self.spec.gel.size_m) / 2)]
        centre = self._tacto_T_gel[:3, 3] - (_PAD_M / 2, 0, 0)
        box = {"halfExtents": half, "collisionFramePosition": centre, "physicsClientId": self._client}
        shape = self._pybullet.createCollisionShape(self._pybullet.GEOM_BOX, **box)
        return self._pybullet.createMultiBody(0, shape, physicsClientId=self._client)


def play_beside(scene: Scene, sim: TactileSimulator, tacto: TactoScene) -> Iterator[tuple[TactileFrame, np.ndarray]]:
    """The frames of a clip, each with TACTO's image of the same contact."""
    tacto.reset(scene.indenter)
    for frame in scene.play(sim):
        yield frame, tacto.image(frame.gel_T_indenter)


def _import_tacto():
    """The modules tacto and pybullet, with what TACTO's age needs."""
    missing = [
        name for name in ("pybullet", "urchin", "pyrender", "omegaconf", "tacto") if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise MissingExtraError(f"TACTO scenes need {', '.join(missing)} (`make tacto`, or `{INSTALL}`; Python 3.11).")
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ.setdefault("PYOPENGL_PLATFORM", "osmesa")
    import urchin

    sys.modules.setdefault("urdfpy", urchin)
    try:
        import pybullet
        import tacto
        import tacto.renderer
    except Exception as error:  # OpenGL's platforms fail in ways of their own
        raise SimtouchError(f"TACTO cannot load OpenGL ({error}); {_GL}.") from error
    tacto.renderer.np = _numpy_of_its_day()
    return tacto, pybullet


def _numpy_of_its_day() -> types.ModuleType:
    """NumPy with the two names that TACTO's renderer still uses."""
    old = types.ModuleType("numpy")
    old.__dict__.update(np.__dict__, float=float, infty=np.inf)
    return old
