"""Rigid transforms: positions and rotations in, float64 matrices (4, 4) out.

A pose is written `a_T_b`, the pose of frame b in frame a: it takes points of b to points of a, and poses chain by
matrix product, `a_T_c = a_T_b @ b_T_c`. Angles follow the right-hand rule.

    R(v) = I + sin(t) K + (1 - cos(t)) K K,    t = |v|,  K = [v / t]x              (1)
"""

import numpy as np

from simtouch._checks import ArgumentError, as_array, as_number


def pose(position_m=(0.0, 0.0, 0.0), rotation=None) -> np.ndarray:
    """Return the transform with this translation [m], shape (3,), and rotation, shape (3, 3); none is the identity."""
    transform = np.eye(4)
    transform[:3, 3] = as_array("position_m", position_m, "3", np.float64)
    if rotation is not None:
        transform[:3, :3] = as_array("rotation", rotation, "3 3", np.float64)
    return transform


def inverse(a_T_b) -> np.ndarray:
    """Return b_T_a, exact for rigid transforms: the transposed rotation and the translation turned back."""
    a_T_b = as_array("a_T_b", a_T_b, "4 4", np.float64)
    b_R_a = a_T_b[:3, :3].T
    return pose(-b_R_a @ a_T_b[:3, 3], b_R_a)


def apply(a_T_b, points) -> np.ndarray:
    """Return points given in frame b in frame a, shape (..., 3)."""
    a_T_b = as_array("a_T_b", a_T_b, "4 4", np.float64)
    return np.asarray(points, np.float64) @ a_T_b[:3, :3].T + a_T_b[:3, 3]


def rotation_x(angle_rad: float) -> np.ndarray:
    """Return the rotation about x, shape (3, 3): y turns towards z."""
    return from_rotvec((angle_rad, 0.0, 0.0))


def rotation_y(angle_rad: float) -> np.ndarray:
    """Return the rotation about y, shape (3, 3): z turns towards x."""
    return from_rotvec((0.0, angle_rad, 0.0))


def rotation_z(angle_rad: float) -> np.ndarray:
    """Return the rotation about z, shape (3, 3): x turns towards y."""
    return from_rotvec((0.0, 0.0, angle_rad))


def from_rotvec(rotvec_rad) -> np.ndarray:
    """Return the rotation (1), shape (3, 3), about the direction of `rotvec_rad` by its length [rad]."""
    x, y, z = rotvec = as_array("rotvec_rad", rotvec_rad, "3", np.float64)
    angle = np.sqrt(rotvec @ rotvec)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    # sin(t) / t and (1 - cos(t)) / t^2 through sinc, which knows its own limit at 0.
    return np.eye(3) + np.sinc(angle / np.pi) * cross + 0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * (cross @ cross)


def from_quaternion(quaternion) -> np.ndarray:
    """Return the rotation, shape (3, 3), of a quaternion (w, x, y, z) of any length but zero."""
    q = as_array("quaternion", quaternion, "4", np.float64)
    length = as_number("quaternion length", np.linalg.norm(q), above=0)
    w, x, y, z = q / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def to_quaternion(rotation) -> np.ndarray:
    """Return the unit quaternion (w, x, y, z), shape (4,), w >= 0, of a rotation, shape (3, 3)."""
    r = as_array("rotation", rotation, "3 3", np.float64)
    if not np.allclose(r @ r.T, np.eye(3), atol=1e-6) or np.linalg.det(r) < 0:
        raise ArgumentError(f"`rotation` must be orthonormal and no mirror; got\n{r}")
    squares = np.array([1 + r[0, 0] + r[1, 1] + r[2, 2], 1 + r[0, 0] - r[1, 1] - r[2, 2],
                        1 - r[0, 0] + r[1, 1] - r[2, 2], 1 - r[0, 0] - r[1, 1] + r[2, 2]])  # fmt: skip
    products = np.array(
        [
            [squares[0], r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]],
            [r[2, 1] - r[1, 2], squares[1], r[0, 1] + r[1, 0], r[0, 2] + r[2, 0]],
            [r[0, 2] - r[2, 0], r[0, 1] + r[1, 0], squares[2], r[1, 2] + r[2, 1]],
            [r[1, 0] - r[0, 1], r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], squares[3]],
        ]
    )  # 4 q q^T: its longest row is the best conditioned
    row = products[np.argmax(squares)]
    return row / np.linalg.norm(row) * (1.0 if row[0] >= 0 else -1.0)
