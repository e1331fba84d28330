"""Does the stick fraction warn of slip, and does the gel's wrench agree with MuJoCo's? A gripper grasps, lifts and shakes objects.

    python experiments/gripper_slip.py            # about 10 minutes on one core: 20 trials for each of three sensors
    python experiments/gripper_slip.py --smoke    # a minute: 2 trials on one sensor

A finger slips (`Felt.gross_slip`) where the object moves over the pad by more than 1 mm/s. The stick fraction, 1 - slip_ratio, has fallen
in time where it is below a level in a frame after the squeeze and before that of the slip. Errors are rms, over the frames of both fingers
from first touch until either slips, of our force or torque less MuJoCo's, over the largest MuJoCo's in these frames: shear (fx, fy);
torque, all three components about the gel frame's origin; torsion, about z through the centre of pressure, in the trials whose torsion
passes a fifth of what friction could hold. `torque_of_limit` is the torque's rms over what friction could hold of torsion, as the torque
of an object held by its middle is next to nothing. Writes runs/gripper_slip/<name>/result.json.
"""

import json
import os
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import tyro

os.environ.setdefault("SIMTOUCH_TI_THREADS", "1")

import simtouch
from simtouch import indenters
from simtouch.scenes.gripper import SIDES, Grip, take
from simtouch.scenes.mujoco_scene import Felt
from simtouch.scenes.stage import Stage

TORSION_SHARE = 0.2  # of the torsion that friction could hold


@dataclass(frozen=True, kw_only=True)
class Config:
    name: str = "default"
    sensor: tuple[str, ...] = ("digit", "gelsight_mini", "gelsight_2017")
    trials: int = 20
    """Of each sensor."""
    clip_s: float = 1.0
    levels: tuple[float, ...] = (0.9, 0.5)
    """Stick fractions that warn."""
    follow_gel: bool = True
    """False: straight springs at the secant of the working force."""
    coupling_hz: float = 120.0
    """How often gel and MuJoCo are coupled; 0 is once a frame."""
    seed: int = 0
    smoke: bool = False


def main(config: Config) -> None:
    if config.smoke:
        config = replace(config, name="smoke", sensor=("gelsight_mini",), trials=2, clip_s=0.8)
    rows, summaries = [], []
    for sensor in config.sensor:
        of_sensor = on_sensor(config, sensor)
        summaries.append({"sensor": sensor, **summary(config, of_sensor)})
        print(json.dumps(summaries[-1], indent=1), flush=True)
        rows += of_sensor
    summaries.append({"sensor": "all", **summary(config, rows)})
    print(json.dumps(summaries[-1], indent=1))
    out = Path("runs/gripper_slip", config.name, "result.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    result = {"config": asdict(config), "version": simtouch.__version__, "summary": summaries, "trials": rows}
    out.write_text(json.dumps(result, indent=1))
    print(f"wrote {out}")


def on_sensor(config: Config, sensor: str) -> list[dict]:
    """A row for each trial."""
    sims = {side: simtouch.TactileSimulator(sensor) for side in SIDES}
    frames, rows = round(config.clip_s * sims[SIDES[0]].spec.camera.fps), []
    for trial in range(config.trials):
        rng = np.random.default_rng((config.seed, trial))
        stage = Stage(
            simulator=sims.__getitem__, frames=frames, rng=rng, indenter=indenters.random_indenter("gear", rng), any_side=False,
            turn=trial, seed=config.seed, sides=SIDES,
        )  # fmt: skip
        begun = time.process_time()
        grip = take(stage, use=(0.4, 1.8), shake=True, follow_gel=config.follow_gel, coupling_hz=config.coupling_hz)
        used = time.process_time() - begun
        rows.append(
            {"sensor": sensor, "trial": trial, "frames_per_s": 2 * frames / used, **measures(config, grip, sims[SIDES[0]])}
        )
        print(rows[-1], flush=True)
    return rows


def measures(config: Config, grip: Grip, sim: simtouch.TactileSimulator) -> dict:
    """What one trial shows."""
    onsets = {side: first([one.gross_slip for one in grip.felt[side]]) for side in SIDES}
    slipped = {side: onset for side, onset in onsets.items() if onset is not None}
    row = {"object": grip.thing.name, "grip_force_n": grip.plan.grip_force_n, "mass_kg": grip.plan.mass_kg, "onset_frame": onsets}
    squeezed = grip.time_s > grip.plan.squeeze_s[1]
    for level in config.levels:
        falls = {s: first(squeezed & np.array([1 - f.frame.slip_ratio < level for f in grip.felt[s]])) for s in SIDES}
        leads = [onset - falls[side] if falls[side] is not None else -1 for side, onset in slipped.items()]
        row[f"falls_below_{level:g}"] = any(fall is not None for fall in falls.values())
        row[f"lead_{level:g}_s"] = min(leads) / sim.spec.camera.fps if leads else None
    end = min(slipped.values(), default=len(grip.time_s))
    return row | errors([felt for side in SIDES for felt in grip.felt[side][:end]], grip, sim)


def errors(felt: list[Felt], grip: Grip, sim: simtouch.TactileSimulator) -> dict:
    """Errors of shear, torque and torsion over the frames that touch."""
    felt = [f for f in felt if -f.force_n[2] > 0.05 * grip.plan.grip_force_n]
    force, ours = (np.array([x.force_n for x in group]) for group in (felt, [f.frame for f in felt]))
    torque, our_torque = (np.array([x.torque_nm for x in group]) for group in (felt, [f.frame for f in felt]))
    centre = np.array([f.frame.centre_of_pressure_m for f in felt])
    about_z, ours_about_z = (
        t[:, 2] - centre[:, 0] * f[:, 1] + centre[:, 1] * f[:, 0] for t, f in ((torque, force), (our_torque, ours))
    )
    limit = grip.bushings[SIDES[0]].friction_length_m * grip.plan.grip_force_n
    twisted = np.abs(about_z).max() > TORSION_SHARE * limit
    return {
        "frames_compared": len(felt),
        "normal_error": relative(ours[:, 2:], force[:, 2:]),
        "shear_error": relative(ours[:, :2], force[:, :2]),
        "peak_shear_share": float(np.linalg.norm(force[:, :2], axis=1).max() / sim.spec.gel.friction / grip.plan.grip_force_n),
        "torque_error": relative(our_torque, torque),
        "torque_of_limit_error": float(np.sqrt(((our_torque - torque) ** 2).sum(1).mean()) / limit),
        "torsion_error": relative(ours_about_z[:, None], about_z[:, None]) if twisted else None,
    }


def relative(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Rms of the difference over the largest of theirs, of vectors (T, n)."""
    return float(np.sqrt(((ours - theirs) ** 2).sum(1).mean()) / np.linalg.norm(theirs, axis=1).max())


def first(flags) -> int | None:
    """Number of the first frame that is marked."""
    marked = np.flatnonzero(flags)
    return int(marked[0]) if marked.size else None


def summary(config: Config, rows: list[dict]) -> dict:
    """Shares over trials; errors as median, 90th percentile and share of trials within 10 %."""
    slipping = [row for row in rows if row[f"lead_{config.levels[0]:g}_s"] is not None]
    out = {"trials": len(rows), "slipping": len(slipping)}
    for level in config.levels:
        leads = [row[f"lead_{level:g}_s"] for row in slipping]
        out[f"stick_below_{level:g}_before_slip"] = float(np.mean([lead > 0 for lead in leads])) if leads else None
        out[f"median_lead_{level:g}_s"] = float(np.median(leads)) if leads else None
        holding = [row[f"falls_below_{level:g}"] for row in rows if row not in slipping]
        out[f"holding_trials_below_{level:g}"] = float(np.mean(holding)) if holding else None
    for name in ("normal", "shear", "torque", "torque_of_limit", "torsion"):
        values = np.array([row[f"{name}_error"] for row in rows if row.get(f"{name}_error") is not None])
        if values.size:
            out[f"{name}_error"] = {
                "trials": len(values), "rms": float(np.sqrt((values**2).mean())), "median": float(np.median(values)),
                "p90": float(np.quantile(values, 0.9)), "within_10_percent": float((values <= 0.1).mean()),
            }  # fmt: skip
    out["frames_per_s"] = float(np.median([row["frames_per_s"] for row in rows]))
    return out


if __name__ == "__main__":
    main(tyro.cli(Config))
