"""The data card: a whole stream in, its README.md and pictures out. Equal streams give equal bytes.

The head is what HuggingFace reads: which files are data, how large, under which terms. Statistics are over all frames, from the light
columns.
"""

import json

from simtouch.stream.card_pictures import content_picture, forces_picture, pad_picture
from simtouch.stream.reader import Stream
from simtouch.stream.schema import CARD, CARD_PICTURES, LABEL_PREFIX, PREVIEW
from simtouch.stream.statistics import Statistics, statistics_of

_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_QUANTITIES = (
    ("normal_force_n", "normal force [N]"),
    ("shear_force_n", "shear force [N]"),
    ("contact_area_mm2", "contact area [mm²]"),
    ("indent_depth_mm", "indent depth [mm]"),
)
_MOST_ROWS = 40


def make_data_card(stream: Stream) -> dict[str, bytes]:
    """Return README.md and its pictures, by name."""
    found = statistics_of(stream)
    pictures = zip(CARD_PICTURES, (forces_picture(found), pad_picture(found), content_picture(found)), strict=True)
    return {CARD: card_text(stream, found).encode(), **dict(pictures)}


def card_text(stream: Stream, found: Statistics) -> str:
    """The text of README.md."""
    manifest, recipe = stream.manifest, stream.manifest.get("recipe") or {}
    sensor = stream.spec.name if stream.spec is not None else "a sensor"
    name = f"{sensor}, {recipe['name']}" if recipe else sensor
    about = (
        recipe.get("about")
        or "Shapes of a catalogue, or meshes of a user, moved over the gel in every way of a library of motions."
    )
    parts = [
        _head(name, sensor, found.frames),
        f"# Simulated touch: {name}",
        f"{about} Made by simtouch {manifest.get('made_by', {}).get('simtouch', '')}; nothing in it was recorded.",
        f"![A few clips]({PREVIEW})",
        "## What it holds",
        _content(stream, found),
        f"![Frames by kind of scene, motion and object]({CARD_PICTURES[2]})",
        "## Forces, areas, depths",
        _quantities(found),
        f"![Histograms]({CARD_PICTURES[0]})",
        f"![Where the gel was pressed, how hard, and whether it slid]({CARD_PICTURES[1]})",
        "## Labels",
        _labels(stream, found),
        "## How it was made",
        _config(manifest),
        "## How to read it",
        _reading(),
        "## Terms",
        str(manifest.get("license", "")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(name: str, sensor: str, frames: int) -> str:
    size = next((words for most, words in _SIZES if frames < most), "n>10M")
    lines = (
        f"pretty_name: {json.dumps('Simulated touch: ' + name, ensure_ascii=False)}",
        "license: other",
        "license_name: simulated-see-terms",
        "task_categories: [image-feature-extraction, robotics]",
        f"tags: [tactile, touch, vision-based-tactile-sensing, simulated, simtouch, {json.dumps(sensor)}]",
        f"size_categories: [{size}]",
        "configs:",
        "- config_name: default",
        '  data_files: "clips-*.parquet"',
    )
    return "\n".join(("---", *lines, "---"))


def _content(stream: Stream, found: Statistics) -> str:
    manifest, frames = stream.manifest, max(found.frames, 1)
    H, W = stream.layout_of_shard(stream.shards[0]).image_shape
    states = ", ".join(
        f"{name} {_share(found.classes['slip_state'][name], frames)}" for name in ("none", "stick", "incipient", "slip")
    )
    rows = [
        ("frames", f"{found.frames} in {found.clips} clips, {H} x {W} pixels at {manifest.get('fps')} Hz"),
        ("sensors", f"{stream.sensors_per_clip} in each scene, {len(found.classes['sensor_id'])} in all"),
        ("in contact", _share(found.touched, frames)),
        ("state of slip", states),
        ("pad", f"{found.covered * 100:.0f} % of its places were a centre of pressure"),
        (
            "reaches the rim of the view",
            f"{_share(found.leaves_view, frames)}: there part of the force is missing (`leaves_view`)",
        ),
        ("kinds of scene", _counts(found, "scene")),
        ("motions", _counts(found, "motion")),
        ("objects", _counts(found, "indenter")),
    ]
    return _table(("", ""), rows)


def _counts(found: Statistics, name: str) -> str:
    ranked = sorted(found.classes[name].items(), key=lambda item: (-item[1], item[0]))
    more = f", and {len(ranked) - _MOST_ROWS} more" if len(ranked) > _MOST_ROWS else ""
    return ", ".join(f"{key} {count}" for key, count in ranked[:_MOST_ROWS]) + more


def _quantities(found: Statistics) -> str:
    if not found.touched:
        return "No frame touches anything."
    rows = [(words, *(f"{found.quantile(name, share):.3g}" for share in (0.05, 0.5, 0.95, 0.999))) for name, words in _QUANTITIES]
    return "Of the frames in contact:\n\n" + _table(("", "5 %", "median", "95 %", "99.9 %"), rows)


def _labels(stream: Stream, found: Statistics) -> str:
    text = "Each frame has its pose, force, torque, state of slip, contact area, depth, friction and marker flow, and the maps of height, "
    text += "displacement, tractions and slip; units stand in the names and in the metadata of the columns."
    types = {name: kind for shard in stream.shards[:1] for name, kind in stream.layout_of_shard(shard).label_types}
    if not types:
        return text
    rows = []
    for name, kind in types.items():
        told = found.labels.get(name, {})
        values = sorted((item for item in told.items() if item[0].startswith("= ")), key=lambda item: (-item[1], item[0]))
        words = "" if told.get("many") else ", ".join(f"{value[2:]} {count}" for value, count in values[:_MOST_ROWS])
        rows.append((f"`{LABEL_PREFIX}{name}`", kind, f"{told.get('known', 0)}", words))
    return text + "\n\n" + _table(("column", "type", "frames that have it", "values"), rows)


def _config(manifest: dict) -> str:
    config = dict(manifest.get("config", {}))
    recipe = manifest.get("recipe") or {}
    if recipe:
        config["recipe"] = {"name": recipe.get("name"), "shares": recipe.get("shares")}
    made_by = manifest.get("made_by", {})
    versions = made_by.get("libraries", {})
    rows = [(f"`{key}`", f"`{json.dumps(value, ensure_ascii=False)}`") for key, value in sorted(config.items())]
    rows += [("libraries", ", ".join(f"{name} {version}" for name, version in versions.items()))]
    rows += [("hash of the code", f"`{made_by.get('kernel_hash', '')}`")]
    return "`manifest.json` has all of it; equal configs make equal bytes.\n\n" + _table(("", ""), rows)


def _reading() -> str:
    return """```python
import simtouch

for clip in simtouch.open_stream("."):
    print(clip.sensor_id, clip.indenter, clip.images.shape, clip.force_n[-1], clip.labels)
```

or, images and numbers without simtouch: `datasets.load_dataset("parquet", data_files="clips-*.parquet")`."""


def _table(head: tuple[str, ...], rows: list[tuple]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"
