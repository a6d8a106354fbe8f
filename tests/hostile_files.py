"""More files of a hostile class: archives, forged names and pictures, notebooks that cost much to read.

Most hold one right answer at most, so that they cost the tests little; `hostile.build` writes them among the others.
"""

import base64
import json
import zipfile

from hostile import FILES, NOTHING, QUESTIONS, _cell, _write, answers, cheat, file

__all__ = ["FILES"]
ONE = frozenset({"q1"})


def alone(notebook):
    """Keep the first answer alone."""
    return notebook | {"cells": [answers(notebook)["q1"]]}


@file
def empty_cells(notebook, path):
    path.write_text('{"cells": [' + "{}," * 6_000_000 + "{}]}")
    return NOTHING


@file
def empty_lists(notebook, path):
    path.write_text('{"cells": [' + "[]," * 6_000_000 + "[]]}")
    return NOTHING


@file
def many_numbers(notebook, path):
    path.write_text('{"cells": [], "x": [' + "1," * 9_000_000 + "1]}")
    return NOTHING


@file
def braces_in_text(notebook, path):
    made = alone(notebook)
    made["cells"].append(_cell("markdown", '{"[,' * 800_000))
    _write(path, made)
    return ONE


@file
def a_number_of_many_digits(notebook, path):
    path.write_text(json.dumps(alone(notebook))[:-1] + ', "x": ' + "9" * 4_000_000 + "}")
    return NOTHING


@file
def forged_cell_ids(notebook, path):
    made = alone(notebook)
    made["cells"] += [_cell("code", "raise SystemExit") | {"id": question.name} for question in QUESTIONS]
    _write(path, made)
    return ONE


@file
def ids_that_are_no_text(notebook, path):
    made = alone(notebook)
    for k, strange in enumerate(([], {}, 3, None, True, "\x1b[2J" * 1000)):
        made["cells"].append(
            {"cell_type": "code", "id": strange, "source": f"x{k} = 1", "metadata": {"nbgrader": strange}}
        )
    _write(path, made)
    return ONE


@file
def outputs_that_are_none(notebook, path):
    made = alone(notebook)
    for strange in ([None, 3, {}], {}, 7, [{"data": []}, {"data": {"image/png": {}}}, {"text": {"a": 1}}]):
        made["cells"][0]["outputs"] = strange
        made["cells"].append({"cell_type": "markdown", "source": "x", "attachments": strange, "outputs": strange})
    _write(path, made)
    return ONE


@file
def pictures_that_are_scripts(notebook, path):
    made = alone(notebook)
    evil = base64.b64encode(b"<svg onload=alert(1)>").decode()
    bundle = dict.fromkeys(("image/png", "image/jpeg", "image/svg+xml", "text/html"), evil)
    made["cells"].append(_cell("markdown", f"![x](data:image/png;base64,{evil})") | {"attachments": {"a": bundle}})
    made["cells"][-1]["metadata"] = {"nbgrader": {"grade_id": "q14", "solution": True}}
    _write(path, made)
    return ONE


@file
def a_thousand_pasted_pictures(notebook, path):
    made = alone(notebook)
    made["cells"].append(_cell("markdown", "![x](data:image/png;base64,iVBORw0KGgo=) " * 90_000, "q14"))
    _write(path, made)
    return ONE


@file
def endless_lines(notebook, path):
    made = alone(notebook)
    made["cells"].append(_cell("markdown", "e\u0301" * 2_000_000, "q14"))
    made["cells"].append(
        _cell("code", "raise ValueError('z\u0300\u0301\u0302\u0303\u0304\u0305' * 10**6 + '\\x1b[2J')", "q2")
    )
    _write(path, made)
    return ONE


@file
def a_heading_that_never_ends(notebook, path):
    made = alone(notebook)
    made["cells"] += [
        _cell("markdown", "#" * 200_000 + " 14. " + "(" * 50_000),
        _cell("markdown", "# " + "1 " * 100_000),
    ]
    _write(path, made)
    return ONE


@file
def definitions_without_end(notebook, path):
    made = alone(notebook)
    made["cells"] += [
        _cell("code", f"{question.answer} = 0\n" * 2000) for question in QUESTIONS if question.name != "q1"
    ]
    _write(path, made)
    return ONE


def _archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)


@file
def an_archive(notebook, path):
    _archive(path.with_name("homework.zip"), **{"mine/6-exercises.ipynb": json.dumps(alone(notebook))})
    return ONE


@file
def an_archive_with_paths(notebook, path):
    content = json.dumps(notebook)
    names = ("../../honest-00/parameters/6-exercises.ipynb", "/tmp/6-exercises.ipynb", "..\\x.ipynb", "C:\\x.ipynb")
    _archive(path.with_name("homework.zip"), **dict.fromkeys(names[:1] + names[2:], content))
    return NOTHING


@file
def an_archive_with_a_link(notebook, path):
    with zipfile.ZipFile(path.with_name("homework.zip"), "w") as made:
        link = zipfile.ZipInfo("6-exercises.ipynb")
        link.external_attr = 0o120777 << 16
        made.writestr(link, str(path.parent.parent.parent / "honest-00" / "parameters" / "6-exercises.ipynb"))
    return NOTHING


@file
def a_bomb(notebook, path):
    zeros = b"0" * (150 << 20)
    _archive(path.with_name("homework.zip"), **{f"{k}.ipynb": zeros for k in range(2)})
    return NOTHING


@file
def a_bomb_that_lies(notebook, path):
    place = path.with_name("homework.zip")
    _archive(place, **{"6-exercises.ipynb": b"0" * (60 << 20)})
    content = bytearray(place.read_bytes())
    for sign, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = content.index(sign) + at
        content[start : start + 4] = (100).to_bytes(4, "little")
    place.write_bytes(content)
    return NOTHING


@file
def an_archive_of_archives(notebook, path):
    _archive(path.with_name("inner"), **{"6-exercises.ipynb": json.dumps(notebook)})
    _archive(path.with_name("homework.zip"), **{"inner.zip": path.with_name("inner").read_bytes()})
    path.with_name("inner").unlink()
    return NOTHING


@file
def an_archive_that_is_none(notebook, path):
    path.with_name("homework.zip").write_bytes(b"PK\x03\x04" + b"\xff" * 1000)
    return NOTHING


@file
def an_archive_of_many(notebook, path):
    _archive(path.with_name("homework.zip"), **{f"{k}.ipynb": b"{}" for k in range(3000)})
    return NOTHING


@file
def many_files(notebook, path):
    for k in range(6000):
        (path.parent / f"{k}.txt").touch()
    _write(path, alone(notebook))
    return ONE


@file
def many_notebooks(notebook, path):
    for k in range(60):
        (path.parent / f"{k}.ipynb").write_text("{}")
    _write(path, alone(notebook))
    return ONE


@file
def a_deep_folder(notebook, path):
    deep = path.parent.joinpath(*["d"] * 100)
    deep.mkdir(parents=True)
    _write(deep / path.name, alone(notebook))
    return ONE


@file
def a_mac_folder(notebook, path):
    (path.parent / "__MACOSX").mkdir()
    (path.parent / "__MACOSX" / "._6-exercises.ipynb").write_bytes(b"\0\5\x16\7")
    (path.parent / "__MACOSX" / "6-exercises.ipynb").write_bytes(b"\0\5\x16\7")
    _write(path, alone(notebook))
    return ONE


@file
def a_copy_that_cheats_beside(notebook, path):
    other = json.loads(json.dumps(notebook))
    cheat(other, "")
    _write(path.with_name("6-exercises-Copy1.ipynb"), other)
    _write(path, notebook | {"cells": list(answers(notebook).values())[:1]})
    return NOTHING  # the copy is the one that more was done in


@file
def checks_that_agree_with_everything(notebook, path):
    cheat(notebook, "assert @Q@.check(@NAME@).outcome == 'correct', 'Got nothing'\n@NAME@ = @NAME@")
    for name, cell in answers(notebook).items():
        cell["source"] = cell["source"].replace("@Q@", name)
    notebook["cells"] = list(answers(notebook).values())[:4]
    _write(path, notebook)
    return NOTHING


@file
def the_examples_answer(notebook, path):
    """Look for what is wanted in what `example()` gives, and put a pickle in its place."""
    code = """
import pickle, os, d2lparams.exercises as e
given = q1.example()
assert isinstance(given, dict) and not any("expected" in str(key) for key in given), Got(str(given))
class Boom:
    def __reduce__(self): return (os.system, ("touch @FOLDER@/pickled",))
for name in list(e.examples): e.examples[name] = pickle._dumps(Boom())
"""
    cheat(notebook, code.replace("@FOLDER@", str(path.parent.parent.parent)))
    notebook["cells"] = list(answers(notebook).values())[:2]
    _write(path, notebook)
    return NOTHING
