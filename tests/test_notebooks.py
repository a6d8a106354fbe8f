"""The stored notebooks: executed in order, nothing of a machine in them, nothing meant to be seen missing."""

import re
from pathlib import Path

import nbformat
import pytest
import run_notebooks
from nbformat.v4 import new_code_cell, new_notebook, new_output

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
TOOLS = NOTEBOOKS.parent / "tools"
PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
LEAST = {"5-shared-mlp": 0.8, "c-sharing-in-practice": 0.85}  # trained numbers cannot be equal; elsewhere nine in ten
LEAK = re.compile(
    r"0x[0-9a-f]{6,}"  # an address
    r"|(?<![\w.])(?:/(?:home|root|usr|tmp|var|opt|work|Users|content)/|[A-Z]:\\)"  # a path of somebody's machine
    r"|site-packages|\.ipynb_checkpoints|Warning:|Traceback \(most recent"
)


def read(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook, [cell for cell in notebook.cells if cell.cell_type == "code"]


def faults(cells):
    """Return what is wrong with executed code cells, a line each."""
    found = []
    for i, cell in enumerate(cells, start=1):
        tags = cell.metadata.get("tags", [])
        if cell.execution_count != i:
            found.append(f"cell {i} has execution count {cell.execution_count}: run the notebook from top to bottom")
        if ("raises-exception" in tags) != any(output.output_type == "error" for output in cell.outputs):
            found.append(f"cell {i} raises and is not tagged raises-exception, or the other way round")
        draws = re.search(r"\b(?:plots|figures)\.\w+\(|plt\.show\(\)|\bq\d+\.show\(", cell.source)
        if draws and not any("image/png" in output.get("data", {}) for output in cell.outputs):
            found.append(f"cell {i} draws, and no figure is stored")
        for output in cell.outputs:
            text = output.get("text", "") + "\n".join(map(str, output.get("traceback", [])))
            text += "".join(str(value) for kind, value in output.get("data", {}).items() if "image" not in kind)
            if output.get("name") == "stderr" or (leak := LEAK.search(text)):
                found.append(f"cell {i} stores {'stderr' if output.get('name') == 'stderr' else leak[0]!r}")
        if len(cell.source.splitlines()) > 30:
            found.append(f"cell {i} is longer than a screen")
    return found


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_cell_ran_in_order_and_stores_only_what_is_meant(path):
    notebook, cells = read(path)
    assert faults(cells) == []
    assert notebook.metadata["kernelspec"]["name"] == "python3"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_most_cells_are_compared(path):
    _, cells = read(path)
    exempt = [
        cell
        for cell in cells
        if "nbval-ignore-output" in cell.metadata.get("tags", []) or "NBVAL" in cell.source.upper().split("\n")[0]
    ]
    assert 1 - len(exempt) / len(cells) >= LEAST.get(path.stem, 0.9)


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ({"execution_count": None}, "execution count None"),
        ({"execution_count": 2}, "execution count 2"),
        ({"source": "plots.training(record)"}, "no figure is stored"),
        ({"source": "q4.show(answer)"}, "no figure is stored"),
        ({"metadata": {"tags": ["raises-exception"]}}, "raises-exception"),
        ({"outputs": [new_output("error", ename="E", evalue="", traceback=[])]}, "raises-exception"),
        ({"outputs": [new_output("stream", name="stderr", text="hm")]}, "stores 'stderr'"),
        ({"outputs": [new_output("stream", text="<torch._C.Generator at 0x7f00aa11bb22>")]}, "0x7f00aa11bb22"),
        ({"outputs": [new_output("stream", text="saved to /home/me/x")]}, "/home/"),
        ({"source": "\n" * 40 + "1"}, "longer than a screen"),
    ],
)
def test_each_fault_is_found(cell, fault):
    cell = new_code_cell(**({"execution_count": 1, "source": "1"} | cell))
    found = faults([cell])
    assert len(found) == 1
    assert fault in found[0]
    assert faults([new_code_cell("1", execution_count=1)]) == []


pytest_plugins = ["pytester"]


def nbval(pytester, conftest=""):
    """Run nbval over the notebooks in pytester's folder as over the chapter's."""
    pytester.makeconftest((NOTEBOOKS / "conftest.py").read_text() + conftest)
    options = ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "-o", f"pythonpath={TOOLS}"]
    return pytester.runpytest_subprocess(*options)


SETUP = """
from types import SimpleNamespace

import matplotlib.pyplot as plt
import torch
from IPython.display import display

from d2lparams import plots, track

net = SimpleNamespace(net=torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 10)))
optimizer = torch.optim.SGD(net.net.parameters(), lr=0.1)
with track(net.net, every=1) as record:  # a training that ends otherwise each time
    for _ in range(5):
        net.net(torch.randn(2, 784)).square().mean().backward()
        optimizer.step()


class Shown:
    def __init__(self, figure):
        self.figure = figure

    def _repr_png_(self):
        self.figure.savefig("x.png")
        return open("x.png", "rb").read()

    def __repr__(self):
        return "shown"


def draw(*heights):
    figure, axis = plt.subplots()
    axis.plot(heights)
    axis.set_title(f"it ends at {heights[-1]}")
    return figure
"""
UPDATE = "figure = draw(1, 2, 3); plt.close(); handle = display(Shown(figure), display_id=True)\n"
UPDATE += "figure.axes[0].lines[0].set_ydata([1, 2, 4]); handle.update(Shown(figure))"
TRAINING, LINE = "x = plots.training(record)", "x = plots.training(record); line = x.axes[0].lines[0]; "
IGNORE, RAISES, TRAINED = "nbval-ignore-output", "raises-exception", "trained"
CELLS = [  # tags, what stood in the cell when it was stored, what stands there now, and what nbval says to it
    ([], "1 + 1", "1 + 1", ""),
    ([], "draw(1, 2, 4); plt.show()", "draw(1, 2 + 1e-6, 4); plt.show()", ""),
    ([], "draw(1, 2, 4); plt.show()", "draw(1, 2.06, 4); plt.show()", "(line): y: stored 2, drawn 2.06"),
    ([], "x = draw(1, 2, 4)", "x = draw(1, 2, 4).axes[0].set_title('5')", "title: stored 'it ends at 4', drawn '5'"),
    ([], "x = draw(1, 2, 4)", "x = draw(1, 2)", "(line): x: stored 3 in equal steps numbers, drawn 2"),
    ([], "x = draw(1, 2, 4); plt.close(); Shown(x)", "x = draw(1, 3, 4); plt.close(); Shown(x)", "stored 2, drawn 3"),
    ([], UPDATE, UPDATE, ""),
    ([], UPDATE, UPDATE.replace("[1, 2, 4]", "[1, 2, 3.5]"), "(line): y: stored 4, drawn 3.5"),
    ([IGNORE], "draw(1, 2, 4); plt.show()", "draw(1, 2, 5); plt.show()", ""),
    ([IGNORE], "draw(1, 2, 4); plt.show()", "pass", "shows 1 figures, and running it drew 0"),
    ([IGNORE], "pass", "draw(1, 2, 4); plt.show()", "shows 0 figures, and running it drew 1"),
    ([RAISES], "pass", "pass", "it raised nothing"),
    ([TRAINED], TRAINING, TRAINING, ""),
    ([TRAINED], TRAINING, LINE + "line.set_color('red')", "style: stored '#0072b2 - 1.5', drawn '#ff0000 - 1.5'"),
    ([TRAINED], TRAINING, LINE + "line.set_ydata(1.01 * line.get_ydata())", "(line, net.1.weight): y: stored 5.1"),
    (["other picture"], "draw(1, 2, 4); plt.show()", "draw(1, 2, 4); plt.show()", "is not the one that the stored"),
    (["undescribed"], "draw(1, 2, 4); plt.show()", "draw(1, 2, 4); plt.show()", "what it draws is not stored"),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A notebook of these cells, as `make notebooks` stores it, as text."""
    path = tmp_path_factory.mktemp("made") / "x.ipynb"
    cells = [new_code_cell(before, metadata={"tags": tags}) for tags, before, _, _ in CELLS]
    nbformat.write(new_notebook(cells=[new_code_cell(SETUP), *cells]), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPLBACKEND", "agg")  # with which figures vanish without a word
        assert run_notebooks.run([path], path.parent / "build", store=True) == 0
    return path.read_text()


@pytest.fixture
def stored(pytester, monkeypatch, made):
    """That notebook, and its path."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    path = pytester.path / "x.ipynb"
    path.write_text(made)
    return nbformat.read(path, as_version=4), path


def test_a_false_figure_and_a_lost_exception_fail_under_nbval(pytester, stored):
    notebook, path = stored
    for cell, (tags, _, now, _) in zip(notebook.cells[1:], CELLS, strict=True):
        cell.source = now
        if "other picture" in tags:
            cell.outputs[0].data["image/png"] = cell.outputs[0].data["image/png"][:-8] + "AAAAAAAA"
        if "undescribed" in tags:
            del cell.outputs[0].metadata["image/png"]
    nbformat.write(notebook, path)
    result = nbval(pytester)
    told = [message for *_, message in CELLS if message]
    result.assert_outcomes(failed=len(told), passed=1 + len(CELLS) - len(told))
    assert [message for message in told if message not in result.stdout.str()] == []
    result.stdout.fnmatch_lines([f"notebooks: {1 + len(CELLS) - 3} of {1 + len(CELLS)} code cells are compared*"])


def test_a_kernel_that_describes_nothing_fails_under_nbval(pytester, stored, monkeypatch):
    monkeypatch.delenv("MPLBACKEND")
    result = nbval(pytester, 'kernels.START = "None"\n')
    passing = 1 + sum(IGNORE in tags or before == "1 + 1" for tags, before, _, _ in CELLS)
    result.assert_outcomes(failed=1 + len(CELLS) - passing, passed=passing)
    result.stdout.fnmatch_lines(["the kernel did not say what it draws"])
