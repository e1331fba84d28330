"""Files of weights for tests: published-like ones where they are there, and hand-made ones that lie about what they hold."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from simtouch.models.vit import EncoderConfig, VisionTransformer
from tests.fixtures import ROOT

RELEASE = "ckpt_release_like_dino_tiny.ckpt"
SMALL = EncoderConfig(embed_dim=64, depth=2, num_heads=1, image_size=(64, 48))


def sparsh_path(name: str) -> Path:
    """A file of the fixtures; skips without."""
    path = Path(os.environ.get("SIMTOUCH_FIXTURES", ROOT.parent / "shared" / "fixtures" / "sparsh")) / name
    if not path.is_file():
        pytest.skip(f"no fixture `{name}` here")
    return path


def small_encoder(seed: int = 0, **changes) -> VisionTransformer:
    """An encoder of 0.1 M numbers; none of them is 0 or 1, so that a swap shows."""
    torch.manual_seed(seed)
    config = EncoderConfig(**{**vars(SMALL), **changes})
    encoder = VisionTransformer(config).eval()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return encoder


def pickled_tensor(kind="FloatStorage", key="0", count=4, first=0, shape=(4,), strides=(1,)) -> bytes:
    """The data.pkl of {"w": one tensor}, saying whatever is asked for."""

    def body(value) -> bytes:
        return pickle.dumps(value, 2)[2:-1]

    storage = b"(" + body("storage") + f"ctorch\n{kind}\n".encode() + body(key) + body("cpu") + body(count) + b"tQ"
    hooks = b"ccollections\nOrderedDict\n)R"
    made = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + body(first) + body(shape) + body(strides) + b"\x89" + hooks + b"tR"
    return b"\x80\x02}" + body("w") + made + b"s."


def zipped(path: Path, entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """A zip as `torch.save` lays it out."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(f"archive/{name}", data)
    return path


def rezipped(path: Path, out: Path, change) -> Path:
    """A copy of a checkpoint whose data.pkl went through `change`."""
    with zipfile.ZipFile(path) as archive:
        entries = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
    return zipped(out, entries | {"data.pkl": change(entries["data.pkl"])})


def saved(value, **options) -> bytes:
    """What `torch.save` writes."""
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()
