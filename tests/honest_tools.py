"""More honest submissions: what tools and habits put above, around and below an answer; `honest.WAYS` gets them."""

import copy
import json
import re

from honest import answers, cell, code, notebook, place, text, way, without_names

from d2lparams.exercises.bank import QUESTIONS


def above(lines):
    """Put lines above each answer, in its cell."""

    def change(made):
        for one in answers(made):
            one["source"] = f"{lines}\n{one['source']}"
        return made

    return change


def below(lines):
    """Put lines below each answer that was written, in its cell."""

    def change(made):
        for one in answers(made):
            if "# your turn" not in one["source"]:
                one["source"] += f"\n\n{lines}"
        return made

    return change


LINES = {
    "colab forms": above('#@title Exercise { run: "auto" }\nrate = 0.1 #@param {type:"slider", min:0, max:1}'),
    "colab's drive": above(
        "from google.colab import drive, files\nimport google.colab.output\ndrive.mount('/content/drive')\n"
        "%cd /content/drive/MyDrive"
    ),
    "colab's prompt": above("# prompt: write the function\n# @markdown see below"),
    "kaggle's beginning": above(
        "import numpy as np # linear algebra\nimport pandas as pd\nimport os\n"
        "for dirname, _, filenames in os.walk('/kaggle/input'):\n    for filename in filenames:\n"
        "        print(os.path.join(dirname, filename))\nfrom kaggle_secrets import UserSecretsClient\n"
        "token = UserSecretsClient().get_secret('token')"
    ),
    "a package that is installed first": above("!pip install -q torchinfo_of_mine\nimport torchinfo_of_mine as ti"),
    "a package that is installed and used below": above(
        "%pip install nowhere\nfrom nowhere.deep import summary\nsummary(nn.Linear(2, 2), input_size=(1, 2))"
    ),
    "jupyterlite's pip": above("import piplite\nawait piplite.install(['torch'])"),
    "await": above("import asyncio\nawait asyncio.sleep(0)\nasync def helper(): return 1\nassert await helper() == 1"),
    "percent script": above("# %% [code]\n# -*- coding: utf-8 -*-"),
    "captured": above("%%capture captured --no-stderr"),
    "timed twice": above("%%time"),
    "reloaded": above("%load_ext autoreload\n%autoreload 2\n%config InlineBackend.figure_format = 'svg'"),
    "annotations from the future": above("from __future__ import annotations"),
    "a seed and threads": above("torch.manual_seed(0)\ntorch.set_default_dtype(torch.float64)"),
    "double precision": below("torch.set_default_dtype(torch.float64)\ntorch.set_grad_enabled(False)"),
    "a device": above('device = torch.device("cuda" if torch.cuda.is_available() else "cpu")\nprint(device)'),
    "asked": above('name = input("your name: ")\nprint("hello", name)'),
    "warnings off": above("import warnings\nwarnings.filterwarnings('ignore')\nimport logging\nlogging.disable()"),
    "displayed": below("display(torch.rand(2))\nfrom IPython.display import display, HTML\ndisplay(HTML('so'))"),
    "widgets": below("from ipywidgets import interact\ninteract(lambda x: x, x=(0, 10))"),
    "tests of its own": below("import unittest\nclass Tests(unittest.TestCase):\n    def test_it(self): pass\n"
                              "unittest.main(argv=[''], exit=False)"),
    "run as a script": below("if __name__ == '__main__':\n    print('done')"),
    "an exit": below("import sys\nsys.exit()"),
    "a question mark": below("torch.nn.Linear?\nimport math\nmath??"),
    "help": below("help(nn.Linear)"),
}  # fmt: skip
for name, change in LINES.items():
    way(change, name)


@way
def with_tabs(made):
    for one in answers(made):
        lines = one["source"].splitlines()
        one["source"] = "\n".join(re.sub("^( {4})+", lambda match: "\t" * (len(match[0]) // 4), line) for line in lines)
    return made


@way
def lines_that_end_as_on_old_macs(made):
    for one in answers(made):
        one["source"] = one["source"].replace("\n", "\r\n") + "\r\n\r\n"
    return made


@way
def cells_that_begin_with_a_mark(made):
    for one in made["cells"]:
        one["source"] = "\ufeff" + one["source"]
    return made


@way
def databricks_in_one_file(made):
    parts = [one["source"] for one in answers(made)]
    kept = [one for one in made["cells"] if one not in answers(made)]
    whole = "\n\n# COMMAND ----------\n\n".join(["# Databricks notebook source\n# MAGIC %md\n# MAGIC ## Mine", *parts])
    made["cells"] = [*kept[:2], code(whole), *kept[2:]]
    return made


@way
def metadata_of_every_tool(made):
    for k, one in enumerate(made["cells"]):
        one["metadata"] |= {
            "tags": ["solution"],
            "collapsed": k % 2 == 0,
            "scrolled": "auto",
            "jupyter": {"source_hidden": True},
        }
        one["metadata"] |= {
            "slideshow": {"slide_type": "slide"},
            "editable": False,
            "deletable": False,
            "pycharm": {"name": "#%%\n"},
        }
    return made


@way
def another_names_of_nbgraders(made):
    """A course that renamed the cells when it was copied: nbgrader's names are others, and the format's ids are new."""
    for k, one in enumerate(made["cells"]):
        one["id"] = f"cell-{k}"
        if "nbgrader" in one["metadata"]:
            one["metadata"]["nbgrader"]["grade_id"] = f"cell-{k}-0a1b2c"
    return made


@way
def sources_of_one_letter_each(made):
    for one in made["cells"]:
        one["source"] = list(one["source"])
    return made


@way
def moved_between_two_empty_notebooks(made):
    empty = notebook(answered=False)
    extra = copy.deepcopy(empty["cells"])
    made["cells"] = [*without_names({"cells": extra})["cells"], *made["cells"]]
    return made


@way
def checks_run_twice(made):
    for question in QUESTIONS:
        where = place(made, f"{question.name}-check")
        made["cells"].insert(where, copy.deepcopy(made["cells"][where]) | {"id": f"{question.name}-again"})
    return made


@way
def thoughts_between_answers(made):
    for question in QUESTIONS[::3]:
        made["cells"].insert(place(made, question.name) + 1, text(f"I tried {question.answer} by hand first."))
    cell(made, "begin")["source"] += "\n\nName: 李"
    return made


@way
def as_html_entities(made):
    return json.dumps(made, ensure_ascii=True, indent=None, separators=(",", ":")).replace("<", "\\u003c").encode()
