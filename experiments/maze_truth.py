"""Is the bead maze what it claims to be? Shear in the image, creep, an expert that needs touch, resets and speed.

    python experiments/maze_truth.py                     # all of it: about 10 minutes on an idle core
    python experiments/maze_truth.py --parts shear creep
    python experiments/maze_truth.py --smoke             # seconds

shear   the bead is pushed across a straight wire; how far the patch moves in the image, dots near its middle, and the bead itself,
        against MuJoCo's shear: the slope should be 1/k of the springs. And the layer's shear against it: nothing forces them to agree.
creep   the bead is pulled along the wire with half of what friction carries, the hand held: how fast it creeps through the pads.
expert  unseen mazes with touch, with the hand's own motion alone, and blind.
reset   of a maze played before, and of a new one.
speed   control steps a second of one process, images included, by part, and the force error of the coarse gel.
film    the expert in one maze, scene beside both pads: film.jpg, and film.mp4 with the extra `video`. Needs OpenGL.

Writes result.json and table.md to runs/maze_truth/<name>.
"""

import importlib.util
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import gymnasium as gym
import numpy as np
import simtouch_envs  # noqa: F401
import tyro
from simtouch_envs.bead_maze.expert import BeadMazeExpert, ExpertConfig
from simtouch_envs.fingertips import FingertipConfig

import simtouch
from simtouch.stream.export.mp4 import Mp4Writer

ID = "simtouch/BeadMaze-v0"


@dataclass(frozen=True, kw_only=True)
class Config:
    parts: tuple[str, ...] = ("shear", "creep", "expert", "reset", "speed", "film")
    sensors: tuple[str, ...] = ("digit", "gelsight_mini")
    mazes: int = 100
    steps: int = 600
    """Timed steps a sensor and gel."""
    cells: tuple[int, ...] = (80, 40)
    name: str = "default"
    smoke: bool = False


def main(config: Config) -> None:
    if config.smoke:
        config = replace(config, mazes=2, steps=10, sensors=("digit",), name=f"{config.name}-smoke")
    rows: list[dict] = []
    for part in config.parts:
        for row in PARTS[part](config):
            rows.append({"part": part} | row)
            print(rows[-1], flush=True)
    out = Path("runs/maze_truth", config.name)
    out.mkdir(parents=True, exist_ok=True)
    told = {"config": asdict(config), "version": simtouch.__version__, "rows": rows}
    (out / "result.json").write_text(json.dumps(told, indent=1) + "\n")
    lines = [f"| {row['part']} | " + ", ".join(f"{k} {_text(v)}" for k, v in row.items() if k != "part") + " |" for row in rows]
    (out / "table.md").write_text("\n".join(["| part | measured |", "|---|---|", *lines, ""]))
    print(f"wrote {out}/result.json, table.md")


def _text(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def shear(config: Config):
    for sensor in (*config.sensors, "gelsight_mini_markers")[: 1 if config.smoke else None]:
        env = gym.make(ID, sensor=sensor, family="straight", force_budget_n=20.0, obs_type="tactile")
        maze = env.unwrapped
        env.reset(seed=0, options={"maze": 0})
        across = np.cross(maze.start_tangent, [0, 1, 0])
        for _ in range(6):  # through the clearance
            env.step(0.1 * across)
        told = [_reading(maze)]
        for step in range(12 if config.smoke else 60):
            env.step((0.08 if step < 45 else -0.08) * across)
            told.append(_reading(maze))
        springs = maze.pads.springs
        yield {"sensor": sensor, "shear_to_n": max(abs(float(t["shear_n"][1])) for t in told)} | _slopes(
            told, springs.shear_n_m[1]
        )


def _reading(maze) -> dict:
    """Of the left pad: image and forces, and places along y of its image."""
    frame, held = maze.touch.frame, maze.held
    pitch = maze.touch.spec.camera.pixel_pitch_m
    near = np.linalg.norm(frame.markers_px[0] * pitch - _centre_m(frame, maze), axis=1) < 1.2e-3
    flow = frame.flow_px[0][near].mean(0) * pitch if near.any() else np.full(2, np.nan)
    return {
        "change": cv2.GaussianBlur(frame.image[0].astype(float) - maze.touch.background, (0, 0), 1.0),
        "pitch_m": pitch,
        "shear_n": held.gel_force_n[0, :2].copy(),
        "layer_n": frame.force_n[0, :2].copy(),
        "bead_m": float(held.gel_T_held[0, 1, 3]),
        "flow_m": float(flow[1]),
    }


def _patch_m(told: list[dict]) -> np.ndarray:
    """How far the patch has moved in the image since the first, by phase correlation of each colour."""
    first = told[0]["change"]
    window = cv2.createHanningWindow(first.shape[1::-1], cv2.CV_64F)
    out = []
    for one in told:
        colours = [
            cv2.phaseCorrelate(*(np.ascontiguousarray(c[..., k]) for c in (first, one["change"])), window) for k in range(3)
        ]
        shifts, trust = np.array([shift[1] for shift, _ in colours]), np.array([trust for _, trust in colours])
        out.append(shifts @ trust / trust.sum() * one["pitch_m"])
    return np.array(out)


def _centre_m(frame, maze) -> np.ndarray:
    """Centre of pressure in the coordinates of pixels times pitch."""
    rows, cols = maze.touch.spec.image_shape
    pitch = maze.touch.spec.camera.pixel_pitch_m
    return frame.centre_of_pressure_m[0] + np.array([cols - 1, rows - 1]) * pitch / 2


def _slopes(told: list[dict], stiffness_n_m: float) -> dict:
    """Slope of places against MuJoCo's shear, times k: 1 is what the springs say."""
    force = np.array([t["shear_n"][1] for t in told])
    out = {}
    places = {
        "patch": _patch_m(told),
        "flow": np.array([t["flow_m"] for t in told]),
        "bead": np.array([t["bead_m"] for t in told]),
    }
    for name, place in places.items():
        if np.isfinite(place).all():
            slope = np.polyfit(force, place, 1)[0] * stiffness_n_m
            out |= {f"{name}_slope_k": float(slope), f"{name}_r": float(np.corrcoef(force, place)[0, 1])}
    layer = np.array([t["layer_n"][1] for t in told])
    return out | {"layer_rms_of_peak": float(np.sqrt(np.mean((layer - force) ** 2)) / np.abs(force).max())}


def creep(config: Config):
    import mujoco

    for sensor in config.sensors:
        maze = gym.make(ID, sensor=sensor, family="straight", obs_type="state").unwrapped
        maze.reset(seed=0, options={"maze": 0})
        model, data, along = maze.model, maze._data, maze.start_tangent
        springs = maze.pads.springs
        carried = 2 * springs.friction * maze.held.normal_force_n.mean()
        data.xfrc_applied[model.body("bead").id, :3] = 0.5 * carried * along
        second = round(1 / model.opt.timestep)
        mujoco.mj_step(model, data, second)
        begin = _apart_m(maze, data) @ along
        mujoco.mj_step(model, data, 5 * second)
        yield {
            "sensor": sensor,
            "creep_mm_s": float((_apart_m(maze, data) @ along - begin) / 5 * 1e3),
            "pull_n": float(0.5 * carried),
        }


def _apart_m(maze, data) -> np.ndarray:
    return data.body("bead").xpos - maze.hand_m()


def expert(config: Config):
    for feels in ("touch", "motion", "blind"):
        env = gym.make(ID, obs_type="force", split="test")
        player = BeadMazeExpert(env, ExpertConfig(feels=feels))
        ends = [_played(env, player, number) for number in range(config.mazes)]
        yield {
            "feels": feels,
            "mazes": config.mazes,
            "success": float(np.mean([end["is_success"] for end in ends])),
            "distance_cm": 100 * float(np.mean([end["distance_m"] for end in ends])),
            "peak_force_n": float(np.mean([end["peak_force_n"] for end in ends])),
            "largest_force_n": float(max(end["peak_force_n"] for end in ends)),
            "slip_mm": 1e3 * float(max(end["slip_m"] for end in ends)),
        }


def _played(env, player, number: int) -> dict:
    env.reset(seed=number, options={"maze": number})
    player.reset()
    while True:
        *_, terminated, truncated, info = env.step(player.act())
        if terminated or truncated:
            return info


def reset(config: Config):
    for obs_type in ("force", "tactile_state"):
        env = gym.make(ID, obs_type=obs_type)
        env.reset(seed=0, options={"maze": 0})
        fresh = [_timed_ms(lambda i=i, env=env: env.reset(seed=i, options={"maze": i})) for i in range(1, 21)]
        again = [_timed_ms(lambda i=i, env=env: env.reset(seed=i, options={"maze": i % 20})) for i in range(1, 101)]
        yield {"obs_type": obs_type, "new_ms": float(np.median(fresh)), "played_before_ms": float(np.median(again))}


def _timed_ms(act) -> float:
    begin = time.process_time()
    act()
    return (time.process_time() - begin) * 1e3


def speed(config: Config):
    for sensor in config.sensors:
        for cells in config.cells:
            env = gym.make(ID, sensor=sensor, obs_type="tactile_state", split="test", fingertips=FingertipConfig(cells=cells))
            bare = gym.make(ID, sensor=sensor, obs_type="state", split="test")
            _rate(env, 30)
            # In turns, so that whatever else the machine does falls on both alike.
            pairs = [(_rate(env, config.steps // 4), _rate(bare, config.steps // 4)) for _ in range(4)]
            ms, bare_ms = np.min(pairs, axis=0)
            yield {
                "sensor": sensor,
                "cells": cells,
                "steps_s": float(1e3 / ms),
                "ms": float(ms),
                "without_touch_ms": float(bare_ms),
                "touch_ms": float(ms - bare_ms),
            }
        yield {"sensor": sensor} | _coarse(sensor, 10 if config.smoke else 150)


def _rate(env, steps: int) -> float:
    """Milliseconds of the processor a step under the expert, resets left out."""
    player, spent, number = BeadMazeExpert(env), 0.0, 0
    ended = True
    for _ in range(steps):
        if ended:
            env.reset(seed=number, options={"maze": number % 5})
            player.reset()
            number += 1
        begin = time.process_time()
        *_, terminated, truncated, _ = env.step(player.act())
        spent += time.process_time() - begin
        ended = terminated or truncated
    return spent / steps * 1e3


def _coarse(sensor: str, steps: int) -> dict:
    """The 40 cell gel against the 80 cell gel along the same physics: shear force and picture."""
    envs = [gym.make(ID, sensor=sensor, obs_type="tactile", split="test", fingertips=FingertipConfig(cells=n)) for n in (80, 40)]
    for env in envs:
        env.reset(seed=0, options={"maze": 0})
    player = BeadMazeExpert(envs[0])
    player.reset()
    force, levels = [], []
    for _ in range(steps):
        action = player.act()
        for env in envs:
            env.step(action)
        fine, coarse = (env.unwrapped.touch.frame for env in envs)
        force.append((fine.force_n, coarse.force_n))
        levels.append(np.abs(fine.image.astype(int) - coarse.image).mean())
    fine, coarse = np.moveaxis(np.array(force), 1, 0)
    shear = np.abs(fine[..., :2]).max()
    return {
        "coarse_normal_error": float(np.abs(coarse[..., 2] / fine[..., 2] - 1).max()),
        "coarse_shear_rms_of_peak": float(np.sqrt(np.mean((coarse - fine)[..., :2] ** 2)) / shear),
        "coarse_image_levels": float(np.mean(levels)),
    }


def film(config: Config):
    env = gym.make(ID, sensor=config.sensors[0], obs_type="tactile", split="test", render_mode="rgb_array")
    player, shots = BeadMazeExpert(env), []
    env.reset(seed=0, options={"maze": 4})
    player.reset()
    ended = False
    while not ended and len(shots) < (4 if config.smoke else 400):
        shots.append(env.render())
        *_, terminated, truncated, info = env.step(player.act())
        ended = terminated or truncated
    out = Path("runs/maze_truth", config.name)
    out.mkdir(parents=True, exist_ok=True)
    rows = [np.concatenate([shots[int(share * (len(shots) - 1))] for share in pair], axis=1) for pair in ((0.1, 0.4), (0.7, 1.0))]
    cv2.imwrite(str(out / "film.jpg"), np.concatenate(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    if importlib.util.find_spec("av"):
        with Mp4Writer(out / "film.mp4", env.metadata["render_fps"]) as video:
            for shot in shots:
                video.write(shot)
    yield {"maze": info["maze"], "steps": len(shots), "success": info["is_success"]}


PARTS = {"shear": shear, "creep": creep, "expert": expert, "reset": reset, "speed": speed, "film": film}

if __name__ == "__main__":
    main(tyro.cli(Config))
