"""The names on the door: few, documented, and light to import."""

import ast
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import simtouch

ROOT = Path(__file__).resolve().parents[1]
PUBLIC = {
    "LayerConfig",
    "MembraneConfig",
    "OpticsConfig",
    "SENSORS",
    "SensorSpec",
    "SensorUnit",
    "SimtouchError",
    "TactileFrame",
    "TactileSimulator",
    "TouchProcessor",
    "__version__",
    "indenters",
    "load_encoder",
    "load_sensor",
    "open_stream",
    "save_sensor",
}
HEAVY = ("taichi", "quadrants", "torch", "mujoco", "gymnasium", "scipy", "matplotlib", "pyarrow", "cv2", "trimesh", "tyro")
PROBE = """
import json, sys, time
start = time.perf_counter()
import {module}
seconds = time.perf_counter() - start
print(json.dumps([seconds, sorted({{name.split(".")[0] for name in sys.modules}})]))
"""


def import_alone(module: str) -> tuple[float, set[str]]:
    """Import in a fresh process; return seconds and the top-level names then loaded."""
    run = subprocess.run(
        [sys.executable, "-c", PROBE.format(module=module)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, loaded = json.loads(run.stdout.splitlines()[-1])
    return seconds, set(loaded)


def test_import_costs_numpy_and_nothing_heavier(record_property):
    """STYLE 1. The time is recorded, not asserted: it is the machine's; what is loaded is ours."""
    runs = [import_alone("simtouch") for _ in range(3)]
    seconds = min(run[0] for run in runs)
    record_property("import_simtouch_s", seconds)
    print(f"import simtouch: {seconds:.3f} s (best of 3)")
    assert "simtouch" in runs[0][1]
    assert not runs[0][1].intersection(HEAVY)


def test_the_probe_would_see_a_heavy_import():
    assert import_alone("scipy")[1].intersection(HEAVY) == {"scipy"}


def test_public_names_are_the_agreed_ones():
    """A new public name is a promise: add it here and to CHANGELOG.md."""
    assert set(simtouch.__all__) == PUBLIC
    assert len(simtouch.__all__) == len(PUBLIC)
    assert set(dir(simtouch)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_name_resolves_and_is_documented(name):
    value = getattr(simtouch, name)
    assert value is getattr(simtouch, name)
    if inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value):
        assert (value.__doc__ or "").strip(), f"simtouch.{name} has no docstring"
        assert not value.__doc__.startswith(f"{name}("), f"simtouch.{name} has only the docstring its dataclass made"


def test_an_unknown_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="TactileSimulater"):
        _ = simtouch.TactileSimulater


def test_the_version_has_one_source():
    """simtouch/__init__.py; the build reads it there, and the citation repeats it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    assert ROOT / project["tool"]["hatch"]["version"]["path"] == Path(simtouch.__file__)
    assert f"\nversion: {simtouch.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_the_core_never_needs_an_extra():
    """Modules below the models import where only the core dependencies are; a scene or a torch twin may need its extra."""
    blocked = (
        "import sys\nfor n in ('torch', 'mujoco', 'gymnasium', 'tacto', 'viser', 'ray', 'datasets'): sys.modules[n] = None\n"
    )
    names = [m.name for m in pkgutil.walk_packages(simtouch.__path__, "simtouch.") if needs_only_the_core(m.name)]
    assert "simtouch.gel.normal" in names
    code = blocked + "import importlib\nfor n in " + repr(names) + ": importlib.import_module(n)\n"
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def needs_only_the_core(module: str) -> bool:
    floors = (
        "models",
        "training",
        "tacbench",
        "pretrain",
        "view",
        "benchmark",
        "__main__",
        "mixing",
        "mujoco_scene",
        "tacto_scene",
    )
    return not any(part in floors or part.startswith("torch_") for part in module.split("."))


def test_every_verb_explains_itself():
    """A verb is a module of simtouch with a `Config` and a `main`: its `--help` works and does no work."""
    verbs = [p.stem for p in sorted((ROOT / "simtouch").glob("*.py")) if is_verb(p)]
    assert "generate" in verbs
    for verb in verbs:
        command = [sys.executable, "-m", f"simtouch.{verb}", "--help"]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        assert "--" in run.stdout
        assert (importlib.import_module(f"simtouch.{verb}").__doc__ or "").strip()


def is_verb(path: Path) -> bool:
    names = {n.name for n in ast.parse(path.read_text("utf-8")).body if isinstance(n, ast.ClassDef | ast.FunctionDef)}
    return {"Config", "main"} <= names
