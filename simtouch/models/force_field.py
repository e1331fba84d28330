"""The force field of a contact: what four blocks of an encoder say of each patch in, a normal and a shear map of the image out.

A dense prediction transformer: the four grids of tokens are brought to 4, 2, 1 and 1/2 times their size (`reassembles`), and joined
from the coarsest to the finest (`fusions`),

    r(x) = relu x + conv2 relu conv1 relu x,    F_i = up(r2_i(r1_i(x_i) + F_(i+1)))        (1)

after which two convolutions and a nearest-neighbour step to twice the size give the maps. The published fusion's ReLU works in place,
hence relu x, not x, in (1). Names of weights are those of the published decoder. Ref: Ranftl et al., "Vision transformers for dense
prediction", ICCV 2021; the layout of the last part after Godard et al., "Digging into self-supervised monocular depth", ICCV 2019.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from simtouch._checks import ArgumentError, ShapeError

NORM_EPS = 1e-5
_WIDTH, _SHEAR_WIDTH = 128, 64
_LEVELS = 4


class ForceFieldDecoder(nn.Module):
    """Tokens of four blocks to the force field, (normal (B, 1, 16 h, 16 w) in (0, 1), shear (B, 2, 16 h, 16 w) within +-shear_range).

    Args:
        embed_dim: D of the encoder.
        grid: Patches along rows and columns (h, w), both even; (14, 14) are the published 224x224 pixels.
        width: Channels of the maps while they are joined.
        hooks: Which blocks of the encoder the tokens are of, see `VisionTransformer.intermediate`.
        shear_range: Largest shear, in the unit of whoever trained it: pixels of optical flow in the published one.
    """

    def __init__(self, embed_dim: int, *, grid=(14, 14), width: int = 128, hooks=(2, 5, 8, 11), shear_range: float = 20.0):
        super().__init__()
        if any(n < 2 or n % 2 for n in grid):
            raise ArgumentError(
                f"`grid` must be two even numbers, for the coarsest map has half as many patches; got {tuple(grid)}."
            )
        if len(hooks) != _LEVELS:
            raise ArgumentError(f"`hooks` must name {_LEVELS} blocks; got {tuple(hooks)}.")
        self.grid, self.hooks, self.shear_range = tuple(grid), tuple(hooks), float(shear_range)
        self.norm = nn.LayerNorm(embed_dim, eps=NORM_EPS)
        self.reassembles = nn.ModuleList(_Reassemble(embed_dim, width, level) for level in range(_LEVELS))
        self.fusions = nn.ModuleList(_Fusion(width) for _ in range(_LEVELS))
        self.probe = _Maps(width, shear_range)

    def forward(self, tokens: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """See the class.

        Args:
            tokens: Of the four blocks, early to late, each (B, R + h w, D): the patches come last, registers are left out.
        """
        h, w = self.grid
        if len(tokens) != _LEVELS or any(t.ndim != 3 or t.shape[1] < h * w for t in tokens):
            shapes = [tuple(t.shape) for t in tokens]
            raise ShapeError(f"`tokens` must be {_LEVELS} tensors (B, N, D) with N >= {h * w}; got {shapes}.")
        maps = [self.norm(t[:, -h * w :]).transpose(1, 2).unflatten(2, (h, w)) for t in tokens]
        joined = None
        for level in reversed(range(_LEVELS)):
            joined = self.fusions[level](self.reassembles[level](maps[level]), joined)
        return self.probe(joined)


class _Reassemble(nn.Module):
    """Tokens as a map (B, D, h, w) to a map of the level's size: 4, 2, 1, 1/2 times as large."""

    def __init__(self, embed_dim: int, width: int, level: int):
        super().__init__()
        self.resample = nn.Module()
        self.resample.conv1 = nn.Conv2d(embed_dim, width, 1)
        if level < 2:
            self.resample.conv2 = nn.ConvTranspose2d(width, width, 4 >> level, stride=4 >> level)
        elif level == 3:
            self.resample.conv2 = nn.Conv2d(width, width, 2, stride=2)
        else:
            self.resample.conv2 = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.resample.conv2(self.resample.conv1(x))


class _Residual(nn.Module):
    """r of (1)."""

    def __init__(self, width: int):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(x)
        return x + self.conv2(F.relu(self.conv1(x)))


class _Fusion(nn.Module):
    """(1)."""

    def __init__(self, width: int):
        super().__init__()
        self.res_conv1 = _Residual(width)
        self.res_conv2 = _Residual(width)

    def forward(self, x: torch.Tensor, coarser: torch.Tensor | None) -> torch.Tensor:
        joined = self.res_conv1(x) if coarser is None else self.res_conv1(x) + coarser
        return F.interpolate(self.res_conv2(joined), scale_factor=2, mode="bilinear", align_corners=True)


class _Maps(nn.Module):
    """The joined map (B, width, 8 h, 8 w) to normal and shear."""

    def __init__(self, width: int, shear_range: float):
        super().__init__()
        self.shear_range = shear_range
        self.upconv_0 = _named(conv=_mirrored(width, _WIDTH))
        self.upconv_1 = _named(conv=_mirrored(_WIDTH + width, _WIDTH))
        self.dispconv = _mirrored(_WIDTH, 1)
        self.shear_mlp = nn.Sequential(_mirrored(_WIDTH, _SHEAR_WIDTH), nn.GELU(), _mirrored(_SHEAR_WIDTH, 2))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = F.elu(self.upconv_0(x))
        y = F.elu(self.upconv_1(torch.cat([y, x], 1)))
        y = F.interpolate(y, scale_factor=2)
        return self.dispconv(y).sigmoid(), self.shear_range * self.shear_mlp(y).tanh()


def _mirrored(inputs: int, outputs: int) -> nn.Sequential:
    """A 3x3 convolution that sees the image mirrored beyond its rim."""
    return _named(conv=nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect"))


def _named(**modules: nn.Module) -> nn.Sequential:
    """Modules one after the other, under the names that the published weights have."""
    chain = nn.Sequential()
    for name, module in modules.items():
        chain.add_module(name, module)
    return chain
