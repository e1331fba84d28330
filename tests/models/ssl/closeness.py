"""`torch.testing.assert_close` without the three seconds that its first call costs."""

import numpy as np
import torch


def assert_close(found: torch.Tensor, wanted: torch.Tensor | float, *, rtol: float = 1e-5, atol: float = 1e-5) -> None:
    """Raise where |found - wanted| > atol + rtol |wanted|, a shape differs or a value is NaN."""
    wanted = torch.as_tensor(wanted)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found.detach().double().numpy(), wanted.detach().double().numpy(), rtol=rtol, atol=atol)
