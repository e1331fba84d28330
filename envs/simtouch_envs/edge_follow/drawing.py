"""The scene of edge following, drawn: a contour, where the sensor is and where it was in, RGB out. Seen from it, x right, y down."""

import cv2
import numpy as np

from simtouch_envs.edge_follow.contour import Contour
from simtouch_envs.touch_env import SCENE_SHAPE

_PX_PER_M = 8.5e3
_FINE = 4  # binary digits of a pixel that OpenCV draws with
_TABLE, _PLATE, _EDGE, _PATH, _SENSOR = (236, 233, 226), (150, 163, 176), (92, 104, 118), (214, 92, 46), (24, 82, 148)


def draw_scene(
    contour: Contour, world_T_sensor: np.ndarray, path_m: list[np.ndarray], view_m: tuple[float, float], said: str
) -> np.ndarray:
    """The plate, the way so far, and the sensor with an arrow along its x, RGB uint8, (480, 640, 3).

    Args:
        contour: Of the plate.
        world_T_sensor: Pose of the sensor in the plate's frame, (4, 4).
        path_m: Where the sensor's centre was, (2,) each.
        view_m: Extent (x, y) of what the sensor sees.
        said: A line of text.
    """
    middle = (contour.points_m.min(0) + contour.points_m.max(0)) / 2
    image = np.full((*SCENE_SHAPE, 3), _TABLE, np.uint8)

    def at(points_m) -> np.ndarray:
        pixels = (np.asarray(points_m) - middle) * _PX_PER_M + np.array(SCENE_SHAPE[::-1]) / 2
        return np.round(pixels * 2**_FINE).astype(np.int32)

    def line(points_m, colour, width: int, *, closed: bool = False) -> None:
        cv2.polylines(image, [at(points_m)], closed, colour, width, cv2.LINE_AA, _FINE)

    cv2.fillPoly(image, [at(contour.points_m)], _PLATE, cv2.LINE_AA, _FINE)
    line(contour.points_m, _EDGE, 3, closed=True)
    if len(path_m) > 1:
        line(path_m, _PATH, 2)
    turn, place = world_T_sensor[:2, :2], world_T_sensor[:2, 3]
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * np.array(view_m) / 2
    line(place + corners @ turn.T, _SENSOR, 2, closed=True)
    tip = np.array([(0.0, 0.0), (5e-3, 0.0), (3.8e-3, -0.8e-3), (5e-3, 0.0), (3.8e-3, 0.8e-3)])
    line(place + tip @ turn.T, _SENSOR, 2)
    cv2.putText(image, said, (14, SCENE_SHAPE[0] - 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (60, 60, 60), 1, cv2.LINE_AA)
    return image
