"""Does each algorithm learn from simulated touch alone? Five short pretrainings, and what linear probes read from them of unseen clips.

    python -m simtouch.generate --sensor digit --recipe sparsh-pretrain --total-frames 20000 --codec jpeg95 --out runs/digit20k
    python experiments/pretrain_each.py --data runs/digit20k                 # five pretrainings of at most 10 minutes, and the probes
    python experiments/pretrain_each.py --data runs/digit20k --probe-data runs/trials     # probes on another stream
    python experiments/pretrain_each.py --data runs/digit20k --smoke         # a minute: a few steps of each; --attentive: those probes too

Pretraining sees the clips of the split `train`, without labels. Probes are fitted to some of these clips with labels (--budgets, shares
of the clips), their strength by cross-validation over them, and scored on the clips of `val` and `test`:

    force   (fx, fy, fz) on the gel [N]: mean absolute error over the three, and of each
    slip    F1 of `slip`, all of the patch slides, against all else; the threshold that is best in cross-validation

A probe seed draws the labelled clips, half of their windows and the weights of the random encoder, which has the same shape. Gains are
relative to it, in pairs of equal clips and windows; positive is better for both. Intervals are 95 % bootstraps over test clips, the three
seeds drawn together. `pixels` (statistics of a coarse grid, no network) and `constant` (the mean force; all slips) are the other
floors. `mean` is the mean over patches, `mean_std` that and the standard deviation over patches. Writes result.json and table.md, with
--probe-data under names that end in that of its folder.
"""

import json
import shutil
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import tyro

import simtouch
from simtouch._checks import ArgumentError
from simtouch.models.features import encode
from simtouch.models.intervals import bootstrap, bootstrap_gain
from simtouch.models.load import load_encoder
from simtouch.models.scores import balanced_accuracy, f1_score, mean_absolute_error
from simtouch.models.vit import EncoderConfig, VisionTransformer
from simtouch.tacbench.simulated import SimulatedWindows, pixel_features, read_windows
from simtouch.tacbench.simulated_probes import attentive_predictions, labelled, linear_predictions
from simtouch.training.config import PretrainConfig
from simtouch.training.feed import FeedConfig
from simtouch.training.monitors import health
from simtouch.training.session import pretrain

AlgorithmName = Literal["mae", "dino", "dinov2", "ijepa", "vjepa"]
TASKS = ("force", "slip")
SCORES = {"force": mean_absolute_error, "slip": f1_score}
_TRIAL_STEPS, _BATCH = 6, 128


@dataclass(frozen=True, kw_only=True)
class Config:
    data: Path = Path("runs/digit20k")
    """A simulated stream."""
    probe_data: Path | None = None
    """Another one, of the same sensor, that probes read; by default the same."""
    algorithms: tuple[AlgorithmName, ...] = ("mae", "dino", "dinov2", "ijepa", "vjepa")
    minutes: float | None = None
    """Of each pretraining, by the speed of a short trial; by default the steps of the preset."""
    steps: int | None = None
    """Of each pretraining."""
    seed: int = 0
    """Of the pretrainings."""
    probe_seeds: tuple[int, ...] = (0, 1, 2)
    budgets: tuple[float, ...] = (0.01, 0.1, 1.0)
    """Shares of the clips of `train` that have labels."""
    windows: tuple[int, int] = (4000, 2000)
    """Of clips to fit to and of clips to score."""
    attentive: bool = False
    """Attentive probes too, at the largest budget."""
    epochs: int = 20
    """Of attentive probes."""
    workers: int = 0
    """Processes that decode while a pretraining computes."""
    out: Path = Path("runs/pretrain_each/default")
    smoke: bool = False


@dataclass(frozen=True)
class Seen:
    """What probes need of one arm: features of all windows by pooling, and tokens for attentive ones."""

    x: dict[str, np.ndarray]
    tokens: torch.Tensor | None = None


Predictions = dict[tuple[str, str, float], dict[str, list[np.ndarray]]]
"""By (arm, probe, budget) and task: what each probe seed says of the windows to score."""


def main(config: Config) -> None:
    if config.smoke:
        few = {"steps": 3, "minutes": None, "probe_seeds": (0, 1), "budgets": (0.1, 1.0), "windows": (240, 120), "epochs": 2}
        config = replace(config, **few, out=config.out / "smoke")
    for folder in (config.data, config.probe_data or config.data):
        if not folder.is_dir():
            raise ArgumentError(f"there is no `{folder}`: make it with the first line at the top of this file, or name --data.")
    begun, runs, windows, predictions, facts = time.monotonic(), {}, {}, {}, {}
    for algorithm in config.algorithms:
        runs[algorithm] = pretrained(config, algorithm)
    for algorithm in config.algorithms:
        encoder = load_encoder(config.out / algorithm, quiet=True)
        kind = "video" if encoder.config.num_frames > 1 else "pair"
        if kind not in windows:
            spec = FeedConfig(image_size=encoder.config.image_size).window_spec(kind)
            windows[kind] = read_windows(config.probe_data or config.data, spec, train=config.windows[0], test=config.windows[1])
            baselines(config, windows[kind], predictions, kind)
        of = windows[kind]
        probe(config, of, algorithm, [encoder] * len(config.probe_seeds), predictions, facts)
        floor = random_name(encoder.config)
        if floor not in facts:
            probe(config, of, floor, [random_encoder(encoder.config, s) for s in config.probe_seeds], predictions, facts)
        runs[algorithm] |= {"random": floor, "kind": kind}
    report(config, windows, predictions, facts, runs, time.monotonic() - begun)


def pretrained(config: Config, algorithm: AlgorithmName) -> dict:
    """Pretrain, or take what is there; how the loss went."""
    out, steps = config.out / algorithm, config.steps
    wanted = PretrainConfig(
        algorithm=algorithm, data=(config.data,), out=out, seed=config.seed, resume=True, workers=config.workers,
        monitor_every=0 if config.smoke else 10**9, batch_size=8 if config.smoke else None,
    )  # fmt: skip
    if config.minutes is not None and (out / "config.json").is_file():
        steps = json.loads((out / "config.json").read_text())["config"]["steps"]  # the trial of the first time
    elif config.minutes is not None:
        trial = config.out / f"{algorithm}-trial"
        shutil.rmtree(trial, ignore_errors=True)
        speed = pretrain(replace(wanted, out=trial, steps=_TRIAL_STEPS, monitor_every=0))
        shutil.rmtree(trial)
        steps = max(1, int(60 * config.minutes * _TRIAL_STEPS / speed["seconds"]))
    result = pretrain(replace(wanted, steps=steps))
    told = course([json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()])
    kept = ("steps", "windows_seen", "seconds", "images_per_s", "config", "algorithm", "encoder", "monitors")
    print(f"{algorithm}: loss {told['loss_start']:.4g} to {told['loss_end']:.4g}, {result['seconds']} s", flush=True)
    return told | {name: result.get(name) for name in kept}


def course(log: list[dict]) -> dict:
    """How the loss went; DINO's own is the cross-entropy, of which the teacher's entropy, which may rise, cannot be learned."""
    own = [line["loss"] - (0 if "dino" in line else line.get("teacher_entropy", 0)) for line in log]
    tenth = max(1, len(log) // 10)
    told = {"loss": [line["loss"] for line in log], "learnable": own}
    ends = {f"{k}_start": float(np.mean(v[: min(5, tenth)])) for k, v in told.items()}
    return ends | {f"{k}_end": float(np.mean(v[-tenth:])) for k, v in told.items()} | {"losses": told["loss"][::tenth]}


def random_name(config: EncoderConfig) -> str:
    """The random encoders of one shape are one arm."""
    kind = "video" if config.num_frames > 1 else "pair"
    scale = "" if config.layer_scale in (None, 1.0) else f", layer scale {config.layer_scale:g}"
    return f"random ({kind}, {config.num_registers} registers{scale})"


def random_encoder(config: EncoderConfig, seed: int) -> VisionTransformer:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1000 + seed)
        return VisionTransformer(config).eval()


def probe(config: Config, windows: SimulatedWindows, arm: str, encoders: list, predictions: Predictions, facts: dict) -> None:
    """All probes of an arm, an encoder for each probe seed, which may be the same."""
    seen = None
    for i, (seed, encoder) in enumerate(zip(config.probe_seeds, encoders, strict=True)):
        if seen is None or encoder is not encoders[i - 1]:
            seen = look(config, encoder, windows)
            facts.setdefault(arm, []).append(health(seen.x["mean"][windows.held_out]))
            print(f"features of {arm}: {facts[arm][-1]}", flush=True)
        for budget in config.budgets:
            fit = labelled(windows, budget, seed)
            for pooling, x in seen.x.items():
                add(predictions, (arm, pooling, budget), linear_predictions(windows, x, fit))
            if seen.tokens is not None and budget == max(config.budgets):
                add(
                    predictions,
                    (arm, "attentive", budget),
                    attentive_predictions(windows, seen.tokens, fit, epochs=config.epochs, seed=seed),
                )


def look(config: Config, encoder: VisionTransformer, windows: SimulatedWindows) -> Seen:
    starts = range(0, len(windows.images), _BATCH)
    batches = [(windows.images[i : i + _BATCH], {}, windows.clip[i : i + _BATCH]) for i in starts]
    if config.attentive:
        tokens = torch.from_numpy(encode(encoder, batches, tokens=True).x)
        both = torch.cat([tokens.mean(1), tokens.std(1, correction=0)], 1).numpy()
    else:
        tokens, both = None, encode(encoder, batches, pooling="mean_std").x
    return Seen({"mean": both[:, : both.shape[1] // 2], "mean_std": both}, tokens)


def baselines(config: Config, windows: SimulatedWindows, predictions: Predictions, kind: str) -> None:
    """`pixels` and `constant`."""
    x, count = pixel_features(windows), int(windows.held_out.sum())
    for seed in config.probe_seeds:
        for budget in config.budgets:
            fit = labelled(windows, budget, seed)
            add(predictions, (f"pixels ({kind})", "linear", budget), linear_predictions(windows, x, fit))
            mean = np.repeat(windows.truth["force"][fit].mean(0)[None], count, 0)
            add(predictions, (f"constant ({kind})", "none", budget), {"force": mean, "slip": np.ones(count, int)})


def add(predictions: Predictions, key: tuple[str, str, float], found: dict[str, np.ndarray]) -> None:
    for task, predicted in found.items():
        predictions.setdefault(key, {}).setdefault(task, []).append(predicted)


def report(config: Config, windows: dict, predictions: Predictions, facts: dict, runs: dict, seconds: float) -> None:
    """Rows of every seed, their means and gains, a table of them, all to files."""
    kinds = {arm: run["kind"] for arm, run in runs.items()} | {run["random"]: run["kind"] for run in runs.values()}
    kinds |= {f"{name} ({kind})": kind for kind in windows for name in ("pixels", "constant")}
    rows, means = [], []
    for (arm, kind_of_probe, budget), found in predictions.items():
        of, named = windows[kinds[arm]], {"arm": arm, "probe": kind_of_probe, "budget": budget}
        rows += [named | {"seed": s} | row(of, {t: found[t][i] for t in TASKS}) for i, s in enumerate(config.probe_seeds)]
        floor = predictions.get((runs[arm]["random"], kind_of_probe, budget)) if arm in runs else None
        means.append(named | mean_row(of, found, floor))
    page = table(runs, facts, means)
    told = {
        "config": json.loads(json.dumps(asdict(config), default=str)),
        "version": simtouch.__version__,
        "torch": torch.__version__,
    }
    tested = {kind: what_is_tested(of) for kind, of in windows.items()}
    told |= {"seconds": round(seconds, 1), "tested": tested, "features": facts, "runs": runs, "means": means, "rows": rows}
    suffix = f"-{config.probe_data.name}" if config.probe_data else ""
    (config.out / f"result{suffix}.json").write_text(json.dumps(told, indent=1) + "\n")
    (config.out / f"table{suffix}.md").write_text(page)
    print(f"{page}\n{round(seconds)} s; tested on {tested}\nwrote {config.out}/result{suffix}.json, table{suffix}.md")


def what_is_tested(windows: SimulatedWindows) -> dict:
    test = windows.held_out
    share = float(windows.truth["slip"][test].mean())
    return {"windows": int(test.sum()), "clips": len(np.unique(windows.clip[test])), "share_of_slip": share}


def row(windows: SimulatedWindows, found: dict[str, np.ndarray]) -> dict:
    """Scores of one seed, with the interval over clips to score."""
    told, clips = {}, windows.clip[windows.held_out]
    for task in TASKS:
        truth = windows.truth[task][windows.held_out]
        low, high = bootstrap(SCORES[task], truth, found[task], groups=clips)
        told |= {task: SCORES[task](truth, found[task]), f"{task}_low": low, f"{task}_high": high}
    force, slip = (windows.truth[task][windows.held_out] for task in TASKS)
    axes = np.abs(found["force"] - force).mean(0).tolist()
    return told | {"force_xyz": axes, "slip_balanced_accuracy": balanced_accuracy(slip, found["slip"])}


def mean_row(windows: SimulatedWindows, found: dict[str, list], floor: dict[str, list] | None) -> dict:
    """Means over seeds with their interval, and gains over the random encoder with theirs."""
    told, clips = {}, windows.clip[windows.held_out]
    for task in TASKS:
        truth, ours = windows.truth[task][windows.held_out], np.stack(found[task], 1)
        low, high = bootstrap(lambda y, a, t=task: of_seeds(t, y, a), truth, ours, groups=clips)
        told |= {task: of_seeds(task, truth, ours), f"{task}_low": low, f"{task}_high": high}
        told[f"{task}_of_seeds"] = [SCORES[task](truth, ours[:, i]) for i in range(ours.shape[1])]
        if floor is not None:
            theirs, sign = np.stack(floor[task], 1), -1 if task == "force" else 1
            score = lambda y, a, t=task: of_seeds(t, y, a)  # noqa: E731
            gain = [sign * v for v in bootstrap_gain(score, truth, ours, theirs, groups=clips, relative=True)]
            told |= {f"{task}_gain": gain[0], f"{task}_gain_low": min(gain[1:]), f"{task}_gain_high": max(gain[1:])}
    force = windows.truth["force"][windows.held_out]
    return told | {"force_xyz": np.mean([np.abs(f - force).mean(0) for f in found["force"]], 0).tolist()}


def of_seeds(task: str, truth: np.ndarray, predicted: np.ndarray) -> float:
    """Mean score of predictions (N, seeds, ...)."""
    return float(np.mean([SCORES[task](truth, predicted[:, i]) for i in range(predicted.shape[1])]))


def table(runs: dict, facts: dict, means: list[dict]) -> str:
    """Markdown: the pretrainings, then all probes."""
    lines = ["| arm | steps | minutes | loss | rank | random rank |", "|---|---|---|---|---|---|"]
    rank = lambda arm: f"{np.mean([f['feature_rank'] for f in facts[arm]]):.1f}"  # noqa: E731
    for arm, run in runs.items():
        loss, own = (f"{run[f'{k}_start']:.4g} to {run[f'{k}_end']:.4g}" for k in ("loss", "learnable"))
        loss += "" if own == loss else f" ({own})"
        collapsed = " collapsed" if facts[arm][0]["collapsed"] else ""
        minutes = f"{run['seconds'] / 60:.1f}"
        lines.append(f"| {arm} | {run['steps']} | {minutes} | {loss} | {rank(arm)}{collapsed} | {rank(run['random'])} |")
    lines += ["", "| arm | probe | labels | force N (x, y, z) | gain % | slip F1 | gain % |", "|---|---|---|---|---|---|---|"]
    for m in sorted(means, key=lambda m: (-m["budget"], m["probe"], m["force"])):
        axes = ", ".join(f"{a:.3f}" for a in m["force_xyz"])
        force, slip = (f"{m[t]:.3f} [{m[f'{t}_low']:.3f}, {m[f'{t}_high']:.3f}]" for t in TASKS)
        gains = [[100 * m[f"{t}_gain{end}"] for end in ("", "_low", "_high")] if f"{t}_gain" in m else None for t in TASKS]
        more_force, more_slip = ("" if g is None else f"{g[0]:.0f} [{g[1]:.0f}, {g[2]:.0f}]" for g in gains)
        start = f"| {m['arm']} | {m['probe']} | {100 * m['budget']:g} % "
        lines.append(f"{start}| {force} ({axes}) | {more_force} | {slip} | {more_slip} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(tyro.cli(Config))
