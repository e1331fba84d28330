"""What every test shares: few threads, no display, and where real recordings and parity fixtures are."""

import os
from pathlib import Path

# One thread a test process: pytest-xdist already runs one process a core. Set before NumPy, PyTorch or Taichi is imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "SIMTOUCH_TI_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("MUJOCO_GL", "egl")

import hypothesis  # noqa: E402
import pytest  # noqa: E402

# In CI the same examples every time; at home new ones, so that somebody finds what is left to find.
hypothesis.settings.register_profile("ci", derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")

ROOT = Path(__file__).resolve().parents[1]


def _outside_folder(variable: str, sibling: str) -> Path:
    """Folder named by an environment variable, else `../shared/<sibling>` beside the checkout, else the test skips."""
    if named := os.environ.get(variable):
        folder = Path(named).expanduser()
        if not folder.is_dir():
            pytest.fail(f"`{variable}` must name a folder; got {named}.")
        return folder
    folder = ROOT.parent / "shared" / sibling
    if not folder.is_dir():
        pytest.skip(f"no {sibling} here: set {variable} to the folder that holds them")
    return folder


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def real_folder() -> Path:
    """Real recordings, one folder a data set; never part of the project."""
    return _outside_folder("SIMTOUCH_REAL", "real")


@pytest.fixture(scope="session")
def sparsh_fixtures() -> Path:
    """Parity fixtures of the Sparsh encoders."""
    return _outside_folder("SIMTOUCH_FIXTURES", "fixtures") / "sparsh"
