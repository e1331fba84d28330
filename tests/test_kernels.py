"""Kernels keep their manners: private, outputs last, gather only, no hidden state, and a NumPy twin each.

Read from the syntax trees. A kernel module is one with a function decorated by `@ti.kernel` or `@ti.func`. Its twin is
`tests/reference/<module>.py`, `tests/reference/<floor>_<module>.py`, or any file there whose docstring names the module
("twin of simtouch.optics.shadow"); a twin imports no Taichi, and a test imports the twin.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "tests" / "reference"
SCATTER = ("atomic_add", "atomic_sub", "atomic_mul")  # float sums in any order; atomic_min and _max have no order


def decorated(tree: ast.Module, *kinds: str) -> Iterator[ast.FunctionDef]:
    """Yield functions decorated by `@ti.<kind>`, bare or called, or by the bare name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            names = [ast.unparse(d.func if isinstance(d, ast.Call) else d) for d in node.decorator_list]
            if any(name.split(".")[-1] in kinds and name.split(".")[0] in ("ti", *kinds) for name in names):
                yield node


def kernels(tree: ast.Module) -> list[ast.FunctionDef]:
    return list(decorated(tree, "kernel"))


def root_name(node: ast.expr) -> str | None:
    """`out` of `out[i, j]`, `out[i].x` and `out`."""
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def element_writes(function: ast.FunctionDef) -> Iterator[tuple[str, ast.stmt]]:
    """Yield (argument, statement) of each store into an element of an argument."""
    arguments = {a.arg for a in function.args.args}
    for node in ast.walk(function):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
        for target in targets:
            for leaf in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(leaf, ast.Subscript | ast.Attribute) and root_name(leaf) in arguments:
                    yield root_name(leaf), node


def is_output(name: str) -> bool:
    return name == "out" or name.endswith("_out")


def is_public(tree: ast.Module) -> list[str]:
    """A kernel is private: a wrapper checks, allocates and launches."""
    return [f"{k.name}: begin its name with _" for k in kernels(tree) if not k.name.startswith("_")]


def misnamed_output(tree: ast.Module) -> list[str]:
    """Outputs are named `out` or `*_out`, come last, and are all that is written."""
    complaints = []
    for kernel in kernels(tree):
        names = [a.arg for a in kernel.args.args]
        written = {name for name, _ in element_writes(kernel)}
        complaints += [f"{kernel.name} writes `{n}`: name it out or *_out" for n in sorted(written) if not is_output(n)]
        flags = [is_output(n) for n in names]
        if flags != sorted(flags):
            complaints.append(f"{kernel.name}({', '.join(names)}): outputs come last")
        if not any(flags) and kernel.returns is None:
            complaints.append(f"{kernel.name} has no output")
    return complaints


def scattering(tree: ast.Module) -> list[str]:
    """No `+=` on an element of an array and no atomic sum: another order of threads would give other bytes."""
    complaints = []
    for function in decorated(tree, "kernel", "func"):
        arrays = [s for _, s in element_writes(function) if isinstance(s, ast.AugAssign)]
        complaints += [f"{function.name}:{s.lineno} adds to an element of an argument; gather instead" for s in arrays]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in SCATTER:
            complaints.append(f"line {node.lineno} sums atomically; gather instead")
    return complaints


def racing_sums(tree: ast.Module) -> list[str]:
    """A kernel's outermost loops run in parallel: `total += x` there, on a variable from outside, is an atomic sum."""
    complaints = []
    for kernel in kernels(tree):
        outside, serial = set(), False
        for statement in kernel.body:
            if isinstance(statement, ast.For) and not serial:
                sums = [n for n in ast.walk(statement) if isinstance(n, ast.AugAssign)]
                racing = [s for s in sums if isinstance(s.target, ast.Name) and s.target.id in outside]
                complaints += [f"{kernel.name}:{s.lineno} sums into `{s.target.id}` from a parallel loop" for s in racing]
            serial = "loop_config(serialize=True)" in ast.unparse(statement)
            outside |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return complaints


def banned_calls(tree: ast.Module) -> list[str]:
    """Noise is keyed by (seed, clip), not by a thread; arrays are the callers'; the runtime starts in one place."""
    banned = ("random", "randn", "field", "init", "reset", "root")
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute) and ast.unparse(n.value) in ("ti", "taichi")]
    return [f"line {n.lineno} uses ti.{n.attr}" for n in calls if n.attr in banned]


def postponed_annotations(tree: ast.Module) -> list[str]:
    """Taichi reads annotations as values."""
    imports = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "__future__"]
    return [
        f"line {n.lineno} postpones annotations, which Taichi cannot read" for n in imports if n.names[0].name == "annotations"
    ]


RULES = (is_public, misnamed_output, scattering, racing_sums, banned_calls, postponed_annotations)
KERNEL = "@ti.kernel\ndef _k(a: Map, {0}out: Map):\n    for i, j in out:\n        {1}\n"
HONEST = KERNEL.format("", "s = 0.0\n        for k in range(3):\n            s += a[k, j]\n        out[i, j] = s")
FAULTS = [
    (is_public, "@ti.kernel\ndef shade(out: Map):\n    out[0, 0] = 1.0"),
    (misnamed_output, KERNEL.format("", "a[i, j] = 1.0")),
    (misnamed_output, KERNEL.format("", "a[i, j].x = out[i, j]")),
    (misnamed_output, KERNEL.format("b_out: Map, c: float, ", "out[i, j] = 1.0")),
    (misnamed_output, "@ti.kernel\ndef _k(a: Map):\n    pass"),
    (scattering, KERNEL.format("", "out[i, j] += a[i, j]")),
    (scattering, KERNEL.format("", "ti.atomic_add(out[i, j], a[i, j])")),
    (scattering, "@ti.func\ndef f(a: ti.template()):\n    a[0] -= 1.0"),
    (racing_sums, "@ti.kernel\ndef _k(a: Map) -> float:\n    s = 0.0\n    for i, j in a:\n        s += a[i, j]\n    return s"),
    (banned_calls, KERNEL.format("", "out[i, j] = ti.random()")),
    (banned_calls, "x = ti.field(ti.f32, (3,))"),
    (banned_calls, "ti.init(arch=ti.gpu)"),
    (postponed_annotations, "from __future__ import annotations\n" + HONEST),
]


def trees() -> dict[str, ast.Module]:
    """Modules that may hold kernels, by path below simtouch, without the one that starts Taichi."""
    paths = sorted((ROOT / "simtouch").rglob("*.py"))
    found = {p.relative_to(ROOT / "simtouch").as_posix(): ast.parse(p.read_text("utf-8")) for p in paths}
    return {name: tree for name, tree in found.items() if name != "_taichi.py"}


def imported_names(tree: ast.Module) -> set[str]:
    """Every dotted name a module imports: `from a import b` gives a and a.b."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or "", *(f"{node.module or ''}.{alias.name}" for alias in node.names)}
    return names


def twins(path: str) -> list[Path]:
    """Files in tests/reference that are the NumPy twin of a module, given as "optics/shadow.py"."""
    stem = path.removesuffix(".py").replace("/", "_")
    dotted = "simtouch." + path.removesuffix(".py").replace("/", ".")
    by_name = {Path(path).stem, stem}
    found = []
    for file in sorted(REFERENCE.glob("*.py")):
        said = (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").replace("`", " ")
        if file.stem in by_name or dotted in [word.strip(".,;:()") for word in said.split()]:
            found.append(file)
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_module_breaks(rule):
    complaints = [f"simtouch/{path} {c}" for path, tree in trees().items() for c in rule(tree)]
    assert not complaints, "\n" + "\n".join(complaints)


@pytest.mark.parametrize(("rule", "text"), FAULTS)
def test_a_planted_fault_is_found(rule, text):
    assert rule(ast.parse(text))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_an_honest_kernel_passes(rule):
    assert rule(ast.parse(HONEST)) == []


def test_there_are_kernels_to_guard():
    assert any(kernels(tree) for tree in trees().values())


def test_each_kernel_module_has_a_numpy_twin():
    missing = [path for path, tree in trees().items() if kernels(tree) and not twins(path)]
    assert not missing, f"no twin in tests/reference for {missing}"


def test_twins_import_no_taichi_and_are_tested():
    tested = {name for p in (ROOT / "tests").rglob("test_*.py") for name in imported_names(ast.parse(p.read_text("utf-8")))}
    found = {file for path, tree in trees().items() if kernels(tree) for file in twins(path)}
    for file in sorted(found):
        names = imported_names(ast.parse(file.read_text("utf-8")))
        heavy = [n for n in names if n.startswith(("taichi", "quadrants", "simtouch._taichi"))]
        assert not heavy, f"{file.name} imports {heavy}: a twin is NumPy"
        assert f"tests.reference.{file.stem}" in tested, f"no test imports tests.reference.{file.stem}"
