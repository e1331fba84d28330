"""Rigid transforms keep their algebra."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from simtouch._checks import ArgumentError, ShapeError
from simtouch.geometry import pose as p

vectors = arrays(np.float64, 3, elements=st.floats(-10, 10))
angles = st.floats(-7, 7)


def a_pose(position, rotvec):
    return p.pose(position, p.from_rotvec(rotvec))


@given(vectors)
def test_rotation_vectors_agree_with_scipy(rotvec):
    np.testing.assert_allclose(p.from_rotvec(rotvec), Rotation.from_rotvec(rotvec).as_matrix(), atol=1e-12)


@given(vectors)
def test_rotations_are_orthonormal_and_no_mirrors(rotvec):
    rotation = p.from_rotvec(rotvec)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) > 0


@given(vectors, vectors)
def test_inverse_undoes_a_pose(position, rotvec):
    a_T_b = a_pose(position, rotvec)
    np.testing.assert_allclose(a_T_b @ p.inverse(a_T_b), np.eye(4), atol=1e-11)


@given(vectors, vectors, vectors, vectors)
def test_applying_a_chain_is_applying_one_after_the_other(position, rotvec, other, point):
    a_T_b, b_T_c = a_pose(position, rotvec), a_pose(other, rotvec[::-1])
    np.testing.assert_allclose(p.apply(a_T_b @ b_T_c, point), p.apply(a_T_b, p.apply(b_T_c, point)), atol=1e-10)


@given(vectors)
def test_quaternions_round_trip(rotvec):
    rotation = p.from_rotvec(rotvec)
    quaternion = p.to_quaternion(rotation)
    assert quaternion[0] >= 0
    np.testing.assert_allclose(np.linalg.norm(quaternion), 1, atol=1e-12)
    np.testing.assert_allclose(p.from_quaternion(quaternion), rotation, atol=1e-12)


@given(angles)
def test_rotations_about_axes_turn_by_the_right_hand(angle):
    c, s = np.cos(angle), np.sin(angle)
    np.testing.assert_allclose(p.rotation_x(angle) @ (0, 1, 0), (0, c, s), atol=1e-12)
    np.testing.assert_allclose(p.rotation_y(angle) @ (0, 0, 1), (s, 0, c), atol=1e-12)
    np.testing.assert_allclose(p.rotation_z(angle) @ (1, 0, 0), (c, s, 0), atol=1e-12)


def test_tiny_rotations_keep_their_digits():
    np.testing.assert_allclose(p.rotation_z(1e-9)[1, 0], 1e-9, rtol=1e-12)


def test_points_of_any_leading_shape_are_transformed():
    moved = p.apply(p.pose((1, 2, 3)), np.zeros((4, 5, 3)))
    assert moved.shape == (4, 5, 3)
    assert (moved == (1, 2, 3)).all()


def test_wrong_shapes_and_mirrors_are_refused():
    with pytest.raises(ShapeError, match="position_m"):
        p.pose((1, 2))
    with pytest.raises(ArgumentError, match="mirror"):
        p.to_quaternion(np.diag([1, 1, -1]))
    with pytest.raises(ArgumentError, match="quaternion"):
        p.from_quaternion((0, 0, 0, 0))
