"""Networks that read touch: windows of tactile images in, features out."""

from simtouch._checks import MissingExtraError

try:
    import safetensors  # noqa: F401
    import torch  # noqa: F401
except ImportError as error:
    raise MissingExtraError(f"simtouch.models needs PyTorch and safetensors ({error}): pip install 'simtouch[train]'") from error

from simtouch.models.vit import SIZES, EncoderConfig, Tokens, VisionTransformer

__all__ = ["SIZES", "EncoderConfig", "Tokens", "VisionTransformer"]
