"""Imports and starts Taichi, and names the array types of kernels. Every kernel module imports Taichi through here.

The kernels keep to the subset that Taichi and quadrants share. `SIMTOUCH_TI=quadrants` picks the other one,
`SIMTOUCH_TI_THREADS` the number of CPU threads. The runtime starts at the first call, in the process that calls:
a process forked after that start cannot use it (Taichi would hang), so we raise instead.
"""

import contextlib
import importlib
import io
import os
import warnings

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
FlatByte = ti.types.ndarray(dtype=ti.u8, ndim=1)
Map = ti.types.ndarray(dtype=ti.f32, ndim=2)
vec3 = ti.types.vector(3, ti.f32)

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
