"""Meshes from files: good ones come out as they are, bad ones end in one sentence."""

import pickle
import struct

import numpy as np
import pytest
import trimesh

from simtouch import indenters
from simtouch._checks import SimtouchError
from simtouch.geometry import pose as p
from simtouch.geometry.gap_map import Grid

GRID = Grid(60, 80, 0.2e-3)


def ball():
    return trimesh.creation.icosphere(subdivisions=3, radius=4e-3)


def saved(shape, path):
    shape.export(path)
    return path


@pytest.mark.parametrize("kind", ["stl", "obj", "ply"])
def test_files_of_all_kinds_hold_the_same_ball(tmp_path, kind):
    body = indenters.mesh(saved(ball(), tmp_path / f"ball.{kind}"))
    assert body.name == "ball"
    assert body.parts[0].mesh.closed
    exact = indenters.sphere(radius_m=4e-3).underside_m(np.eye(4), GRID)
    z = body.underside_m(np.eye(4), GRID)
    inside = np.hypot(GRID.x_m, GRID.y_m[:, None]) < 3.5e-3
    np.testing.assert_allclose(z[inside], exact[inside], atol=40e-6)


def test_text_stl_is_read(tmp_path):
    path = tmp_path / "ball.stl"
    path.write_text(trimesh.exchange.stl.export_stl_ascii(ball()))
    assert indenters.mesh(path).parts[0].mesh.closed


def test_binary_stl_that_begins_with_solid_is_read(tmp_path):
    path = saved(ball(), tmp_path / "ball.stl")
    data = bytearray(path.read_bytes())
    data[:5] = b"solid"
    path.write_bytes(data)
    assert indenters.mesh(path).parts[0].mesh.closed


def test_units_and_scale_multiply():
    shape = trimesh.creation.icosphere(subdivisions=2, radius=4.0)
    for options in ({"units": "mm"}, {"scale": 1e-3}, {"units": "m", "scale": 1e-3}, {"units": "cm", "scale": 0.1}):
        low, high = indenters.mesh(shape, **options).bounds_m
        np.testing.assert_allclose(high - low, 8e-3, rtol=1e-5)


def test_origin_is_the_box_centre_or_that_of_the_file():
    shape = ball()
    shape.apply_translation((0.01, 0, 0))
    assert indenters.mesh(shape).bounds_m[0][0] == pytest.approx(-4e-3, abs=1e-7)
    assert indenters.mesh(shape, origin="file").bounds_m[0][0] == pytest.approx(6e-3, abs=1e-7)


def test_open_and_inside_out_meshes_show_both_sides():
    shape = ball()
    whole = indenters.mesh(shape).underside_m(np.eye(4), GRID)
    inverted = indenters.mesh(trimesh.Trimesh(shape.vertices, shape.faces[:, ::-1], process=False))
    assert not inverted.parts[0].mesh.closed
    np.testing.assert_allclose(inverted.underside_m(np.eye(4), GRID), whole, atol=1e-8)
    upper = trimesh.Trimesh(shape.vertices, shape.faces[shape.triangles_center[:, 2] > 0], process=False)
    z = indenters.mesh(upper, origin="file").underside_m(np.eye(4), GRID)
    assert z[30, 40] == pytest.approx(4e-3, abs=2e-5)


def test_meshes_survive_pickling_and_name_their_content():
    body = indenters.mesh(ball())
    copy = pickle.loads(pickle.dumps(body))
    pose = p.pose((0, 0, 4e-3))
    np.testing.assert_array_equal(body.underside_m(pose, GRID), copy.underside_m(pose, GRID))
    assert copy == body
    assert len(body.parameters["sha256"]) == 64
    assert body != indenters.mesh(trimesh.creation.icosphere(subdivisions=3, radius=5e-3))


def test_obj_reads_no_other_file(tmp_path):
    path = tmp_path / "ball.obj"
    path.write_text(f"mtllib {tmp_path}/secret.mtl\nusemtl a\n" + trimesh.exchange.obj.export_obj(ball()))
    (tmp_path / "secret.mtl").write_text("newmtl a\nmap_Kd /dev/zero\n")
    assert indenters.mesh(path).parts[0].mesh.closed


OBJ = "v 0 0 0\nv 0.01 0 0\nv 0 0.01 {z}\n{faces}"
PLY = "ply\nformat ascii 1.0\nelement vertex {n}\nproperty float x\nproperty float y\nproperty float z\n"
PLY += "element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n1 0 0\n0 1 0\n3 0 1 {last}\n"
BAD_FILES = {
    "none.stl": (None, "existing file"),
    "model.step": (b"x", "type stl, obj, ply; got .step"),
    "model": (b"x", "no extension"),
    "model.pkl": (b"x", "type stl, obj, ply"),
    "empty.stl": (b"", "empty file"),
    "short.stl": (b"binary", "84 bytes of an STL header; it has 6"),
    "liar.stl": (b"\0" * 80 + struct.pack("<I", 40_000_000) + b"\0" * 500, "40000000 triangles its header claims; .* after 10"),
    "zero.stl": (b"\0" * 80 + struct.pack("<I", 0), "."),
    "nofaces.obj": (OBJ.format(z=0, faces="").encode(), "."),
    "nan.obj": (OBJ.format(z="nan", faces="f 1 2 3\n").encode(), "finite"),
    "inf.obj": (OBJ.format(z="inf", faces="f 1 2 3\n").encode(), "finite"),
    "range.obj": (OBJ.format(z=0, faces="f 1 2 9\n").encode(), "."),
    "noise.obj": (bytes(range(256)) * 20, "."),
    "noise.ply": (bytes(range(256)) * 20, "PLY header"),
    "liar.ply": (PLY.format(n=2_000_000_000, last=2).encode(), "2000000000 elements"),
    "range.ply": (PLY.format(n=3, last=7).encode(), "."),
    "huge.obj": (OBJ.format(z=40, faces="f 1 2 3\n").encode(), r"got 40 m: did you mean millimetres\? --scale 0.001"),
    "tiny.obj": (b"v 0 0 0\nv 0.00001 0 0\nv 0 0.00001 0\nf 1 2 3\n", r"got 1e-05 m: did you mean metres\? --scale 1000"),
    "point.obj": (b"v 0 0 0\nv 0 0 0\nv 0 0 0\nf 1 2 3\n", "coincide"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_end_in_one_sentence(tmp_path, name):
    content, wanted = BAD_FILES[name]
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SimtouchError, match=wanted) as caught:
        indenters.mesh(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf"), "mm"])
def test_bad_scales_are_refused(scale):
    with pytest.raises(SimtouchError, match="`scale`"):
        indenters.mesh(ball(), scale=scale)


def test_unknown_units_origins_and_sources_are_refused():
    with pytest.raises(SimtouchError, match="`units` must be one of m, dm"):
        indenters.mesh(ball(), units="feet")
    with pytest.raises(SimtouchError, match="`origin`"):
        indenters.mesh(ball(), origin="base")
    with pytest.raises(SimtouchError, match="`source`"):
        indenters.mesh(42)
