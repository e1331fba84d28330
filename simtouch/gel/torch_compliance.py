"""The layer's surface compliance in torch: tractions of B contacts in, displacements out, on any device.

The matrix is that of `compliance.py`; maps have shape (B, h, w), fields (B, 2, h, w), x before y; mm and MPa.

On a CPU the transforms run in chunks, which is faster, and a chunk of one map is doubled: only a lone map takes another path through
the library and comes out with other last bits. So a contact's numbers do not depend on the size of its batch.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from simtouch.gel.compliance import Compliance

_CHUNK_CELLS = 40_000  # of the maps transformed together on a CPU; about what stays in its caches
_SINGULAR = 1e-6  # of the largest eigenvalue of a wavevector's block; below, the block has no inverse worth using


class TorchCompliance:
    """A `Compliance` on a device; it remembers nothing of what it is given."""

    def __init__(self, compliance: Compliance, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32):
        self.shape, self.device, self.dtype = compliance.shape, torch.device(device), dtype
        self._compliance, self._windows = compliance, {compliance.shape: self}
        self._zz, self._stiffness = self._tensor(compliance.zz), self._tensor(compliance.stiffness)
        self._shear = tuple(self._tensor(s) for s in (compliance.xx, compliance.yy, compliance.xy))
        self._shear_inverse = tuple(self._tensor(s) for s in _inverse_blocks(compliance))
        self._coupling = tuple(self._tensor(s) for s in (compliance.zx, compliance.zy))
        norms = _block_norms(compliance)
        self._norms = self._tensor(np.fft.rfft2(norms).real)
        self.own_drag = float(norms[0, 0])
        """Norm of a cell's in-plane displacement under shear traction of its own [mm/MPa]."""
        self.check_every = 1 if self.device.type == "cpu" else 4
        """Iterations between looks at what has converged: looking costs nothing on a CPU and a wait elsewhere."""

    def window(self, shape: tuple[int, int]) -> "TorchCompliance":
        """The same between the cells of a smaller grid; kept, because contacts come back to the same sizes."""
        if shape not in self._windows:
            part = TorchCompliance(self._compliance.window(shape), device=self.device, dtype=self.dtype)
            part.check_every = self.check_every
            self._windows[shape] = part
        return self._windows[shape]

    def sink(self, pressure: Tensor) -> Tensor:
        """w that pressure alone causes, (B, h, w)."""
        return self._convolve(pressure, lambda p: self._zz * p)

    def sink_inverse(self, sink: Tensor) -> Tensor:
        """Roughly the pressure that causes `sink`, (B, h, w)."""
        return self._convolve(sink, lambda w: self._stiffness * w)

    def drag(self, shear: Tensor) -> Tensor:
        """(u_x, u_y) that shear traction alone causes, (B, 2, h, w)."""
        return self._convolve(shear, lambda s: _blocks(self._shear, s))

    def drag_inverse(self, motion: Tensor) -> Tensor:
        """Roughly the shear traction that causes `motion`, (B, 2, h, w)."""
        return self._convolve(motion, lambda s: _blocks(self._shear_inverse, s))

    def spread(self, pressure: Tensor) -> Tensor:
        """(u_x, u_y) that pressure alone causes, (B, 2, h, w)."""
        return self._convolve(pressure[:, None], lambda p: 1j * torch.cat([z * p for z in self._coupling], 1))

    def sink_by_shear(self, shear: Tensor) -> Tensor:
        """w that shear traction alone causes, (B, h, w): the transpose of `spread`."""
        zx, zy = self._coupling
        return self._convolve(shear, lambda s: -1j * (zx * s[:, 0] + zy * s[:, 1]))

    def displace(self, loads: Tensor) -> Tensor:
        """(u_x, u_y, w) that loads (tau_x, tau_y, p) cause, (B, 3, h, w) both; by reciprocity its own transpose."""

        def mix(s: Tensor) -> Tensor:
            u_x, u_y, by_pressure, by_shear = self._mix(s)
            return torch.stack([u_x, u_y, by_pressure + by_shear], 1)

        return self._convolve(loads, mix)

    def fields(self, loads: Tensor) -> Tensor:
        """The same with w by pressure and w by shear apart, (B, 4, h, w)."""
        return self._convolve(loads, lambda s: torch.stack(self._mix(s), 1))

    def _mix(self, s: Tensor) -> tuple[Tensor, ...]:
        zx, zy = self._coupling
        dragged, p = _blocks(self._shear, s), s[:, 2]
        by_shear = -1j * (zx * s[:, 0] + zy * s[:, 1])
        return dragged[:, 0] + 1j * (zx * p), dragged[:, 1] + 1j * (zy * p), self._zz * p, by_shear

    def largest_drag(self, touched: Tensor, products: int = 3) -> Tensor:
        """An upper bound of the largest eigenvalue of `drag` between the touched cells, (B,) [mm/MPa]; 1 where there are none.

        That eigenvalue is at most that of M, the norms of the 2x2 blocks between cells; and that of M, whose entries are positive, is
        at most max_i (M v)_i / v_i for any positive v (Collatz and Wielandt). No iteration has to converge, nothing is remembered.

        Args:
            touched: Cells of the contact, bool, (B, h, w).
            products: Products with M; each tightens the bound.
        """
        v = touched.to(self.dtype)
        for _ in range(products):
            image = torch.where(touched, self._convolve(v, lambda s: self._norms * s), 0)
            ratio = torch.where(touched, image / torch.where(touched, v, 1), 0).amax((-2, -1))
            v = image / torch.where(ratio > 0, image.amax((-2, -1)), 1)[:, None, None]
        return torch.where(ratio > 0, ratio, 1)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(array), dtype=self.dtype, device=self.device)

    def _convolve(self, field: Tensor, mix: Callable[[Tensor], Tensor]) -> Tensor:
        if self.device.type != "cpu":
            return self._back(mix(self._spectrum(field)))
        parts = []
        for part in field.split(max(8, _CHUNK_CELLS // (self.shape[0] * self.shape[1]))):
            alone = len(part) == 1
            done = self._back(mix(self._spectrum(torch.cat([part, part]) if alone else part)))
            parts.append(done[:1] if alone else done)
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _spectrum(self, field: Tensor) -> Tensor:
        # Along the rows first: the rows of padding are zero and need no transform.
        h, w = self.shape
        return torch.fft.fft(torch.fft.rfft(field, 2 * w, dim=-1), 2 * h, dim=-2)

    def _back(self, spectrum: Tensor) -> Tensor:
        h, w = self.shape
        rows = torch.fft.ifft(spectrum, dim=-2)[..., :h, :]
        return torch.fft.irfft(rows, 2 * w, dim=-1)[..., :w].contiguous()


class _Linear(torch.autograd.Function):
    """A linear map with its transpose as gradient."""

    @staticmethod
    def forward(ctx, field, apply, transpose):
        ctx.apply_transpose = transpose
        return apply(field)

    @staticmethod
    def backward(ctx, grad):
        return ctx.apply_transpose(grad), None, None


def linear(field: Tensor, apply: Callable[[Tensor], Tensor], transpose: Callable[[Tensor], Tensor]) -> Tensor:
    """`apply(field)`, differentiable through its transpose instead of through the Fourier transforms."""
    return _Linear.apply(field, apply, transpose)


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Inner products of each contact, float64, (B,); by rows first, so that threads cannot change the order of the sum."""
    rows = (a * b).sum(-1, dtype=torch.float64)
    return rows.flatten(1).sum(-1)


def _blocks(spectra: tuple[Tensor, ...], s: Tensor) -> Tensor:
    xx, yy, xy = spectra
    x, y = s[:, 0], s[:, 1]
    return torch.stack([xx * x + xy * y, xy * x + yy * y], 1)


def _inverse_blocks(compliance: Compliance) -> tuple[np.ndarray, ...]:
    """Inverse of the 2x2 block of each wavevector (xx, yy, xy); 0 where folding has left it without a positive one."""
    xx, yy, xy = (np.asarray(s, np.float64) for s in (compliance.xx, compliance.yy, compliance.xy))
    mean, radius = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    good = mean - radius > _SINGULAR * (mean + radius).max()
    determinant = np.where(good, xx * yy - xy**2, 1)
    return tuple(np.where(good, s / determinant, 0) for s in (yy, xx, -xy))


def _block_norms(compliance: Compliance) -> np.ndarray:
    """Spectral norms of the 2x2 blocks of `drag` between cells, by offset, (2h, 2w) [mm/MPa]."""
    h, w = compliance.shape
    tables = (compliance.offset_tables[name].reshape(2 * h, 2 * w).astype(np.float64) for name in ("xx", "yy", "xy"))
    xx, yy, xy = (np.fft.ifftshift(table) for table in tables)
    return np.abs((xx + yy) / 2) + np.hypot((xx - yy) / 2, xy)
