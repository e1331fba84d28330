"""Values that the published loaders gave on synthetic files; tests that need them skip without."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


def sparsh_fixture(name: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Notes and arrays of a fixture: in $SIMTOUCH_FIXTURES, else beside the checkout."""
    folder = Path(os.environ.get("SIMTOUCH_FIXTURES", ROOT.parent / "shared" / "fixtures" / "sparsh"))
    if not (folder / f"{name}.json").is_file():
        pytest.skip(f"no fixture `{name}` here")
    with np.load(folder / f"{name}.npz") as arrays:
        return json.loads((folder / f"{name}.json").read_text()), dict(arrays)
