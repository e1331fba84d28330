"""Surface compliance of an elastic layer bonded to a rigid base: tractions on the surface in, displacements of the surface out.

A layer of thickness t, shear modulus G = E / 2(1 + nu), loaded by p (pressure, pushing the surface down) and tau = (tau_x, tau_y),
moves by w = -u_z and (u_x, u_y). Per wavevector k = |k| (c, s), K = k t, hats for Fourier coefficients:

    w_hat   =  c_zz p_hat + i c_zl (c tau_x_hat + s tau_y_hat)                                                     (1)
    u_x_hat = -i c_zl c p_hat + c_xx tau_x_hat + c_xy tau_y_hat,   u_y_hat alike                                   (2)
    c_xx = c_ll c^2 + c_tt s^2,   c_yy = c_ll s^2 + c_tt c^2,   c_xy = (c_ll - c_tt) c s                            (3)

    D    = (3 - 4 nu) cosh 2K + 2 K^2 + 5 - 12 nu + 8 nu^2
    c_zz = (1 - nu) [(3 - 4 nu) sinh 2K - 2K] / (G k D),    c_ll = (1 - nu) [(3 - 4 nu) sinh 2K + 2K] / (G k D)      (4)
    c_zl = [2 K^2 - (3 - 4 nu)(1 - 2 nu)(cosh 2K - 1)] / (2 G k D),    c_tt = tanh K / (G k)

Closed forms of the layer's Navier equations; `tests/reference/layer.py` solves those equations themselves. Inside `gel/` lengths are
mm and stresses MPa (N/mm^2); `gel/layer.py` converts.
"""

from functools import cached_property, lru_cache

import numpy as np
import scipy.fft as sfft

_ROUNDING = 1.001  # of transforms in float32, relative to a sum of positive terms
_HALF_SPACE_FROM = 20.0  # K beyond which a layer cannot be told from a half-space: 2K^2/cosh 2K < 1e-14


def layer_compliance(k: np.ndarray, thickness: float, modulus: float, poisson: float) -> tuple[np.ndarray, ...]:
    """Return c_zz, c_ll, c_zl, c_tt of (4) [mm/MPa] for wavenumbers `k` >= 0 [1/mm]; the limits at k = 0 and at large k included."""
    nu, shear = poisson, modulus / (2 * (1 + poisson))
    k = np.asarray(k, float)
    safe = np.where(k > 0, k, 1.0)
    K = np.minimum(safe * thickness, _HALF_SPACE_FROM)
    # Everything over cosh 2K, so that nothing overflows.
    sech, tanh = 1 / np.cosh(2 * K), np.tanh(2 * K)
    D = (3 - 4 * nu) + (2 * K**2 + 5 - 12 * nu + 8 * nu**2) * sech
    c_zz = (1 - nu) * ((3 - 4 * nu) * tanh - 2 * K * sech) / (shear * safe * D)
    c_ll = (1 - nu) * ((3 - 4 * nu) * tanh + 2 * K * sech) / (shear * safe * D)
    c_zl = (2 * K**2 * sech - (3 - 4 * nu) * (1 - 2 * nu) * (1 - sech)) / (2 * shear * safe * D)
    c_tt = np.tanh(K) / (shear * safe)
    lame = modulus * nu / ((1 + nu) * (1 - 2 * nu))
    rest = (thickness / (lame + 2 * shear), thickness / shear, 0.0, thickness / shear)
    return tuple(np.where(k > 0, c, c_0) for c, c_0 in zip((c_zz, c_ll, c_zl, c_tt), rest, strict=True))


class Compliance:
    """A 3x3 surface compliance between the cells of a grid: convolutions of (h, w) maps without wrap-around.

    Made from real-space tables over the offsets -h..h-1, -w..w-1; each convolution is one on a (2h, 2w) torus, or on a smaller one
    that still tells apart all the offsets that occur.
    """

    def __init__(self, shape: tuple[int, int], tables: np.ndarray, dtype=np.float64, size: tuple[int, int] | None = None):
        """Take what is known of the layer to a grid.

        Args:
            shape: Cells (h, w).
            tables: zz, xx, yy, xy (even kernels) and zx, zy (odd, u = zx * p) [mm/MPa], float64, (6, 2h, 2w) or larger.
            dtype: Of the fields.
            size: Torus, (2h, 2w) or as much smaller as the loads lie near the middle; None is that of the tables.
        """
        self.shape, self.dtype, self._whole = shape, np.dtype(dtype), tables
        self._size = tables.shape[1:] if size is None else size
        spectra = _spectra(self._tables)
        # The part dropped from an odd kernel is the unpaired Nyquist line.
        self.zz, self.xx, self.yy, self.xy = spectra[:4].real.astype(dtype)
        self.zx, self.zy = spectra[4:].imag.astype(dtype)
        positive = self.zz > 0
        self.stiffness = np.where(positive, 1 / np.where(positive, self.zz, 1), 0).astype(dtype)
        self._windows: dict[tuple[int, int], Compliance] = {shape: self}
        self._tori: dict[tuple[int, int], Compliance] = {self._size: self}

    @cached_property
    def offset_tables(self) -> dict[str, np.ndarray]:
        """Real-space tables, flat, with offset (0, 0) in the middle: what `dense_cells.py` looks entries up in."""
        inverse = np.fft.irfft2(self.stiffness.astype(np.float64), self._size)
        names = ("zz", "xx", "yy", "xy", "zx", "zy", "inverse", "hold")
        named = zip(names, (*self._tables, inverse, self._hold_table), strict=True)
        return {name: np.fft.fftshift(table).astype(self.dtype).ravel() for name, table in named}

    @cached_property
    def rise(self) -> float:
        """How much a cell rises at most by a pressure elsewhere: -min c_zz, or 0 [mm/MPa]."""
        return max(0.0, -float(self._whole[0].min()))

    def window(self, shape: tuple[int, int]) -> "Compliance":
        """The same compliance between the cells of a smaller grid; kept, because contacts come back to the same sizes."""
        if shape not in self._windows:
            self._windows[shape] = Compliance(shape, self._whole, self.dtype, (2 * shape[0], 2 * shape[1]))
        return self._windows[shape]

    def sink(self, pressure: np.ndarray) -> np.ndarray:
        """w that pressure alone causes, (h, w): the c_zz part of (1)."""
        return self._through(self.zz, pressure)

    def sink_inverse(self, sink: np.ndarray) -> np.ndarray:
        """Roughly the pressure that causes `sink`, (h, w): 1 / c_zz where that is finite and positive."""
        return self._through(self.stiffness, sink)

    def drag(self, shear: np.ndarray) -> np.ndarray:
        """(u_x, u_y) that shear traction alone causes, (2, h, w): the tau part of (2)."""
        spectrum = self._spectrum(shear)
        (x, y), u = spectrum, np.empty_like(spectrum)
        np.multiply(self.xx, x, out=u[0])
        np.multiply(self.yy, y, out=u[1])
        spectrum *= self.xy
        u += spectrum[::-1]
        return self._back(u)

    def hold(self, touched: np.ndarray) -> np.ndarray:
        """D of (2) in `friction.py` for the touched cells, (h, w) [mm/MPa]; a little more, for the transforms' rounding."""
        return self._through(self._hold, touched.astype(self.dtype)) * self.dtype.type(_ROUNDING)

    def sink_by_shear(self, shear: np.ndarray) -> np.ndarray:
        """w that shear traction alone causes, (h, w): the tau part of (1), the transpose of what pressure does to (u_x, u_y)."""
        x, y = self._spectrum(shear)
        return self._back(-1j * (self.zx * x + self.zy * y))

    def spread(self, pressure: np.ndarray) -> np.ndarray:
        """(u_x, u_y) that pressure alone causes, (2, h, w): the p part of (2). It moves markers sideways on a press."""
        spectrum = 1j * self._spectrum(pressure)
        return self._back(np.stack([self.zx * spectrum, self.zy * spectrum]))

    def fields(self, pressure: np.ndarray, shear: np.ndarray) -> np.ndarray:
        """All of (1) and (2) at once: u_x, u_y, and w by pressure and by shear apart, (4, h, w)."""
        return self.fields_of_each(pressure[None], shear[None])[0]

    def fields_of_each(self, pressure: np.ndarray, shear: np.ndarray) -> np.ndarray:
        """`fields` of B contacts, (B, h, w) and (B, 2, h, w): (B, 4, h, w). Those on equal tori are transformed together."""
        loads = np.concatenate([pressure[:, None], shear], 1)
        alike: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        for b, on in enumerate(loads.any(1)):
            rows, cols = np.flatnonzero(on.any(1)), np.flatnonzero(on.any(0))
            if rows.size:
                size = tuple(_torus_size(n, on[0], on[-1]) for n, on in zip(self.shape, (rows, cols), strict=True))
                alike.setdefault(size, []).append((b, rows[0], rows[-1] + 1))
        out = np.zeros((len(loads), 4, *self.shape), self.dtype)
        for size, contacts in alike.items():
            which, firsts, ends = (list(numbers) for numbers in zip(*contacts, strict=True))
            first = min(firsts)
            these = loads if len(which) == len(loads) else loads[which]
            answer = self._torus(size)._answer(these[:, :, first : max(ends)], first)
            if len(which) == len(loads):
                return answer
            out[which] = answer
        return out

    def _answer(self, loads: np.ndarray, first: int) -> np.ndarray:
        """`fields_of_each` by p, tau_x and tau_y (B, 3, rows, w) on some rows, the first of which is row `first` of the grid."""
        spectrum = self._spectrum(loads, first)
        p, x, y = (spectrum[:, c] for c in range(3))
        out, part = np.empty((len(loads), 4, *spectrum.shape[2:]), spectrum.dtype), np.empty_like(p)
        u_x, u_y, by_pressure, by_shear = (out[:, c] for c in range(4))
        np.multiply(self.zz, p, out=by_pressure)
        p *= 1j
        for total, terms in (
            (u_x, ((self.zx, p), (self.xx, x), (self.xy, y))),
            (u_y, ((self.zy, p), (self.xy, x), (self.yy, y))),
        ):
            _sum_of_products(terms, part, total)
        _sum_of_products(((self.zx, x), (self.zy, y)), part, by_shear)
        by_shear *= -1j
        return self._back(out)

    def _through(self, kernel: np.ndarray, field: np.ndarray) -> np.ndarray:
        """Convolution with a kernel given by its spectrum."""
        spectrum = self._spectrum(field)
        spectrum *= kernel
        return self._back(spectrum)

    def _spectrum(self, fields: np.ndarray, first: int = 0) -> np.ndarray:
        # Along the rows first: the rows of padding are zero and need no transform.
        height, width = self._size
        rows = np.asarray(sfft.rfft(fields, width, axis=-1))
        spectrum = np.zeros((*fields.shape[:-2], height, rows.shape[-1]), rows.dtype)
        spectrum[..., first : first + fields.shape[-2], :] = rows
        return np.asarray(sfft.fft(spectrum, axis=-2, overwrite_x=True))

    def _back(self, spectrum: np.ndarray) -> np.ndarray:
        h, w = self.shape
        rows = np.asarray(sfft.ifft(spectrum, axis=-2, overwrite_x=True))[..., :h, :]
        return np.asarray(sfft.irfft(rows, self._size[1], axis=-1))[..., :w]

    @property
    def _tables(self) -> np.ndarray:
        """The tables over the offsets of this torus; cut anew each time, because many windows are kept."""
        if self._size == self._whole.shape[1:]:
            return self._whole
        rows, cols = (offsets(n) % m for n, m in zip(self._size, self._whole.shape[1:], strict=True))
        return self._whole[:, rows[:, None], cols[None, :]]

    @property
    def _hold_table(self) -> np.ndarray:
        return _hold_of(self._tables)

    @cached_property
    def _hold(self) -> np.ndarray:
        return _spectra(self._hold_table).real.astype(self.dtype)

    def tables_on(self, size: tuple[int, int]) -> np.ndarray:
        """zz, xx, yy, xy, zx, zy and the table of `hold` over the offsets of a torus of any size, 0 beyond the grid's; (7, *size)."""
        tables = self._whole
        for axis, (n, known) in enumerate(zip(size, self._whole.shape[1:], strict=True), 1):
            there = offsets(n)
            beyond = (there < -(known // 2)) | (there >= (known + 1) // 2)
            tables = tables.take(there % known, axis)
            tables *= ~beyond[:, None] if axis == 1 else ~beyond
        return np.concatenate([tables, _hold_of(tables)[None]])

    def _torus(self, size: tuple[int, int]) -> "Compliance":
        """The same compliance on a smaller torus; kept, as there are only a few sizes."""
        if size not in self._tori:
            self._tori[size] = Compliance(self.shape, self._whole, self.dtype, size)
        return self._tori[size]


def _hold_of(tables: np.ndarray) -> np.ndarray:
    """A of (2) in `friction.py` from the six tables."""
    _, xx, yy, xy = np.abs(tables[:4])
    return np.maximum(xx, yy) + xy


def _sum_of_products(terms, part_out: np.ndarray, total_out: np.ndarray) -> None:
    """Sum of kernel times spectrum over the terms; `part_out` is scratch."""
    (kernel, spectrum), *others = terms
    np.multiply(kernel, spectrum, out=total_out)
    for kernel, spectrum in others:
        np.multiply(kernel, spectrum, out=part_out)
        total_out += part_out


def _spectra(tables: np.ndarray) -> np.ndarray:
    return np.asarray(sfft.fft(sfft.rfft(tables, axis=-1), axis=-2, overwrite_x=True))


def _torus_size(n: int, first: int, last: int) -> int:
    """A length on which loads from `first` to `last` reach all of n cells without wrap-around: one of few, and fast to transform."""
    offsets = 2 * max(n - 1 - first, last) + 1
    quarter = max(1, n // 4)
    return min(2 * n, int(sfft.next_fast_len(max(n, -(-offsets // quarter) * quarter), real=True)))


def offsets(size: int) -> np.ndarray:
    """0, 1, ..., -2, -1: the offsets on a torus in their order there."""
    return np.fft.fftfreq(size, 1 / size).round().astype(int)


@lru_cache(maxsize=16)
def layer_on_grid(
    shape: tuple[int, int], spacing: float, thickness: float, modulus: float, poisson: float, *, box: int = 4, dtype=np.float64
) -> Compliance:
    """Compliance of an infinite layer between the cells of a grid.

    Shear reaches far: a periodic box 1.2 times the window gives 7 % too much of it. So real-space tables are made once on a box
    `box` times the window (more where that leaves less than sixteen thicknesses between a window and its next image) and the
    offsets within the window kept: convolution with them is exact on the window.

    Args:
        shape: Rows and columns of the window (h, w).
        spacing: Cell size [mm].
        thickness, modulus, poisson: Layer thickness [mm], Young's modulus [MPa], Poisson ratio.
        box: Periodic box over window; 8 instead of 4 moves markers by 3e-8 mm.
        dtype: Type of the spectra, and so of every convolution.
    """
    box = max(box, int(np.ceil(1 + 16 * thickness / (min(shape) * spacing))))
    size = tuple(box * n for n in shape)
    k_y = 2 * np.pi * np.fft.fftfreq(size[0], spacing)[:, None]
    k_x = 2 * np.pi * np.fft.rfftfreq(size[1], spacing)[None, :]
    k = np.hypot(k_x, k_y)
    c_zz, c_ll, c_zl, c_tt = layer_compliance(k, thickness, modulus, poisson)
    unit = np.where(k > 0, k, 1.0)
    c, s = np.where(k > 0, k_x, 1.0) / unit, k_y / unit  # at k = 0 any direction will do, but it must be one
    spectra = (c_zz, c_ll * c**2 + c_tt * s**2, c_ll * s**2 + c_tt * c**2, (c_ll - c_tt) * c * s, -1j * c_zl * c, -1j * c_zl * s)
    kept = np.ix_(*(offsets(2 * n) % m for n, m in zip(shape, size, strict=True)))
    return Compliance(shape, np.stack([np.fft.irfft2(spectrum, size)[kept] for spectrum in spectra]), dtype)
