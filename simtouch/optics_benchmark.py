"""How fast the picture is: height map to tactile image, by model and press, beside other people's formulae and packages.

    python -m simtouch.benchmark optics

    python -m simtouch.benchmark optics --sensor gelsight_2017 --out runs/benchmark-optics.json

Milliseconds of process CPU time of one thread, the fastest of some runs in which all forms take turns: read the ratios. `table` is the
calibrated response with the camera's noise, `table, noise off` without; `numba` the same equations without noise, compiled by Numba;
`lights` the lamps with cast shadows, `+ bounce` with one bounce; `Taxim's formula` that project's method re-written in NumPy
(`optics_peers.py`). The second table times whole labelled frames: a mesh pressed and sheared, its tractions, labels and picture. The
real packages `taxim` and `tacto` are timed where they are installed and run.
"""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from simtouch._checks import ArgumentError, MissingExtraError, pick
from simtouch.sensors import SENSORS, SensorSpec

PRESSES = ("sphere", "leather")


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to time."""

    sensor: str = "gelsight_mini"
    """A preset with a calibrated response."""
    calls: int = 10
    """Pictures a run."""
    repeats: int = 5
    """Runs; the fastest counts."""
    batch: int = 64
    """Pictures at once in the PyTorch rows."""
    out: Path | None = None
    """Also write the tables as JSON."""


def measure(config: Config) -> dict:
    """Print the tables and return their rows."""
    for name in ("calls", "repeats", "batch"):
        if getattr(config, name) < 1:
            raise ArgumentError(f"`--{name}` must be >= 1; got {getattr(config, name)}.")
    spec = pick("sensor", config.sensor, SENSORS)
    if spec.response is None:
        raise ArgumentError(f"`{config.sensor}` has no calibrated response to time.")
    os.environ["SIMTOUCH_TI_THREADS"] = "1"
    import cv2

    cv2.setNumThreads(1)
    pictures = [_pictures(config, spec, press) for press in PRESSES]
    _print("height map to picture, ms", pictures)
    frames = _frames(config, spec)
    _print("whole labelled frame from a mesh of 20480 faces, ms", [frames])
    several = _several(config, spec)
    _print(f"{config.batch} pictures at once, ms a picture (wall time)", [several])
    packages = _packages()
    tables = {"pictures": pictures, "frames": frames, "several": several, "packages": packages}
    if config.out is not None:
        from simtouch.stream.provenance import provenance

        told = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(config).items()}
        config.out.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"config": told, "made_by": provenance(), "tables": tables}, indent=2)
        config.out.write_text(text + "\n", encoding="utf-8")
    return tables


def _pictures(config: Config, spec: SensorSpec, press: str) -> dict:
    """Milliseconds of a picture by form."""
    from simtouch.optics import OpticsConfig, Renderer
    from simtouch.optics_peers import Taxim, numba_table

    height, touched, overlap = _pressed(spec, press)
    configs = {
        "table": OpticsConfig(response="table"),
        "table, noise off": OpticsConfig(response="table", noise=False),
        "table + shadows": OpticsConfig(response="table", shadows=True),
        "lights": OpticsConfig(response="lights"),
        "lights, noise and blur off": OpticsConfig(response="lights", noise=False, blur=False),
        "lights + bounce": OpticsConfig(response="lights", bounce=True),
    }
    renderers = {name: Renderer(spec, one) for name, one in configs.items()}
    forms = {name: partial(one.render, height, touched=touched, seed=1) for name, one in renderers.items()}
    taxim = Taxim(spec.image_shape, spec.camera.pixel_pitch_m)
    forms["Taxim's formula"] = partial(taxim.render, overlap, shadows=False)
    forms["Taxim's formula + shadows"] = partial(taxim.render, overlap, shadows=True)
    try:
        forms["numba"] = numba_table(spec, height, touched)
    except MissingExtraError as error:
        print(f"({error})")
    return {"what": f"{spec.name}, {press}"} | _turns(forms, config)


def _pressed(spec: SensorSpec, press: str):
    """Height map, touched pixels and overlap of a press of 0.5 mm."""
    from simtouch import indenters
    from simtouch.contact import Contact
    from simtouch.gel import LayerGel
    from simtouch.optics import OpticsConfig, Renderer

    indenter = indenters.sphere(radius_m=4e-3) if press == "sphere" else indenters.INDENTERS[press]()
    contact = Contact(spec, Renderer(spec, OpticsConfig(noise=False)))
    contact.reset(indenter, 0)
    approach = contact.approach(_above())
    approach = approach.lowered(0.5e-3 - approach.deepest_m)
    surface = LayerGel(spec).step(approach.cells[None], contact.motion(approach)[None], 1 / 60).at(0)
    seen = contact.image_surface(surface, approach.over)
    return seen.height_m, seen.touched, np.where(np.isfinite(approach.over), approach.over, -1.0)


def _frames(config: Config, spec: SensorSpec) -> dict:
    """Milliseconds of a whole frame by optics, and of Taxim's formula on the same view of the mesh."""
    import trimesh

    from simtouch import indenters
    from simtouch.optics import OpticsConfig
    from simtouch.optics_peers import Taxim
    from simtouch.simulator import TactileSimulator

    ball = indenters.mesh(trimesh.creation.icosphere(subdivisions=5, radius=4e-3))
    configs = {
        "table": OpticsConfig(response="table"),
        "table + shadows": OpticsConfig(response="table", shadows=True),
        "lights": OpticsConfig(response="lights"),
    }
    forms = {name: _stream(TactileSimulator(spec, optics=optics), ball) for name, optics in configs.items()}
    taxim, grid, pose = Taxim(spec.image_shape, spec.camera.pixel_pitch_m), spec.image_grid, _above(4e-3 - 0.5e-3)

    def theirs() -> np.ndarray:
        return taxim.render(np.maximum(-ball.underside_m(pose, grid), -1.0), shadows=True)

    forms["Taxim's formula + shadows"] = theirs
    return {"what": spec.name} | _turns(forms, config)


def _stream(simulator, ball) -> Callable:
    """Step on through a press of 0.5 mm and 20 um of shear a frame; back to the start after 40."""
    simulator.reset(ball, seed=1)
    state = {"k": 0}

    def step() -> None:
        k = state["k"] = (state["k"] + 1) % 40
        pose = _above(4e-3 - 0.5e-3)
        pose[0, 3] = 20e-6 * k
        simulator.step(pose)

    return step


def _several(config: Config, spec: SensorSpec) -> dict:
    """The differentiable table in PyTorch, a batch at once, where it is installed; and the kernel in a loop."""
    from simtouch.optics import OpticsConfig, Renderer

    height, touched, _ = _pressed(spec, "sphere")
    renderer = Renderer(spec, OpticsConfig(response="table", noise=False))
    forms: dict[str, Callable] = {"kernel": lambda: renderer.render(height, touched=touched)}
    calls = {"kernel": config.calls}
    try:
        import torch

        for device in ["cpu"] + (["cuda"] if torch.cuda.is_available() else []):
            forms[f"PyTorch, {device}"], calls[f"PyTorch, {device}"] = (
                _torch_table(spec, height, touched, device, config.batch),
                1,
            )
    except ImportError:
        print("\n(PyTorch rows need it: pip install torch)")
    pictures = {name: 1 if name == "kernel" else config.batch for name in forms}
    seconds = {name: _fastest(form, calls[name], config.repeats, time.perf_counter) for name, form in forms.items()}
    return {"what": spec.name} | {name: 1e3 * seconds[name] / pictures[name] for name in forms}


def _torch_table(spec: SensorSpec, height: np.ndarray, touched: np.ndarray, device: str, count: int) -> Callable:
    """The change of colour of `count` equal presses at once."""
    import torch

    from simtouch.optics.torch_table import TorchTable

    table = TorchTable(spec.response, spec.image_shape, spec.camera.pixel_pitch_m).to(device)
    heights = torch.as_tensor(np.repeat(height[None], count, 0)).to(device)
    zones = torch.as_tensor(np.repeat(touched[None], count, 0)).to(device)

    def change() -> None:
        with torch.no_grad():
            table.change(heights, zones)
        if device == "cuda":
            torch.cuda.synchronize()

    return change


def _packages() -> dict:
    """The real packages, where they are installed and run: milliseconds of a picture at their own size."""
    rows: dict[str, float] = {}
    for name, time_it in {"taxim": _time_taxim, "tacto": _time_tacto}.items():
        try:
            rows |= time_it()
        except Exception as error:
            told = str(error).splitlines() or [""]
            print(f"\n(package `{name}` does not run here: {type(error).__name__}: {told[0]})")
    if rows:
        _print("installed packages, ms a picture (wall time, their own threads)", [{"what": "ball of 4 mm"} | rows])
    return rows


def _time_taxim() -> dict[str, float]:
    """The package `taxim` (GPU-Taxim), on PyTorch or JAX, at 640 x 480."""
    from taxim import Taxim

    try:
        theirs = Taxim(backend="torch")
    except ImportError:
        theirs = Taxim(backend="jax")
    y, x = (np.arange(n) - (n - 1) / 2 for n in (theirs.height, theirs.width))
    ball = ((y[:, None] ** 2 + x**2) * (0.0295**2 / 8) - 0.5).astype(np.float32)
    rows = {}
    for shadows in (False, True):
        call = partial(theirs.render, ball, with_shadow=shadows, press_depth=0.5)
        seconds = _fastest(lambda of=call: np.asarray(of()), 2, 3, time.perf_counter)
        rows[f"taxim package{' + shadows' * shadows}, {theirs.width}x{theirs.height}"] = 1e3 * seconds
    return rows


def _time_tacto() -> dict[str, float]:
    """The package `tacto`: its DIGIT with nothing on it, which is what it takes at least."""
    import tacto

    sensor = tacto.Sensor(width=240, height=320, visualize_gui=False)
    sensor.add_camera(0, [-1])
    return {"tacto package, 240x320": 1e3 * _fastest(sensor.render, 5, 3, time.perf_counter)}


def _above(z_m: float = 0.0) -> np.ndarray:
    pose = np.eye(4)
    pose[2, 3] = z_m
    return pose


def _turns(forms: dict[str, Callable], config: Config) -> dict[str, float]:
    """Milliseconds of each form; the forms take turns."""
    best = dict.fromkeys(forms, np.inf)
    for turn in range(config.repeats + 1):
        for name, form in forms.items():
            seconds = _fastest(form, config.calls, 1, time.process_time)
            if turn:  # the first compiles
                best[name] = min(best[name], 1e3 * seconds)
    return best


def _fastest(form: Callable, calls: int, repeats: int, clock: Callable) -> float:
    """Seconds of a call."""
    form()
    seconds = []
    for _ in range(repeats):
        begin = clock()
        for _ in range(calls):
            form()
        seconds.append((clock() - begin) / calls)
    return min(seconds)


def _print(title: str, rows: list[dict]) -> None:
    """One column a row of times, and beside each time how often the first one goes into it."""
    print(f"\n{title} (x the first)")
    for name in rows[0]:
        if name == "what":
            print(f"  {'':<34} " + "  ".join(f"{row[name]:>24}" for row in rows))
            continue
        firsts = [next(value for value in row.values() if not isinstance(value, str)) for row in rows]
        print(
            f"  {name:<34} "
            + "  ".join(f"{row[name]:>14.3f} ({row[name] / one:6.2f})" for row, one in zip(rows, firsts, strict=True))
        )
