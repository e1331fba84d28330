"""PyAV, the optional package for video: everything that needs it comes here for it."""

from typing import Any

from simtouch._checks import MissingExtraError


def load_av() -> Any:
    """The module `av`; raise `MissingExtraError` if it is not installed."""
    try:
        import av
    except ImportError as error:
        raise MissingExtraError("Video needs PyAV: `pip install 'simtouch[video]'`.") from error
    av.logging.set_level(None)  # errors come as exceptions; libav's own lines would break the progress bar
    return av
