"""Shards from a cluster, through Ray: a maker and clip numbers in, the bytes of whole shards out, in the order in which they are ready.

A shard is one task, and its bytes come back through Ray's object store, so that no disk is shared. A task whose worker or machine dies
is made again; what it makes is a pure function of its clip numbers, so nobody can tell. Before a machine makes anything it is asked
which code and libraries it has: other ones would make other bytes.
"""

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from simtouch._checks import ArgumentError, MissingExtraError, SimtouchError
from simtouch.stream.making import ClipMaker
from simtouch.stream.provenance import provenance
from simtouch.stream.shard import shard_bytes
from simtouch.stream.workers import use_one_thread

ANSWER_S = 5.0  # that an address has to answer
_RETRIES = 5  # of a shard whose worker died
_AHEAD = 2  # shards asked for, for each core of the cluster
_LOOK_S = 0.25  # between looks at what is ready
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"  # the start of HTTP/2 (RFC 9113), which Ray's gRPC speaks
_SETTINGS = 4

_makers: dict[str, ClipMaker] = {}  # of this worker process


def check_cluster(address: str) -> None:
    """Raise unless Ray is installed and `address` is `local`, `auto`, or a `ray://HOST:PORT` that answers within 5 s."""
    _ray()
    if address in ("local", "auto"):
        return
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme != "ray" or not host or not port:
        raise ArgumentError(f"`--cluster` must be `local`, `auto` or `ray://HOST:PORT`; got {address!r}.")
    try:
        with socket.create_connection((host, port), timeout=ANSWER_S) as probe:
            probe.settimeout(ANSWER_S)
            probe.sendall(_HELLO)
            answer = probe.recv(9)
    except OSError as error:
        said = "did not answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise SimtouchError(f"The cluster `{address}` cannot be reached within {ANSWER_S:g} s: {said}.") from error
    if len(answer) < 9 or answer[3] != _SETTINGS:
        raise SimtouchError(f"What answers at `{address}` is no Ray cluster; its client port is 10001 unless set otherwise.")


def cluster_shards(
    maker: ClipMaker, shards: dict[int, list[int]], *, address: str, workers: int, tick: Callable[[], Any] = lambda: None
) -> Iterator[tuple[int, bytes]]:
    """Yield (shard number, its file's bytes) for each of `shards`.

    Args:
        maker: What the stream is made of.
        shards: Clip numbers by shard number.
        address: `local`, `auto` or `ray://HOST:PORT`.
        workers: Processes of a cluster that is started here (`local`).
        tick: Called now and then while nothing is ready; may raise to stop.
    """
    ray = _ray()
    _connect(ray, address, workers)
    asked: dict[Any, int] = {}
    try:
        stored, key = ray.put(maker), secrets.token_hex(8)
        task = ray.remote(num_cpus=1, max_retries=_RETRIES)(_make_shard)
        most = _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        here, queue = provenance(), iter(sorted(shards))
        while True:
            while len(asked) < most and (shard := next(queue, None)) is not None:
                asked[task.remote(stored, key, shards[shard], here)] = shard
            if not asked:
                return
            ready, _ = ray.wait(list(asked), num_returns=1, timeout=_LOOK_S)
            tick()
            for ref in ready:
                shard = asked.pop(ref)
                yield shard, _result(ray, ref, shard)
    finally:
        for ref in asked:
            ray.cancel(ref, force=True)
        ray.shutdown()


def _make_shard(sent: ClipMaker, key: str, clip_ids: list[int], asked_by: dict) -> bytes:
    """The task: runs on any machine of the cluster, in one thread."""
    use_one_thread()
    if (here := provenance()) != asked_by:
        raise SimtouchError(
            f"a machine of the cluster ({socket.gethostname()}) has other code or libraries: {_differ(asked_by, here)}."
        )
    if key not in _makers:
        _makers.clear()
        _makers[key] = sent
    maker = _makers[key]  # and not the copy that came with this task: it has its simulators made
    tables = (table for clip_id in clip_ids for table in maker.make(clip_id))
    return shard_bytes(tables, clip_ids, maker.recipe.sensors)


def _result(ray, ref, shard: int) -> bytes:
    try:
        return ray.get(ref)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, SimtouchError):
            raise SimtouchError(f"shard {shard}: {error.cause}") from error
        raise
    except ray.exceptions.RayError as error:
        first = str(error).strip().splitlines()[0]
        raise SimtouchError(
            f"shard {shard} was not made in {_RETRIES + 1} attempts, its workers died ({first}); finished shards are kept, and "
            "`--resume` goes on."
        ) from error


def _ray():
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("`--cluster` needs Ray: `pip install 'simtouch[cluster]'`.") from error
    return ray


def _connect(ray, address: str, workers: int) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    begin = time.monotonic()
    try:
        if address == "local":
            ray.init("local", num_cpus=workers, include_dashboard=False, **quiet)
        else:
            ray.init(address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        first = str(error).strip().splitlines()[0].rstrip(".")
        seconds = time.monotonic() - begin
        raise SimtouchError(f"The cluster `{address}` cannot be used ({first}; {seconds:.0f} s).") from error


def _differ(there: dict, here: dict) -> str:
    """What differs between two provenances, in words."""
    flat = [{**p["libraries"], **{k: v for k, v in p.items() if k != "libraries"}} for p in (there, here)]
    names = [name for name in sorted(flat[0].keys() | flat[1].keys()) if flat[0].get(name) != flat[1].get(name)]
    return ", ".join(f"{name} {str(flat[1].get(name))[:12]} instead of {str(flat[0].get(name))[:12]}" for name in names)
