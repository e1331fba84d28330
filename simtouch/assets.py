"""Where the files of `assets/` are: in a checkout beside the package, in a wheel inside it."""

from pathlib import Path

from simtouch._checks import ArgumentError

_HERE = Path(__file__).resolve().parent


def asset_path(name: str) -> Path:
    """Path of an asset, as `sensors/digit.json`; the checkout goes before the copy that an editable install leaves."""
    checkout, wheel = _HERE.parent / "assets" / name, _HERE / "_assets" / name
    if (_HERE.parent / "pyproject.toml").exists() and checkout.is_file():
        return checkout
    if wheel.is_file():
        return wheel
    raise ArgumentError(f"the asset `{name}` is missing from this installation of simtouch.")
