"""The house's order: who may import whom, what each room needs, and what reaches those who install the package."""

import importlib
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys
import tarfile
import typing
import zipfile
from pathlib import Path

import grimp
import pytest
from importlinter.api import read_configuration

import d2lparams

ROOT = Path(__file__).parent.parent
PACKAGE = Path(d2lparams.__file__).parent
CHECKOUT = [
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "MANIFEST.in", "Makefile", "README.md"),
    *("environment.yml", "pyproject.toml", "requirements.txt", "requirements-elsewhere.txt"),
    *("d2lparams", "notebooks", "tests", "tools"),
]
LISTS = {"hostile.py", "mistakes.py"}  # tests that are lists of data

WITHOUT = """
import sys, warnings
from importlib.machinery import PathFinder

class Without(PathFinder):  # as if none of these packages were installed
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {names!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Without
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch says that there is no numpy
    import torch
"""


def torch_alone():
    """Return the contract that keeps other packages out of the core."""
    contracts = read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    return next(contract for contract in contracts if contract["name"].startswith("The core needs torch alone"))


def third_party():
    """Return the names of the packages, besides torch, that the core may not import."""
    return set(torch_alone()["forbidden_modules"])


def check(folder):
    """Check the contracts on the package that lies in `folder`."""
    command = "from importlinter.cli import lint_imports_command as check; check()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True
    )


def run_without(names, code):
    """Run `code` in a process where packages of these names cannot be imported."""
    command = [sys.executable, "-W", "error", "-c", WITHOUT.format(names=names) + code]
    done = subprocess.run(command, cwd=ROOT, timeout=120, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A folder with a copy of all that is in a checkout."""
    folder = tmp_path_factory.mktemp("copy")
    for name in CHECKOUT:
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, folder)
        else:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return folder


def test_imports_keep_the_contracts():
    done = check(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "imports"),
    [
        ("sharing.py", "from .plots import uses"),  # from the core to a wing
        ("sharing.py", "import matplotlib"),
        ("sharing.py", "from d2lparams import track"),  # upward, by way of the package's own names
        ("record.py", "from . import tracking"),
        ("plots/style.py", "from ..widgets import base"),
        ("widgets/base.py", "from d2lparams.chapter import data"),
        ("widgets/base.py", "from ..exercises import compare"),
        ("exercises/compare.py", "from ..course import grading"),
        ("exercises/compare.py", "from ..chapter import data"),
        ("exercises/inside/worker.py", "from .. import compare"),
        ("exercises/bank/q1/probe.py", "from ...compare import same_tensor"),
    ],
)
def test_an_arrow_upward_breaks_a_contract_even_inside_a_function(copy, module, imports):
    path = copy / "d2lparams" / module
    text = path.read_text()
    path.write_text(text + f"\n\ndef upward():\n    {imports}\n")
    try:
        done = check(copy)
    finally:
        path.write_text(text)
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout


def test_the_contract_of_the_core_knows_all_its_modules_and_all_packages():
    core = {f"d2lparams.{module.name}" for module in pkgutil.iter_modules([str(PACKAGE)]) if not module.ispkg}
    assert set(torch_alone()["source_modules"]) == core
    graph = grimp.build_graph("d2lparams", include_external_packages=True, cache_dir=None)
    imported = {name for name in graph.modules if not name.startswith("d2lparams")}
    assert imported - sys.stdlib_module_names - {"torch"} <= third_party()


def test_importing_the_package_loads_torch_and_nothing_heavier():
    code = "import sys, torch; before = set(sys.modules); import d2lparams; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded <= sys.stdlib_module_names | {"d2lparams", "torch"}


def test_torch_alone_gives_the_core():
    run_without(
        third_party(),
        """
import d2lparams
from d2lparams import *
missing = set(d2lparams.__all__) - set(globals())
assert not missing, missing
assert {"plots", "widgets", "chapter", "track", "__version__"} <= set(dir(d2lparams))
for name in ("plots", "widgets", "FashionMNIST"):
    try:
        getattr(d2lparams, name)
    except ModuleNotFoundError as error:
        assert "pip install" in str(error), error
    else:
        raise AssertionError(f"d2lparams.{name} needs more than torch")
try:
    d2lparams.Record(["weight"], {}, every=1, histogram_every=0).frame()
except ModuleNotFoundError as error:
    assert "pip install 'd2lparams[plots]'" in str(error), error
else:
    raise AssertionError("a table needs more than torch")
try:
    d2lparams.nonsense
except AttributeError as error:
    assert "'nonsense'" in str(error), error
""",
    )


def test_matplotlib_and_pandas_are_all_that_figures_need():
    run_without(
        third_party() - {"matplotlib", "pandas", "numpy", "PIL"},
        """
import matplotlib
matplotlib.use("agg")
import d2lparams
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
with d2lparams.track(net, every=1) as record:
    for _ in range(3):
        net(torch.ones(1, 2)).sum().backward()
        optimizer.step()
assert len(record.frame())
assert d2lparams.plots.training(record).axes
board = d2lparams.plots.Board()
board.draw(0.5, 1.0, "train_loss")
assert all(hasattr(d2lparams.plots, name) for name in d2lparams.plots.__all__)
""",
    )


@pytest.mark.parametrize("room", [d2lparams, d2lparams.plots, d2lparams.widgets], ids=lambda room: room.__name__)
def test_the_docstring_of_every_public_name_has_an_example(room):
    public = [getattr(room, name) for name in room.__all__]
    without = [value.__name__ for value in public if callable(value) and ">>> " not in (inspect.getdoc(value) or "")]
    assert without == []


def modules():
    """Import every module of the package."""
    for found in pkgutil.walk_packages([str(PACKAGE)], "d2lparams."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def test_every_annotation_names_something():
    unresolved = []
    for module in modules():
        own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
        members = [member for value in own if inspect.isclass(value) for member in vars(value).values()]
        for value in own + members:
            if inspect.isfunction(value) or inspect.isclass(value):
                try:
                    typing.get_type_hints(value)
                except NameError as error:
                    unresolved.append(f"{module.__name__}.{value.__qualname__}: {error}")
    assert unresolved == []


def test_files_stay_short():
    long = {}
    for folder, most in ((PACKAGE, 400), (ROOT / "tests", 700), (ROOT / "tools", 400)):
        for path in folder.rglob("*.py"):
            lines = len(path.read_text().splitlines())
            if lines > most and path.name not in LISTS:
                long[str(path.relative_to(ROOT))] = lines
    assert long == {}


def test_every_benchmark_finds_what_it_imports_as_make_runs_it():
    program = """
import ast, importlib, importlib.util, sys
from pathlib import Path
start, tools = [path for path in sys.path if not path.endswith("tests")], Path("tools")
for path in sorted(tools.glob("bench*.py")):
    sys.path[:] = [str(tools), *start]
    importlib.import_module(path.stem)
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names + [node.module] if isinstance(node, ast.ImportFrom) else names:
            if importlib.util.find_spec(name.split(".")[0]) is None and name not in ELSEWHERE:
                print(f"{path} asks for {name}")
"""
    program = f"ELSEWHERE = {sorted(elsewhere())}\n{program}"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == ""


def elsewhere():
    """Return what `make setup-elsewhere` installs, by the name that it is imported by."""
    lines = (ROOT / "requirements-elsewhere.txt").read_text().splitlines()
    return {line.split("==")[0].replace("-", "_").lower() for line in lines if "==" in line}


def pack(folder, kind, out):
    """Build a wheel or an sdist of what lies in `folder`, as `pip` does, and return its path."""
    code = f"import sys, setuptools.build_meta as build; build.build_{kind}(sys.argv[1])"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, out], check=True, cwd=folder, capture_output=True)
    return next(out.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


def files(folder, *parts):
    """Return the paths, from `folder`, of the files in these parts of it."""
    paths = [path for part in parts for path in [folder / part, *(folder / part).rglob("*")]]
    return {str(path.relative_to(folder)) for path in paths if path.is_file()}


def test_a_wheel_holds_every_file_of_the_package_and_says_what_it_needs(copy, tmp_path):
    wheel = zipfile.ZipFile(pack(copy, "wheel", tmp_path))
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == files(copy, "d2lparams")
    assert "d2lparams/py.typed" in inside
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    head, text = wheel.read(name).decode().split("\n\n", 1)
    assert f"\nVersion: {d2lparams.__version__}\n" in head
    for extra in ("plots", "widgets", "chapter", "course", "elsewhere"):
        assert f"\nProvides-Extra: {extra}\n" in head
    assert text.startswith("# d2lparams")
    assert re.findall(r"\]\((?!https?:)[^)]*\)", text) == []  # links and pictures that only a checkout has


def test_an_sdist_holds_tests_and_all_that_they_need(copy, tmp_path):
    with tarfile.open(pack(copy, "sdist", tmp_path)) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert files(copy, *CHECKOUT) <= inside


def test_the_newest_entry_of_the_changelog_is_about_this_version():
    newest = re.search(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest[1] == d2lparams.__version__
