"""A table as a platform exported it, CSV or separated by tabs, in which single fields are filled and all else stays.

What is not filled comes out byte by byte: quotes, the separator, the ends of lines, the encoding.
"""

import codecs
import re
from pathlib import Path

LARGEST_TABLE = 20 << 20  # bytes
FORMULA = re.compile(r"[\s\x00]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
ENCODINGS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Table:
    """Rows of fields, read from a file. Raises ValueError if it is no table, OSError if it can't be read."""

    def __init__(self, path: Path) -> None:
        with open(path, "rb") as file:
            content = file.read(LARGEST_TABLE + 1)
        if len(content) > LARGEST_TABLE:
            raise ValueError(f"{path} is larger than {LARGEST_TABLE >> 20} MB: that is no table of grades")
        self.path = path
        self._mark = next((mark for mark in ENCODINGS if content.startswith(mark)), b"")
        self._encoding = ENCODINGS.get(self._mark, "utf-8").removesuffix("-sig")
        if not self._mark and b"\0" in content[:2]:  # half of the bytes of UTF-16 are none in plain letters
            self._encoding = "utf-16-be" if content[:1] == b"\0" else "utf-16-le"
        text = _decoded(path, content[len(self._mark) :], self._encoding)
        if not self._mark and "\ufffd" in text:
            self._encoding = "cp1252"
            text = _decoded(path, content, "cp1252")
        self.separator = max(",;\t", key=re.sub('"[^"]*"', "", text).lstrip("\r\n").split("\n", 1)[0].count)
        self._rows, self._ends = _split(text, self.separator)
        if b"".join(self._parts()) != content or not self._rows:
            raise ValueError(f"{path} is not a table of text: export it as CSV")
        self.header = [self.value(0, column).strip() for column in range(len(self._rows[0]))]

    def __len__(self) -> int:
        return len(self._rows)

    def value(self, row: int, column: int) -> str:
        """Return a field without its quotes; nothing where a row is too short."""
        raw = self._rows[row][column] if column < len(self._rows[row]) else ""
        raw = raw.strip() if raw.strip().startswith('"') else raw
        return raw[1:-1].replace('""', '"') if len(raw) > 1 and raw[0] == raw[-1] == '"' else raw

    def fill(self, row: int, column: int, text: str) -> None:
        """Write a field, quoted as the one that stood there; the row gets it at its end if it is as long as that."""
        fields = self._rows[row]
        fields += [""] * (column + 1 - len(fields))
        needed = any(c in text for c in f'{self.separator}"\r\n')
        quoted = needed or fields[column].strip().startswith('"')
        doubled = text.replace('"', '""')
        fields[column] = f'"{doubled}"' if quoted else text

    def column(self, *names: str) -> int | None:
        """Return the number of the first column with one of these names, whatever their case."""
        lower = [name.lower() for name in self.header]
        return next((lower.index(name.lower()) for name in names if name.lower() in lower), None)

    def content(self) -> bytes:
        """Return the file's bytes, as they are now."""
        return b"".join(self._parts())

    def _parts(self) -> list[bytes]:
        lines = zip(self._rows, self._ends, strict=True)
        text = "".join(self.separator.join(fields) + end for fields, end in lines)
        return [self._mark, text.encode(self._encoding, "surrogateescape")]


def _decoded(path: Path, content: bytes, encoding: str) -> str:
    if content[:2] == b"PK" or content[:4] == b"\xd0\xcf\x11\xe0":
        raise ValueError(f"{path} is a spreadsheet program's own file: save it as CSV first")
    return content.decode(encoding, "surrogateescape" if encoding == "cp1252" else "replace")


def _split(text: str, separator: str) -> tuple[list[list[str]], list[str]]:
    """Return rows of raw fields, and the end of each line."""
    field = re.compile(rf'(?:[ ]*"[^"]*(?:""[^"]*)*"(?=[{separator}\r\n]|$)|[^{separator}\r\n]*)')
    rows: list[list[str]] = [[]]
    ends, place = [], 0
    while True:
        match = field.match(text, place)
        assert match is not None  # it takes nothing, too
        rows[-1].append(match[0])
        place = match.end()
        if place == len(text):
            break
        end = "\r\n" if text.startswith("\r\n", place) else text[place]
        place += len(end)
        if end != separator:
            ends.append(end)
            if place == len(text):
                return rows, ends
            rows.append([])
    return rows, [*ends, ""]


def harmless(text: str) -> str:
    """Return text for a field, with an apostrophe before it if a spreadsheet would run it as a formula.

    >>> harmless("=cmd()"), harmless(" ＝1"), harmless("ada")
    ("'=cmd()", "' ＝1", 'ada')
    """
    return "'" + text if FORMULA.match(text) else text
