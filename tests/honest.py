"""Honest submissions as tools write them and people leave them: each deserves every point, and its prose a reader.

`WAYS` holds functions that take a notebook, as a dictionary, in which everything is answered (or nothing is), change it
as one tool or one habit does, and return what is handed in: the notebook, or a file's bytes.
"""

import base64
import copy
import json
import random
import struct
import zlib

from d2lparams.course import authoring
from d2lparams.exercises.bank import PROSE, QUESTIONS

TEXT = "Sharing saves 72 of 193 numbers, and no time: 我测了 (1.02 ms, 1.01 ms)."
PROSE_NAME = PROSE[0].name
WAYS = {}


def way(function, name=None):
    WAYS[name or function.__name__.replace("_", " ")] = function
    return function


def notebook(answered=True):
    """Return the learners' notebook as a dictionary, with every answer in its place, or those named, or none."""
    made = json.loads(json.dumps(authoring.learner_notebook()))
    for question in QUESTIONS:
        if answered is True or (answered and question.name in answered):
            cell(made, question.name)["source"] = question.solution_code.strip()
    if answered:
        cell(made, PROSE_NAME)["source"] = TEXT
    return made


def cell(made, name):
    return next(one for one in made["cells"] if one.get("id") == name)


def place(made, name):
    return made["cells"].index(cell(made, name))


def answers(made):
    return [cell(made, question.name) for question in QUESTIONS]


def code(source, **more):
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None} | more


def text(source, **more):
    return {"cell_type": "markdown", "metadata": {}, "source": source} | more


def png(side=3):
    """Return a picture's bytes."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x7f" * side) * side)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


PICTURE = base64.b64encode(png()).decode()


def without_names(made, metadata=dict):
    """Drop nbgrader's names and the format's own ids, as most tools do; metadata: makes what they write instead."""
    for one in made["cells"]:
        one["metadata"] = metadata()
        one.pop("id", None)
    return made


# Tools


@way
def as_it_is(made):
    return made


@way
def colab(made):
    rng = random.Random(0)
    without_names(made, lambda: {"id": f"{rng.getrandbits(48):x}", "colab": {"base_uri": "https://localhost:8080/"}})
    return made | {"nbformat_minor": 0, "metadata": {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}}}


@way
def kaggle(made):
    return without_names(made, lambda: {"_uuid": "8f2839f2", "trusted": True, "execution": {"iopub.status.busy": "x"}})


@way
def deepnote(made):
    rng = random.Random(1)
    without_names(made, lambda: {"cell_id": f"{rng.getrandbits(64):x}", "deepnote_cell_type": "code"})
    for one in made["cells"]:
        one["source"] = one["source"].strip("\n")
    return made


@way
def vs_code(made):
    rng = random.Random(2)
    for one in made["cells"]:
        one["id"] = f"{rng.getrandbits(32):08x}"
        one["metadata"]["vscode"] = {"languageId": "python"}
    return json.dumps(made, indent=1, ensure_ascii=False).encode()


@way
def vs_code_without_metadata(made):
    vs_code(made)
    return without_names(made)


@way
def jupyterlite(made):
    for one in made["cells"]:
        one["metadata"]["trusted"] = True
    made["metadata"]["kernelspec"] = {"display_name": "Python (Pyodide)", "language": "python", "name": "python"}
    return made


@way
def jupytext(made):
    without_names(made)
    for one in made["cells"]:
        one["source"] = one["source"].rstrip() + "\n"
    return made | {"metadata": {"jupytext": {"text_representation": {"format_name": "percent"}}}}


@way
def deepnote_in_blocks(made):
    """Make each paragraph and each heading a cell of its own, without line breaks in it, and drop all names."""
    cells = []
    for one in without_names(made)["cells"]:
        if one["cell_type"] == "markdown":
            parts = [part for part in one["source"].split("\n\n") if part.strip()]
            cells += [one | {"source": " ".join(part.split())} for part in parts]
        else:
            cells.append(one)
    made["cells"] = cells
    return made


@way
def databricks(made):
    return without_names(made, lambda: {"application/vnd.databricks.v1+cell": {"title": "", "inputWidgets": {}}})


@way
def cocalc(made):
    for number, one in enumerate(made["cells"]):
        one["id"] = f"{number:06x}"
        one["metadata"] = {"collapsed": False}
    return made


@way
def papermill(made):
    for one in made["cells"]:
        one["metadata"]["papermill"] = {"duration": 0.1, "status": "completed"}
        one["metadata"]["tags"] = []
    return made


@way
def lists_of_lines(made):
    for one in made["cells"]:
        one["source"] = one["source"].splitlines(keepends=True)
    return json.dumps(made, indent=4).encode()


@way
def format_4_4(made):
    for one in made["cells"]:
        one.pop("id")
    return made | {"nbformat_minor": 4}


@way
def format_4_0(made):
    return without_names(made) | {"nbformat_minor": 0}


def _old(made, minor=0):
    cells = []
    for one in made["cells"]:
        source = one["source"]
        old = {"cell_type": one["cell_type"], "metadata": one["metadata"]}
        if one["cell_type"] == "code":
            old |= {"input": source.splitlines(True), "outputs": [], "language": "python", "collapsed": False}
        else:
            old["source"] = source.splitlines(True)
        cells.append(old)
    return {"nbformat": 3, "nbformat_minor": minor, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}


@way
def format_3(made):
    return _old(made)


@way
def format_3_without_names(made):
    return _old(without_names(made))


@way
def format_3_with_headings(made):
    old = _old(without_names(made))
    cells = []
    for one in old["worksheets"][0]["cells"]:
        lines = "".join(one.get("source", "")).strip().splitlines()
        if one["cell_type"] == "markdown" and lines[0].startswith("#"):
            level, title = lines[0].split(" ", 1)
            cells.append({"cell_type": "heading", "level": len(level), "metadata": {}, "source": title})
            cells.append(one | {"source": "\n".join(lines[1:])})
        else:
            cells.append(one)
    old["worksheets"][0]["cells"] = cells
    return old


@way
def with_a_byte_order_mark(made):
    return b"\xef\xbb\xbf" + json.dumps(made).encode()


@way
def in_utf_16(made):
    return json.dumps(made, ensure_ascii=False).encode("utf-16")


@way
def with_windows_lines(made):
    for one in made["cells"]:
        one["source"] = one["source"].replace("\n", "\r\n")
    return json.dumps(made, indent=1).replace("\n", "\r\n").encode()


@way
def executed_with_outputs(made):
    for number, one in enumerate(made["cells"]):
        if one["cell_type"] == "code":
            one["execution_count"] = number
            one["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["q1: correct\n"] * 3}]
    return made


# Split, merged, copied, moved


@way
def everything_three_times(made):
    made["cells"] = [copy.deepcopy(one) for one in made["cells"] for _ in range(3)]
    return made


@way
def the_whole_notebook_twice(made):
    made["cells"] += copy.deepcopy(made["cells"])
    return made


@way
def reversed_cells(made):
    made["cells"].reverse()
    return made


@way
def shuffled_cells(made):
    random.Random(3).shuffle(made["cells"])
    return made


@way
def only_the_answers(made):
    made["cells"] = [*answers(made), cell(made, PROSE_NAME)]
    return made


@way
def answers_at_the_top(made):
    mine = [*answers(made), cell(made, PROSE_NAME)]
    made["cells"] = mine + [one for one in made["cells"] if one not in mine]
    return made


@way
def checks_deleted(made):
    made["cells"] = [one for one in made["cells"] if not one["id"].endswith(("-check", "-show"))]
    return made


@way
def tasks_deleted(made):
    made["cells"] = [one for one in made["cells"] if not one["id"].endswith("-task")]
    return made


@way
def all_answers_in_one_cell(made):
    mine = answers(made)
    mine[0]["source"] = "\n\n\n".join(one["source"] for one in mine)
    made["cells"] = [one for one in made["cells"] if one not in mine[1:]]
    return made


@way
def merged_with_the_checks(made):
    for question in QUESTIONS:
        check = cell(made, f"{question.name}-check")
        cell(made, question.name)["source"] += "\n\n" + check["source"]
        made["cells"].remove(check)
    return made


@way
def split_after_the_imports(made):
    for one in answers(made):
        first = copy.deepcopy(one) | {"source": "import math as m\nimport torch", "id": one["id"] + "x"}
        made["cells"].insert(made["cells"].index(one), first)
    return made


@way
def stubs_below(made):
    made["cells"] += [code(q.stub, metadata={"nbgrader": {"grade_id": q.name, "solution": True}}) for q in QUESTIONS]
    return made


@way
def stub_kept_above_in_the_cell(made):
    for question in QUESTIONS:
        one = cell(made, question.name)
        if one["source"].strip() != question.stub.strip():
            one["source"] = question.stub.strip() + "\n\n\n" + one["source"]
    return made


def _elsewhere(made, where):
    """Write each answer into a cell of its own, where `where(place of its cell)` says, and leave the stub."""
    for question in QUESTIONS:
        one = cell(made, question.name)
        if one["source"].strip() != question.stub.strip():
            made["cells"].insert(where(made, question.name), code(one["source"]))
            one["source"] = question.stub.strip()
    return made


@way
def answers_in_new_cells_below_the_stub(made):
    return _elsewhere(made, lambda made, name: place(made, name) + 1)


@way
def answers_in_new_cells_above_the_stub(made):
    return _elsewhere(made, lambda made, name: place(made, name))


@way
def answers_in_new_cells_below_the_check(made):
    return _elsewhere(made, lambda made, name: place(made, f"{name}-check") + 1)


@way
def answers_in_new_cells_at_the_end(made):
    return _elsewhere(made, lambda made, name: len(made["cells"]))


@way
def a_first_try_kept_above(made):
    for question in QUESTIONS:
        one = cell(made, question.name)
        if one["source"].strip() != question.stub.strip():
            made["cells"].insert(made["cells"].index(one) + 1, code(one["source"]))
            one["source"] = question.stub.replace("...", "0").strip()
    return made


@way
def a_first_try_kept_and_checked_again_at_the_end(made):
    for question in QUESTIONS:
        one = cell(made, question.name)
        if one["source"].strip() != question.stub.strip():
            made["cells"] += [code(one["source"]), code(f"{question.name}.check({question.answer})")]
            one["source"] = question.stub.replace("...", "0").strip()
    return made


@way
def a_backup_of_a_wrong_try_at_the_end(made):
    if cell(made, PROSE_NAME)["source"] == TEXT:
        made["cells"] += [code(q.stub.replace("...", "0").strip()) for q in QUESTIONS]
    return made


@way
def renamed_with_names_gone(made):
    for question in QUESTIONS:
        one = cell(made, question.name)
        if one["source"].strip() != question.stub.strip():
            one["source"] = one["source"].replace(question.answer, f"my_{question.answer}")
    return without_names(made)


# What stands in the cells


@way
def comments_in_chinese(made):
    for one in answers(made):
        one["source"] = "# 参数初始化:练习\n" + one["source"] + "\n# 完成 ✓"
    return json.dumps(made, ensure_ascii=False).encode()


@way
def names_in_chinese(made):
    for one in answers(made):
        one["source"] = "def 帮助(x):\n    return x\n\n\n" + one["source"]
    return made


@way
def timed_by_magics(made):
    for one in answers(made):
        one["source"] = "%%time\n" + one["source"]
    return made


@way
def with_magics_and_shell_commands(made):
    for one in answers(made):
        one["source"] = "%matplotlib inline\n!pip install -q nothing\n" + one["source"]
    return made


@way
def tried_above_and_below_in_the_cell(made):
    for question in QUESTIONS:
        one = cell(made, question.name)
        if one["source"].strip() != question.stub.strip():
            above = f"given = {question.name}.example()\nfirst, *_ = given.values()\n{question.name}.hint(2)\n"
            below = (
                f"\nassert {question.name}.check({question.answer}).outcome == 'correct', {question.name}.solution()"
            )
            one["source"] = above + one["source"] + below
    return made


@way
def printed_and_drawn_in_the_cell(made):
    for one in answers(made):
        one["source"] += (
            "\n\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nprint('done', torch.rand(2))"
        )
    return made


@way
def helpers_in_a_cell_above(made):
    for question in QUESTIONS:
        one = cell(made, question.name)
        if one["source"].strip() != question.stub.strip():
            made["cells"].insert(made["cells"].index(one), code(f"import math as needed_by_{question.name}"))
            one["source"] += f"\n\n\nneeded_by_{question.name}.pi\n"
    return made


@way
def scratch_that_fails_everywhere(made):
    made["cells"] = [one for pair in ((code("1 / 0"), one) for one in made["cells"]) for one in pair]
    return made


@way
def a_name_that_means_something_else_below(made):
    made["cells"] += [code("nn = None\ntorch = None\nmath = 3"), code("raise SystemExit")]
    return made


# Where the prose stands


def _prose_in(made, **where):
    """Put the prose into another cell, before or after the one with a name, and leave the stub."""
    one = cell(made, PROSE_NAME)
    if one["source"] == TEXT:
        one["source"] = PROSE[0].stub
        ((side, name),) = where.items()
        made["cells"].insert(place(made, name) + (side == "after"), text(TEXT))
    return made


@way
def prose_in_a_new_cell_below(made):
    return _prose_in(made, after=PROSE_NAME)


@way
def prose_above_the_measuring_cell(made):
    return _prose_in(made, before=f"{PROSE_NAME}-measure")


@way
def prose_at_the_very_end(made):
    return _prose_in(made, after="end")


@way
def prose_in_a_new_cell_without_names(made):
    return without_names(_prose_in(made, after=PROSE_NAME))


@way
def prose_split(made):
    one = cell(made, PROSE_NAME)
    if one["source"] == TEXT:
        second = copy.deepcopy(one) | {"source": TEXT, "id": "x"}
        one["source"] = "First half."
        made["cells"].insert(made["cells"].index(one) + 1, second)
    return made


@way
def prose_split_around_a_figure_without_names(made):
    one = cell(made, PROSE_NAME)
    if one["source"] == TEXT:
        one["source"] = "First half."
        at = made["cells"].index(one) + 1
        made["cells"][at:at] = [code("plot()", outputs=[_plotted()]), text(TEXT)]
    return without_names(made)


def _plotted():
    return {"output_type": "display_data", "metadata": {}, "data": {"image/png": PICTURE, "text/plain": "<Figure>"}}


@way
def prose_below_the_task_in_its_cell(made):
    if cell(made, PROSE_NAME)["source"] == TEXT:
        cell(made, f"{PROSE_NAME}-task")["source"] += "\n\n" + TEXT
        cell(made, PROSE_NAME)["source"] = PROSE[0].stub
    return made


@way
def prose_merged_with_the_end(made):
    cell(made, PROSE_NAME)["source"] += "\n\n" + cell(made, "end")["source"]
    made["cells"].remove(cell(made, "end"))
    return made


@way
def prose_below_the_stub_in_the_cell(made):
    if cell(made, PROSE_NAME)["source"] == TEXT:
        cell(made, PROSE_NAME)["source"] = f"{PROSE[0].stub}\n\n{TEXT}"
    return made


@way
def prose_with_headings_of_its_own(made):
    one = cell(made, PROSE_NAME)
    if one["source"] == TEXT:
        one["source"] = "## 1. What it saves"
        at = made["cells"].index(one) + 1
        made["cells"][at:at] = [text("## Summary\n\n" + TEXT)]
    return without_names(made)


@way
def prose_with_a_summary_in_a_cell_of_its_own(made):
    one = cell(made, PROSE_NAME)
    if one["source"] == TEXT:
        one["source"] = "It depends on the task."
        at = made["cells"].index(one) + 1
        made["cells"][at:at] = [text("## Summary"), text(TEXT)]
    return without_names(made)


@way
def prose_in_a_raw_cell(made):
    cell(made, PROSE_NAME)["cell_type"] = "raw"
    return made


@way
def prose_in_what_became_a_code_cell(made):
    cell(made, PROSE_NAME).update(cell_type="code", outputs=[], execution_count=None)
    return made


@way
def prose_in_a_new_cell_after_the_answers_was_deleted(made):
    one = cell(made, PROSE_NAME)
    if one["source"] == TEXT:
        made["cells"].insert(0, text(TEXT))
    made["cells"] = [one for one in made["cells"] if not one.get("id", "").startswith(PROSE_NAME)]
    return made


@way
def prose_as_comments_in_the_measuring_cell(made):
    one = cell(made, PROSE_NAME)
    if one["source"] == TEXT:
        one["source"] = PROSE[0].stub
        cell(made, f"{PROSE_NAME}-measure")["source"] += f"\n# {TEXT}"
    return made


@way
def prose_with_pictures_pasted(made):
    one = cell(made, PROSE_NAME)
    if one["source"] == TEXT:
        one["source"] += f"\n\n![a.png](attachment:a.png) ![b](data:image/png;base64,{PICTURE})"
        one["attachments"] = {"a.png": {"image/png": PICTURE}}
    return made


def handed_in(name, answered=True):
    """Return the bytes of one of the submissions; answered: see `notebook`."""
    made = WAYS[name](notebook(answered))
    return made if isinstance(made, bytes) else json.dumps(made).encode()
