"""The stored notebooks: executed in order, nothing of a machine in them, nothing meant to be seen missing."""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
LEAST = {"5-shared-mlp": 0.8}  # its trained numbers cannot be equal; elsewhere nine cells in ten are compared
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


@pytest.mark.parametrize(
    ("source", "stored", "tags", "message"),
    [
        ("pass", new_output("display_data", {"image/png": "aGk="}), [], "shows 1 figures, and running it drew 0"),
        (
            "from IPython.display import display\ndisplay({'image/png': 'aGk='}, raw=True)",
            None,
            ["nbval-ignore-output"],
            "shows 0 figures, and running it drew 1",
        ),
        ("pass", None, ["raises-exception"], "it raised nothing"),
    ],
)
def test_a_lost_figure_and_a_lost_exception_fail_under_nbval(pytester, source, stored, tags, message):
    cell = new_code_cell(source, execution_count=1, outputs=[stored] if stored else [], metadata={"tags": tags})
    good = new_code_cell("1 + 1", execution_count=2)
    good.outputs = [new_output("execute_result", {"text/plain": "2"}, execution_count=2)]
    nbformat.write(new_notebook(cells=[cell, good]), pytester.path / "x.ipynb")
    pytester.makeconftest((NOTEBOOKS / "conftest.py").read_text())
    result = pytester.runpytest_subprocess("--nbval", "--nbval-current-env", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=1, passed=1)
    compared = 1 if "nbval-ignore-output" in tags else 2
    result.stdout.fnmatch_lines([f"*{message}*", f"notebooks: {compared} of 2 code cells are compared*"])
