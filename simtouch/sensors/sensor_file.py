"""A sensor as a JSON file: what `calibrate` writes and what `--sensor` and `load_sensor` read. Data only, checked on the way in."""

import json
import math
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from simtouch._checks import ArgumentError
from simtouch.sensors.numbers import Numbers
from simtouch.sensors.spec import SensorSpec

FORMAT = "simtouch sensor 1"


def save_sensor(spec: SensorSpec, path: str | Path) -> None:
    """Write `spec` as JSON."""
    Path(path).write_text(json.dumps(sensor_to_dict(spec), indent=2) + "\n", encoding="utf-8")


def sensor_to_dict(spec: SensorSpec) -> dict:
    """`spec` as plain JSON values; an infinite radius becomes null."""
    return {"format": FORMAT} | _plain(asdict(spec))


def load_sensor(path: str | Path) -> SensorSpec:
    """Read a sensor file; raise `ArgumentError` with the field that does not fit."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        data = json.loads(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ArgumentError(f"`{path}` is not a readable sensor file: {error}.") from error
    return sensor_from_dict(data, str(path))


def sensor_from_dict(data: dict, origin: str = "sensor") -> SensorSpec:
    """Inverse of `sensor_to_dict`; `origin` names the source in messages."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ArgumentError(f"`{origin}` must be a sensor file of format `{FORMAT}`.")
    return _build(SensorSpec, {k: v for k, v in data.items() if k != "format"}, origin)


def part_to_plain(part) -> dict:
    """One part of a spec as plain JSON values."""
    return _plain(asdict(part))


def part_from_plain(kind, data, where: str):
    """Inverse of `part_to_plain`; `where` names the source in messages."""
    return _build(kind, data, where)


def _plain(value) -> Any:
    if isinstance(value, Numbers):
        return value.to_plain()
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and math.isinf(value) else value


def _build(kind, value, where: str) -> Any:
    """`value` (plain JSON) as an instance of the annotated type `kind`."""
    if is_dataclass(kind):
        return _build_dataclass(kind, value, where)
    if kind is Numbers:
        return Numbers.from_plain(value, where)
    origin, args = get_origin(kind), get_args(kind)
    if type(None) in args:
        return None if value is None else _build(next(a for a in args if a is not type(None)), value, where)
    if origin is tuple:
        if not isinstance(value, list) or (args[-1] is not Ellipsis and len(value) != len(args)):
            raise ArgumentError(f"`{where}` must be a list of {len(args)} values; got {value!r}.")
        kinds = [args[0]] * len(value) if args[-1] is Ellipsis else args
        return tuple(_build(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(kinds, value, strict=True)))
    if kind is float and (value is None or (isinstance(value, int | float) and not isinstance(value, bool))):
        return math.inf if value is None else float(value)
    if origin is dict and isinstance(value, dict):
        return {str(k): str(v) for k, v in value.items()}
    if not isinstance(value, kind if isinstance(kind, type) else object) or isinstance(value, bool):
        raise ArgumentError(f"`{where}` must be a {getattr(kind, '__name__', kind)}; got {value!r}.")
    return value


def _build_dataclass(kind, value, where: str):
    if not isinstance(value, dict):
        raise ArgumentError(f"`{where}` must be an object; got {value!r}.")
    known = {f.name for f in fields(kind)}
    if unknown := sorted(set(value) - known):
        raise ArgumentError(f"`{where}` has the unknown field `{unknown[0]}`; known: {', '.join(sorted(known))}.")
    hints = get_type_hints(kind)
    try:
        return kind(**{k: _build(hints[k], v, f"{where}.{k}") for k, v in value.items()})
    except TypeError as error:
        raise ArgumentError(f"`{where}` is incomplete: {error}.") from error
