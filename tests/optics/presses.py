"""Gel surfaces for the tests: a sphere pressed into an elastic half-space, a step."""

import numpy as np


def hertz_px(shape, radius_px, depth_px, centre) -> np.ndarray:
    """Surface [px], shape (H, W): the sphere inside the contact, Hertz outside; negative where pressed in."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    r, a = np.hypot(x - centre[0], y - centre[1]), np.sqrt(radius_px * depth_px)
    far = np.maximum(r, a)
    outside = (a * np.sqrt(far**2 - a**2) + (2 * a**2 - far**2) * np.arcsin(a / far)) / (np.pi * radius_px)
    return -np.where(r < a, depth_px - r**2 / (2 * radius_px), outside).astype(np.float32)


def press_m(spec, *, radius_m=3e-3, depth_m=0.8e-3, centre_m=(0.5e-3, -1e-3)) -> np.ndarray:
    """The same in metres on the image of a sensor."""
    pitch, (H, W) = spec.camera.pixel_pitch_m, spec.image_shape
    centre = centre_m[0] / pitch + (W - 1) / 2, centre_m[1] / pitch + (H - 1) / 2
    return hertz_px((H, W), radius_m / pitch, depth_m / pitch, centre) * np.float32(pitch)
