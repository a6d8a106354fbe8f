"""Platforms' files in other languages and dialects, teams, and learners whose names are hidden."""

import csv
import io
import os
import zipfile

import pytest

from d2lparams.course import platforms
from d2lparams.course.forms import platform_of
from d2lparams.course.names import shown
from d2lparams.course.returns import Result, fill, late_in
from d2lparams.course.submissions import read
from d2lparams.course.tables import Table

RESULTS = [Result("Ada_17", ("17", "ada", "Ada_17"), 81.5, 100), Result("Bob_18", ("18", "bob", "Bob_18"), 40, 100)]
NOTEBOOK = b'{"cells": [], "metadata": {"of": %d}, "nbformat": 4, "nbformat_minor": 5}'
NAMES = (
    "Lovelace, Ada",
    "\u05d0\u05d3\u05d4 \u05dc\u05d1\u05dc\u05d9\u05d9\u05e1",
    "Zoe\u0308 Nova\u0301k",
    "王 伟",
    "Ömer",
)
# Moodle's worksheet as its language packs have it: the names of the columns, the word before the number, yes, a late
# status, one that isn't.
LANGUAGES = {
    "German": (
        "ID,Vollständiger Name,E-Mail-Adresse,Status,Gruppe,Bewertung,Bestwertung,Bewertung kann geändert werden,"
        "Zuletzt geändert (Abgabe),Zuletzt geändert (Bewertung),Feedback als Kommentar",
        "Teilnehmer/in", "Ja", "Zur Bewertung abgegeben - 2 Tage Verspätung", "Zur Bewertung abgegeben", "100,00",
    ),
    "French": (
        "Identifiant,Nom complet,Adresse de courriel,Statut,Groupe,Note,Note maximale,La note peut être modifiée,"
        "Dernière modification (travail remis),Dernière modification (note),Feedback par commentaires",
        "Participant", "Oui", "Remis pour évaluation - 2 jours en retard", "Remis pour évaluation", "100,00",
    ),
    "Spanish": (
        "Identificador,Nombre completo,Dirección de correo,Estado,Grupo,Calificación,Calificación máxima,"
        "La calificación puede ser cambiada,Última modificación (entrega),Última modificación (calificación),"
        "Comentarios de retroalimentación",
        "Participante ", "Sí", "Enviado para calificar - 2 días después", "Enviado para calificar", "100.00",
    ),
    "Chinese": (
        "标识符,全名,Email地址,状态,小组,成绩,最高分,允许更改成绩,最近修改 (提交),最近修改 (成绩),反馈评论",
        "参与者", "是", "已提交并等待评分 - 逾期 2 天", "已提交并等待评分", "100.00",
    ),
    "English": (
        "Identifier,Full name,Email address,Status,Group,Grade,Maximum Grade,Grade can be changed,"
        "Last modified (submission),Last modified (grade),Feedback comments",
        "Participant ", "Yes", "Submitted for grading - 2 days 3 hours late", "Submitted for grading", "100.00",
    ),
}  # fmt: skip
DIALECTS = [
    {"encoding": "utf-8-sig", "delimiter": ",", "lineterminator": "\r\n"},
    {"encoding": "utf-8", "delimiter": ";", "lineterminator": "\n", "quoting": csv.QUOTE_ALL},
    {"encoding": "utf-16", "delimiter": "\t", "lineterminator": "\r\n"},
    {"encoding": "utf-16-le", "delimiter": "\t", "lineterminator": "\n", "quoting": csv.QUOTE_ALL},
]


def written(rows, encoding, **dialect):
    text = io.StringIO()
    csv.writer(text, **dialect).writerows(rows)
    return text.getvalue().encode(encoding)


def worksheet(language):
    head, word, yes, late, on_time, most = LANGUAGES[language]
    rows = [head.split(",")]
    for k, name in enumerate(NAMES):
        status = late if k == 0 else on_time
        rows.append(
            [f"{word}{17 + k}", name, f"a{k}@example.org", status, "late risers", "", most, yes, "-", "-", "=1+1"]
        )
    return rows


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_moodles_worksheet_is_filled_in_any_language_and_dialect(language, dialect, tmp_path):
    rows = worksheet(language)
    path = tmp_path / "Noten.csv"
    path.write_bytes(written(rows, **dialect))
    done = fill(path, RESULTS, tmp_path / "upload")
    comma = "," in rows[1][6]
    for row, points in ((1, "81.5"), (2, "40")):
        rows[row][5] = points.replace(".", ",") if comma else points
    assert done.path.read_bytes() == written(rows, **dialect)
    assert (done.kind, done.rows, done.without_submission) == ("Moodle", 2, list(NAMES[2:]))
    assert late_in(path) == {"17": shown(rows[1][3])}


@pytest.mark.parametrize(
    "rows",
    [
        [["user", "points"], ["user1", ""]],
        [["user", "name", "points", "most", "passed"], ["user1", "Ada", "", "100", "yes"], ["x", "B", "", "100", "no"]],
        [["id", "group", "points", "most", "comment"], ["user1", "7", "", "100", "well done"]],
        [["id", "name", "points", "most", "passed"], ["user1", "Ada", "", "90", "yes"], ["user2", "B", "", "80", "no"]],
        [["id", "name", "points", "most", "passed"], ["17", "Ada", "", "90", "yes"], ["18", "B", "", "90", "no"]],
    ],
)
def test_a_table_that_only_looks_like_a_worksheet_is_none(rows, tmp_path):
    (tmp_path / "t.csv").write_bytes(written(rows, encoding="utf-8"))
    assert platform_of(Table(tmp_path / "t.csv")) is None


def changed(rows, tmp_path, results=RESULTS, **options):
    """Fill a table; return what was done, and the fields that changed, by row and column."""
    path = tmp_path / "table.csv"
    dialect = {"encoding": "utf-16", "delimiter": "\t", "quoting": csv.QUOTE_ALL}
    path.write_bytes(written(rows, **dialect))
    done = fill(path, results, tmp_path / "upload", **options)
    after = list(csv.reader(io.StringIO(done.path.read_bytes().decode("utf-16")), delimiter="\t"))
    found = {(r, c): new for r, row in enumerate(after) for c, new in enumerate(row) if rows[r][c : c + 1] != [new]}
    return done, found


def test_canvas_and_blackboard_are_known_in_other_languages(tmp_path):
    canvas = [
        ["Schüler*in", "ID", "SIS User ID", "SIS Login ID", "Abschnitt", "Exercises, 6 (411)", "Quiz (412)", "Note"],
        ["    Mögliche Punkte", "", "", "", "", "50,0", "10,0", "(schreibgeschützt)"],
        ["Lovelace, Ada", "17", "", "ada", "S", "", "8", "8"],
        ["Test", "", "", "", "", "", "", ""],
    ]  # fmt: skip
    done, found = changed(canvas, tmp_path)
    assert (done.kind, found, done.not_in_file) == ("Canvas", {(2, 5): "40.75"}, ["Bob_18"])
    for names, total, grade in (
        ("Last Name,First Name,Username,Student ID", "Weighted Total [Total Pts: 110 Score] |1", "Total Pts: 50 Score"),
        ("Apellidos,Nombre,Nombre de usuario,ID", "Total [Pts. totales: 110] |1", "Pts. totales: hasta 50 Puntuación"),
        ("名字,姓氏,用户名,学生编号", "Total [总分: 110 得分] |1", "总分: 50 得分"),
    ):
        head = [*names.split(","), total, f"Week 6 [{grade}] |2"]
        rows = [head, ["Lovelace", "Ada", "17", "9", "12", ""], ["Noether", "Emmy", "99", "8", "12", ""]]
        done, found = changed(rows, tmp_path)
        assert (done.kind, found) == ("Blackboard", {(1, 5): "40.75"})
        assert len(done.without_submission) == 1


def test_an_id_is_the_same_however_its_letters_with_marks_are_written(tmp_path):
    results = [Result("jose\u0301", ("jose\u0301",), 7, 100)]
    done, found = changed([["login", "points"], ["jos\u00e9", ""]], tmp_path, results)
    assert (done.rows, found) == (1, {(1, 1): "7"})


def packed(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for k, (name, day) in enumerate(files):
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, day, 10, 0, 0)), NOTEBOOK % k)
    return path


def test_learners_of_ilias_and_its_teams_are_told_apart(tmp_path):
    plain = [("Lovelace_Ada_ada_17/6-exercises.ipynb", 1), ("de la Cruz_Bob_bo_b_18/Verspaetete Abgabe - 6.ipynb", 2)]
    with platforms.opened(packed(tmp_path / "plain.zip", plain)) as handed:
        assert handed.platform == "ILIAS"
        who = {entry.who["id"]: (entry.who["login"], entry.who.get("late")) for entry in handed.entries}
    assert who == {"17": ("ada", None), "18": ("bo_b", "late")}
    teams = [
        ("Team 5/Lovelace_Ada_ada_17/6-exercises.ipynb", 1),
        ("Team 5/Hopper_Grace_bob_18/6-exercises (2).ipynb", 3),
        ("Team 6/Noether_Emmy_emmy_19/6-exercises.ipynb", 2),
    ]
    with platforms.opened(packed(tmp_path / "teams.zip", teams)) as handed:
        assert handed.platform == "ILIAS"
        first, second = handed.entries
        assert (first.learner, first.who["members"], second.who["id"]) == ("Team 5", "18 17", "6")
        assert {first.who["returns"], second.who["returns"]} == {
            "Hopper_Grace_bob_18/feedback.html",
            "Noether_Emmy_emmy_19/feedback.html",
        }
    team = Result("Team 5", ("5", "Team 5"), 70, 100, members=("17", "18"))
    by_person = [["update", "usr_id", "login", "status", "mark"], *(["0", str(k), "x", "", ""] for k in (17, 18, 19))]
    assert changed(by_person, tmp_path, [team])[1] == {(1, 0): "1", (1, 4): "70", (2, 0): "1", (2, 4): "70"}
    by_team = [["update", "team_id", "logins", "status", "mark"], ["0", "5", "ada, bob", "", ""]]
    assert changed(by_team, tmp_path, [team])[1] == {(1, 0): "1", (1, 4): "70"}


def test_the_file_of_a_team_that_came_last_counts(tmp_path):
    for k, place in enumerate(("Team 5/A_B_ada_17/6.ipynb", "Team 5/C_D_bob_18/6.ipynb")):
        path = tmp_path / place
        path.parent.mkdir(parents=True)
        path.write_bytes(NOTEBOOK % k)
        os.utime(path, (1000 - 500 * k,) * 2)
    with platforms.opened(tmp_path) as handed:
        (entry,) = handed.entries
        assert len(entry.places) == 1
        assert "6.ipynb" in read(entry).file


def test_learners_whom_canvas_hides_keep_what_it_calls_them(tmp_path):
    names = ("anon_x7Kp2_456_6-exercises.ipynb", "LATE_anon_Qr9zA_457_6-exercises-1.ipynb", "anon_b2Bcd_text.html")
    for name in names:
        (tmp_path / name).write_bytes(NOTEBOOK % 0)
    with platforms.opened(tmp_path) as handed:
        assert handed.platform == "Canvas"
        assert {entry.learner: (entry.who.get("late"), entry.who["returns"]) for entry in handed.entries} == {
            "anon_x7Kp2": (None, "anon_x7Kp2_456_6-exercises.html"),
            "anon_Qr9zA": ("late", "anon_Qr9zA_457_6-exercises-1.html"),
        }
        assert handed.passed_over == ["anon_b2Bcd_text.html (an online text)"]


def test_names_keep_the_letters_that_join_others():
    assert (
        shown("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645") == "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    )
    assert shown("a\u202eb") == "a\ufffdb"
