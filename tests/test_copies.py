"""Executed copies of notebooks in build/: compared in place of another run, unless anything has changed since."""

import os
from pathlib import Path

import copies
import nbformat
import pytest
import run_notebooks
from nbformat.v4 import new_code_cell, new_notebook

pytest_plugins = ["pytester"]

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
COUNT = "runs = open('runs', 'a+'); _ = runs.write('.'); runs.close(); len(open('runs').read())"


@pytest.fixture
def notebook(pytester):
    """A notebook whose second cell says how often it was run, and its copy in build."""
    path = pytester.path / "notebooks" / "x.ipynb"
    path.parent.mkdir()
    cells = [new_code_cell("print('first')"), new_code_cell(COUNT), new_code_cell("1 / 0")]
    cells[2].metadata["tags"] = ["raises-exception"]
    nbformat.write(new_notebook(cells=cells), path)
    assert run_notebooks.run([path], pytester.path / "build", store=True) == 0
    age(pytester.path / "build" / "x.ipynb", 60)
    return path


def age(path, seconds):
    """Make a file newer, or older."""
    time = path.stat().st_mtime + seconds
    os.utime(path, (time, time))


def test_a_copy_is_as_fresh_as_all_that_it_was_made_of(notebook, pytester, monkeypatch):
    monkeypatch.setattr(copies, "SOURCES", [pytester.path / "package"])
    monkeypatch.setattr(copies.sysconfig, "get_path", lambda _: pytester.path / "installed")
    script, compiled = pytester.path / "package" / "room" / "x.js", pytester.path / "package" / "x.pyc"
    installed, copy = pytester.path / "installed", pytester.path / "build" / "x.ipynb"
    script.parent.mkdir(parents=True)
    for path in (script, compiled, installed):
        path.touch()
    assert [cell.source for cell in copies.fresh(notebook)][:2] == ["print('first')", COUNT]
    for path, matters in ((notebook, True), (script, True), (installed, True), (compiled, False)):
        age(path, 100)
        assert (copies.fresh(notebook) is None) == matters
        age(path, -100)
    assert copies.fresh(notebook)
    copy.unlink()
    assert copies.fresh(notebook) is None


@pytest.mark.parametrize("change", [{"source": "another"}, {"execution_count": None}])
def test_a_copy_of_other_cells_or_one_that_stopped_early_is_none(notebook, pytester, change):
    copy = pytester.path / "build" / "x.ipynb"
    assert copies.fresh(notebook)
    content = nbformat.read(copy, as_version=4)
    content.cells[1].update(change)
    nbformat.write(content, copy)
    assert copies.fresh(notebook) is None


def test_a_fresh_copy_is_compared_and_the_notebook_not_run(notebook, pytester):
    def compared(*options):
        command = ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "-o", f"pythonpath={copies.TOOLS}"]
        return pytester.runpytest_subprocess(*command, *options, "notebooks")

    (notebook.parent / "conftest.py").write_text((NOTEBOOKS / "conftest.py").read_text())
    line = "notebooks: 3 of 3 code cells are compared (100%)"
    result = compared()
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines([f"{line}, 1 of the notebooks as `make run` has just left them in build/"])
    copy = pytester.path / "build" / "x.ipynb"
    content = nbformat.read(copy, as_version=4)
    content.cells[0].outputs[0].text = "last"
    nbformat.write(content, copy)
    age(copy, 60)
    result = compared()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*'first* == 'last'"])
    copy.unlink()
    result = compared()
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*'1' == '2'", line])
