"""The manifest of a stream as canonical text: plain JSON in, one spelling out; and what differs between two."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from simtouch._checks import ArgumentError
from simtouch.stream.schema import MANIFEST

_ABSENT = object()


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """`manifest` as canonical JSON: sorted keys, one spelling for equal content."""
    try:
        return json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"`manifest` must hold plain JSON values with finite numbers: {error}.") from error


def manifest_difference(there: bytes, here: str) -> str:
    """The first entry in which two manifests differ, in words."""
    try:
        old = json.loads(there)
    except ValueError:
        return f"its {MANIFEST} is not readable"
    differing = list(_differing("", old, json.loads(here)))
    if not differing:
        return f"its {MANIFEST} is spelled differently"
    name, a, b = differing[0]
    more = f" (and {len(differing) - 1} more differences)" if len(differing) > 1 else ""
    return f"{name} is {_short(a)} there and {_short(b)} here{more}"


def _differing(name: str, a, b) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            yield from _differing(f"{name}.{key}" if name else key, a.get(key, _ABSENT), b.get(key, _ABSENT))
    elif a != b:
        yield name or "all", a, b


def _short(value) -> str:
    text = "absent" if value is _ABSENT else json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
