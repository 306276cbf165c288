"""The house is held up by its imports (the map in the package's docstring): they go one way, and say who may what."""

from __future__ import annotations

import ast
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "operator"
PACKAGE = "runtimeenv"

# Top to bottom; a room imports only rooms above it. Rooms of one tier are strangers to each other.
TIERS = (
    {"errors"},
    {"settings", "core"},
    {"crypto"},
    {"cluster"},
    {"kek"},
    {"serving"},
    {"controller", "webhook", "api"},
    {"cli"},
    {"__main__"},
)

# The only importer of each of these packages: a room or a module.
ONLY = {
    "cryptography": f"{PACKAGE}.crypto",
    "kubernetes": f"{PACKAGE}.cluster",
    "kopf": f"{PACKAGE}.controller.handlers",
    "fastapi": f"{PACKAGE}.api",
    "starlette": f"{PACKAGE}.api",
    "uvicorn": f"{PACKAGE}.api",
}

# What can open a value, and the rooms that may import it.
OPENERS = {f"{PACKAGE}.crypto.{name}" for name in ("unseal", "envelope", "keyring", "wrapping")} | {f"{PACKAGE}.kek"}
MAY_OPEN = {"crypto", "kek", "controller"}

# The command line starts the controller's process, and does nothing else with it.
STARTS_PROCESSES = f"{PACKAGE}.cli.processes"

PURE = {"errors", "core"}
IMPURE = {
    *("aiohttp", "asyncio", "concurrent", "http", "io", "logging", "os", "pathlib", "random"),
    *(
        "secrets",
        "shutil",
        "signal",
        "socket",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uvloop",
    ),
}


@cache
def modules() -> dict[str, Path]:
    """Every module by its dotted name."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def imports(module: str, *, of_types: bool = True) -> frozenset[str]:
    """Dotted names that a module imports, anywhere in it, for type checkers alone only if ``of_types``.

    ``from a import b`` gives ``a.b`` where that is a module.
    """
    found: set[str] = set()
    ahead: list[ast.AST] = [ast.parse(modules()[module].read_text())]
    while ahead:
        node = ahead.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not of_types:
            continue
        ahead += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{module}: relative import"
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules() else node.module for name in full}
    return frozenset(found)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def own(names: frozenset[str]) -> set[str]:
    return {name for name in names if within(name, PACKAGE)}


@cache
def reach(module: str) -> frozenset[str]:
    """All modules of the package that importing this one may bring in."""
    found: set[str] = set()
    ahead = [module]
    while ahead:
        for name in own(imports(ahead.pop())) - found:
            found.add(name)
            ahead.append(name)
    return frozenset(found)


def test_every_room_has_its_place() -> None:
    assert {room(module) for module in modules()} <= set().union(*TIERS, {""})


@pytest.mark.parametrize("module", modules())
def test_a_room_imports_only_rooms_above_it(module: str) -> None:
    above: set[str] = {""}
    for tier in TIERS:
        if room(module) in tier:
            break
        above |= tier
    wrong = {name for name in own(imports(module)) if room(name) not in above | {room(module)}}
    assert not wrong, f"{module} imports {wrong}"


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {module: own(imports(module, of_types=False)) - {module, PACKAGE} for module in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize(("package", "importer"), ONLY.items())
def test_a_library_has_one_importer(package: str, importer: str) -> None:
    found = {m for m in modules() if any(within(name, package) for name in imports(m))}
    assert {module for module in found if not within(module, importer)} == set()


@pytest.mark.parametrize("module", [m for m in modules() if room(m) in PURE])
def test_the_rules_are_pure(module: str) -> None:
    names = {name.split(".")[0] for name in imports(module)}
    assert not names & IMPURE, f"{module} imports {names & IMPURE}"


@pytest.mark.parametrize("module", [m for m in modules() if room(m) not in MAY_OPEN])
def test_who_may_not_open_a_value_can_not_reach_what_opens_it(module: str) -> None:
    if module in (STARTS_PROCESSES, f"{PACKAGE}.cli.main", f"{PACKAGE}.__main__"):
        names = {name for name in own(imports(module)) if room(name) == "controller"}
        assert names <= {f"{PACKAGE}.controller.run"}
        return
    openers = {name for name in reach(module) if any(within(name, opener) for opener in OPENERS)}
    assert not openers, f"{module} reaches {openers}"


def test_our_objects_are_pydantic_and_only_in_core() -> None:
    outside = {m for m in modules() if room(m) not in {"core", "settings", "api"} and "pydantic" in imports(m)}
    assert outside == set()


def test_every_dependency_is_declared() -> None:
    third_party = {
        name.split(".")[0]
        for module in modules()
        for name in imports(module)
        if name.split(".")[0] not in sys.stdlib_module_names and not within(name, PACKAGE)
    }
    declared = (ROOT.parent / "pyproject.toml").read_text().partition("[project.scripts]")[0]
    spelled = {"prometheus_client": "prometheus-client", "yaml": "pyyaml"}
    assert {name for name in third_party if f'"{spelled.get(name, name)}' not in declared} == set()
