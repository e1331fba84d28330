"""Real recordings for local evaluation, and the presses inside the `taxim` wheel; tests that need them skip without."""

import importlib.util
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def real_folder(name: str) -> Path:
    """A folder of real recordings: below $SIMTOUCH_REAL, else beside the checkout."""
    folder = Path(os.environ.get("SIMTOUCH_REAL", ROOT.parent / "shared" / "real")) / name
    if not folder.is_dir():
        pytest.skip(f"no real recordings `{name}` here")
    return folder


def real_videos(name: str) -> Path:
    """The same, of recordings that are videos: PyAV, an extra, decodes them."""
    pytest.importorskip("av")
    return real_folder(name)


def taxim_file(name: str) -> Path:
    """A file of the `taxim` wheel's calibrations, as `gelsight/dataPack.npz`; the package itself is never imported."""
    found = importlib.util.find_spec("taxim")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the `taxim` wheel is not installed")
    path = Path(found.submodule_search_locations[0]) / "calib" / name
    if not path.is_file():
        pytest.skip(f"this `taxim` wheel has no {name}")
    return path
