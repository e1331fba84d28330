import numpy as np
import pytest

from simtouch._checks import ShapeError
from simtouch.optics.planes import Planes
from simtouch.optics.table_response import TableResponse
from tests.optics.presses import hertz_px
from tests.optics.tables import random_table
from tests.reference import table_response as twin

torch = pytest.importorskip("torch")
from simtouch.optics.torch_table import TorchTable  # noqa: E402

SHAPE, PITCH_M = (40, 56), 0.05e-3
TABLE = random_table(1, terms=3, n=21, covered=((-0.8, 0.9), (-0.9, 0.7)), mix=((0.9, 0.1, 0), (0, 1.1, -0.1), (0.05, 0, 1)))
HEIGHTS_PX = np.stack([hertz_px(SHAPE, 40.0, depth, (30.2, 18.7)) for depth in (2.0, 5.0, 0.0)])
TOUCHED = HEIGHTS_PX < -1


def test_it_is_the_numpy_twin_and_the_kernel():
    table = TorchTable(TABLE, SHAPE, PITCH_M)
    ours = table.change(torch.tensor(HEIGHTS_PX * np.float32(PITCH_M)), torch.tensor(TOUCHED)).numpy()
    planes = Planes(*SHAPE)
    kernel = TableResponse(TABLE, planes)
    for height, touched, one in zip(HEIGHTS_PX, TOUCHED, ours, strict=True):
        assert np.abs(one - twin.change(TABLE, height, touched)).max() < 0.01
        surface = planes.padded(height)
        planes.extend_linearly(surface)
        assert np.abs(planes.inner(kernel.change(surface, touched)).transpose(1, 2, 0) - one).max() < 0.01
    assert np.abs(ours[1]).max() > 20
    assert not ours[2].any()  # at rest, exactly


def test_without_touched_pixels_every_pixel_is_touched():
    table, heights = TorchTable(TABLE, SHAPE, PITCH_M), torch.tensor(HEIGHTS_PX * np.float32(PITCH_M))
    assert torch.equal(table.change(heights), table.change(heights, torch.ones(heights.shape, dtype=torch.bool)))


def test_the_gradient_is_the_difference_quotient():
    table = TorchTable(TABLE, SHAPE, PITCH_M).double()
    rng = np.random.default_rng(0)
    height = torch.tensor(HEIGHTS_PX[1:2].astype(float) * PITCH_M, requires_grad=True)
    touched, weight = torch.tensor(TOUCHED[1:2]), torch.tensor(rng.normal(size=(1, *SHAPE, 3)))

    def loss(surface):
        return (table.change(surface, touched) * weight).sum()

    loss(height).backward()
    step = 1e-7 * PITCH_M
    agree = []
    with torch.no_grad():
        for row, col in [(0, 0), (39, 55), *rng.integers(4, 36, (30, 2))]:
            nudge = torch.zeros_like(height)
            nudge[0, row, col] = step
            quotient = (loss(height + nudge) - loss(height - nudge)) / (2 * step)
            agree.append(abs(float(quotient / height.grad[0, row, col]) - 1) < 1e-4)
    assert np.mean(agree) > 0.9  # a neighbour may lie on a line between nodes


def test_gradcheck_at_random_slopes():
    small = TorchTable(random_table(2, terms=2, n=11), (6, 7), PITCH_M).double()
    height = torch.tensor(np.random.default_rng(3).normal(size=(2, 6, 7)), requires_grad=True)
    assert torch.autograd.gradcheck(lambda h: small.change(h * PITCH_M), (height,), eps=1e-7, atol=1e-4, rtol=1e-3)


def test_wrong_shapes_are_named():
    table = TorchTable(TABLE, SHAPE, PITCH_M)
    with pytest.raises(ShapeError, match="`height_m` must have shape"):
        table.change(torch.zeros(SHAPE))
    with pytest.raises(ShapeError, match="`touched`"):
        table.change(torch.zeros(1, *SHAPE), torch.zeros(2, *SHAPE, dtype=torch.bool))
