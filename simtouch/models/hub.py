"""Weights by hub id: `facebook/sparsh-dino-base` in, a file out, from the local cache first and from the network only then.

The cache is read as its documentation lays it out (models--<owner>--<name>/refs, /snapshots), so weights that are there need neither
the network nor huggingface_hub; fetching them the first time needs both.
"""

import os
import re
from pathlib import Path

from simtouch._checks import ArgumentError, MissingExtraError, SimtouchError, unknown_name

_ID = re.compile(r"(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)(@(?P<revision>[\w./-]+))?$")
_OWNER = "facebook/sparsh-"
SPARSH_IDS = (
    *(f"{_OWNER}{algorithm}-{size}" for algorithm in ("mae", "dino", "ijepa", "vjepa") for size in ("small", "base")),
    f"{_OWNER}dinov2-base",
)
"""Published Sparsh encoders."""
SUFFIXES = ((".safetensors",), (".ckpt", ".pth", ".pt"))
"""Files of weights, the ones to take first in front."""


def is_hub_id(source: str) -> bool:
    """Whether a source can be a hub id: `owner/name`, perhaps `@revision`; a name that ends as files of weights do cannot."""
    match = _ID.match(source)
    return bool(match) and not match["name"].endswith(sum(SUFFIXES, ()))


def hub_file(source: str, *, offline: bool = False) -> Path:
    """Return the file of weights of a hub id, `owner/name` or `owner/name@revision`.

    Raises:
        SimtouchError: It is not in the cache and cannot be fetched, or holds no weights or several.
        MissingExtraError: It must be fetched and huggingface_hub is not installed.
    """
    match = _ID.match(source)
    if match is None:
        raise ArgumentError(f"`{source}` is no hub id, `owner/name`.")
    repo, revision = f"{match['owner']}/{match['name']}", match["revision"] or "main"
    if repo.startswith(_OWNER) and repo not in SPARSH_IDS:
        if "decoder" in repo:
            raise ArgumentError(f"`{repo}` is a decoder of force fields, no encoder. Encoders: {', '.join(SPARSH_IDS)}.")
        raise ArgumentError(unknown_name("Sparsh encoder", repo, SPARSH_IDS))
    folder = cached_snapshot(repo, revision)
    if folder is not None and (name := pick_name([path.name for path in folder.iterdir()], repo)):
        return folder / name
    if offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise SimtouchError(f"`{repo}` is not in the cache `{cache_folder()}`, and the network must not be asked.")
    return _fetch(repo, revision)


def pick_name(names: list[str], where: str) -> str | None:
    """The one file of weights among names: .safetensors before .ckpt; None if there is none, `ArgumentError` if several."""
    for suffixes in SUFFIXES:
        found = sorted(name for name in names if name.endswith(suffixes) and "/" not in name)
        if len(found) > 1:
            raise ArgumentError(f"`{where}` holds several checkpoints, {', '.join(f'`{name}`' for name in found)}: name one.")
        if found:
            return found[0]
    return None


def cache_folder() -> Path:
    """Where huggingface_hub keeps what it fetched, by its environment variables."""
    home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("HF_HOME", f"{home}/huggingface")
    return Path(os.path.expandvars(os.environ.get("HF_HUB_CACHE", f"{home}/hub"))).expanduser()


def cached_snapshot(repo: str, revision: str) -> Path | None:
    """The folder of a revision in the cache; None if it is not there."""
    folder = cache_folder() / f"models--{repo.replace('/', '--')}"
    ref = folder / "refs" / revision
    commit = ref.read_text().strip() if ref.is_file() else revision
    snapshot = folder / "snapshots" / commit
    return snapshot if snapshot.is_dir() else None


def _fetch(repo: str, revision: str) -> Path:
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingExtraError(
            f"`{repo}` is not in the local cache, and fetching it needs huggingface_hub: pip install 'simtouch[train]'"
        ) from error
    try:
        name = pick_name(huggingface_hub.list_repo_files(repo, revision=revision), repo)
        if name is None:
            raise ArgumentError(f"`{repo}` holds no weights, neither .safetensors nor .ckpt.")
        return Path(huggingface_hub.hf_hub_download(repo, name, revision=revision))
    except SimtouchError:
        raise
    except Exception as error:  # whatever the HTTP client of the day raises: no network, no such id, a gate
        said = " ".join(str(error).split())
        raise SimtouchError(
            f"`{repo}` is neither a folder here nor in the cache, and the hub did not give it: {said:.200}"
        ) from error
