"""Does a stream survive `kill -9` at any moment?

    python experiments/kill_resume.py --out runs/kill_resume          # 20 kills of a run with 2 workers, some minutes
    python experiments/kill_resume.py --smoke                         # 2 kills, half a minute

Makes a stream without disturbance, then again with the whole run killed at random moments of its work and resumed each time. Checks after
each kill that every file with a final name is whole (the shards equal to those of the undisturbed stream, byte for byte) and that no
worker outlives its parent; at the end that the data set has the same SHA-256. Writes OUT/result.json.
"""

import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import tyro

from simtouch.stream import dataset_digest


@dataclass(frozen=True, kw_only=True)
class Config:
    out: Path = Path("runs/kill_resume")
    kills: int = 20
    clips: int = 240
    frames: int = 16
    workers: int = 2
    after_s: tuple[float, float] = (0.2, 6.0)
    """A kill comes at a random moment between these, counted from the first new byte of a resumed run."""
    gone_s: float = 5.0
    """A worker may take this long to notice that its parent is gone."""
    seed: int = 0
    smoke: bool = False


def main(config: Config) -> None:
    if config.smoke:
        config = replace(config, kills=2, clips=24, after_s=(0.2, 1.0))
    shutil.rmtree(config.out, ignore_errors=True)
    config.out.mkdir(parents=True)
    whole, killed = config.out / "whole", config.out / "killed"
    print("making the stream without disturbance")
    subprocess.run(command(config, whole), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rng, rows = random.Random(config.seed), []
    while len(rows) < config.kills:
        row = kill_once(config, killed, whole, rng.uniform(*config.after_s))
        if row is None:
            sys.exit(f"the stream was whole after {len(rows)} kills: give more --clips.")
        rows.append(row)
        print(rows[-1])
    subprocess.run([*command(config, killed), "--resume"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    equal = dataset_digest(killed) == dataset_digest(whole)
    result = {"config": asdict(config) | {"out": str(config.out)}, "kills": rows, "sha256": dataset_digest(whole), "equal": equal}
    (config.out / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    print(f"{len(rows)} kills; the same SHA-256 at the end: {equal}")
    if not equal or any(row["damaged"] or row["orphans"] for row in rows):
        sys.exit(1)


def command(config: Config, out: Path) -> list[str]:
    options = ("--clips", config.clips, "--frames", config.frames, "--workers", config.workers, "--codec", "jpeg95")
    shards = ("--shard-frames", 4 * config.frames, "--object", "sphere", "cone", "--out", out)
    return [sys.executable, "-m", "simtouch.generate", *map(str, (*options, *shards))]


def kill_once(config: Config, killed: Path, whole: Path, after_s: float) -> dict | None:
    """Resume, kill the parent after a while, and look at what is left; None if the run came to its end."""
    before = size_of(killed)
    run = subprocess.Popen(
        [*command(config, killed), *(["--resume"] if killed.exists() else [])],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while run.poll() is None and size_of(killed) <= before:
        time.sleep(0.01)
    time.sleep(after_s)
    if run.poll() is not None:
        return None
    workers = descendants(run.pid)
    run.send_signal(signal.SIGKILL)
    run.wait()
    half = [p.name for p in killed.glob("*.tmp")]
    damaged = [
        p.name for p in killed.iterdir() if p.suffix != ".tmp" and p.name != "first-look.png" and sha(p) != sha(whole / p.name)
    ]
    deadline = time.monotonic() + config.gone_s
    while (left := [pid for pid in workers if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    shards = len(list(killed.glob("clips-*.parquet")))
    return {
        "after_s": round(after_s, 3),
        "shards": shards,
        "open": half,
        "damaged": damaged,
        "workers": len(workers),
        "orphans": len(left),
    }


def size_of(folder: Path) -> int:
    """Bytes in a folder whose files come and go."""
    total = 0
    for path in folder.glob("clips-*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def descendants(pid: int) -> list[int]:
    """Processes that this one started, and those that they did (Linux)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children] + [d for child in children for d in descendants(int(child))]


def alive(pid: int) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


if __name__ == "__main__":
    main(tyro.cli(Config))
