"""Clips from several processes of this machine: clip numbers in, encoded clips in the same order out."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process

import pyarrow as pa

from simtouch._checks import SimtouchError
from simtouch.stream.making import ClipMaker

_maker: ClipMaker | None = None


def make_clips(maker: ClipMaker, clip_ids: list[int], workers: int) -> Iterator[list[pa.Table]]:
    """Clips in order, made here (`workers` 1) or by spawned processes that each run one thread."""
    if workers == 1:
        yield from map(maker.make, clip_ids)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start_worker, initargs=(maker,))
    try:
        ahead: list = []
        queue = iter(clip_ids)
        for clip_id in queue:
            ahead.append(pool.submit(_make_in_worker, clip_id))
            if len(ahead) >= 2 * workers:
                yield ahead.pop(0).result()
        while ahead:
            yield ahead.pop(0).result()
    except BrokenProcessPool as error:
        raise SimtouchError(
            "A worker was killed, perhaps for want of memory; finished shards are kept, and `--resume` with fewer `--workers` goes on."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def use_one_thread() -> None:
    """Keep this process to one thread of kernels and OpenCV; to be called before anything computes."""
    import cv2

    os.environ["SIMTOUCH_TI_THREADS"] = "1"
    cv2.setNumThreads(1)


def end_with_parent() -> None:
    """End this process when its parent is gone, however that went: a killed parent leaves nobody behind."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _start_worker(maker: ClipMaker) -> None:
    global _maker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    end_with_parent()
    use_one_thread()
    _maker = maker


def _make_in_worker(clip_id: int) -> list[pa.Table]:
    assert _maker is not None
    return _maker.make(clip_id)
