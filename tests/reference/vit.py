"""The encoder again, in NumPy and float64, written to be read: weights by name and windows in, features out."""

import numpy as np
from scipy.special import erf


def position_table(grid: tuple[int, ...], bands: np.ndarray, dim: int) -> np.ndarray:
    """Codes of the patches of a grid, (N, D): for each patch in order, of each axis the sines, then the cosines."""
    rows = []
    for place in np.ndindex(*grid):
        row = []
        for g, axis_bands in zip(place, bands, strict=True):
            row += [*np.sin(g * axis_bands), *np.cos(g * axis_bands)]
        rows.append(row[:dim])
    return np.array(rows)


def cut(window: np.ndarray, patch: tuple[int, ...]) -> tuple[np.ndarray, tuple[int, ...]]:
    """The numbers of each patch of one window (C, (T,) H, W), one patch a row, and the grid."""
    grid = tuple(n // p for n, p in zip(window.shape[1:], patch, strict=True))
    rows = []
    for place in np.ndindex(*grid):
        region = tuple(slice(g * p, (g + 1) * p) for g, p in zip(place, patch, strict=True))
        rows.append(window[(slice(None), *region)].ravel())
    return np.array(rows), grid


def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6) * weight + bias


def attention(x: np.ndarray, w: dict, heads: int) -> np.ndarray:
    """Self-attention over the tokens (N, D) of one window, head by head."""
    q, k, v = np.split(x @ w["qkv.weight"].T + w["qkv.bias"], 3, axis=1)
    d = x.shape[1] // heads
    mixed = []
    for h in range(heads):
        mine = slice(h * d, (h + 1) * d)
        scores = q[:, mine] @ k[:, mine].T / np.sqrt(d)
        share = np.exp(scores - scores.max(1, keepdims=True))
        mixed.append(share / share.sum(1, keepdims=True) @ v[:, mine])
    return np.concatenate(mixed, 1) @ w["proj.weight"].T + w["proj.bias"]


def mlp(x: np.ndarray, w: dict) -> np.ndarray:
    hidden = x @ w["fc1.weight"].T + w["fc1.bias"]
    return hidden * (1 + erf(hidden / np.sqrt(2))) / 2 @ w["fc2.weight"].T + w["fc2.bias"]


def encode(weights: dict, window: np.ndarray, *, heads: int, kept: np.ndarray | None = None) -> list[np.ndarray]:
    """Tokens (R + N, D) of one window: what the first block sees, what comes out of each block, and the last after its norm.

    Args:
        weights: float64 arrays under the names of the checkpoints.
        window: (C, (T,) H, W).
        heads: Of the attention.
        kept: Indices of the patches to look at; all by default.
    """
    kernel = weights["patch_embed.proj.weight"]
    numbers, grid = cut(window, kernel.shape[2:])
    x = numbers @ kernel.reshape(len(kernel), -1).T + weights["patch_embed.proj.bias"]
    learned = weights.get("pos_embed")
    x = x + (position_table(grid, weights["pos_embed.frequency_bands"], len(kernel)) if learned is None else learned[0])
    x = x if kept is None else x[kept]
    if "register_tokens" in weights:
        x = np.concatenate([weights["register_tokens"][0], x])
    tokens = [x]
    depth = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    for i in range(depth):
        w = part(weights, f"blocks.{i}.")
        branch = attention(layer_norm(x, w["norm1.weight"], w["norm1.bias"]), part(w, "attn."), heads)
        x = x + w.get("ls1.gamma", 1.0) * branch
        branch = mlp(layer_norm(x, w["norm2.weight"], w["norm2.bias"]), part(w, "mlp."))
        x = x + w.get("ls2.gamma", 1.0) * branch
        tokens.append(x)
    return [*tokens, layer_norm(x, weights["norm.weight"], weights["norm.bias"])]


def part(weights: dict, prefix: str) -> dict:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
