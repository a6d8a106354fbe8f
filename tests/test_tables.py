"""The tables of parameters, ties, inits and health: the same cells as text and as HTML for all readers."""

import re
from html.parser import HTMLParser

import pytest
import torch
from nets import mlp, shared_net
from torch import nn

from d2lparams import health, initialize, parameter_table, ties
from d2lparams._tables import Column, Table, mean_and_std, plural, shortened, three_digits


class Page(HTMLParser):
    """Rows of (tag, attributes, text), and the paragraphs around them."""

    def __init__(self, source):
        super().__init__()
        self.open, self.rows, self.paragraphs = [], [], []
        self.feed(source)
        assert not self.open  # each tag was closed

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append((tag, dict(attrs), ""))
        elif tag == "p":
            self.paragraphs.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["p"]:
            self.paragraphs[-1] += data
        elif self.open[-1:] in (["td"], ["th"]):
            tag, attrs, text = self.rows[-1][-1]
            self.rows[-1][-1] = (tag, attrs, text + data)
        else:
            assert not data.strip()


def odd_names():
    return nn.ModuleDict({"a<b>&": shared_net(), '"c"': nn.BatchNorm1d(3)})


def long_net():
    return nn.Sequential(*(nn.Linear(2, 2 + i % 2) if i % 2 else nn.Linear(3, 2) for i in range(1, 60)))


def health_of(net):
    torch.manual_seed(0)
    return health(net, torch.randn(5, next(net.parameters()).shape[1]), torch.zeros(5, dtype=torch.long))


def parametrized():
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    net[1].weight = net[0].weight
    nn.utils.parametrizations.weight_norm(net[0])
    return net


TABLES = {
    "parameters": lambda: parameter_table(shared_net()),
    "parameters, every column": lambda: parameter_table(
        nn.ModuleList([odd_names(), nn.Linear(2, 2, device="meta").requires_grad_(False), nn.LazyLinear(2)]),
        buffers=True,
    ),
    "parameters, shortened": lambda: parameter_table(long_net(), max_rows=3),
    "ties": lambda: ties(shared_net()),
    "ties, with notes": lambda: ties(nn.Sequential(parametrized(), nn.LazyLinear(2))),
    "ties, of odd names": lambda: ties(odd_names()),
    "ties, shortened": lambda: ties(nn.Sequential(*[nn.Linear(2, 2, bias=False) for _ in range(50)] * 2)),
    "inits": lambda: initialize(shared_net(), {"*.weight": nn.init.ones_}),
    "inits, of odd names": lambda: initialize(odd_names(), {"*": nn.init.zeros_}),
    "inits, shortened": lambda: initialize(long_net(), {"*": nn.init.zeros_}),
    "health": lambda: health_of(mlp(4, 8, 3)),
    "health of one layer": lambda: health_of(nn.Linear(4, 3)),
    "health, shortened": lambda: health_of(mlp(4, *[6] * 30, 3)),
}


@pytest.mark.parametrize("name", TABLES)
def test_html_says_what_the_text_says_and_what_each_header_heads(name):
    table = TABLES[name]()
    text, page = repr(table), Page(table._repr_html_())
    header, *rows = page.rows
    assert all(tag == "th" and attrs["scope"] == "col" and title.strip() for tag, attrs, title in header)
    for row in rows:
        if len(row) == 1:  # what was left out
            ((tag, attrs, said),) = row
            assert (tag, attrs["colspan"]) == ("td", str(len(header)))
            assert re.fullmatch(r"… \d+ left out(, with [\d,]+ numbers)? …", said)
            continue
        ((attrs, own_name),) = [(attrs, cell) for tag, attrs, cell in row if tag == "th"]  # one that heads the row
        assert attrs["scope"] == "row"
        assert own_name.strip()
        for (_, attrs, title), (_, below, cell) in zip(header, row, strict=True):
            assert attrs["style"] == below["style"]
            assert (attrs["style"] == "text-align:right") == (title in RIGHT), title
            assert title not in RIGHT or not cell.strip("?–%×") or re.search(r"\d|nan|inf", cell)
    cells = [cell for row in page.rows for _, _, cell in row]
    if name.startswith("ties"):
        above, *below = page.paragraphs
        said = [above, *cells[len(header) :], *below]  # the text has no headers
    else:
        said = [*cells, *page.paragraphs]
    assert " ".join(" ".join(said).split()) == " ".join(text.split())


RIGHT = {"bytes", "count", "uses", "mean", "std", "dead units", "gradient std"}


@pytest.mark.parametrize("name", [name for name in TABLES if "shortened" in name])
def test_a_long_table_is_shortened_in_one_way(name):
    _, *rows = Page(TABLES[name]()._repr_html_()).rows
    (gap,) = [i for i, row in enumerate(rows) if len(row) == 1]
    most = 3 if name.startswith("parameters") else 40
    assert (len(rows), gap) == (most, 2 * (most - 1) // 3)


def test_a_table_without_lines_has_no_table_in_html():
    assert Page(ties(nn.ReLU())._repr_html_()).rows == []
    assert parameter_table(nn.ReLU())._repr_html_() == "<p>0 parameters, 0 numbers</p>"


def test_a_table_in_full():
    columns = [Column("who", "names"), Column("how many", "numbers"), Column("<note>", width=8)]
    table = Table(columns, [("a", "1", "x"), "… 3 left out …", ("bc", "1,000", "")], above=["one & all"], below=["end"])
    assert table.text().splitlines() == [
        "one & all",
        "who  how many  <note>",
        "a           1  x",
        "… 3 left out …",
        "bc      1,000",
        "end",
    ]
    assert table.text(header=False, indent="  ").splitlines() == [
        "one & all",
        "  a       1  x",
        "  … 3 left out …",
        "  bc  1,000",
        "  end",
    ]
    assert table.html() == (
        "<p>one &amp; all</p>\n<table>\n<thead><tr>"
        '<th scope="col" style="text-align:left">who</th>'
        '<th scope="col" style="text-align:right">how many</th>'
        '<th scope="col" style="text-align:left">&lt;note&gt;</th></tr></thead>\n<tbody>\n'
        '<tr><th scope="row" style="text-align:left">a</th><td style="text-align:right">1</td>'
        '<td style="text-align:left">x</td></tr>\n'
        '<tr><td colspan="3" style="text-align:left">… 3 left out …</td></tr>\n'
        '<tr><th scope="row" style="text-align:left">bc</th><td style="text-align:right">1,000</td>'
        '<td style="text-align:left"></td></tr>\n'
        "</tbody>\n</table>\n<p>end</p>"
    )


@pytest.mark.parametrize("most", [1, 2, 3, 4, 9])
def test_what_is_left_out_is_all_that_is_not_shown(most):
    lines = shortened(range(9), lambda i: (str(i),), most, lambda items: ",".join(map(str, items)))
    assert len(lines) == most
    said = ",".join(line if isinstance(line, str) else line[0] for line in lines)
    assert said == ",".join(map(str, range(9)))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "–"),
        (0, "0"),
        (0.0, "0"),
        (1, "1.00"),
        (123.4, "123"),
        (12345.6, "1.23e+04"),
        (0.012345, "0.0123"),
        (-2.5, "-2.50"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_three_digits(number, text):
    assert three_digits(number) == text


@pytest.mark.parametrize(
    ("mean", "std", "texts"),
    [
        (0.123456, 5.4, ("0.12", "5.40")),  # the mean to the decimals of the std
        (-0.00001, 0.0271, ("0.0000", "0.0271")),  # and no minus before what is rounded to 0
        (12.3, 4321.0, ("12", "4321")),
        (0.5, 0.0, ("0.500", "0")),
        (None, None, ("–", "–")),
        (1.0, float("inf"), ("1.00", "inf")),
        (3e-9, 1e-7, ("3.00e-09", "1.00e-07")),
    ],
)
def test_mean_and_std(mean, std, texts):
    assert mean_and_std(mean, std) == texts


def test_plural():
    assert [plural(n, "tie") for n in (0, 1, 2000)] == ["0 ties", "1 tie", "2,000 ties"]
