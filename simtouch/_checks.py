"""Argument checks: a value in, the same value as an array out, or an error that says what was wanted and what came."""

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_SQUARE, _LAST_ROW = np.eye(3), np.array([0.0, 0.0, 0.0, 1.0])


class SimtouchError(Exception):
    """An error a user can act on. The command line shows its one sentence and ends with exit code 2."""


class ShapeError(SimtouchError, ValueError):
    """An array has another shape than the one that was asked for."""


class ArgumentError(SimtouchError, ValueError):
    """A value is outside what the argument accepts."""


class UnknownNameError(SimtouchError, KeyError):
    """A name that no table knows; the message lists the known ones."""

    def __str__(self) -> str:
        return str(self.args[0])


class MissingExtraError(SimtouchError, ImportError):
    """An optional dependency is missing; the message names the `pip install` line."""


def as_array(name: str, value, axes: str, dtype=np.float32, **sizes: int) -> np.ndarray:
    """Return `value` as a finite, C-contiguous array of the wanted shape.

    Args:
        name: Argument name, for the message.
        value: Anything `numpy.asarray` accepts.
        axes: Wanted shape, one word an axis: "H W 3"; a number is a fixed size.
        dtype: Wanted type.
        **sizes: Sizes already known for named axes, as `H=240`.

    Raises:
        ShapeError: The number of axes, or a size, differs.
        ArgumentError: A value is not a finite number.
    """
    try:
        array = np.ascontiguousarray(value, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"`{name}` must hold numbers; got {type(value).__name__}.") from error
    names = axes.split()
    wanted = [int(n) if n.isdigit() else sizes.get(n) for n in names]
    fits = array.ndim == len(names) and all(w is None or w == s for w, s in zip(wanted, array.shape, strict=True))
    if not fits:
        known = "".join(f", {k}={v}" for k, v in sizes.items())
        raise ShapeError(f"`{name}` must have shape ({', '.join(names)}){known}; got {array.shape}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ArgumentError(f"`{name}` must be finite; it holds NaN or infinity.")
    return array


def as_number(name: str, value, *, above=None, at_least=None, below=None, at_most=None) -> float:
    """Return `value` as a finite float inside the given bounds, or raise `ArgumentError`."""
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"`{name}` must be a number; got {value!r}.") from error
    bounds = [
        (above, number.__gt__, ">"),
        (at_least, number.__ge__, ">="),
        (below, number.__lt__, "<"),
        (at_most, number.__le__, "<="),
    ]
    wanted = " and ".join(f"{sign} {bound:g}" for bound, _, sign in bounds if bound is not None)
    if not np.isfinite(number) or not all(holds(float(bound)) for bound, holds, _ in bounds if bound is not None):
        raise ArgumentError(f"`{name}` must be a finite number{' ' + wanted if wanted else ''}; got {number:g}.")
    return number


def _is_rigid(pose: list[list[float]]) -> bool:
    """Whether `as_pose` will take it: the same test on plain numbers, many times quicker on so few. NaN passes no comparison."""
    (a, b, c, x), (d, e, f, y), (g, h, i, z), last = pose
    long = (a * a + b * b + c * c - 1, d * d + e * e + f * f - 1, g * g + h * h + i * i - 1)
    skew = (a * d + b * e + c * f, a * g + b * h + c * i, d * g + e * h + f * i)
    upright = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g) > 0
    level = max(map(abs, last[:3])) <= 1e-9 and abs(last[3] - 1) <= 1e-9
    near = max(map(abs, long)) <= 1e-5 and max(map(abs, skew)) <= 1e-6
    return near and upright and level and math.isfinite(x + y + z)


def as_pose(name: str, value) -> np.ndarray:
    """Return a rigid transform as float64, shape (4, 4); refuse scale, shear, mirrors and NaN."""
    if type(value) is np.ndarray and value.shape == (4, 4) and _is_rigid(value.tolist()):
        return np.ascontiguousarray(value, np.float64)
    pose = as_array(name, value, "4 4", np.float64)
    rotation = pose[:3, :3]
    off = np.abs(rotation @ rotation.T - _SQUARE) > 1e-6 + 1e-5 * _SQUARE
    if off.any() or not np.linalg.det(rotation) > 0 or np.abs(pose[3] - _LAST_ROW).max() > 1e-9:
        raise ArgumentError(f"`{name}` must be a rigid transform (rotation and translation, last row 0 0 0 1); got\n{pose}")
    return pose


def pick(kind: str, name: str, known: Mapping[str, T]) -> T:
    """Return `known[name]`, or raise `UnknownNameError` that lists the known names."""
    if name in known:
        return known[name]
    raise UnknownNameError(unknown_name(kind, name, known))


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """One sentence about an unknown name, with the nearest known one and all known ones."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    return f"`{name}` is not a known {kind}.{hint} Known: {', '.join(names)}."
