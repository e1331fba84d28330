"""Every asset has a row in assets/README.md with the checksum of its bytes."""

import hashlib
import re
from pathlib import Path

from simtouch.assets import asset_path

ASSETS = Path(__file__).resolve().parents[1] / "assets"


def test_every_asset_is_listed_with_its_checksum():
    rows = dict(re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", (ASSETS / "README.md").read_text("utf-8"), re.MULTILINE))
    files = {p.relative_to(ASSETS).as_posix(): p for p in ASSETS.rglob("*") if p.is_file() and p.name != "README.md"}
    assert files
    assert rows == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    assert all(asset_path(name) == path for name, path in files.items())
