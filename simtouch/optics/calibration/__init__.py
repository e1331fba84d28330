"""Calibration: ball presses of a real sensor in, its colour response out."""
