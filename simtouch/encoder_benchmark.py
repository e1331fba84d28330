"""How fast an encoder learns: images per second, forward and backward, beside a plain ViT of `transformers` of the same shape.

    python -m simtouch.benchmark encoder

    python -m simtouch.benchmark encoder --size small --batch-size 4 --out runs/benchmark-encoder.json

    python -m simtouch.benchmark encoder --device cuda --size base --batch-size 128 --peak-tflops 989

`pair` is the encoder of two frames, as many tokens as the peer's (one register, one class token), the same widths, depth, heads and
patch, both with PyTorch's fused attention, on the same images in single precision; `bf16` the same under autocast; `kept 25%` with a mask
that hides three patches of four; `video` four frames in tubelets of two. A step is zero_grad, forward, mean square, backward.
On a CPU times are process CPU time of one thread, on a GPU wall time between synchronisations; the ways take turns. The speed is
that of the fastest step, `median` that of the middle one; the ratio to the peer is given for both, the second as the median over
turns. MFU: three times the matmul FLOPs of a forward pass, over time, over `--peak-tflops`.
"""

import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from simtouch._checks import ArgumentError, MissingExtraError, pick

if TYPE_CHECKING:
    import torch

    from simtouch.models import EncoderConfig

# Dense bf16 peaks of the makers' data sheets, TFLOP/s, by a part of the device's name.
PEAK_TFLOPS = {
    "H200": 989.0,
    "H100": 989.0,
    "A100": 312.0,
    "L40S": 362.0,
    "L4": 121.0,
    "4090": 165.2,
    "3090": 71.0,
    "V100": 125.0,
}
ATTENTION = "sdpa"


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to time."""

    size: tuple[str, ...] = ("tiny", "small")
    """Of `simtouch.models.SIZES`."""
    image_size: tuple[int, int] = (320, 240)
    """(H, W)."""
    batch_size: int = 4
    repeats: int = 12
    """Turns; one more goes before them to warm up."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    ways: tuple[str, ...] = ("pair", "transformers", "bf16", "kept 25%", "video")
    """Which rows; `pair` and `transformers` make the ratio."""
    peak_tflops: float | None = None
    """Of the device in bf16, for the MFU; known for some GPUs by name."""
    out: Path | None = None
    """Also write the table as JSON."""


def measure(config: Config) -> list[dict]:
    """Print the table and return its rows."""
    for name in ("batch_size", "repeats"):
        if getattr(config, name) < 1:
            raise ArgumentError(f"`--{name.replace('_', '-')}` must be >= 1; got {getattr(config, name)}.")
    if config.peak_tflops is not None and not config.peak_tflops > 0:
        raise ArgumentError(f"`--peak-tflops` must be > 0; got {config.peak_tflops:g}.")
    ways = {way: pick("way", way, WAYS) for way in config.ways}
    import torch

    from simtouch.models import SIZES

    device = _device(config.device)
    sizes = {size: pick("size", size, SIZES) for size in config.size}
    if device.type == "cpu":
        torch.set_num_threads(1)
    peak = config.peak_tflops or _peak_of(device)
    rows = []
    print(
        f"{'size':<8}{'way':<14}{'GFLOP':>7}{'images/s':>10}{'median':>9}{'TFLOP/s':>9}{'MFU':>7}   to transformers (fastest, median)"
    )
    for size, shape in sizes.items():
        found = _rows(config, size, shape, ways, device, peak)
        for row in found:
            print(_line(row), flush=True)
        rows += found
    print(f"Attention of all: PyTorch's scaled_dot_product_attention; of the peer by attn_implementation={ATTENTION!r}.")
    if config.out is not None:
        _write(config, rows, device)
    return rows


def forward_flops(config: "EncoderConfig", tokens: int | None = None) -> float:
    """FLOPs of the matrix products of one forward pass of one window, a product and a sum counted as two.

    Args:
        config: Shape of the encoder.
        tokens: That the blocks see, registers included; by default all patches are.
    """
    patches = 1
    for side in config.grid:
        patches *= side
    D, tokens = config.embed_dim, patches + config.num_registers if tokens is None else tokens
    inside = config.channels * config.patch_size**2 * (config.tubelet_size if config.num_frames > 1 else 1)
    linear = 2 * D * D * (4 + 2 * config.mlp_ratio)
    attention = 4 * tokens * D
    return 2.0 * min(patches, tokens) * inside * D + config.depth * tokens * (linear + attention)


@dataclass(frozen=True)
class _Way:
    """A step to time and the FLOPs of its forward pass, for the whole batch."""

    step: Callable[[], None]
    flops: float


def _pair(config: Config, shape: dict, device: "torch.device") -> _Way:
    return _ours(config, device, _encoder_config(config, shape))


def _bf16(config: Config, shape: dict, device: "torch.device") -> _Way:
    return _ours(config, device, _encoder_config(config, shape), autocast=True)


def _kept(config: Config, shape: dict, device: "torch.device") -> _Way:
    return _ours(config, device, _encoder_config(config, shape), share=0.25)


def _video(config: Config, shape: dict, device: "torch.device") -> _Way:
    return _ours(config, device, _encoder_config(config, shape, channels=3, num_frames=4))


def _encoder_config(config: Config, shape: dict, **fields) -> "EncoderConfig":
    from simtouch.models import EncoderConfig

    return EncoderConfig(**shape, image_size=config.image_size, **fields)


def _ours(config: Config, device, shape: "EncoderConfig", *, autocast: bool = False, share: float = 1.0) -> _Way:
    import torch

    from simtouch.models import VisionTransformer

    torch.manual_seed(0)
    encoder = VisionTransformer(shape).to(device).train()
    B, x = config.batch_size, torch.rand(config.batch_size, *shape.window_shape).to(device)
    patches = encoder.position_table(x).shape[1]
    masks, tokens = None, patches + shape.num_registers
    if share < 1:
        kept = max(1, int(share * patches))
        masks, tokens = [torch.rand(B, patches).topk(kept).indices.to(device)], kept + shape.num_registers

    def step() -> None:
        encoder.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=autocast):
            y = encoder(x, masks)
        y.float().square().mean().backward()

    return _Way(step, B * forward_flops(shape, tokens))


def _peer(config: Config, shape: dict, device: "torch.device") -> _Way | None:
    """None, and a sentence, without `transformers`."""
    import torch

    ours = _encoder_config(config, shape)
    torch.manual_seed(0)
    try:
        peer = plain_vit(ours).to(device).train()
    except MissingExtraError as error:
        print(error)
        return None
    x = torch.rand(config.batch_size, *ours.window_shape).to(device)

    def step() -> None:
        peer.zero_grad(set_to_none=True)
        peer(x).last_hidden_state.square().mean().backward()

    return _Way(step, config.batch_size * forward_flops(ours))


def plain_vit(ours: "EncoderConfig") -> "torch.nn.Module":
    """A ViT of `transformers` of this shape: a class token where ours has a register, no pooler."""
    try:
        from transformers import ViTConfig, ViTModel
    except ImportError as error:
        raise MissingExtraError("Without `transformers` there is no peer: `pip install 'simtouch[peers]'`.") from error
    told = ViTConfig(
        hidden_size=ours.embed_dim,
        num_hidden_layers=ours.depth,
        num_attention_heads=ours.num_heads,
        intermediate_size=int(ours.embed_dim * ours.mlp_ratio),
        image_size=ours.image_size,
        patch_size=ours.patch_size,
        num_channels=ours.channels,
        layer_norm_eps=1e-6,
        attn_implementation=ATTENTION,
    )
    return ViTModel(told, add_pooling_layer=False)


WAYS = {"pair": _pair, "transformers": _peer, "bf16": _bf16, "kept 25%": _kept, "video": _video}


def _rows(config: Config, size: str, shape: dict, ways: dict, device, peak: float | None) -> list[dict]:
    """All ways of one size, in turn."""
    built = {name: way for name, make in ways.items() if (way := make(config, shape, device)) is not None}
    seconds: dict[str, list[float]] = {name: [] for name in built}
    for _ in range(config.repeats + 1):
        for name, way in built.items():
            seconds[name].append(_timed(way.step, device))
    rows = []
    for name, way in built.items():
        mine = seconds[name][1:]
        rate = 3 * way.flops / min(mine) / 1e12
        row = {
            "size": size,
            "way": name,
            "gflop_forward": way.flops / config.batch_size / 1e9,
            "images_per_s": config.batch_size / min(mine),
            "images_per_s_median": config.batch_size / statistics.median(mine),
            "tflops": rate,
            "mfu": rate / peak if peak else None,
        }
        if name != "transformers" and "transformers" in built:
            theirs = seconds["transformers"][1:]
            row["to_transformers"] = min(theirs) / min(mine)
            row["to_transformers_median"] = statistics.median(t / m for t, m in zip(theirs, mine, strict=True))
        rows.append(row)
    return rows


def _timed(step: Callable[[], None], device) -> float:
    """Seconds of a step."""
    import torch

    if device.type == "cpu":
        begin = time.process_time()
        step()
        return time.process_time() - begin
    torch.cuda.synchronize(device)
    begin = time.perf_counter()
    step()
    torch.cuda.synchronize(device)
    return time.perf_counter() - begin


def _device(name: str) -> "torch.device":
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise ArgumentError("`--device cuda`: PyTorch finds no GPU here.")
    return torch.device("cuda" if name == "cuda" or (name == "auto" and torch.cuda.is_available()) else "cpu")


def _peak_of(device) -> float | None:
    import torch

    if device.type == "cpu":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak for part, peak in PEAK_TFLOPS.items() if part in name), None)


def _line(row: dict) -> str:
    mfu = "" if row["mfu"] is None else f"{100 * row['mfu']:.1f}%"
    ratios = f"   {row['to_transformers']:.3f}x {row['to_transformers_median']:.3f}x" if "to_transformers" in row else ""
    speeds = (
        f"{row['gflop_forward']:7.1f}{row['images_per_s']:10.2f}{row['images_per_s_median']:9.2f}{row['tflops']:9.3f}{mfu:>7}"
    )
    return f"{row['size']:<8}{row['way']:<14}{speeds}{ratios}"


def _write(config: Config, rows: list[dict], device) -> None:
    import torch

    from simtouch.stream.provenance import provenance

    told = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(config).items()}
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()}, one thread"
    made_by = {**provenance(), "torch": torch.__version__, "device": name}
    config.out.parent.mkdir(parents=True, exist_ok=True)
    config.out.write_text(json.dumps({"config": told, "made_by": made_by, "rows": rows}, indent=2) + "\n", encoding="utf-8")
