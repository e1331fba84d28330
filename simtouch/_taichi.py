"""Imports and starts Taichi, names the array types of kernels, and launches them. Every kernel module imports Taichi through here.

The kernels keep to the subset that Taichi and quadrants share. `SIMTOUCH_TI=quadrants` picks the other one,
`SIMTOUCH_TI_THREADS` the number of CPU threads. The runtime starts at the first call, in the process that calls:
a process forked after that start cannot use it (Taichi would hang), so we raise instead.
"""

import contextlib
import functools
import importlib
import io
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from simtouch._checks import ArgumentError, SimtouchError

os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "0")
_MODULE = os.environ.get("SIMTOUCH_TI", "taichi")
if _MODULE not in ("taichi", "quadrants"):
    raise ArgumentError(f"`SIMTOUCH_TI` must be taichi or quadrants; got {_MODULE}.")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # Taichi 1.7 calls locale.getdefaultlocale
    ti = importlib.import_module(_MODULE)

Flat = ti.types.ndarray(dtype=ti.f32, ndim=1)  # any float map, flattened: the fast form
FlatInt = ti.types.ndarray(dtype=ti.i32, ndim=1)
FlatDouble = ti.types.ndarray(dtype=ti.f64, ndim=1)
FlatByte = ti.types.ndarray(dtype=ti.u8, ndim=1)
Map = ti.types.ndarray(dtype=ti.f32, ndim=2)
vec3 = ti.types.vector(3, ti.f32)
LANES = 8
Lanes = ti.types.vector(LANES, ti.f32)
Rows = ti.types.ndarray(dtype=Lanes, ndim=1)
"""Rows of eight floats, (N, 8), at a multiple of 64 bytes (`gel/lanes.py` makes them): kernels with such arguments work by vectors."""

ONE_THREAD = os.environ.get("SIMTOUCH_TI_THREADS") == "1"
"""For `ti.loop_config(serialize=ONE_THREAD)`: the loop runs in the thread that calls; to wake another takes 10 us."""

_started_in: int | None = None


def ensure_runtime() -> None:
    """Start Taichi on the CPU if this process has not yet; raise in a process forked after the start."""
    global _started_in
    if _started_in == os.getpid():
        return
    if _started_in is not None:
        raise SimtouchError(
            "Taichi was started before this process was forked and would hang here; "
            "start workers with the `spawn` method, or touch no simtouch kernel in the parent."
        )
    threads = os.environ.get("SIMTOUCH_TI_THREADS", "")
    options = {"cpu_max_num_threads": int(threads)} if threads else {}
    # fast_math off and one default type: the same bytes on every machine and any number of threads.
    with contextlib.redirect_stdout(io.StringIO()):  # Taichi prints its back end whatever the log level
        ti.init(arch=ti.cpu, default_fp=ti.f32, fast_math=False, log_level=ti.ERROR, offline_cache=True, **options)
    _started_in = os.getpid()


_NUMBERS = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "u8": np.uint8}


def launched(kernel: Callable[..., None]) -> Callable[..., None]:
    """Return the kernel, quicker to call from the second call with the same templates on; a decorator above `@ti.kernel`.

    Taichi looks at every argument of every call anew: 50 us, and 14 us an array. Here a call whose templates are known ends at once in the
    calls that Taichi ends in: arguments into a launch context, the context to the compiled program, in less than a third of the time.
    These are Taichi 1.7's own business, so whatever is not as expected goes through Taichi's door.
    """
    primal = getattr(kernel, "_primal", None)
    plan = _setters(primal) if ti.__name__ == "taichi" and primal is not None else None
    if plan is None:
        return kernel
    ready: dict[tuple, tuple] = {}  # templates -> program, kernel, what it was compiled to
    slots = [i for i, (kind, _, _) in enumerate(plan) if kind == "template"]

    @functools.wraps(kernel)
    def launch(*args):
        prog = ti.lang.impl.get_runtime().prog
        if len(args) != len(plan):
            return kernel(*args)
        templates = tuple(args[i] for i in slots)
        known = ready.get(templates)
        if known is None or known[0] is not prog or not _set(plan, args, context := known[1].make_launch_context()):
            with _by_vectors(prog.config(), plan):
                kernel(*args)
                ready[templates] = _compiled(primal, prog, args)
        else:
            prog.launch_kernel(known[2], context)

    launch.plan, launch.of_templates = plan, lambda args: ready.get(tuple(args[i] for i in slots))
    return launch


class Bound:
    """A kernel whose arguments stay the same from call to call, but for those given as None; a call hands these over, in their order.

    What stays is looked at once: such a launch takes 10 us, and 3 us for each array that changes. Arrays that stay are held here, and what
    they hold may change, but not where they lie. As everywhere else, whatever is not as expected goes through Taichi's door.
    """

    def __init__(self, kernel: Callable[..., None], *args):
        self._kernel, self._args = kernel, args
        self._open = [i for i, value in enumerate(args) if value is None]
        self._ready: tuple | None = None  # the program, what the kernel was compiled to, a context that holds what stays

    def __call__(self, *changing) -> None:
        ensure_runtime()
        prog, ready = ti.lang.impl.get_runtime().prog, self._ready
        if ready is not None and ready[0] is prog and len(changing) == len(self._open) and _set(ready[3], changing, ready[2]):
            prog.launch_kernel(ready[1], ready[2])
            return
        args, given = list(self._args), iter(changing)
        for place in self._open:
            args[place] = next(given)
        self._kernel(*args)
        known = getattr(self._kernel, "of_templates", lambda _: None)(args)
        if known is not None and _set(self._kernel.plan, args, context := known[1].make_launch_context()):
            self._ready = prog, known[2], context, [self._kernel.plan[i] for i in self._open]


def _setters(primal) -> list[tuple[str, Any, tuple[int]]] | None:
    """How each argument is handed over: its kind, its type and its place among those that are no template; None if not known here."""
    try:
        plan, place = [], 0
        for argument in primal.arguments:
            kind, dtype = _kind_of(argument.annotation)
            plan.append((kind, dtype, (place,)))
            place += kind != "template"
        return plan if not primal.classkernel and callable(primal.ensure_compiled) else None
    except (AttributeError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def _by_vectors(settings, plan):
    """Compile kernels of `Rows` to vector instructions; Taichi would take vectors apart, and LLVM cannot join what they store."""
    before = settings.real_matrix_scalarize
    settings.real_matrix_scalarize = before and not any(kind == "array" and wanted[2] for kind, wanted, _ in plan)
    try:
        yield
    finally:
        settings.real_matrix_scalarize = before


def _kind_of(annotation) -> tuple[str, Any]:
    if isinstance(annotation, ti.template):
        return "template", None
    if isinstance(annotation, ti.types.ndarray):
        in_lanes = annotation.dtype is Lanes
        return "array", (np.dtype(_NUMBERS["f32" if in_lanes else str(annotation.dtype)]), annotation.ndim, int(in_lanes))
    if annotation in (float, ti.f32):
        return "float", None
    return {int: ("int", None), ti.i32: ("int", None), ti.u32: ("uint", None)}[annotation]


def _set(plan, args, context) -> bool:
    """Hand over the arguments; False if one is not what it should be."""
    for (kind, wanted, place), value in zip(plan, args, strict=True):
        if kind == "array":
            fits = type(value) is np.ndarray and value.dtype == wanted[0] and value.ndim == wanted[1] + wanted[2]
            if not (fits and value.flags.c_contiguous):
                return False
            context.set_arg_external_array_with_shape(place, value.ctypes.data, value.nbytes, value.shape[: wanted[1]], 0)
        elif kind == "float":
            context.set_arg_float(place, float(value))
        elif kind == "int":
            context.set_arg_int(place, int(value))
        elif kind == "uint":
            context.set_arg_uint(place, int(value))
    return True


def _compiled(primal, prog, args) -> tuple:
    """What a launch with these templates takes."""
    of_templates = primal.compiled_kernels[primal.ensure_compiled(*args)]
    return prog, of_templates, prog.compile_kernel(prog.config(), prog.get_device_caps(), of_templates)
