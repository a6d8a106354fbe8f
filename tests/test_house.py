"""The house's order: who may import whom, and names that a reader can rely on."""

import ast
import inspect
import shutil
import subprocess
import sys
import zipfile
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
    "starts": {"initializers"},
    "ways": {"sharing", "uses"},
    "plots": set(),
    "chapter": set(),
    "widgets/screen": set(),
    "widgets/face": {"widgets/screen"},
    "widgets/explorer": {"plots", "starts", "widgets/face", "widgets/screen"},
    "widgets/playground": {"access", "plots", "sharing", "ways", "widgets/face", "widgets/screen"},
    "widgets/monitoring": {"plots", "widgets/face", "widgets/screen"},
    "widgets/replay": {"plots", "widgets/face", "widgets/screen"},
    "exercises/inside/facts": set(),  # what is inside the sandbox knows nothing of what is outside
    "exercises/inside/asks": {"exercises/inside/facts"},
    "exercises/inside/nets": set(),
    "exercises/inside/probes": {"exercises/inside/asks", "exercises/inside/facts"},
    "exercises/inside/jail": set(),
    "exercises/inside/worker": set(),
    "exercises/compare": set(),
    "exercises/question": {"exercises/compare", "exercises/inside"},
    "exercises/pictures": {"exercises/compare"},
    "exercises/bank/chapter": set(),
    "exercises/bank/draws": set(),
    "exercises/sandbox": {"exercises/inside"},
    "exercises/submissions": set(),
    "exercises/grading": {f"exercises/{name}" for name in ("bank", "inside", "question", "sandbox", "submissions")},
    "exercises/authoring": {"exercises/bank", "exercises/bank/chapter", "exercises/question"},
    "exercises/feedback": set(),
    "exercises/course": {f"exercises/{name}" for name in ("authoring", "bank", "feedback", "question")},
    "exercises/__main__": {"exercises/grading", "exercises/submissions"},
}
for section in ("access", "initialization", "custom", "sharing", "training", "prose"):
    MAY_IMPORT[f"exercises/bank/{section}"] = {
        f"exercises/{name}" for name in ("bank/draws", "compare", "inside/nets", "pictures", "question")
    }
CORE = {"compat", "access", "uses", "initializers", "sharing", "tracking", "starts", "ways"}


def imports(module):
    """Return (this package's modules, other top-level packages) that are imported when `module` is."""
    ours, others = set(), set()
    for node in ast.parse((PACKAGE / f"{module}.py").read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            names = {node.module.replace(".", "/")} if node.module else {alias.name for alias in node.names}
            ours |= {"/".join([*module.split("/")[: -node.level], name]) for name in names}
        elif isinstance(node, ast.ImportFrom):
            others.add(node.module.split(".")[0])
        elif isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
    return ours, others


def modules():
    paths = [*PACKAGE.glob("*.py"), *PACKAGE.glob("widgets/*.py"), *PACKAGE.glob("exercises/**/*.py")]
    return sorted(str(path.relative_to(PACKAGE).with_suffix("")) for path in paths if path.stem != "__init__")


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
    public = [getattr(d2lparams, name) for name in d2lparams.__all__ if name not in ("plots", "widgets")]
    public += [getattr(d2lparams.widgets, name) for name in d2lparams.widgets.__all__]
    public += [f for name, f in vars(plots).items() if inspect.isfunction(f) and f.__module__ == plots.__name__]
    for value in public:
        if not value.__name__.startswith("_"):
            assert ">>> " in value.__doc__ or f"{value.__name__}(record" in plots.__doc__, value
    assert d2lparams.__all__ == sorted(d2lparams.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = d2lparams.nonsense


def test_a_wheel_holds_every_file_of_the_package(tmp_path):
    root, copy = PACKAGE.parent, tmp_path / "copy"
    shutil.copytree(PACKAGE, copy / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, copy)
    wanted = {str(path.relative_to(copy)) for path in (copy / PACKAGE.name).rglob("*") if path.is_file()}
    command = "pip wheel --quiet --no-deps --no-build-isolation --disable-pip-version-check --wheel-dir"
    subprocess.run([sys.executable, "-m", *command.split(), tmp_path, copy], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name} == wanted
