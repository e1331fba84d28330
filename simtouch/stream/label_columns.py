"""Free labels as Arrow columns: values by name in, one column a label out, nulls where a clip does not know a label of its stream."""

import numbers
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from simtouch._checks import ArgumentError, pick

_KINDS: dict[type, pa.DataType] = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}


def encode_labels(labels: Mapping[str, Any], T: int, types: Mapping[str, type] | None = None) -> dict[str, pa.Array]:
    """Return the columns of T rows, sorted by name.

    Args:
        labels: One bool, int, float or str for the clip, or a sequence of T; None in a place is null.
        T: Number of frames.
        types: The labels of the whole stream; by default those of `labels`, each of the type that its values have.
    """
    if types is None:
        return {name: _column(name, value, T, None) for name, value in sorted(labels.items())}
    for name in labels:
        pick("label of this stream", name, types)
    return {name: _column(name, labels.get(name), T, kind) for name, kind in sorted(types.items())}


def check_label(name: str, kind: type) -> None:
    """Raise unless `name` may name a label and `kind` is a type that one may have."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ArgumentError(f"a label's name must be lower-case letters, digits and _; got {name!r}.")
    if kind not in _KINDS:
        raise ArgumentError(f"label `{name}` must be of type bool, int, float or str; got {kind!r}.")


def _column(name: str, value, T: int, kind: type | None) -> pa.Array:
    check_label(name, kind or str)
    values = [value] * T if value is None or isinstance(value, str | bool | np.bool_ | numbers.Number) else list(value)
    if len(values) != T:
        raise ArgumentError(f"label `{name}` must be one value or {T}, one a frame; got {len(values)}.")
    values = [v.item() if isinstance(v, np.generic) else v for v in values]
    kinds = {type(v) for v in values if kind is None or v is not None}
    if kind is float and kinds == {int}:
        values, kinds = [v if v is None else float(v) for v in values], {float}
    wanted = {kind} if kind else kinds & _KINDS.keys()
    if len(wanted) != 1 or not kinds <= wanted:
        found = ", ".join(sorted(k.__name__ for k in kinds))
        said = f"hold {kind.__name__}s" if kind else "hold bools, ints, floats or strings, all of one kind"
        raise ArgumentError(f"label `{name}` must {said}; got {found}.")
    return pa.array(values, _KINDS[wanted.pop()])
