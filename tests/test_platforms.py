"""A platform's download comes in, and its own file goes out with the grades in it."""

import csv
import io
import zipfile

import class_forms
import pytest

from d2lparams.course import platforms, returns, zips
from d2lparams.course.names import shown
from d2lparams.course.returns import Result, fill
from d2lparams.course.submissions import read
from d2lparams.course.tables import Table

PEOPLE = class_forms.people(12)
NOTEBOOK = b'{"cells": [], "metadata": {"of": %d}, "nbformat": 4, "nbformat_minor": 5}'
MADE = [NOTEBOOK % k for k in range(9)]
TITLES = {
    "moodle": "Moodle",
    "canvas": "Canvas",
    "blackboard": "Blackboard",
    "ilias": "ILIAS",
    "github": "GitHub Classroom",
    "nbgrader": "nbgrader's folder of submissions",
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("form", TITLES)
def test_a_download_is_recognized_and_each_file_finds_its_learner(form, zipped, tmp_path):
    download, _ = class_forms.write(form, PEOPLE, MADE, tmp_path, zipped)
    with platforms.opened(download, tmp_path / "out") as handed:
        assert handed.platform == TITLES[form]
        read_back = {entry.learner: (entry.who, read(entry)) for entry in handed.entries}
        assert all(submission.note is None for _, submission in read_back.values())
        contents = {submission.sha256 for _, submission in read_back.values()}
    assert len(read_back) == len(contents) == len(MADE)
    ids = {who.get("id") or learner for learner, (who, _) in read_back.items()}
    by = "user" if form in ("blackboard", "github", "nbgrader") else "number"
    assert ids == {str(getattr(person, by)) for person in PEOPLE[: len(MADE)]}
    if form == "moodle":
        assert sum("online text" in name for name in handed.passed_over) == len(MADE)
    late = [who.get("late") for who, _ in read_back.values() if who.get("late")]
    assert len(late) == (3 if form == "canvas" else 0)
    assert not list(tmp_path.glob("d2lparams-*"))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("form", TITLES)
def test_a_class_of_one_is_a_class(form, zipped, tmp_path):
    download, _ = class_forms.write(form, PEOPLE[:1], MADE[:1], tmp_path, zipped)
    with platforms.opened(download) as handed:
        (entry,) = handed.entries
        assert handed.platform == TITLES[form]
        assert read(entry).note is None


def test_a_zip_of_plain_files_may_have_a_folder_around_them(tmp_path):
    for around in ("", "class/"):
        path = archive(tmp_path / "d.zip", infos=[(f"{around}{name}.ipynb", MADE[0]) for name in ("ada", "bob")])
        with platforms.opened(path) as handed:
            assert [entry.learner for entry in handed.entries] == ["ada", "bob"]
    for files in (["ada/6-exercises.ipynb"], ["ada/6-exercises.ipynb", "ada/6-exercises-Copy1.ipynb"]):
        path = archive(tmp_path / "d.zip", infos=[(name, MADE[0]) for name in files])
        with platforms.opened(path) as handed:
            assert [entry.learner for entry in handed.entries] == ["ada"]


@pytest.mark.parametrize("form", TITLES)
def test_the_way_back_has_every_number_and_changes_nothing_else(form, tmp_path):
    download, table = class_forms.write(form, PEOPLE, MADE, tmp_path)
    with platforms.opened(download) as handed:
        entries = handed.entries
    results, points = [], {}
    for k, entry in enumerate(entries):
        ids = [entry.who.get("id"), entry.who.get("login"), entry.learner]
        results.append(Result(entry.learner, tuple(filter(None, ids)), 7 * k + 0.5, 100))
        points[ids[0] or entry.learner] = f"{7 * k + 0.5:g}"
    stranger = Result("nobody", ("nobody",), 3, 100)
    filled = fill(table, [*results, stranger], tmp_path / "upload")
    assert (filled.rows, filled.not_in_file, len(filled.without_submission)) == (
        len(MADE),
        ["nobody"],
        3 + (form == "canvas"),
    )
    before, after = rows(table.read_bytes()), rows(filled.path.read_bytes())
    column = next(c for c in range(20) if before and column_differs(before, after, c))
    changed = {}
    for old, new in zip(before, after, strict=True):
        differs = [c for c in range(max(len(old), len(new))) if old[c : c + 1] != new[c : c + 1]]
        if form == "ilias" and old[0] == "0" and differs:
            assert (new[0], differs) == ("1", [0, 6])
            differs.remove(0)
        assert differs in ([], [column])
        if differs and new[column] != "points":
            changed[next(value for value in points if value in digits(old))] = new[column]
    assert changed == points
    assert filled.path.read_bytes()[:2] == table.read_bytes()[:2]
    returned = [entry.who.get("returns") for entry in entries if entry.who.get("returns")]
    assert len(set(returned)) == len(returned)
    assert (len(returned) == len(MADE)) == (form not in ("github", "nbgrader"))


def rows(content):
    encoding = "utf-16" if content[:2] == b"\xff\xfe" else "utf-8-sig"
    text = content.decode(encoding)
    return list(csv.reader(io.StringIO(text), delimiter="\t" if "\t" in text else ","))


def column_differs(before, after, c):
    pairs = [(old[c : c + 1], new[c : c + 1]) for old, new in zip(before, after, strict=True)]
    return any(old != new and new != ["1"] for old, new in pairs)


def digits(row):
    return {value.removeprefix("Participant ").strip() for value in row}


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("moodle", "Ada Lovelace_70000_assignsubmission_file_/feedback.html"),
        ("canvas", "lovelaceada_70000_9000_6-exercises.html"),
        ("blackboard", "Exercises_6_user000_attempt_2026-11-22-10-20-30_feedback.html"),
        ("ilias", "Lovelace_Ada_user000_70000/feedback.html"),
    ],
)
def test_feedback_goes_back_under_the_platforms_names(form, name, tmp_path):
    download, _ = class_forms.write(form, PEOPLE, MADE, tmp_path)
    with platforms.opened(download) as handed:
        names = [entry.who["returns"] for entry in handed.entries]
    assert name in names
    page = tmp_path / "page.html"
    page.write_text("<p>Well done.")
    returns.zip_feedback(dict.fromkeys(names, page), tmp_path / "feedback.zip")
    with zipfile.ZipFile(tmp_path / "feedback.zip") as archive:
        assert archive.namelist() == sorted(names)
        assert archive.read(name) == page.read_bytes()


def test_of_several_attempts_the_latest_that_was_worked_on_counts_and_the_others_are_named(tmp_path):
    for form in ("blackboard", "ilias"):
        download, _ = class_forms.write(form, PEOPLE[:4], MADE[:4], tmp_path / form)
        with platforms.opened(download) as handed:
            for entry in handed.entries:
                submission = read(entry)
                assert "20261122" in submission.file.replace("-", "")
                assert len(submission.remarks) == ("user001" in str(entry) or "user003" in str(entry))


def test_what_no_platform_knows_is_nobodys_loss(tmp_path):
    download, _ = class_forms.write("moodle", PEOPLE, MADE, tmp_path, zipped=False)
    (download / "by mail.ipynb").write_bytes(MADE[0])
    (download / "late, from a stick").mkdir()
    (download / "late, from a stick" / "6.ipynb").write_bytes(MADE[0])
    (download / "__MACOSX").mkdir()
    (download / "notes.docx").write_bytes(b"PK")
    with platforms.opened(download) as handed:
        assert handed.platform == "Moodle"
        assert {"by mail", "late, from a stick"} <= {entry.learner for entry in handed.entries}
        assert len(handed.entries) == len(MADE) + 2
        assert {"__MACOSX", "notes.docx"} <= set(handed.passed_over)


def test_one_learner_with_a_strange_name_does_not_turn_a_plain_folder_into_a_platforms(tmp_path):
    for name in ("ada", "bob", "cyd", "Eve_1_assignsubmission_file_", "x_LATE_1_2_y.ipynb"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "6-exercises.ipynb").write_bytes(MADE[0])
    with platforms.opened(tmp_path) as handed:
        assert (handed.platform, len(handed.entries)) == ("a plain folder", 5)


def test_names_of_files_that_learners_choose_say_nothing_of_who_they_are(tmp_path):
    for name in (
        "lovelaceada_123_456_hopper_LATE_999_888_6.ipynb",
        "hoppergrace_LATE_124_457_lovelaceada_123_458_6.ipynb",
    ):
        (tmp_path / name).write_bytes(MADE[0])
    with platforms.opened(tmp_path) as handed:
        assert {entry.learner: entry.who.get("late") for entry in handed.entries} == {
            "lovelaceada_123": None,
            "hoppergrace_124": "late",
        }


def test_a_folder_that_cannot_be_meant_is_refused(tmp_path):
    (tmp_path / "class" / "ada").mkdir(parents=True)
    for out in ("class", "class/out", "class/ada/../deep"):
        with (
            pytest.raises(RuntimeError, match="name a folder outside of it"),
            platforms.opened(tmp_path / "class", tmp_path / out),
        ):
            pass
    (tmp_path / "class" / "submitted").mkdir()
    (tmp_path / "class" / "nbgrader_config.py").touch()
    with pytest.raises(RuntimeError, match=r"give .*submitted"), platforms.opened(tmp_path / "class"):
        pass
    with pytest.raises(FileNotFoundError, match="wanted the folder or the zip"), platforms.opened(tmp_path / "gone"):
        pass
    (tmp_path / "essay.docx").write_bytes(b"text")
    with pytest.raises(RuntimeError, match="neither a folder nor a zip"), platforms.opened(tmp_path / "essay.docx"):
        pass


# Archives that want to do harm


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for info, content in members.pop("infos", []):
            made.writestr(info, content)
        for name, content in members.items():
            made.writestr(name, content)
    return path


LINK = zipfile.ZipInfo("eve/6-exercises.ipynb")
LINK.external_attr = 0o120777 << 16
PIPE = zipfile.ZipInfo("eve/6-exercises.ipynb")
PIPE.external_attr = 0o010777 << 16


@pytest.mark.parametrize(
    ("infos", "said"),
    [
        ([("../../outside.ipynb", b"{}")], "its path leads elsewhere"),
        ([("eve/../../outside.ipynb", b"{}")], "its path leads elsewhere"),
        ([("..\\outside.ipynb", b"{}")], "its path leads elsewhere"),
        ([("C:\\outside.ipynb", b"{}")], "its path leads elsewhere"),
        ([("/etc/outside.ipynb", b"{}")], ""),
        ([(LINK, b"/etc/passwd")], "a link, or no plain file"),
        ([(PIPE, b"")], "a link, or no plain file"),
        ([("eve/" * 30 + "6.ipynb", b"{}")], "it lies too deep"),
        ([("__MACOSX/eve/._6-exercises.ipynb", b"{}")], "of the Mac's Finder"),
        ([("eve", b""), ("eve/6.ipynb", b"{}")], "a file and a folder have this name"),
        ([("eve/6.ipynb", b"0" * (21 << 20))], "it takes more than 20 MB"),
        ([("eve/\x1b[2J\u202e.ipynb", b"{}")], ""),
        ([("eve/" + "x" * 5000 + ".ipynb", b"{}")], ""),
        ([("eve/con?<>|*:.ipynb", b"{}")], ""),
        ([("eve/.ipynb. . ", b"{}")], ""),
        ([(".", b"{}"), ("/", b""), ("./", b"")], ""),
    ],
)
def test_members_of_an_archive_stay_below_its_folder(infos, said, tmp_path):
    (tmp_path / "room").mkdir()
    path = archive(tmp_path / "room" / "download.zip", infos=[*infos, ("ada/6-exercises.ipynb", MADE[0])])
    left_out = zips.unpack(path, tmp_path / "room" / "deep" / "class")
    assert any(said in line for line in left_out) if said else left_out == []
    assert all(line == shown(line, 400) for line in left_out)
    outside = [entry for entry in tmp_path.rglob("*") if not entry.is_relative_to(tmp_path / "room" / "deep" / "class")]
    assert sorted(entry.name for entry in outside) == ["deep", "download.zip", "room"]
    inside = list((tmp_path / "room" / "deep" / "class").rglob("*"))
    assert all(entry.is_dir() or entry.is_file() for entry in inside)
    assert not any(entry.is_symlink() for entry in inside)
    assert (tmp_path / "room" / "deep" / "class" / "ada" / "6-exercises.ipynb").read_bytes() == MADE[0]


def test_a_bomb_costs_neither_disk_nor_the_others_their_grades(tmp_path, monkeypatch):
    zeros = b"0" * (19 << 16)
    monkeypatch.setattr(zips, "LARGEST_FILE", 20 << 16)
    monkeypatch.setattr(zips, "MOST_OF_ONE", 45 << 16)
    infos = [(f"eve/{k}.ipynb", zeros) for k in range(8)]
    path = archive(tmp_path / "d.zip", infos=[*infos, ("zed/6-exercises.ipynb", MADE[0])])
    left_out = zips.unpack(path, tmp_path / "out")
    assert sum("takes more than" in line for line in left_out) == 6
    assert sum(file.stat().st_blocks * 512 for file in (tmp_path / "out").rglob("*.ipynb")) < (40 << 16)
    assert read(tmp_path / "out" / "eve").note
    assert read(tmp_path / "out" / "zed").note is None


def test_an_archive_with_too_many_files_or_of_one_name_is_bounded(tmp_path):
    path = archive(tmp_path / "d.zip", infos=[(f"eve/{k}", b"") for k in range(30)])
    with pytest.raises(zips.BadZip, match="holds 30 files, and 20 at most are read"):
        zips.unpack(path, tmp_path / "a", zips.Most(20, 1 << 30))
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = archive(tmp_path / "e.zip", infos=[("eve/6.ipynb", b"{}")] * 30)
    assert sum("20 others have its name" in line for line in zips.unpack(path, tmp_path / "b")) == 10
    assert len(list((tmp_path / "b" / "eve").iterdir())) == 20


def test_damaged_and_encrypted_members_are_left_out_by_name(tmp_path):
    path = archive(tmp_path / "d.zip", **{"ada/6.ipynb": MADE[0] * 50, "eve/6.ipynb": MADE[1] * 50})
    content = bytearray(path.read_bytes())
    content[content.index(b"ada/6.ipynb") + 14] ^= 0xFF
    path.write_bytes(content)
    assert [line.split(":")[0] for line in zips.unpack(path, tmp_path / "a")] == ["ada/6.ipynb"]
    assert (tmp_path / "a" / "eve" / "6.ipynb").read_bytes() == MADE[1] * 50
    content = bytearray(archive(tmp_path / "e.zip", **{"ada/6.ipynb": b"{}"}).read_bytes())
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(sign) + place] |= 1
    (tmp_path / "e.zip").write_bytes(content)
    assert zips.unpack(tmp_path / "e.zip", tmp_path / "b") == ["ada/6.ipynb: it is encrypted"]
    (tmp_path / "f.zip").write_bytes(bytes(content[: len(content) // 2]))
    with pytest.raises(zips.BadZip, match="not a zip file that can be read"):
        zips.unpack(tmp_path / "f.zip", tmp_path / "c")


def test_names_in_utf_8_are_read_though_the_archive_does_not_say_so(tmp_path):
    path = archive(tmp_path / "d.zip", **{"\u738b/6.ipynb": b"{}"})
    content = bytearray(path.read_bytes())
    for sign, place in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        content[content.index(sign) + place] &= ~0x08
    path.write_bytes(content)
    assert zips.unpack(path, tmp_path / "a") == []
    assert (tmp_path / "a" / "\u738b" / "6.ipynb").exists()


def test_a_learner_may_hand_in_an_archive(tmp_path):
    (tmp_path / "ada").mkdir()
    archive(tmp_path / "ada" / "homework.zip", **{"my work/6-exercises.ipynb": MADE[0], "../x.ipynb": b"{}"})
    assert read(tmp_path / "ada").note is None
    assert read(tmp_path / "ada").file.endswith("6-exercises.ipynb")
    (tmp_path / "ada" / "homework.zip").write_bytes(b"PK")
    assert "no notebook but an archive" in read(tmp_path / "ada").note


# Tables that want to do harm, and odd ones


WORKSHEET = "Identifier,Full name,Grade,Maximum grade,Feedback comments\r\n"
RESULTS = [Result("Ada_17", ("17", "Ada_17"), 81.5, 100), Result("Bob_18", ("18", "Bob_18"), 40, 100)]


def filled(content, results=RESULTS, column=None, name="Grades.csv", folder=None):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = fill(path, results, folder / "upload", column)
    return done, done.path.read_bytes()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Participant 17,Ada,,100.00,\r\n", "Participant 17,Ada,81.5,100.00,\r\n"),
        ('"Participant 17","Ada ""A""","-","100",""\n', '"Participant 17","Ada ""A""","81.5","100",""\n'),
        ("Participant 17,=cmd|' /C calc'!A0,,100,=1+1", "Participant 17,=cmd|' /C calc'!A0,81.5,100,=1+1"),
        ("Participant 17,Ada,3,50,\r\n", "Participant 17,Ada,40.75,50,\r\n"),
        ("Teilnehmer/in17,Ada,,100,\r\n", "Teilnehmer/in17,Ada,81.5,100,\r\n"),
        ("Participant 17,\x1b[2J\u202e,,100,\r\n", "Participant 17,\x1b[2J\u202e,81.5,100,\r\n"),
        ("Participant 117,Eve,,100,\r\n", "Participant 117,Eve,,100,\r\n"),
        ("Participant,Participant 17,,100,\r\n", "Participant,Participant 17,,100,\r\n"),
        (
            "Participant 17,A,,100,\r\nParticipant 17,B,,100,\r\n",
            "Participant 17,A,,100,\r\nParticipant 17,B,,100,\r\n",
        ),
        ("Participant 17\r\n", "Participant 17,,81.5\r\n"),
        ('Participant 17,"Ada\nLovelace",,100,"a\r\nb"\n', 'Participant 17,"Ada\nLovelace",81.5,100,"a\r\nb"\n'),
        ("\r\n\r\nParticipant 17,Ada,,1e999,\r\n", "\r\n\r\nParticipant 17,Ada,81.5,1e999,\r\n"),
        ("Participant 17,Ada,,-5,\r\n", "Participant 17,Ada,81.5,-5,\r\n"),
        ("Participant 17,Ada,,NaN,\r\n", "Participant 17,Ada,81.5,NaN,\r\n"),
    ],
)
def test_a_worksheet_is_filled_and_else_left_byte_by_byte(before, after, tmp_path):
    assert filled(WORKSHEET + before, folder=tmp_path)[1] == (WORKSHEET + after).encode()


def test_a_comma_for_the_decimal_point_is_kept(tmp_path):
    table = "Identifier;Full name;Grade;Maximum grade\nTeilnehmer/in17;Ada;;100,00\n"
    assert filled(table, folder=tmp_path)[1].decode().endswith("Teilnehmer/in17;Ada;81,5;100,00\n")


def test_canvas_columns_are_told_apart(tmp_path):
    head = "Student,ID,SIS User ID,SIS Login ID,Section,Week 5 (1),Exercises 6 (2),Current Score\n"
    table = (
        head + '    Points Possible,,,,,10,50,(read only)\n"Lovelace, Ada",17,,ada,S,9,,9\n"Student, Test",1,,t,S,,,\n'
    )
    done, content = filled(table, folder=tmp_path)
    assert content.decode() == table.replace("ada,S,9,,9", "ada,S,9,40.75,9")
    assert done.remarks == ["points were scaled from 100 to the file's 50"]
    assert (done.without_submission, done.not_in_file) == (["Student, Test"], ["Bob_18"])
    two = table.replace("Exercises 6", "Week 6")
    with pytest.raises(
        ValueError, match=r"which column of .* takes the points\? Name one with --column: 'Week 5 \(1\)'"
    ):
        filled(two, folder=tmp_path)
    assert ",40.75,9" in filled(two, column="week 6", folder=tmp_path)[1].decode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 a spreadsheet", "save it as CSV first"),
        (b"\xd0\xcf\x11\xe0", "save it as CSV first"),
        (b"name,grade\nZoe,\n", "no column of .* holds ids of these learners"),
        (b"", "no column of|not a table"),
        (b"\x00\x01\x02", "no column of|not a table"),
        (b"Username\tEx [Total Pts: 100 Score] |1\tQuiz [Total Pts: 5 Score] |2\n", "Name one with --column"),
        (b"Last Name\tEx [Total Pts: 100 Score] |1\n", "has no column Username"),
    ],
)
def test_a_file_that_cannot_be_filled_is_refused_and_says_why(content, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        filled(content, folder=tmp_path)
    assert not (tmp_path / "upload").exists()


def test_a_table_of_ids_gets_a_column_and_formulas_in_it_stay_text(tmp_path):
    done, content = filled("user,comment\n17,=1+1\n18,\n", folder=tmp_path)
    assert content == b"user,comment,points\n17,=1+1,81.5\n18,,40\n"
    assert done.kind == "a table of ids"


def test_tables_in_other_encodings_come_back_in_them(tmp_path):
    for encoding in ("utf-16", "utf-8-sig", "cp1252", "utf-8"):
        table = WORKSHEET + "Participant 17,Zo\u00eb,,100,\r\n"
        _, content = filled(table.encode(encoding), folder=tmp_path)
        assert content == table.replace(",,100", ",81.5,100").encode(encoding)


def test_a_table_that_is_not_changed_is_the_same_bytes(tmp_path):
    for content in (b'a,b\n"x""y",\r\n,,\n\n', b"a;b;c", b'a\tb\n"open\t1\n', b'a,b\n"x" ,y\n', b"\n\n"):
        path = tmp_path / "t.csv"
        path.write_bytes(content)
        assert Table(path).content() == content
