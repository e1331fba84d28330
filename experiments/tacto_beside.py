"""How do TACTO's images of the same contacts look beside ours, and how fast are both?

    PYOPENGL_PLATFORM=osmesa python experiments/tacto_beside.py     # minutes, a CPU; needs `make tacto`
    python experiments/tacto_beside.py --smoke                      # seconds

Writes docs/tacto.md and docs/tacto.jpg (or, with --smoke, runs/tacto_beside). One contact a clip: the frame where it is deepest.
"""

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import tyro

from simtouch import SENSORS, TactileSimulator, __version__, indenters
from simtouch.scenes import MOTIONS, make_scene
from simtouch.scenes.tacto_scene import TactoScene
from simtouch.stream.images import difference_image

COLUMNS, TILE_PX = 20, (72, 96)


@dataclass(frozen=True, kw_only=True)
class Config:
    contacts: int = 200
    sensor: str = "digit"
    seed: int = 0
    docs: Path = Path("docs")
    smoke: bool = False


def main(config: Config) -> None:
    if config.smoke:
        config = replace(config, contacts=4, docs=Path("runs/tacto_beside"))
    config.docs.mkdir(parents=True, exist_ok=True)
    sim = TactileSimulator(SENSORS[config.sensor])
    tacto = TactoScene(sim.spec, sim.background, seed=config.seed)
    rows, pairs = [], []
    for k in range(config.contacts):
        row, pair = contact(config, k, sim, tacto)
        rows.append(row)
        pairs.append(pair)
    result = summary(rows)
    sheet = picture(pairs)
    cv2.imwrite(str(config.docs / "tacto.jpg"), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    (config.docs / "tacto.md").write_text(page(config, result), encoding="utf-8")
    record = {"config": asdict(config) | {"docs": str(config.docs)}, "simtouch": __version__, "result": result, "rows": rows}
    runs = Path("runs/tacto_beside", "result.json")
    runs.parent.mkdir(parents=True, exist_ok=True)
    runs.write_text(json.dumps(record, indent=1), encoding="utf-8")
    print(json.dumps(result, indent=1))


def contact(config: Config, k: int, sim, tacto) -> tuple[dict, tuple[np.ndarray, np.ndarray]]:
    """One contact through both, with the process time of each."""
    rng = np.random.default_rng((config.seed, k))
    objects, motions = list(indenters.INDENTERS), list(MOTIONS)
    indenter = indenters.random_indenter(objects[k % len(objects)], rng)
    motion = motions[k % len(motions)]
    scene = make_scene(sim, indenter, motion, 16, rng)
    tacto.reset(indenter)
    ours_s, deepest = [], None
    sim.reset(indenter, seed=k)
    for pose, depth_m in zip(scene.path.poses, scene.path.depth_m, strict=True):
        begin = time.process_time()
        frame = sim.step_depth(pose, depth_m)
        if frame.contact_area_m2 > 0:
            ours_s.append(time.process_time() - begin)
        if deepest is None or frame.normal_force_n > deepest.normal_force_n:
            deepest = frame
    tacto.image(deepest.gel_T_indenter)  # its first picture of an object sends the mesh to OpenGL
    begin = time.process_time()
    theirs = tacto.image(deepest.gel_T_indenter)
    theirs_s = time.process_time() - begin
    apart = np.linalg.norm(centroid(deepest.image, sim.background) - centroid(theirs, sim.background))
    row = {"object": indenter.name, "motion": motion, "normal_force_n": float(deepest.normal_force_n), "touches": tacto.touches}
    row |= {"ours_s": float(np.mean(ours_s)), "theirs_s": theirs_s, "centroids_apart_px": float(apart)}
    return row, (deepest.image, theirs)


def centroid(image: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Where an image differs from the background, (column, row), weighted by how much beyond the noise."""
    change = np.abs(difference_image(image, background).astype(float) - 127).sum(-1)
    change = np.maximum(cv2.GaussianBlur(change, (0, 0), 3) - 12, 0)
    rows, cols = np.indices(change.shape)
    return np.array([(cols * change).sum(), (rows * change).sum()]) / max(change.sum(), 1e-9)


def summary(rows: list[dict]) -> dict:
    ours, theirs = (np.mean([row[name] for row in rows[1:]]) for name in ("ours_s", "theirs_s"))  # the first one compiles
    apart = [row["centroids_apart_px"] for row in rows]
    return {
        "contacts": len(rows),
        "found by pybullet": sum(row["touches"] for row in rows),
        "simtouch, frames/s of process time": round(1 / ours, 1),
        "TACTO, frames/s of process time": round(1 / theirs, 1),
        "ratio": round(theirs / ours, 1),
        "centroids of the change apart, px, median": round(float(np.median(apart)), 1),
        "centroids of the change apart, px, 90 %": round(float(np.percentile(apart, 90)), 1),
    }


def picture(pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """All contacts: ours above, TACTO's below, `COLUMNS` in a line."""
    tiles = [np.vstack([cv2.resize(image, TILE_PX, interpolation=cv2.INTER_AREA) for image in pair]) for pair in pairs]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    lines = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    gap = np.full((6, lines[0].shape[1], 3), 255, np.uint8)
    return np.vstack([part for line in lines for part in (line, gap)][:-1])


def page(config: Config, result: dict) -> str:
    table = "\n".join(f"| {name} | {value} |" for name, value in result.items())
    return f"""# TACTO beside simtouch

The same {config.contacts} contacts on a `{config.sensor}`: every shape and motion of the catalogue in turn, the deepest frame of each
clip. In each line simtouch is above and TACTO 0.0.3 below. TACTO sees the same poses through pybullet, with the same view, dome,
background and noise, and its own DIGIT's lamps. It has no gel: the object shows as far as it reaches through the resting surface.
Both are simulated.
Made by `python experiments/tacto_beside.py`, after `make tacto`.

![The same contacts through simtouch and TACTO](tacto.jpg)

| | |
|---|---|
{table}

Frames/s are of process time, in one run on one machine: simtouch's are whole steps with mechanics and all labels, frames in contact only;
TACTO's are pictures of a contact through software OpenGL, the object sent to it before. With a GPU TACTO draws faster.
"""


if __name__ == "__main__":
    main(tyro.cli(Config))
