"""Write a class's notebooks as a learning platform exports them, with the platform's own file for grades beside."""

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

NAME = "6-exercises.ipynb"
DATES = ("2026-11-20-10-20-30", "2026-11-22-10-20-30")
FIRST = ("Ada", "Grace", "Emmy", "Žofie", "Wei", "Ömer", "Anne-Marie", "José")
LAST = ("Lovelace", "Hopper", "Noether", "Nováková", "王", "Öztürk", "O'Neil", "de la Cruz")


class Person(NamedTuple):
    """A learner, as platforms know one."""

    first: str
    last: str
    user: str
    number: int


class Download(NamedTuple):
    """What a platform gives: the files of its download, by path, and its file for grades, by name."""

    files: dict[str, bytes]
    table_name: str
    table: bytes


def people(number: int) -> list[Person]:
    """Return that many learners, always the same ones."""
    return [Person(FIRST[k % 8], LAST[k // 8 % 8], f"user{k:03}", 70_000 + 7 * k) for k in range(number)]


def moodle(class_: list[Person], notebooks: list[bytes]) -> Download:
    files = {}
    rows = []
    for person, notebook in zip(class_, notebooks, strict=False):
        stem = f"{person.first} {person.last}_{person.number}_assignsubmission"
        files[f"{stem}_file_/{NAME}"] = notebook
        files[f"{stem}_onlinetext_/onlinetext.html"] = b"<p>see the file</p>"
    for k, person in enumerate(class_):
        late = " - 2 days 1 hour late" if k % 3 == 1 else ""
        status = f"Submitted for grading{late}" if k < len(notebooks) else "No submission"
        mail = f"{person.user}@example.org"
        name = f"{person.first} {person.last}"
        rows.append([f"Participant {person.number}", name, mail, status, "", "100.00", "Yes", "-", "-", ""])
    header = [
        *("Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade", "Grade can be changed"),
        *("Last modified (submission)", "Last modified (grade)", "Feedback comments"),
    ]
    return Download(files, "Grades-Exercises.csv", b"\xef\xbb\xbf" + _csv([header, *rows]).encode())


def canvas(class_: list[Person], notebooks: list[bytes]) -> Download:
    files = {}
    for k, (person, notebook) in enumerate(zip(class_, notebooks, strict=False)):
        name = "".join(c for c in (person.last + person.first).lower() if c.isalnum())
        late, again = ("_LATE", "-1") if k % 3 == 1 else ("", "")
        files[f"{name}{late}_{person.number}_{9000 + k}_6-exercises{again}.ipynb"] = notebook
    rows = [
        [f"{person.last}, {person.first}", str(person.number), "", person.user, "Section 1", "", "8", "8"]
        for person in [*class_, Person("Test", "Student", "test", 1)]
    ]
    header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Exercises (411)", "Quiz (412)", "Final Score"]
    points = ["    Points Possible", "", "", "", "", "100.0", "10.0", "(read only)"]
    return Download(files, "2026-11-25_Grades.csv", _csv([header, points, *rows]).encode())


def blackboard(class_: list[Person], notebooks: list[bytes]) -> Download:
    files = {}
    for k, (person, notebook) in enumerate(zip(class_, notebooks, strict=False)):
        for date in DATES if k % 2 else DATES[-1:]:
            stem = f"Exercises_6_{person.user}_attempt_{date}"
            about = f"Name: {person.first} {person.last} ({person.user})\nAssignment: Exercises_6\nCurrent Grade: \n"
            files[f"{stem}.txt"] = about.encode()
            files[f"{stem}_{NAME}"] = notebook if date == DATES[-1] else b"{}"
    header = ["Last Name", "First Name", "Username", "Student ID", "Exercises_6 [Total Pts: 100 Score] |12345"]
    rows = [[person.last, person.first, person.user, str(person.number), ""] for person in class_]
    text = _csv([header, *rows], delimiter="\t", quoting=csv.QUOTE_ALL)
    return Download(files, "gc_course_column.xls", b"\xff\xfe" + text.encode("utf-16-le"))


def ilias(class_: list[Person], notebooks: list[bytes]) -> Download:
    files = {}
    for k, (person, notebook) in enumerate(zip(class_, notebooks, strict=False)):
        folder = f"Exercises/Sheet 6/{person.last}_{person.first}_{person.user}_{person.number}"
        for date in DATES if k % 2 else DATES[-1:]:
            files[f"{folder}/{date.replace('-', '')}_{NAME}"] = notebook if date == DATES[-1] else b"{}"
    header = ["update", "usr_id", "login", "lastname", "firstname", "status", "mark", "notice", "comment"]
    rows = [["0", str(p.number), p.user, p.last, p.first, "notgraded", "", "", ""] for p in class_]
    return Download(files, "status.csv", _csv([header, *rows]).encode())


def github(class_: list[Person], notebooks: list[bytes]) -> Download:
    files = {}
    for person, notebook in zip(class_, notebooks, strict=False):
        repository = f"exercises-submissions/exercises-{person.user}"
        files[f"{repository}/.git/HEAD"] = b"ref: refs/heads/main\n"
        files[f"{repository}/homework/week 6/{NAME}"] = notebook
    header = ["identifier", "github_username", "github_id", "name"]
    rows = [[f"{p.user}@example.org", p.user, str(p.number), f"{p.first} {p.last}"] for p in class_]
    return Download(files, "classroom_roster.csv", _csv([header, *rows], quoting=csv.QUOTE_ALL).encode())


def nbgrader(class_: list[Person], notebooks: list[bytes]) -> Download:
    files = {}
    for person, notebook in zip(class_, notebooks, strict=False):
        folder = f"submitted/{person.user}"
        files[f"{folder}/parameters/{NAME}"] = notebook
        files[f"{folder}/parameters/timestamp.txt"] = b"2026-11-22 10:20:30 UTC"
        files[f"{folder}/another/{NAME}"] = b"{}"
    rows = [[p.user, p.first, p.last] for p in class_]
    return Download(files, "students.csv", _csv([["id", "first_name", "last_name"], *rows]).encode())


FORMS: dict[str, Callable[[list[Person], list[bytes]], Download]] = {
    form.__name__: form for form in (moodle, canvas, blackboard, ilias, github, nbgrader)
}


def write(
    form: str, class_: list[Person], notebooks: list[bytes], folder: Path, zipped: bool = True
) -> tuple[Path, Path]:
    """Write a download into a folder, and the table beside it; return both paths.

    notebooks: of the first learners of the class; the others handed in nothing. zipped: or as a folder.
    """
    made = FORMS[form](class_, notebooks)
    folder.mkdir(parents=True, exist_ok=True)
    table, download = folder / made.table_name, folder / ("download.zip" if zipped else "download")
    table.write_bytes(made.table)
    if zipped:
        with zipfile.ZipFile(download, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in made.files.items():
                archive.writestr(zipfile.ZipInfo(name, (2026, 11, 22, 10, 20, 30)), content)
        return download, table
    for name, content in made.files.items():
        path = download / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return download, table


def _csv(rows: list[list[str]], **options: object) -> str:
    text = io.StringIO()
    csv.writer(text, **{"lineterminator": "\r\n"} | options).writerows(rows)
    return text.getvalue()
