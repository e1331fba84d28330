"""An independent judge of pictures: tactile image in, slopes of the gel out, by a small network from colour and place to slope.

    (a_x, a_y) = net(B / 255, G / 255, R / 255, column / W, row / H)                                (1)
    g = tan a(image) - tan a(background)                                                            (2)
    e = angle between (-g_x, -g_y, 1) and (-G_x, -G_y, 1)                                             (3)

G is the true slope of `height_m`, e the slope angle error. Such networks read heights from real sensors (gs_sdk, gsrobotics); a render of
a known surface that they misread differs from the real thing where it counts. They cannot render. `read_inverse` takes a user's weights,
`train_inverse` fits one to real presses of a ball: exact cap inside the circle, flat well outside; the rim between teaches nothing.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from simtouch._checks import ArgumentError, ShapeError, as_array
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.importers.torch_weights import read_state_dict

LAYOUTS = {
    (5, 32, 32, 32, 2): "angles",  # gs_sdk
    (5, 128, 32, 32, 2): "angles",  # its 1x1 convolutions with batch norm
    (5, 64, 64, 64, 2): "slopes",  # gsrobotics
}
"""Sizes of the layers that are read, and what the network answers."""
RIM = (1.0, 2.0)
"""Circle radii between which the gel is free and yet not flat: no training there."""


@dataclass(frozen=True, eq=False)
class Inverse:
    """The network of (1) and how to read its answers."""

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    """(weight, bias) of linear layers with ReLU between."""
    answers: str = "angles"
    sign: float = 1.0
    """1 if its slopes are those of `height_m`, negative where pressed in; -1 if its heights grow where pressed in."""

    def slope(self, image: np.ndarray, background: np.ndarray) -> np.ndarray:
        """Slopes dh/dx, dh/dy (2) of a tactile image, float32, (H, W, 2); both RGB, uint8 or grey levels, (H, W, 3)."""
        image = as_array("image", image, "H W 3")
        background = as_array("background", background, "H W 3", H=image.shape[0], W=image.shape[1])
        with torch.no_grad():
            pressed, rest = (self._slope(torch.from_numpy(_features(picture))) for picture in (image, background))
        return (self.sign * (pressed - rest)).numpy()

    def _slope(self, features: torch.Tensor) -> torch.Tensor:
        out = forward(self.layers, features)
        return torch.tan(out.clamp(-1.5, 1.5)) if self.answers == "angles" else out

    def settled(self, presses: PressSet) -> "Inverse":
        """The same with the sign that presses with circles ask for."""
        agreement = 0.0
        for k in range(min(len(presses), 8)):
            slope, touched = cap_slope(presses, k)
            agreement += float(np.sum(self.slope(presses.images[k], presses.rest)[touched] * slope[touched]))
        return self if agreement >= 0 else replace(self, sign=-self.sign)


def slope_angle_error(inverse: Inverse, image, background, slope, touched) -> np.ndarray:
    """Errors (3) [degrees] over the touched pixels, (N,).

    Args:
        inverse: The judge.
        image, background: Tactile image and the same sensor at rest, RGB, (H, W, 3).
        slope: True slopes dh/dx, dh/dy of `height_m`, (H, W, 2).
        touched: Where to judge, bool, (H, W).
    """
    found = inverse.slope(image, background)
    slope = as_array("slope", slope, "H W 2", H=found.shape[0], W=found.shape[1])
    touched = as_array("touched", touched, "H W", bool, H=found.shape[0], W=found.shape[1])
    a, b = (np.concatenate([-g[touched].astype(float), np.ones((touched.sum(), 1))], -1) for g in (found, slope))
    a, b = (v / np.linalg.norm(v, axis=-1, keepdims=True) for v in (a, b))
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.sum(a * b, -1)))


def forward(layers, features: torch.Tensor) -> torch.Tensor:
    """Linear layers with ReLU between."""
    for k, (weight, bias) in enumerate(layers):
        features = torch.nn.functional.linear(features, weight, bias)
        if k < len(layers) - 1:
            features = torch.relu(features)
    return features


def cap_slope(presses: PressSet, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Slopes of press k, (H, W, 2), exact on the cap of the ball and 0 around it, and where it touches, (H, W)."""
    (H, W), (cx, cy, radius) = presses.image_shape, presses.circles[k]
    y, x = np.mgrid[:H, :W]
    offset = np.stack([x - cx, y - cy], -1)
    rho2 = np.sum(offset**2, -1)
    touched = rho2 < radius**2
    ball = presses.ball_radius_m / presses.pixel_pitch_m
    slope = offset / np.sqrt(ball**2 - np.minimum(rho2, radius**2))[..., None]
    return np.where(touched[..., None], slope, 0.0), touched


def train_inverse(
    presses: PressSet, *, seed: int = 0, steps: int = 4000, batch: int = 4096, pixels: int = 4000, layout=(5, 32, 32, 32, 2)
) -> Inverse:
    """Fit a judge to real presses of a ball.

    Args:
        presses: Pictures with circles, ball radius and pixel pitch.
        seed: Of the weights, the pixels and the batches.
        steps, batch: Gradient steps (Adam, cosine rate), pixels a step.
        pixels: Pixels taken of each press, half of them inside the circle.
        layout: Sizes of the layers.
    """
    rng = np.random.default_rng(seed)
    features, angles = _training_pixels(presses, pixels, rng)
    generator = torch.Generator().manual_seed(seed)
    layers = tuple(
        (
            ((torch.rand(b, a, generator=generator) * 2 - 1) * (6 / a) ** 0.5).requires_grad_(),
            torch.zeros(b, requires_grad=True),
        )
        for a, b in pairwise(layout)
    )
    adam = torch.optim.Adam([p for layer in layers for p in layer], lr=4e-3)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
    for _ in range(steps):
        at = torch.randint(len(features), (batch,), generator=generator)
        loss = torch.nn.functional.smooth_l1_loss(forward(layers, features[at]), angles[at], beta=0.05)
        adam.zero_grad()
        loss.backward()
        adam.step()
        rate.step()
    return Inverse(layers=tuple((weight.detach(), bias.detach()) for weight, bias in layers))


def _training_pixels(presses: PressSet, pixels: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs (N, 5) and angles (N, 2) of pixels inside the circles and well outside."""
    features, angles = [], []
    for k in range(len(presses)):
        slope, touched = cap_slope(presses, k)
        x, y, radius = presses.circles[k]
        row, column = np.indices(presses.image_shape)
        far = (column - x) ** 2 + (row - y) ** 2 > (RIM[1] * radius) ** 2
        inputs = _features(presses.images[k].astype(np.float32))
        for where in (touched, far):
            candidates = np.flatnonzero(where)
            picked = rng.choice(candidates, min(pixels // 2, len(candidates)), replace=False)
            features.append(inputs.reshape(-1, 5)[picked])
            angles.append(np.arctan(slope.reshape(-1, 2)[picked]).astype(np.float32))
    return torch.from_numpy(np.concatenate(features)), torch.from_numpy(np.concatenate(angles))


def _features(image: np.ndarray) -> np.ndarray:
    """Inputs of (1), float32, (H, W, 5), of an RGB image."""
    H, W = image.shape[:2]
    place = np.stack(np.meshgrid(np.arange(W) / W, np.arange(H) / H), -1)
    return np.concatenate([image[..., ::-1] / 255, place], -1).astype(np.float32)


def read_inverse(path: str | Path) -> Inverse:
    """Read a user's .pth of one of `LAYOUTS`: linear layers or 1x1 convolutions, batch norm folded in. Settle its sign on presses."""
    groups: dict[str, dict[str, np.ndarray]] = {}
    for name, array in read_state_dict(path).items():
        prefix, _, what = name.rpartition(".")
        groups.setdefault(prefix, {})[what] = array
    layers: list[tuple[np.ndarray, np.ndarray]] = []
    for prefix, group in groups.items():
        if "running_mean" in group:
            if not layers:
                raise ShapeError(f"`{path}` begins with the batch norm `{prefix}`; a layer must come before it.")
            layers[-1] = _folded(path, prefix, *layers[-1], group)
        else:
            layers.append(_linear(path, prefix, group))
    sizes = tuple(w.shape[1] for w, _ in layers) + tuple(w.shape[0] for w, _ in layers[-1:])
    if sizes not in LAYOUTS or any(a.shape[0] != b.shape[1] for (a, _), (b, _) in pairwise(layers)):
        known = ", ".join("-".join(map(str, layout)) for layout in LAYOUTS)
        raise ShapeError(f"`{path}` must have layers of sizes {known}; got {'-'.join(map(str, sizes))[:60]}.")
    if not all(np.isfinite(array).all() for layer in layers for array in layer):
        raise ArgumentError(f"`{path}` holds NaN or infinity.")
    tensors = tuple((torch.tensor(w, dtype=torch.float32), torch.tensor(b, dtype=torch.float32)) for w, b in layers)
    return Inverse(layers=tensors, answers=LAYOUTS[sizes])


def _linear(path, prefix: str, group: dict) -> tuple[np.ndarray, np.ndarray]:
    weight, bias = (group.get(name, np.zeros(0)).astype(float) for name in ("weight", "bias"))
    if weight.ndim == 4 and weight.shape[2:] == (1, 1):
        weight = weight[:, :, 0, 0]
    if weight.ndim != 2 or bias.shape not in ((weight.shape[0],), (0,)):
        raise ShapeError(f"`{path}`: `{prefix}` must be a linear layer or a 1x1 convolution; got weight {weight.shape}.")
    return weight, bias if bias.size else np.zeros(len(weight))


def _folded(path, prefix: str, weight, bias, group: dict) -> tuple[np.ndarray, np.ndarray]:
    """A layer followed by batch norm, as one layer."""
    mean, var = (group.get(name, np.zeros(0)).astype(float) for name in ("running_mean", "running_var"))
    gain, shift = (group.get(name, fill).astype(float) for name, fill in (("weight", np.ones(1)), ("bias", np.zeros(1))))
    if any(a.shape not in ((len(weight),), (1,)) for a in (mean, var, gain, shift)) or not (var >= 0).all():
        raise ShapeError(f"`{path}`: the batch norm `{prefix}` must have {len(weight)} channels; got {mean.shape}.")
    scale = gain / np.sqrt(var + 1e-5)
    return weight * scale[:, None], (bias - mean) * scale + shift
