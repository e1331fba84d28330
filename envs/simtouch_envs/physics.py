"""MuJoCo for the environments: brought in where it is needed, never at import; pictures of a scene from outside."""

from typing import Any

import numpy as np

from simtouch._checks import MissingExtraError, SimtouchError


def import_mujoco() -> Any:
    """MuJoCo.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import mujoco
    except ImportError as error:
        raise MissingExtraError("this environment needs MuJoCo: pip install 'simtouch[envs]'") from error
    return mujoco


class SceneCamera:
    """Pictures of a model from one of its cameras, by OpenGL; the tactile images never need it.

    Raises:
        SimtouchError: There is no OpenGL here.
    """

    def __init__(self, model, camera: str, shape: tuple[int, int]):
        mujoco = import_mujoco()
        self.model, self._camera = model, camera
        try:
            self._renderer = mujoco.Renderer(model, *shape)
        except Exception as error:  # whatever the driver says
            raise SimtouchError(f"pictures of the scene need OpenGL (EGL off screen): {error}") from error

    def shoot(self, data) -> np.ndarray:
        """The scene, RGB uint8, (H, W, 3)."""
        self._renderer.update_scene(data, camera=self._camera)
        return self._renderer.render().copy()

    def close(self) -> None:
        """Give the context back."""
        self._renderer.close()
