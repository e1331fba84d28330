"""The wheel, built from the checkout and used far from it: two names, the assets, and a picture."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE_BANNED = ("torch", "mujoco", "gymnasium", "torchvision", "pandas", "datasets")


def run(*command: str, cwd: Path, **environment: str) -> str:
    """Run, and return stdout; a failure shows both streams."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), cwd=ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The wheel installed alone into a folder; dependencies come from this environment."""
    target = tmp_path_factory.mktemp("site")
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check")
    run(*pip, "--target", str(target), str(wheel), cwd=target)
    return target


def test_the_wheel_holds_two_packages_and_every_module_and_asset(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"simtouch", "simtouch_envs"}
    expected = {p.relative_to(ROOT).as_posix() for p in (ROOT / "simtouch").rglob("*.py")}
    expected |= {p.relative_to(ROOT / "envs").as_posix() for p in (ROOT / "envs").rglob("*.py")}
    assets = [p for p in (ROOT / "assets").rglob("*") if p.is_file() and p.suffix != ".tmp" and "__pycache__" not in p.parts]
    assert assets
    expected |= {"simtouch/_assets/" + p.relative_to(ROOT / "assets").as_posix() for p in assets}
    assert expected <= names, f"missing: {sorted(expected - names)}"
    assert not [name for name in names if name.endswith((".pyc", ".tmp"))]
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_is_small(wheel):
    """Real recordings and checkpoints stay out."""
    assert wheel.stat().st_size < 20e6


def test_the_core_install_is_what_generate_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {"envs", "train", "tacto", "view", "cluster", "dev"} <= set(project["optional-dependencies"])
    assert not [d for d in project["dependencies"] if d.startswith(CORE_BANNED)]
    everything = [d for group in project["optional-dependencies"].values() for d in group]
    assert not [d for d in everything if d.startswith(("torchvision", "timm", "xformers", "lerobot"))]


def test_the_wheel_imports_outside_the_checkout(installed, tmp_path):
    pytest.importorskip("gymnasium")
    code = "import simtouch, simtouch_envs; print(simtouch.__file__); print(simtouch_envs.__file__); print(simtouch.__version__)"
    library, envs, version = run("-c", code, cwd=tmp_path, PYTHONPATH=str(installed)).split()[-3:]
    assert Path(library).is_relative_to(installed)
    assert Path(envs).is_relative_to(installed)
    assert next(installed.glob("simtouch-*.dist-info")).name == f"simtouch-{version}.dist-info"


def test_the_wheel_generates_outside_the_checkout(installed, tmp_path):
    arguments = ("--sensor", "digit", "--out", "stream", "--clips", "1", "--frames", "2", "--seed", "0", "--workers", "1")
    run("-m", "simtouch.generate", *arguments, cwd=tmp_path, PYTHONPATH=str(installed))
    assert (tmp_path / "stream" / "manifest.json").is_file()
    assert list((tmp_path / "stream").glob("clips-*.parquet"))
    code = "import simtouch; c = next(iter(simtouch.open_stream('stream'))); print(simtouch.__file__, len(c.frames))"
    where, frames = run("-c", code, cwd=tmp_path, PYTHONPATH=str(installed)).split()[-2:]
    assert Path(where).is_relative_to(installed)
    assert int(frames) == 2


def test_the_makefile_and_the_ci_make_the_same_environment():
    """`.ci/run` and `make test` are one road: what passes there passes for a user."""
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "make test" in script
    assert "'.[envs,train,dev]'" in (ROOT / "Makefile").read_text("utf-8")
