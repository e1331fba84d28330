"""What encoder a checkpoint holds: names and shapes of tensors in, the `EncoderConfig` that fits them out, or what they are instead.

Shapes tell width, depth, patch, channels, tubelet, registers, kind of positions, MLP and whether there is a LayerScale. They do not
tell the number of heads (64 channels a head, as in every published size), nor the input size where positions are sinusoidal, nor
how many frames a video encoder was made for (four, as published); a caller who knows better says so.
"""

import math
import re
from collections.abc import Mapping

from simtouch._checks import ArgumentError, SimtouchError
from simtouch.models.vit import EncoderConfig

Shapes = Mapping[str, tuple[int, ...]]
CHANNELS_PER_HEAD = 64
PUBLISHED_SIZE = (320, 240)
FORCE_FIELD_SIZE = (224, 224)
PUBLISHED_FRAMES = 4
_PATCH, _BANDS = "patch_embed.proj.weight", "pos_embed.frequency_bands"
_KNOWN_BY = {
    "a checkpoint of a Sparsh probe, which has no encoder in it": r"(^|\.)(model_task\.|pooler\.query_tokens|query_tokens$|reassembles\.)",
    "a ViT with a class token, as timm has it": r"(^|\.)cls_token$",
    "a ViT as transformers has it": r"embeddings\.patch_embeddings\.projection|attention\.(attention\.query|q_proj)\.",
    "a ViT as torchvision has it": r"(^|\.)encoder\.layers\.encoder_layer_0\.",
    "a CLIP": r"(^|\.)(visual\.transformer\.resblocks|text_projection$)",
    "a ResNet": r"(^|\.)layer1\.0\.conv1\.weight$",
    "a predictor or a decoder without its encoder": r"(^|\.)(input_projection|decoder_embed|mask_token)(\.|$)",
}
"""Other models by a name that gives them away."""


def find_prefix(shapes: Shapes, prefix: str | None = None, *, where: str = "the checkpoint") -> str:
    """Return what stands before the encoder's names, `teacher_encoder.backbone.` for one.

    Of several encoders the one that is published is taken: a teacher's or target's before any other.

    Args:
        shapes: Shape by name.
        prefix: Which one to take; None chooses.
        where: Names the source in messages.

    Raises:
        SimtouchError: There is none, or no rule says which; the message names what is there.
    """
    found = sorted(name.removesuffix(_PATCH) for name in shapes if name == _PATCH or name.endswith("." + _PATCH))
    if not found:
        raise SimtouchError(f"`{where}` holds no encoder: {looks_like(shapes)}.")
    if prefix is not None:
        prefix = prefix if prefix in found or not prefix else prefix.rstrip(".") + "."
        if prefix not in found:
            raise ArgumentError(f"`{where}` has no encoder under `{prefix}`; it has them under {_listed(found)}.")
        return prefix
    best = min(map(_rank, found))
    first = [name for name in found if _rank(name) == best]
    if len(first) > 1:
        raise ArgumentError(f"`{where}` holds {len(found)} encoders, under {_listed(found)}: say which by `prefix=`.")
    if any(name.startswith("model_task.") for name in shapes):
        raise ArgumentError(
            f"`{where}` is a probe's checkpoint; the encoder in it may have been tuned with the probe: `prefix={first[0]!r}` loads it."
        )
    return first[0]


def _rank(prefix: str) -> int:
    if re.search(r"teacher|target|(^|[._])ema", prefix):
        return 0
    return 2 if re.search(r"student|context", prefix) else 1


def infer_config(
    shapes: Shapes,
    *,
    image_size: tuple[int, int] | None = None,
    num_heads: int | None = None,
    num_frames: int | None = None,
    where: str = "the checkpoint",
) -> EncoderConfig:
    """Return the config of an encoder by the shapes of its tensors, whose names have no prefix.

    Args:
        shapes: Shape by name.
        image_size: (H, W) it is for; by default that of the published models. Learned positions must fit it.
        num_heads: Heads of its attention; by default one for 64 channels.
        num_frames: Frames of a window of a video encoder, by default 4.
        where: Names the source in messages.

    Raises:
        SimtouchError: It is none, or something cannot be told; the message says what to give.
    """
    patch = shapes.get(_PATCH, ())
    if len(patch) not in (4, 5) or patch[-1] != patch[-2] or min(patch) < 1:
        raise SimtouchError(f"`{where}` is no encoder of windows: its `{_PATCH}` has shape {patch}, not (D, C, (T,) P, P).")
    dim, channels, size, video = patch[0], patch[1], patch[-1], len(patch) == 5
    if channels % 3:
        raise SimtouchError(f"`{where}` takes {channels} channels; windows have 3 a frame, 6 for a pair.")
    if num_heads is None and dim % CHANNELS_PER_HEAD:
        raise ArgumentError(
            f"`{where}` is {dim} wide, no multiple of {CHANNELS_PER_HEAD} channels a head: say how many heads it has by `num_heads=`."
        )
    tubelet = patch[2] if video else 2
    frames = _frames(shapes, tubelet, size, image_size, num_frames) if video else 1
    return EncoderConfig(
        embed_dim=dim,
        depth=_depth(shapes, where),
        num_heads=dim // CHANNELS_PER_HEAD if num_heads is None else num_heads,
        mlp_ratio=_mlp_ratio(shapes, dim),
        patch_size=size,
        image_size=_image_size(shapes, size, frames // tubelet if video else 1, image_size, where),
        channels=channels,
        num_frames=frames,
        tubelet_size=tubelet,
        num_registers=shapes["register_tokens"][1] if len(shapes.get("register_tokens", ())) == 3 else 0,
        positions="learned" if "pos_embed" in shapes else "sinusoidal",
        layer_scale=1.0 if "blocks.0.ls1.gamma" in shapes else None,
    )


def _mlp_ratio(shapes: Shapes, dim: int) -> float:
    hidden = (shapes.get("blocks.0.mlp.fc1.weight") or (4 * dim,))[0]
    ratio = hidden / dim
    return ratio if int(dim * ratio) == hidden else math.nextafter(ratio, math.inf)  # what rounding took


def _depth(shapes: Shapes, where: str) -> int:
    numbers = {int(match[1]) for match in (re.match(r"blocks\.(\d{1,4})\.", name) for name in shapes) if match}
    depth = 1 + max(numbers, default=-1)
    if depth > 2 * len(numbers):
        raise SimtouchError(f"`{where}` has {len(numbers)} blocks, numbered up to {depth - 1}: most are missing.")
    return depth


def _frames(shapes: Shapes, tubelet: int, patch: int, image_size, num_frames) -> int:
    """Frames of a video encoder; a table of learned positions tells, of a known image size."""
    if num_frames is not None:
        return num_frames
    table = shapes.get("pos_embed", ())
    H, W = image_size or PUBLISHED_SIZE
    a_step = (H // patch) * (W // patch)
    if len(table) == 3 and a_step and table[1] % a_step == 0:
        return tubelet * (table[1] // a_step)
    return max(PUBLISHED_FRAMES, 2 * tubelet)


def _image_size(shapes: Shapes, patch: int, steps: int, given, where: str) -> tuple[int, int]:
    """The given size, or the published one that fits the patch and, where there is one, the table of positions."""
    if given is not None:
        given = (int(given[0]), int(given[1]))
    table = shapes.get("pos_embed", ())
    tries = (given,) if given is not None else (PUBLISHED_SIZE, FORCE_FIELD_SIZE)
    for H, W in tries:
        fits_table = len(table) != 3 or table[1] == steps * (H // patch) * (W // patch)
        if H % patch == 0 and W % patch == 0 and fits_table:
            return H, W
    if len(table) == 3:
        size = f"{given[0]} x {given[1]} pixels" if given else "320 x 240 and 224 x 224 pixels, the published sizes,"
        raise ArgumentError(
            f"`{where}` has {table[1]} learned positions of patches of {patch}; {size} do not fit: say its `image_size=`."
        )
    raise ArgumentError(f"`image_size` must be multiples of the patch of `{where}`, {patch}; got {given or PUBLISHED_SIZE}.")


def explain_mismatch(have: Shapes, want: Shapes, *, where: str) -> str | None:
    """Say in one sentence how tensors differ from those an encoder of their config has; None if they do not."""
    missing = [name for name in want if name not in have]
    extra = [name for name in have if name not in want]
    other = [name for name in want if name in have and tuple(have[name]) != tuple(want[name])]
    if not (missing or extra or other):
        return None
    parts = [f"{len(missing)} tensors are missing ({_listed(missing)})"] if missing else []
    parts += [f"{len(extra)} have no place ({_listed(extra)})"] if extra else []
    if other:
        first = other[0]
        parts += [f"{len(other)} have another shape (`{first}` is {tuple(have[first])}, not {tuple(want[first])})"]
    return f"`{where}` does not fit the encoder that its shapes describe: {'; '.join(parts)}."


def looks_like(shapes: Shapes, *, of_encoder: bool = False) -> str:
    """What tensors of these names belong to, in a few words; of what has a patch embedding only what gives another model away."""
    for what, pattern in _KNOWN_BY.items():
        if any(re.search(pattern, name) for name in shapes):
            return f"it looks like {what}"
    if of_encoder:
        return ""
    return f"it has {len(shapes)} tensors, such as {_listed(list(shapes))}" if shapes else "it has no tensors"


def _listed(names: list[str], most: int = 3) -> str:
    """The first names, for a message; whatever a file calls its tensors, one short line."""
    shown = ", ".join(f"`{name[:60].encode('unicode_escape').decode()}`" for name in names[:most])
    return shown + (", ..." if len(names) > most else "")
