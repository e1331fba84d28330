"""Pretrain an encoder on touch: recordings and simulated streams in, `encoder.safetensors`, its log and what it is worth out.

python -m simtouch.pretrain --algorithm dino --data runs/digit

python -m simtouch.pretrain --algorithm mae --size tiny --data real_dir --data sim_dir --synthetic-share 0.5 --out runs/pretrain/mix

torchrun --nproc-per-node 8 -m simtouch.pretrain --preset paper --size base --precision bf16 --data runs/digit --out runs/pretrain/base
"""

import dataclasses
from typing import Any

from simtouch._checks import ArgumentError, MissingExtraError
from simtouch._verb import run_verb
from simtouch.training.config import AlgorithmName, PretrainConfig


def main(config: PretrainConfig) -> dict[str, Any]:
    """Pretrain, and return what `result.json` holds."""
    if "help" in config.set:
        print(values_of(config.algorithm))
        return {}
    if not config.data:
        raise ArgumentError("say what to learn from: `--data` and a folder of a stream or of recordings, once a folder.")
    try:
        from simtouch.training.session import pretrain
    except MissingExtraError:
        raise
    except ImportError as error:
        raise MissingExtraError(f"pretraining needs the extra `train` ({error}): pip install 'simtouch[train]'") from error
    result = pretrain(config)
    if result:
        _say(config, result)
    return result


def values_of(algorithm: AlgorithmName) -> str:
    """The values that `--set` takes, one a line, with their defaults."""
    from simtouch.models.ssl.algorithms import ALGORITHMS

    made = ALGORITHMS[algorithm].config()
    lines = [f"  --set {f.name}={getattr(made, f.name)}" for f in dataclasses.fields(made)]
    return "\n".join([f"values of {algorithm}, as published:", *lines])


def cli() -> None:
    """The command line."""
    run_verb(PretrainConfig, main, __doc__, if_stopped="stopped; the last checkpoint is kept and `--resume` goes on with it.")


def _say(config: PretrainConfig, result: dict[str, Any]) -> None:
    out = result["config"]["out"]
    seen = f"{result['windows_seen']} windows in {result['steps']} steps"
    print(
        f"made   {out}/{result['file']}: {config.algorithm}, {seen}, loss {result['first_loss']:.4g} to {result['last_loss']:.4g}"
    )
    print(f"where  {out}  (log.jsonl, result.json, pictures/; tensorboard --logdir {out}/tensorboard)")
    print(f"speed  {result['images_per_s']:.3g} images/s on {result['device']}, {result['processes']} process(es)")
    print(f'next   python -c "import simtouch; print(simtouch.load_encoder({str(out)!r}))"')


if __name__ == "__main__":
    cli()
