"""The runner of the notebooks, on notebooks of two cells."""

from html import escape
from pathlib import Path

import nbformat
import pytest
import run_notebooks
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).parent.parent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").mkdir()
    return tmp_path


def write(path, *sources):
    cells = [new_markdown_cell("# A title"), *map(new_code_cell, sources)]
    cells[-1].metadata["tags"] = ["summary"]
    nbformat.write(new_notebook(cells=cells), path)
    return path


def outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    return [output.get("text") or output.data["text/plain"] for cell in cells for output in cell.get("outputs", [])]


def run(monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["run_notebooks", *map(str, arguments)])
    return run_notebooks.main()


def test_it_writes_copies_and_html_and_prints_the_summary(folder, monkeypatch, capsys):
    path = write(
        folder / "notebooks" / "one.ipynb", "import os\nos.path.basename(os.getcwd())", "print('accuracy 0.9')"
    )
    before = path.read_bytes()
    assert run(monkeypatch) == 0
    assert path.read_bytes() == before
    assert outputs(folder / "build" / "one.ipynb") == ["'notebooks'", "accuracy 0.9\n"]
    assert "accuracy 0.9" in (folder / "build" / "one.html").read_text()
    printed = capsys.readouterr()
    assert "accuracy 0.9\ntime " in printed.out
    assert "build/*.html" in printed.out
    assert "100%" in printed.err


def test_store_puts_the_outputs_into_the_notebook_and_nothing_of_the_machine(folder, monkeypatch):
    path = write(folder / "notebooks" / "one.ipynb", "1 + 1", "for i in range(3):\n    print(f'\\r{i}', end='')")
    assert run(monkeypatch, "--store", path) == 0
    assert outputs(path) == ["2", "2"]  # a progress bar as it stood at the end
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata["language_info"] == {"name": "python"}
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2]
    assert all("execution" not in cell.metadata for cell in notebook.cells)


def test_of_a_widget_the_picture_or_the_words_are_stored():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "a widget"}
    kept = [{"image/png": "x"}, {"text/html": "<p>words</p>"}, {}]
    outputs = [new_output("display_data", view | data) for data in kept]
    notebook = new_notebook(cells=[new_code_cell("1", outputs=outputs)])
    run_notebooks.plain(notebook)
    stored = [output.data for output in notebook.cells[0].outputs]
    assert stored == [{"text/plain": "a widget"} | data for data in kept[:2]] + [view]


def test_figures_are_the_same_whatever_the_environment_says(folder, monkeypatch):
    """With MPLBACKEND=agg a kernel's figures vanish without a word; a matplotlibrc changes their size."""
    path = write(folder / "notebooks" / "one.ipynb", "import matplotlib.pyplot as plt", "plt.plot([1]);")
    assert run(monkeypatch, "--store") == 0
    stored = path.read_bytes()
    assert b"<Figure size 640x480 with 1 Axes>" in stored
    (folder / "matplotlibrc").write_text("figure.dpi: 200")
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("MATPLOTLIBRC", str(folder / "matplotlibrc"))
    assert run(monkeypatch, "--store") == 0
    assert path.read_bytes() == stored


def test_a_cell_that_fails_ends_its_notebook_alone_and_is_not_stored(folder, monkeypatch, capsys):
    bad = write(folder / "notebooks" / "bad.ipynb", "1 / 0", "print('never')")
    write(folder / "notebooks" / "good.ipynb", "print('ran')")
    before = bad.read_bytes()
    assert run(monkeypatch, "--store") == 1
    printed = capsys.readouterr()
    assert "bad.ipynb failed" in printed.err
    assert "ZeroDivisionError" in printed.err
    assert "failed: ['bad.ipynb']" in printed.out
    assert "ran" in printed.out
    assert bad.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [("no JSON", "cannot be read"), ("{}", "cannot be read"), (None, "is not there")],
)
def test_what_is_no_notebook_is_refused_before_anything_runs(folder, monkeypatch, capsys, content, message):
    path = folder / "notebooks" / "x.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit):
        run(monkeypatch, path)
    assert message in capsys.readouterr().err
    assert not (folder / "build").exists()


def test_an_empty_folder(folder, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch)
    assert "no notebooks: run this in the project's folder" in capsys.readouterr().err


def test_pictures_in_the_html_of_a_run_say_what_they_show():
    notebook = nbformat.read(ROOT / "notebooks" / "2-initialization.ipynb", as_version=4)
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    silent = f'<img src="x" alt="{run_notebooks.NO_WORDS}">'
    html = run_notebooks.name_pictures(silent * len(outputs), notebook)
    assert run_notebooks.NO_WORDS not in html
    titles = [output.metadata["image/png"]["drawn"]["axes"][0]["title"] for output in outputs]
    said = html.split("<img")[1:]
    assert [title for title, alt in zip(titles, said, strict=True) if escape(title) not in alt] == []
