"""One split of a set of presses: what to fit and predict in, rows of the table, pictures and the probe's features out."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from simtouch._checks import ArgumentError
from simtouch.fidelity_page import Picture
from simtouch.fidelity_renders import GelRender, OpticsRender, drift_of, noise_of, of_this_unit, resting_picture, spec_of_presses
from simtouch.fidelity_rows import IN_SAMPLE, Row, marked, score_row
from simtouch.optics.calibration.presses import PressSet
from simtouch.optics.calibration.refine import place_circles, refine_circles
from simtouch.optics.calibration.rest_picture import rest_picture
from simtouch.optics.calibration.table_fit import FitConfig, fit_table
from simtouch.optics.realness import features
from simtouch.sensors import SensorSpec

Mode = Literal["optics", "gel"]
Render = OpticsRender | GelRender
NAMES: dict[Mode, str] = {"optics": "optics only", "gel": "gel + optics"}
Circles = Literal["labels", "auto", "fitted"]
CIRCLES: dict[Circles, str] = {
    "labels": "",
    "auto": "automatic circles",
    "fitted": "automatic circles, in test presses placed by their own pictures",
}
"""Said beside the rows; the contact of L1c is the circle in use."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is predicted, and how."""

    sensor: SensorSpec | None
    """At the resolution of the presses; None: only what the fit knows."""
    places: tuple[int, ...]
    """Place of each press in the folder's sorted order, which the split counts."""
    rejected: dict[str, str]
    """Why presses of the folder were left out, by name."""
    fit: FitConfig | None
    """Fit the colour response to the training presses; None: take the sensor's."""
    modes: tuple[Mode, ...]
    circles: Circles = "labels"
    """Where the circles of the presses come from; `fitted`: they are still to be refined and placed by the fit."""
    background: Literal["presses", "rest", "sensor"]
    """The resting picture: made of the training presses, the no-contact frame, or the sensor's own."""
    in_sample: bool = False
    probe: bool = False
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Split:
    """What came of one split."""

    start: int
    training: tuple[str, ...]
    test: tuple[str, ...]
    rows: tuple[Row, ...]
    in_sample_rows: tuple[Row, ...] = ()
    rest: dict[str, int]
    """By mode, how many values of the resting gel's image differ from the background."""
    noise_std: tuple[float, float, float]
    """Of the pixel noise given to the probe's renders [grey levels, RGB]."""
    exposure_drift: float
    """Of the brightness of the probe's renders [share]."""
    pictures: tuple[Picture, ...] = field(repr=False)
    real_features: tuple[dict, ...] = field(default=(), repr=False)
    rendered_features: dict[Mode, tuple[dict, ...]] = field(default_factory=dict, repr=False)


def run_split(presses: PressSet, task: Task, start: int, every: int, tick: Callable[[], None] = lambda: None) -> Split:
    """Fit on the training presses if asked to, predict the test presses, score.

    Args:
        presses: With circles and names.
        task: What to do.
        start, every: Test = every `every`-th press of the folder from `start` on.
        tick: Called after each rendered press.
    """
    is_test = np.array(task.places) % every == start
    if not is_test.any() or is_test.all():
        raise ArgumentError(f"the split from {start} has no {'training' if is_test.any() else 'test'} press left.")
    training, test = presses.pick(np.flatnonzero(~is_test)), presses.pick(np.flatnonzero(is_test))
    spec, surface, background, training, test = _sensor(task, presses, training, test)
    said = CIRCLES[task.circles]
    rest_name = "no-contact frame alone"
    rows, in_sample, pictures, differ = [], [], [], {}
    alone = [(rest_name, presses.rest)]
    renders: dict[Mode, Render] = {mode: _render(mode, spec, presses, surface) for mode in task.modes}
    resting = resting_picture(spec, next(iter(renders.values())))
    if not np.array_equal(resting, presses.rest):
        alone.append((f"resting picture alone ({background})", resting))
    for name, picture in alone:
        rows.append(score_row(name, test, [picture] * len(test), is_background=True, note=said))
        in_sample += [score_row(name, training, [picture] * len(training), is_background=True)] if task.in_sample else []
    for mode, render in renders.items():
        differ[mode] = int((render.rest() != resting).sum())
        name = NAMES[mode] + (f", fitted on {len(training)}" if task.fit else "")
        images = _images(render, test, tick)
        row = score_row(name, test, images, note=said)
        rows.append(row)
        pictures += [_picture(test, k, row, images[k]) for k in range(len(test))]
        if task.in_sample:
            in_sample.append(score_row(name, training, _images(render, training, tick), note=IN_SAMPLE if task.fit else ""))
    probe = _probe_features(task, spec, presses, surface, test, resting, tick) if task.probe else {}
    return Split(
        start=start,
        training=training.names,
        test=test.names,
        rows=tuple(marked(rows)),
        in_sample_rows=tuple(marked(in_sample)),
        rest=differ,
        noise_std=spec.camera.noise_std,
        exposure_drift=spec.camera.exposure_drift,
        pictures=tuple(pictures),
        **probe,
    )


def _sensor(task: Task, presses: PressSet, training: PressSet, test: PressSet):
    """The sensor that predicts; thickness [m] and Poisson's ratio of its layer; what its resting picture is; the presses, their
    circles refined and placed if they are to be."""
    source = {"presses": "training presses", "rest": "no-contact frame", "sensor": "sensor"}[task.background]
    if task.fit is None:
        gel, spec = task.sensor.gel, task.sensor
        if task.background != "sensor":
            picture = rest_picture(training)[0] if task.background == "presses" else presses.rest
            spec = of_this_unit(spec, picture)
        return spec, (gel.thickness_m, gel.poisson_ratio), source, training, test
    if task.circles == "fitted":
        training = refine_circles(training, task.fit)
    found = fit_table(training, task.fit)
    if task.circles == "fitted":
        test = replace(test, circles_px=place_circles(test, found, task.fit))
    surface = task.fit.thickness_m, task.fit.poisson_ratio
    spec = task.sensor or spec_of_presses(presses, surface)
    camera = {
        "noise_std": noise_of(training, found.background),
        "exposure_drift": drift_of(found.far_levels, found.background),
    }
    spec = of_this_unit(spec, found.background, **camera)
    return replace(spec, response=found.table), surface, source, training, test


def _render(mode: Mode, spec: SensorSpec, presses: PressSet, surface: tuple[float, float], **noise) -> Render:
    if mode == "gel":
        return GelRender(spec, presses.ball_radius_m, **noise)
    return OpticsRender(spec, presses.ball_radius_m, surface, **noise)


def _images(render: Render, presses: PressSet, tick: Callable[[], None]) -> list[np.ndarray]:
    images = []
    for circle in presses.circles:
        images.append(render.image(circle))
        tick()
    return images


def _picture(test: PressSet, k: int, row: Row, image: np.ndarray) -> Picture:
    one = row.each[k]
    said = f"L1 {one.l1:.2f}, PSNR {one.psnr:.2f} dB, SSIM {one.ssim:.4f}, L1c {one.l1c:.2f}"
    return Picture(test.names[k], row.name, test.images[k], image, tuple(test.circles[k]), said)


def _probe_features(task: Task, spec, presses, surface, test: PressSet, resting: np.ndarray, tick) -> dict:
    """Features of the real test frames and of their renders with the noise and the drift of the camera."""
    found = {}
    for mode in task.modes:
        noisy = _render(mode, spec, presses, surface, noise=True, seed=task.seed)
        images = _images(noisy, test, tick)
        found[mode] = tuple(features(i, resting, c) for i, c in zip(images, test.circles, strict=True))
    real = tuple(features(i, resting, c) for i, c in zip(test.images, test.circles, strict=True))
    return {"real_features": real, "rendered_features": found}
