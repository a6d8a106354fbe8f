"""The house's order: who may import whom, and names that a reader can rely on."""

import ast
import inspect
import sys
from pathlib import Path

import pytest

import d2lparams

PACKAGE = Path(d2lparams.__file__).parent
MAY_IMPORT = {  # within the package; arrows point one way
    "compat": set(),
    "access": {"sharing"},
    "uses": set(),
    "initializers": {"access"},
    "sharing": set(),
    "tracking": {"uses"},
    "standin": set(),
    "data": {"compat", "standin"},
    "plots": set(),
    "chapter": set(),
}
CORE = {"compat", "access", "uses", "initializers", "sharing", "tracking"}


def imports(module):
    """Return (this package's modules, other top-level packages) that are imported when `module` is."""
    ours, others = set(), set()
    for node in ast.parse((PACKAGE / f"{module}.py").read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            ours |= {node.module} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            others.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
    return ours, others


def modules():
    return sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("module", modules())
def test_arrows_point_one_way(module):
    ours, _ = imports(module)
    assert ours <= MAY_IMPORT[module]


@pytest.mark.parametrize("module", sorted(CORE))
def test_the_core_needs_torch_alone(module):
    _, others = imports(module)
    assert others <= {"torch"} | sys.stdlib_module_names


def test_every_public_name_is_there_and_its_docstring_has_an_example():
    plots = d2lparams.plots
    public = [getattr(d2lparams, name) for name in d2lparams.__all__ if name != "plots"]
    public += [f for name, f in vars(plots).items() if inspect.isfunction(f) and f.__module__ == plots.__name__]
    for value in public:
        if not value.__name__.startswith("_"):
            assert ">>> " in value.__doc__ or f"{value.__name__}(record" in plots.__doc__, value
    assert d2lparams.__all__ == sorted(d2lparams.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = d2lparams.nonsense
