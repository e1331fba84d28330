"""Self-supervised objectives, one a file: windows in, a loss out. `ALGORITHMS` of `simtouch.models.ssl.algorithms` names them."""
