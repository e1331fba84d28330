"""Pretraining: recordings and streams in, an encoder out. `python -m simtouch.pretrain` is its command line."""
