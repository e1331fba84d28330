import numpy as np

from simtouch.gel import MembraneGel
from simtouch.sensors import SENSORS


def pressed():
    spec = SENSORS["gelsight_mini"]
    x, y = np.meshgrid(spec.gel_grid.x_m, spec.gel_grid.y_m)
    return spec, (0.5e-3 - (x**2 + y**2) / 8e-3).astype(np.float32)


def test_the_baseline_has_no_bulge_and_no_shear():
    spec, overlap = pressed()
    surface = MembraneGel(spec).step(overlap[None], np.zeros((1, *overlap.shape, 2)), 0.1).at(0)
    assert (surface.displacement_m[..., 2] <= 0).all()
    assert not surface.shear_traction_pa.any()
    assert (surface.contact_mask == (overlap > 0)).all()


def test_its_force_is_that_of_springs():
    spec, overlap = pressed()
    gel, g = MembraneGel(spec), spec.gel
    modulus = g.youngs_modulus_pa * (1 - g.poisson_ratio) / ((1 + g.poisson_ratio) * (1 - 2 * g.poisson_ratio))
    # A paraboloid of radius R pressed d deep into springs k: k pi R d^2.
    exact = modulus / g.thickness_m * np.pi * 4e-3 * 0.5e-3**2
    assert abs(gel.normal_force_n(overlap[None], 0.1)[0] / exact - 1) < 0.01


def test_it_remembers_nothing():
    spec, overlap = pressed()
    gel = MembraneGel(spec)
    first = gel.step(overlap[None], np.zeros((1, *overlap.shape, 2)), 0.1)
    again = gel.step(overlap[None], np.full((1, *overlap.shape, 2), 1e-3), 0.2)
    assert (first.displacement_m == again.displacement_m).all()
