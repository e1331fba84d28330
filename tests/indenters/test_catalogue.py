"""One contract for every body of the catalogue."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from simtouch import indenters
from simtouch._checks import ArgumentError, UnknownNameError
from simtouch.geometry import pose as p
from simtouch.geometry.gap_map import Grid
from simtouch.indenters.catalogue import OneOf, Range, Whole

GRID = Grid(120, 160, 0.125e-3)


def press(body, rotation, grid=GRID, depth_m=0.0, at=(0.0, 0.0)):
    return body.underside_m(p.pose((*at, body.reach_m(rotation) - depth_m), rotation), grid)


def drawn(name, seed=0):
    return indenters.random_indenter(name, np.random.default_rng(seed))


def test_the_catalogue_is_large_and_every_name_has_sizes():
    assert len(indenters.names()) >= 24
    assert set(indenters.INDENTERS) == set(indenters.SIZES) == set(indenters.names())


@pytest.mark.parametrize("name", indenters.names())
def test_bodies_are_what_the_contract_says(name):
    body = indenters.INDENTERS[name]()
    assert body.name == name
    json.dumps(body.parameters)
    low, high = body.bounds_m
    assert (high > low).all()
    assert (high - low < 25e-3).all()
    assert (high - low).max() > 2e-3
    z = press(body, np.eye(3))
    assert z.dtype == np.float32
    assert z.shape == GRID.shape
    assert z.flags.c_contiguous
    assert np.isfinite(z).any()
    assert not np.isnan(z).any()
    assert (z[np.isfinite(z)] >= -1e-8).all()


def lowest(body, rotation):
    """Lowest z found by looking closer and closer where it was lowest so far."""
    at, found = np.zeros(2), np.inf
    for grid in (Grid(240, 240, 0.125e-3), Grid(101, 101, 20e-6), Grid(101, 101, 2e-6)):
        z = press(body, rotation, grid, at=-at)
        i, j = np.unravel_index(np.argmin(z), z.shape)
        at, found = np.add(at, (grid.x_m[j], grid.y_m[i])), min(found, z.min())
    return found


@pytest.mark.parametrize("name", indenters.names())
def test_reach_is_the_height_of_first_touch(name):
    rng, body = np.random.default_rng(7), drawn(name)
    for rotation in (np.eye(3), *(p.from_rotvec(rng.normal(scale=s, size=3)) for s in (0.2, 0.2, 1.0))):
        assert -2e-8 <= lowest(body, rotation) < 10e-6


@pytest.mark.parametrize("name", indenters.names())
def test_bodies_are_deterministic_and_survive_pickling_small(name):
    body, rotation = drawn(name), p.from_rotvec((0.1, -0.2, 0.3))
    z = press(body, rotation)
    data = pickle.dumps(body)
    assert len(data) < 20_000
    copy = pickle.loads(data)
    assert copy == body
    assert hash(copy) == hash(body)
    for other in (copy, drawn(name)):
        assert press(other, rotation).tobytes() == z.tobytes()


@pytest.mark.parametrize("name", indenters.names())
def test_drawn_sizes_keep_their_ranges(name):
    for seed in range(20):
        parameters = drawn(name, seed).parameters
        for argument, choice in indenters.SIZES[name].items():
            if argument not in parameters:  # a flat carrier has no radius
                assert argument == "carrier_radius_m"
                assert parameters["carrier"] == "flat"
                continue
            value = parameters[argument]
            if isinstance(choice, OneOf):
                assert value in choice.choices
            else:
                assert isinstance(choice, Range | Whole)
                assert (np.array(value) >= choice.low).all()
                assert (np.array(value) <= choice.high).all()
    assert drawn(name, 1) != drawn(name, 2)


THREADED = """
import hashlib
import numpy as np
from simtouch import indenters
from simtouch.geometry.gap_map import Grid
from simtouch.geometry.pose import pose, rotation_x

digest = hashlib.sha256()
for name in ("sphere", "torus", "gear", "knit", "screw_thread"):
    for _ in range(3):
        body = indenters.INDENTERS[name]()
        digest.update(body.underside_m(pose((0, 0, 1e-3), rotation_x(0.2)), Grid(120, 160, 0.1e-3)).tobytes())
print(digest.hexdigest())
"""


def test_bytes_do_not_depend_on_the_number_of_threads():
    def run(threads):
        environment = {**os.environ, "SIMTOUCH_TI_THREADS": str(threads)}
        done = subprocess.run([sys.executable, "-c", THREADED], env=environment, capture_output=True, text=True, check=True)
        return done.stdout.split()[-1]

    assert run(1) == run(2)


def test_bodies_cannot_be_changed():
    with pytest.raises(AttributeError):
        indenters.sphere().name = "other"


def test_unknown_names_and_generators_are_refused():
    with pytest.raises(UnknownNameError, match="Did you mean `sphere`"):
        indenters.random_indenter("spere", np.random.default_rng(0))
    with pytest.raises(ArgumentError, match="Generator"):
        indenters.random_indenter("sphere", 3)


def test_poses_of_another_shape_are_refused():
    with pytest.raises(ArgumentError, match="finite"):
        indenters.sphere().underside_m(np.full((4, 4), np.nan), GRID)
