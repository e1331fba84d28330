"""Files made to harm, each in a folder of its own: pickles, images, labels, odd files and Parquet."""

import collections
import json
import os
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simtouch.stream.schema import FORMAT, shard_name
from tests.stream import official_layouts as official


class Call:
    """Pickles to a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def laughs(make=list, depth: int = 60):
    """A value that is small, and 2^60 long when it is walked."""
    value = make(("ha",))
    for _ in range(depth):
        value = make((value, value))
    return value


def png(rows: int, cols: int, lines: bytes, *more: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", cols, rows, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def inflating(size: int) -> bytes:
    """Few bytes that inflate to `size`."""
    press, zeros = zlib.compressobj(1), bytes(1 << 20)
    return b"".join([*(press.compress(zeros) for _ in range(size >> 20)), press.flush()])


def jpeg_of(rows: int, cols: int, before: bytes = b"") -> bytes:
    """A JPEG whose header is changed to another size, with `before` in front of it."""
    data = official.encoded(official.frame(0))
    at = data.index(b"\xff\xc0")
    return data[:at] + before + data[at : at + 5] + struct.pack(">HH", rows, cols) + data[at + 9 :]


def decoy_jpeg() -> bytes:
    """Fill bytes before the marker: a walker that takes them for a segment lands on a small size, the decoder on the large one."""
    return jpeg_of(60_000, 65_000, before=b"\xff\xff\xff")


def pickles(mark: Path) -> dict[str, tuple[bytes, str]]:
    """Contents of a trajectory's file and what the refusal says."""
    honest = pickle.dumps(official.frames(5), 4)
    array = pickle.dumps(np.zeros(3, np.uint8), 4)
    return {
        "system": (pickle.dumps(Call(os.system, f"touch {mark}")), "system"),
        "eval": (pickle.dumps([b"x", Call(eval, "1")]), "eval"),
        "truncated": (honest[:-200], "promises"),
        "no_stop": (honest[:-1], "too early"),
        "empty": (b"", "is empty"),
        "ten_gigabytes": (b"\x80\x05\x8e" + struct.pack("<Q", 10 << 30) + b"x.", "promises 10737418240 bytes"),
        "ten_gigabyte_bytearray": (b"\x80\x05\x96" + struct.pack("<Q", 10 << 30) + b"x.", "promises 10737418240 bytes"),
        "two_gigabyte_text": (b"\x80\x04X" + struct.pack("<I", 2 << 30) + b"x.", "broken pickle"),
        "ten_gigabyte_array": (
            array.replace(b"C\x03\0\0\0", b"\x8a\x05" + (10 << 30).to_bytes(5, "little")),
            "where its bytes must be",
        ),
        "opcodes": (b"\x80\x04" + b"]" * (8 << 20) + b".", "beside their bytes"),
        "memo": (b"\x80\x04]" + b"\x94" * (4 << 20) + b".", "beside their bytes"),
        "marks": (b"\x80\x04" + b"(" * (4 << 20) + b".", "beside their bytes"),
        "texts": (
            b"\x80\x04" + b"".join(b"X" + struct.pack("<I", 1 << 20) + b"e" * (1 << 20) for _ in range(80)),
            "beside",
        ),
        "wrong_dtype": (pickle.dumps(np.zeros((4, 8, 6, 3), np.float32)), "holds an array of float32"),
        "wrong_frames": (
            pickle.dumps([np.zeros((8, 6, 3))] * 3),
            "frame 0 must be the bytes of an image; it is an array of float64",
        ),
        "no_list": (pickle.dumps("images"), "must hold a list of images; it holds 'images'"),
        "number": (pickle.dumps([b"\xff\xd8", 3]), "frame 1 must be"),
    }


def endless() -> dict[str, tuple[bytes, str]]:
    """Contents that have no end when they are walked, and what the refusal says."""
    pairs = Call(collections.OrderedDict, [(laughs(tuple), 1)])
    return {
        "laughs": (pickle.dumps(laughs()), "must be the bytes of an image"),
        "laughs_key": (pickle.dumps(pairs), "as a key"),
        "laughs_name": (pickle.dumps(laughs(), 4)[:-1] + b"\x8c\x01x\x93.", "no name"),
        "laughs_dtype": (
            b"\x80\x04cnumpy\ndtype\n" + pickle.dumps(laughs(), 4)[2:-1] + b"\x85R.",
            "has a value of type list as its type",
        ),
        "laughs_elsewhere": (pickle.dumps(laughs(), 4)[:-1] + b"Q.", "which lies outside it"),
        "keys_that_hash_alike": (pickle.dumps({(2**61 - 1) * k: 0 for k in range(1, 9)}), "as a key"),
    }


def images() -> dict[str, tuple[bytes, str]]:
    """Contents of a frame and what the refusal says."""
    text = inflating(96 << 20)
    return {
        "large_png": (png(100_000, 100_000, zlib.compress(b"")), "promises 100000 x 100000 pixels"),
        "large_jpeg": (jpeg_of(65_500, 65_500), "promises 65500 x 65500 pixels"),
        "large_behind_fill_bytes": (decoy_jpeg(), "promises 60000 x 65000 pixels"),
        "no_pixels": (png(0, 8, zlib.compress(b"")), "promises 0 x 8 pixels"),
        "idat_beyond_header": (png(10, 10, inflating(96 << 20)), "more data than its 10 x 10 pixels can need"),
        "idat_inflates_beyond_header": (png(400, 400, inflating(160 << 20)), "more data than its 400 x 400 pixels can need"),
        "chunk_of_2_gigabytes": (
            png(8, 6, zlib.compress(bytes(8 * 19)), struct.pack(">I", (2 << 30) - 1) + b"zTXt"),
            "a chunk of a PNG promises 2147483647 bytes",
        ),
        "cut_short": (official.encoded(official.frame(0), ".png")[:300], "does not decode"),
        "no_image": (b"GIF89a", "neither PNG nor JPEG"),
        "scans": (progressive_with_scans(300_000), "more than 100 scans"),
        # Text that inflates to 96 MB beside honest pixels: nothing is looked at that is no pixel.
        "text_bomb": (png(8, 6, zlib.compress(bytes(8 * 19)), chunk_of(b"zTXt", b"k\0\0" + text)), ""),
    }


def chunk_of(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def progressive_with_scans(count: int) -> bytes:
    """A 4000 x 4000 JPEG that asks for walk after walk over the whole image."""
    data = jpeg_of(4000, 4000)
    at = data.index(b"\xff\xda")
    return data[:at].replace(b"\xff\xc0", b"\xff\xc2") + data[at : at + 14] * count + b"\xff\xd9"


def force_labels() -> dict[str, tuple[dict, str]]:
    """Changes of a trajectory and what the refusal says."""
    shared = [0.0] * 3
    return {
        "forces_laugh": ({"forces": [laughs()] * 8}, "must be rows of the shape"),
        "forces_of_two": ({"forces": np.zeros((8, 2))}, r"must have the shape (n, 3)"),
        "forces_text": ({"forces": np.array(["a"] * 8)}, "must be numbers"),
        "many_forces": ({"forces": [shared] * 200_000}, "200000 rows for 8 frames"),
        "indexes_outside": ({"indexes": np.arange(8) + 10**9}, "must name frames of its batch"),
        "indexes_negative": ({"indexes": np.arange(8) - 4}, "must name frames of its batch"),
        "indexes_none": ({"indexes": None}, "must be numbers; it is None"),
    }


def write_all(root: Path) -> dict[str, str]:
    """Write every case into a folder of its own; return what each refusal says."""
    wanted = {"honest": ""}
    official.write(root / "honest" / "toy" / "dataset_0.pkl", official.frames(3))
    for name, (data, says) in (pickles(root / "run") | endless()).items():
        official.write(root / name / "toy" / "dataset_0.pkl", data)
        wanted[name] = says
    for name, (data, says) in images().items():
        official.write(root / name / "toy" / "dataset_0.pkl", [data])
        wanted[name] = says
    for name, (change, says) in force_labels().items():
        path = official.force_batch(root / name / "sphere" / "batch_1") / "dataset_slip_forces.pkl"
        labels = pickle.loads(path.read_bytes())
        labels["trajectories"][0] |= change
        official.write(path, labels)
        wanted[name] = says
    return wanted | odd_files(root) | parquet(root)


def odd_files(root: Path) -> dict[str, str]:
    """Links, pipes and texts."""
    secret = official.write(root / "honest" / "secret.bin", official.frames(1))
    for name in ("link", "pipe", "folder", "deep_table", "background"):
        official.write(root / name / "toy" / "dataset_1.pkl", official.frames(2))
    (root / "link" / "toy" / "dataset_0.pkl").symlink_to(secret)
    os.mkfifo(root / "pipe" / "toy" / "dataset_0.pkl")
    (root / "folder" / "toy" / "dataset_0.pkl").mkdir()
    official.write(root / "deep_table" / "bgs" / "backgrounds.json", b"[" * 500_000)
    official.write(root / "background" / "bgs" / "bg_0.png", png(90_000, 90_000, zlib.compress(b"")))
    return {
        "link": "link that leads out of",
        "pipe": "no plain file",
        "folder": "no plain file",
        "deep_table": "must be a table of backgrounds",
        "background": "promises 90000 x 90000 pixels",
    }


def parquet(root: Path) -> dict[str, str]:
    """Streams whose shard is not ours."""
    for name in ("foreign_parquet", "many_rows", "no_parquet"):
        (root / name).mkdir()
        manifest = {"stream": {"format": FORMAT, "clips": 1, "clips_per_shard": 1, "sensors_per_clip": 1}}
        (root / name / "manifest.json").write_text(json.dumps(manifest))
    pq.write_table(pa.table({"text": ["x"] * 10}), root / "foreign_parquet" / shard_name(0))
    # 50 MB in a few kB: never read.
    pq.write_table(
        pa.table({"image": pa.array(np.zeros(50_000_000, np.int8))}), root / "many_rows" / shard_name(0), compression="zstd"
    )
    (root / "no_parquet" / shard_name(0)).write_bytes(b"PAR1" + struct.pack("<I", 2**31 - 1) + b"PAR1")
    return {"foreign_parquet": shard_name(0), "many_rows": shard_name(0), "no_parquet": "not a readable Parquet file"}
