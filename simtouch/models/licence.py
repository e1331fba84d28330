"""Whose weights these are: a file and what it tells in, one line about its licence on stderr out, once a process.

simtouch holds no weights. Those that users load keep the licence of whoever made them; published Sparsh weights are known by their
hub id, by the names of their files or by the classes that their checkpoints carry along.
"""

import re
import sys
from collections.abc import Mapping
from typing import Any

from simtouch.models.checkpoint import Weights

SPARSH = "published Sparsh weights, CC-BY-NC-4.0: not for commercial use"
_HUB_ID, _FILE_NAME = re.compile(r"facebook/sparsh-"), re.compile(r"(mae|dino|dinov2|ijepa|vjepa)_vit(small|base)\b")
_told: set[str] = set()


def licence_of(source: str, weights: Weights, said: Mapping[str, Any]) -> str | None:
    """The licence of weights as far as it is known.

    Args:
        source: What the user asked for.
        weights: The opened file.
        said: What `own_metadata` found in it.
    """
    if said:
        licence = said.get("licence")
        return licence if isinstance(licence, str) and licence else None
    is_sparsh = _HUB_ID.match(source) or _FILE_NAME.match(weights.path.name)
    return SPARSH if is_sparsh or any(name.startswith("tactile_ssl.") for name in weights.classes) else None


def state_once(source: str, licence: str) -> None:
    """Say it on stderr, unless this process has said it before; whatever a file claims comes out as one short plain line."""
    line = f"simtouch: `{source[-120:]}`: {licence[:200]}".encode("unicode_escape").decode()
    if line not in _told:
        _told.add(line)
        print(line, file=sys.stderr)
