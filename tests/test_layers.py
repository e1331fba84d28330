"""The house guards its own plan: who may import whom, how long a file and a function may be.

Read from the syntax trees, so that a module that cannot be imported is guarded too, and so is an import inside a function.
Each rule maps one module to a list of complaints; each is shown to complain about a planted fault.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Lowest first: a floor imports from itself and from those above it in this list.
FLOORS = (
    ("_checks", "_pickled_arrays", "_pickled_tensors", "_unpickle", "assets"),
    ("_taichi",),
    ("_verb",),
    ("geometry",),
    ("indenters",),
    ("sensors",),
    ("gel",),
    ("optics",),
    ("frame",),
    ("look", "reading", "contact", "force_control", "simulator"),
    ("scenes",),
    ("stream",),
    ("models",),
    ("training",),
    ("tacbench",),
    (
        "generate",
        "preview",
        "view",
        "view_board",
        "view_clips",
        "view_forces",
        "view_live",
        "view_page",
        "view_reading",
        "view_rerun",
        "view_surface",
        "view_touch",
        "calibrate",
        "fidelity",
        "fidelity_page",
        "fidelity_renders",
        "fidelity_report",
        "fidelity_rows",
        "fidelity_split",
        "export",
        "gel_benchmark",
        "loader_benchmark",
        "optics_peers",
        "optics_benchmark",
        "benchmark",
        "encoder_benchmark",
        "pretrain",
    ),  # the verbs
    ("__main__", ""),  # "" is simtouch/__init__.py: it names everything, so nothing inside may import from it
)
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names}
VERBS = FLOORS[-2]
TAICHI_FLOORS = {"_taichi", "geometry", "indenters", "gel", "optics"}
TORCH_FLOORS = {"models", "training", "tacbench", *VERBS} - {"generate", "preview"}  # those two are the core install
ONLY_IN = {
    "mujoco": ("simtouch.scenes.mujoco_scene",),
    "tacto": ("simtouch.scenes.tacto_scene", "simtouch.optics_benchmark"),
    **dict.fromkeys(("pybullet", "pyrender", "urchin", "urdfpy"), ("simtouch.scenes.tacto_scene",)),
    **dict.fromkeys(("taichi", "quadrants"), ("simtouch._taichi",)),
    "av": ("simtouch.stream.pyav",),
    **dict.fromkeys(("gymnasium", "stable_baselines3", "simtouch_envs", "torchvision", "timm", "xformers"), ()),
}


@dataclass(frozen=True)
class Module:
    """A source file: its dotted name ("simtouch.gel.layer"), its text and its syntax tree."""

    name: str
    text: str
    is_package: bool = False

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @property
    def floor(self) -> str:
        """The room under simtouch it belongs to; "" for simtouch/__init__.py."""
        return [*self.name.split("."), ""][1]

    def imports(self) -> Iterator[tuple[int, str]]:
        """Yield (line, dotted name) of each import, at any depth: `from a.b import c` gives a.b and a.b.c."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    parts = self.name.split(".")
                    parents = parts[: len(parts) - node.level + self.is_package]
                    base = ".".join([*parents, *([base] if base else [])])
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
                yield from (
                    (node.lineno, a.value) for a in node.args[:1] if isinstance(a, ast.Constant) and isinstance(a.value, str)
                )


def modules(*folders: str) -> list[Module]:
    """Every Python file under the given folders of the checkout; `envs` itself is no package."""
    found = []
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            parts = parts[1:] if parts[0] == "envs" else parts
            is_package = parts[-1] == "__init__"
            found.append(Module(".".join(parts[:-1] if is_package else parts), path.read_text("utf-8"), is_package))
    return found


def upward_imports(module: Module) -> list[str]:
    """Imports from a floor above; a name that has no floor yet; public names imported from inside."""
    if module.floor not in LEVEL:
        return [f"{module.name}: `{module.floor}` has no floor; give it one in FLOORS and a line in DECISIONS.md"]
    if module.name == "simtouch":
        return []
    complaints = []
    for line, name in module.imports():
        if name.split(".")[0] != "simtouch" or name == "simtouch.__version__":
            continue
        target = [*name.split("."), ""][1]
        target = target if target in LEVEL else ""  # `from simtouch import TactileSimulator`, or `import simtouch`
        if LEVEL[target] > LEVEL[module.floor]:
            complaints.append(f"{module.name}:{line} imports {name}, from a floor above")
    return complaints


def misplaced_packages(module: Module) -> list[str]:
    """Heavy packages outside their rooms."""
    complaints = []
    for line, name in module.imports():
        package = name.split(".")[0]
        if package in ONLY_IN and module.name not in ONLY_IN[package]:
            complaints.append(f"{module.name}:{line} imports {package}; only {list(ONLY_IN[package])} may")
        if name.startswith("simtouch._taichi") and module.floor not in TAICHI_FLOORS:
            complaints.append(f"{module.name}:{line} uses Taichi; only {sorted(TAICHI_FLOORS)} may")
        torch_room = module.floor in TORCH_FLOORS or module.name == "simtouch.stream.mixing" or ".torch_" in module.name
        if package in ("torch", "lightning_fabric", "safetensors") and not torch_room:
            complaints.append(f"{module.name}:{line} imports {package}; torch_*.py, stream/mixing.py and models/ upwards may")
    return complaints


def imports_of_scripts(module: Module) -> list[str]:
    """Imports of experiments, which are scripts and never imported, not even by each other."""
    scripts = {"experiments", *(path.stem for path in (ROOT / "experiments").glob("*.py"))}
    return [f"{module.name}:{line} imports {name}" for line, name in module.imports() if name.split(".")[0] in scripts]


def private_taichi(module: Module) -> list[str]:
    """Environments touch through the simulator: neither Taichi nor the runtime module."""
    banned = ("taichi", "quadrants", "simtouch._taichi")
    return [f"{module.name}:{line} imports {name}" for line, name in module.imports() if name.startswith(banned)]


def missing_docstring(module: Module) -> list[str]:
    """A module opens with what goes in and what comes out."""
    return [] if ast.get_docstring(module.tree) else [f"{module.name} has no docstring"]


def too_long(module: Module) -> list[str]:
    """Files under 300 lines; functions under 40, not counting signature, docstring, blank lines and comment lines."""
    lines = module.text.splitlines()
    complaints = [f"{module.name} has {len(lines)} lines; under 300 are allowed"] if len(lines) >= 300 else []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            source = lines[body[0].lineno - 1 : body[-1].end_lineno] if body else []
            count = sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in source)
            if count >= 40:
                complaints.append(f"{module.name}.{node.name} has {count} lines; under 40 are allowed")
    return complaints


def grab_bags(module: Module) -> list[str]:
    """A file is named for what it does."""
    is_one = module.name.split(".")[-1] in ("utils", "util", "helpers", "common", "misc")
    return [f"{module.name}: name it for what it does"] if is_one else []


LIBRARY, ENVS, SCRIPTS, TESTS = ("simtouch",), ("envs/simtouch_envs",), ("experiments",), ("tests",)
RULES = {
    upward_imports: LIBRARY,
    misplaced_packages: LIBRARY,
    private_taichi: ENVS + SCRIPTS,
    imports_of_scripts: LIBRARY + ENVS + SCRIPTS + TESTS,
    missing_docstring: LIBRARY + ENVS + SCRIPTS,
    too_long: LIBRARY + ENVS + SCRIPTS + TESTS,
    grab_bags: LIBRARY + ENVS + SCRIPTS + TESTS,
}
LONG_FUNCTION = "def f():\n    '''Said.'''\n" + "    x = 1\n" * 40
FAULTS = [
    (upward_imports, "simtouch.gel.layer", "from simtouch.optics import shadow"),
    (upward_imports, "simtouch.gel.layer", "from ..optics.shadow import shadow_map"),
    (upward_imports, "simtouch.gel.layer", "def f():\n    import simtouch.stream.writer"),
    (upward_imports, "simtouch.sensors.spec", "from simtouch import TactileSimulator"),
    (upward_imports, "simtouch.sensors.spec", "import importlib\nimportlib.import_module('simtouch.gel')"),
    (upward_imports, "simtouch.cellar", ""),
    (misplaced_packages, "simtouch.gel.layer", "import taichi as ti"),
    (misplaced_packages, "simtouch.stream.writer", "from simtouch._taichi import ti"),
    (misplaced_packages, "simtouch.gel.layer", "import torch"),
    (misplaced_packages, "simtouch.generate", "from torch.utils.data import DataLoader"),
    (misplaced_packages, "simtouch.scenes.recipes", "import mujoco"),
    (misplaced_packages, "simtouch.scenes.recipes", "import simtouch_envs"),
    (private_taichi, "simtouch_envs.hold_force", "from simtouch._taichi import ti"),
    (imports_of_scripts, "simtouch_envs.hold_force", "from experiments.probe_force import main"),
    (missing_docstring, "simtouch.gel.layer", "import numpy"),
    (too_long, "simtouch.gel.layer", "x = 1\n" * 300),
    (too_long, "simtouch.gel.layer", LONG_FUNCTION),
    (grab_bags, "simtouch.gel.utils", ""),
]
CLEAN = [
    (
        upward_imports,
        "simtouch.optics.shadow",
        "from simtouch import gel\nfrom simtouch._checks import as_array\nfrom .lights import x",
    ),
    (upward_imports, "simtouch.stream.writer", "from simtouch import __version__"),
    (misplaced_packages, "simtouch.gel.torch_layer", "import torch"),
    (misplaced_packages, "simtouch.stream.mixing", "import torch"),
    (misplaced_packages, "simtouch.scenes.mujoco_scene", "import mujoco"),
    (too_long, "simtouch.gel.layer", LONG_FUNCTION.replace("    x = 1\n" * 40, "    x = 1\n\n    # said\n" * 39)),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_module_breaks(rule):
    found = modules(*RULES[rule])
    complaints = [complaint for module in found for complaint in rule(module)]
    assert not complaints, "\n" + "\n".join(complaints)


@pytest.mark.parametrize(("rule", "name", "text"), FAULTS)
def test_a_planted_fault_is_found(rule, name, text):
    assert rule(Module(name, text))


@pytest.mark.parametrize(("rule", "name", "text"), CLEAN)
def test_an_honest_module_passes(rule, name, text):
    assert rule(Module(name, text)) == []


def test_every_folder_that_should_be_guarded_has_modules():
    assert len(modules(*LIBRARY)) > 10
    assert modules(*ENVS)
    assert modules(*TESTS)


def test_installed_names_are_two():
    """A bare `envs` or `experiments` in the wheel would shadow a user's own folder."""
    assert not (ROOT / "envs" / "__init__.py").exists()
    assert not (ROOT / "experiments" / "__init__.py").exists()
