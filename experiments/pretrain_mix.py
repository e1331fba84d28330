"""Does simulated touch help an encoder that is to read real touch? Real-only, sim-only and real + sim, at equal steps.

    python -m simtouch.generate --sensor gelsight_mini --recipe sparsh-pretrain --total-frames 20000 --codec jpeg95 --seed 1 \\
        --out runs/mini20k
    python experiments/pretrain_mix.py            # about 50 minutes on two idle cores, half of it 9 pretrainings
    python experiments/pretrain_mix.py --smoke    # a minute: every arm, a few steps, few clips

Arms: `real` (octopi clips), `sim` (the stream), `real+sim` (half and half), `random` (same shape, untrained), `hog` and `pixels` (no
network). All classifiers are those of simtouch.tacbench.classifier: fitted to the training fold alone, strength by inner folds.

Identity of 67 objects, 4 folds by the clip's rank, with 1, 2, 4 (or as many as there are: 3 for most objects) and all training clips an
object; which clips is drawn by the row's seed, the same for all arms. Hardness, roughness and bumpiness of unseen objects, 4 x 5 folds.
What pretraining saw: no label. `real` and `real+sim` saw images of the clips of identity folds 1 to 3 and of all objects, without
labels, as anybody would use recordings that he has; clips of fold 0 were kept from them, and `id_unseen` is the identity on these
clips alone. Simulated force, shear and slip are probed on clips that no arm was pretrained on.

Rows: every arm and seed with its 95 % interval by bootstrap over objects (octopi) or clips (simulation); means below, gains seed by seed
in pairs. `early`: the same classifier on the untouched early frame, which tells sessions apart (DATA of the set: no object is in both).
Writes result.json, table.md and plot.png to --out; pretrainings and predictions are kept there, so that a broken run goes on.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

os.environ.setdefault("OMP_NUM_THREADS", "1")  # of each of the --jobs processes
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import torch
import tyro

import simtouch
from simtouch._checks import ArgumentError
from simtouch.models.features import encode
from simtouch.models.load import load_encoder
from simtouch.models.vit import VisionTransformer
from simtouch.tacbench import baselines, measures, octopi, simulated
from simtouch.tacbench.classifier import ClassifierConfig, ClipFeatures
from simtouch.tacbench.octopi_tasks import OctopiConfig, octopi_arrays
from simtouch.training.config import PretrainConfig
from simtouch.training.feed import FeedConfig
from simtouch.training.networks import encoder_config
from simtouch.training.presets import settled

SHARES = {"real": 0.0, "sim": 1.0, "real+sim": 0.5}
UNSEEN_FOLD = 0
PAIRS = (("real+sim", "real"), ("real+sim", "sim"), ("real", "random"), ("sim", "random"), ("real+sim", "random"))
FOLD_RULES = {
    "identity": "4 folds: rank of the clip in its object modulo 4; budgets are nested, drawn by (seed, fold, object)",
    "properties": "4 repeats of 5 folds by object, dealt out class by class; balanced accuracy",
    "unseen": f"identity on the clips of fold {UNSEEN_FOLD}, which no pretraining saw; of folds 1 to 3 and of the properties' objects "
    "`real` and `real+sim` saw images without labels",
    "simulated": "probes fitted to the split `train` (strength by 5-fold cross-validation by clip), tested on `val` and `test`",
}
PANELS = {
    "object, top-1, by training clips an object": ["id 1", "id 2", "id 4", "id all", "id unseen"],
    "balanced accuracy, unseen objects": list(octopi.PROPERTIES),
    "simulation: errors [N]": ["force", "shear"],
    "simulation: F1": ["slip"],
}


@dataclass(frozen=True, kw_only=True)
class Config:
    real: Path = Path(os.environ.get("SIMTOUCH_REAL", "../shared/real"), "octopi_gsmini")
    """Folder of the real clips."""
    sim: Path = Path("runs/mini20k")
    """A stream of the same sensor."""
    algorithm: Literal["mae", "dino", "dinov2", "ijepa", "vjepa"] = "mae"
    steps: int = 300
    """Of each pretraining."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Of pretraining, of the random encoder and of the clips that a budget takes."""
    budgets: tuple[int | None, ...] = (1, 2, 4, None)
    repeats: int = 4
    """Of the folds by object."""
    probe_windows: tuple[int, int] = (3000, 1500)
    """Of the stream, to fit probes to and to test them on."""
    strengths: tuple[float, ...] = ClassifierConfig().inverse_strengths
    """C of the classifiers, of which inner folds choose."""
    objects: int | None = None
    """Only the first so many."""
    jobs: int = 2
    """Processes side by side, one thread each."""
    arms: tuple[str, ...] = (*SHARES, "random", "hog", "pixels")
    out: Path = Path("runs/pretrain_mix")
    smoke: bool = False


@dataclass(frozen=True)
class Looked:
    """What is looked at of the real clips: features of frames of contact and of the early frame; and the stream's windows."""

    clips: list[octopi.OctopiClip]
    contact: dict[str, ClipFeatures]
    """By kind: `windows` (uint8, for encoders), `hog`, `pixels`."""
    early: dict[str, ClipFeatures]
    simulated: simulated.SimulatedWindows


def main(config: Config) -> None:
    if config.smoke:
        config = replace(
            config,
            out=config.out / "smoke",
            steps=2,
            seeds=(0,),
            budgets=(1, None),
            repeats=1,
            objects=9,
            probe_windows=(160, 80),
            strengths=(0.01,),
        )
    for folder, what in (
        (config.real, "the real clips: --real or $SIMTOUCH_REAL"),
        (config.sim, "the stream: see the top of this file"),
    ):
        if not folder.is_dir():
            raise ArgumentError(f"there is no `{folder}` ({what}).")
    config.out.mkdir(parents=True, exist_ok=True)
    pretraining = settled(PretrainConfig(algorithm=config.algorithm, steps=config.steps))
    begun, spent = time.monotonic(), {}
    looked = look(config, encoder_config(pretraining))
    spent["look_s"], begun = time.monotonic() - begun, time.monotonic()
    trained = pretrain_all(config, looked.clips)
    spent["pretrain_s"], begun = time.monotonic() - begun, time.monotonic()
    predictions = predict_all(config, looked, trained, encoder_config(pretraining))
    spent["predict_s"] = time.monotonic() - begun
    report(config, looked, trained, predictions, {k: round(v, 1) for k, v in spent.items()})


def look(config: Config, shape) -> Looked:
    """Decode once what all arms look at."""
    clips = octopi.read_clips(config.real)
    names = sorted({clip.object for clip in clips})[: config.objects]
    clips = [clip for clip in clips if clip.object in names]
    kind = "video" if shape.num_frames > 1 else "pair"
    contact, early = ({"windows": [], "hog": [], "pixels": []} for _ in range(2))
    for clip in clips:
        frames = octopi.read_frames(clip)
        contact["windows"].append(octopi.contact_windows(frames, shape.image_size, kind))
        early["windows"].append(octopi.early_window(frames, shape.image_size, kind))
        for name, features in (("hog", baselines.hog_and_colour), ("pixels", baselines.pixel_statistics)):
            contact[name].append(features(frames.contact, frames.early))
            early[name].append(features(frames.early[None]))
    window = FeedConfig(image_size=shape.image_size).window_spec(kind)
    fit, test = config.probe_windows
    stream = simulated.read_windows(config.sim, window, train=fit, test=test)
    return Looked(clips, *({k: of_clips(v) for k, v in kept.items()} for kept in (contact, early)), stream)


def of_clips(parts: list[np.ndarray]) -> ClipFeatures:
    return ClipFeatures(x=np.concatenate(parts), clip=np.repeat(np.arange(len(parts)), [len(part) for part in parts]))


def pretrain_all(config: Config, clips: list[octopi.OctopiClip]) -> dict[tuple[str, int], Path]:
    """The folder of every pretraining; those that are there already are taken as they are."""
    real = config.out / "real_clips"  # links: the clips that may be seen
    real.mkdir(exist_ok=True)
    for clip in clips:
        if clip.fold != UNSEEN_FOLD and not (real / clip.file.name).exists():
            (real / clip.file.name).symlink_to(clip.file.resolve())
    folders, commands = {}, []
    for seed in config.seeds:
        for arm in [arm for arm in SHARES if arm in config.arms]:
            folders[arm, seed] = config.out / f"{config.algorithm}-{config.steps}-{arm}-s{seed}"
            options = {
                "algorithm": config.algorithm,
                "preset": "laptop",
                "steps": config.steps,
                "seed": seed,
                "out": folders[arm, seed],
            }
            options |= {"synthetic-share": SHARES[arm], "monitor-every": 0 if config.smoke else config.steps}
            words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
            data = [f"--data={path}" for part, path in ((1 - SHARES[arm], real), (SHARES[arm], config.sim)) if part > 0]
            commands.append([sys.executable, "-m", "simtouch.pretrain", *words, *data, "--resume"])
    with ThreadPoolExecutor(config.jobs) as pool:
        list(pool.map(pretrain, commands))
    return folders


def pretrain(command: list[str]) -> None:
    out = Path(command[command.index("--out") + 1])
    begun = time.monotonic()
    with open(f"{out}.log", "a") as log:
        if subprocess.run(command, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"}).returncode:
            raise SystemExit(
                f"the pretraining of {out} failed, see {out}.log; the last lines:\n{Path(f'{out}.log').read_text()[-2000:]}"
            )
    print(f"pretrained {out.name}: {time.monotonic() - begun:.0f} s", flush=True)


def predict_all(config: Config, looked: Looked, trained: dict, shape) -> dict[tuple[str, int], dict[str, np.ndarray]]:
    """Predictions of every arm and seed; an arm's classifier on the early frame is an arm of its own."""
    found, waiting = {}, {}
    with ProcessPoolExecutor(config.jobs, mp_context=get_context("spawn")) as pool:
        for arm, seed, contact, early, sim in feature_sets(config, looked, trained, shape):
            repeated = arm in ("hog", "pixels") and seed != config.seeds[0]  # only the draw of clips depends on the seed
            budgets = tuple(b for b in config.budgets if b is not None or not repeated)
            octopi_config = OctopiConfig(budgets=budgets, repeats=config.repeats, seed=seed).with_strengths(config.strengths)
            waiting[arm, seed] = start(
                pool, config, arm, contact, looked.clips, octopi_config, () if repeated else octopi.PROPERTIES
            )
            if not repeated:
                found[arm, seed] = {} if sim is None else simulated.predict(looked.simulated, sim)
                own = replace(octopi_config, budgets=(None,))
                if early is not None:
                    waiting[f"{arm}, early", seed] = start(pool, config, f"{arm}, early", early, looked.clips, own)
            print(f"features of {arm}, seed {seed}", flush=True)
        for key, future in waiting.items():
            found[key] = found.get(key, {}) | future.result()
    found["constant", 0] = simulated.predict_constant(looked.simulated)
    return found


def feature_sets(config: Config, looked: Looked, trained: dict, shape):
    """(arm, seed, features of contact, of the early frame, of the stream's windows) of every arm and seed."""
    for arm in config.arms:
        for seed in config.seeds:
            if arm == "hog":
                yield arm, seed, looked.contact[arm], looked.early[arm], None
            elif arm == "pixels":
                yield arm, seed, looked.contact[arm], looked.early[arm], simulated.pixel_features(looked.simulated)
            else:
                encoder = random_encoder(shape, seed) if arm == "random" else load_encoder(trained[arm, seed], quiet=True)
                real = [encoded(encoder, part["windows"]) for part in (looked.contact, looked.early)]
                windows = looked.simulated
                yield arm, seed, *real, encoded(encoder, ClipFeatures(x=windows.images.numpy(), clip=windows.clip)).x
    length = np.array([[clip.length] for clip in looked.clips], float)
    features = ClipFeatures(x=length, clip=np.arange(len(length)))
    yield "clip length", config.seeds[0], features, None, None


def random_encoder(shape, seed: int) -> VisionTransformer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1000 + seed)
        return VisionTransformer(shape).eval()


def encoded(encoder: VisionTransformer, windows: ClipFeatures) -> ClipFeatures:
    batches = ((torch.from_numpy(windows.x[i : i + 128]), {}, windows.clip[i : i + 128]) for i in range(0, len(windows.x), 128))
    return ClipFeatures(x=encode(encoder, batches).x, clip=windows.clip)


def start(
    pool, config: Config, arm: str, features: ClipFeatures, clips, octopi_config: OctopiConfig, properties=octopi.PROPERTIES
):
    return pool.submit(kept_arrays, config.out / "predicted", features, clips, octopi_config, tuple(properties))


def kept_arrays(folder: Path, features: ClipFeatures, clips, config: OctopiConfig, properties: tuple[str, ...]) -> dict:
    """`octopi_arrays`, or what an earlier run of the same features and config left."""
    told = repr((config, properties, [clip.file.name for clip in clips], simtouch.__version__)).encode()
    path = folder / f"{hashlib.sha256(told + np.ascontiguousarray(features.x).tobytes()).hexdigest()[:24]}.npz"
    if not path.is_file():
        folder.mkdir(exist_ok=True)
        np.savez(path.with_suffix(f".{os.getpid()}.npz"), **octopi_arrays(features, clips, config, properties))
        path.with_suffix(f".{os.getpid()}.npz").replace(path)
    with np.load(path) as arrays:
        return dict(arrays)


def report(config: Config, looked: Looked, trained: dict, predictions: dict, spent: dict) -> None:
    kinds = measures.octopi_measures(looked.clips, budgets=config.budgets, repeats=config.repeats, unseen_fold=UNSEEN_FOLD)
    kinds += measures.simulated_measures(looked.simulated)
    rows = [row for (arm, seed), arrays in predictions.items() for row in measures.rows_of(arm, seed, arrays, kinds)]
    pairs = [pair for pair in PAIRS if set(pair) <= set(config.arms)]
    gained = [row for pair in pairs for row in measures.gains(predictions, *pair, config.seeds, kinds)]
    page = measures.table(rows, gained, kinds)
    runs = {folder.name: json.loads((folder / "result.json").read_text()) for folder in trained.values()}
    result = {
        "config": json.loads(json.dumps(asdict(config), default=str)), "version": simtouch.__version__, "torch": torch.__version__,
        "folds": FOLD_RULES, "clips": len(looked.clips), "objects": len({clip.object for clip in looked.clips}), "seconds": spent,
        "rows": rows, "gains": gained, "pretrainings": runs,
    }  # fmt: skip
    (config.out / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    (config.out / "table.md").write_text(page)
    panels = {title: [n for n in names if any(row["measure"] == n for row in rows)] for title, names in PANELS.items()}
    measures.plot(rows, panels, [*config.arms, "constant"], config.out / "plot.png")
    print(f"{page}\nseconds: {spent}\nwrote {config.out}/result.json, table.md, plot.png")


if __name__ == "__main__":
    main(tyro.cli(Config))
