"""The HTML edition, built as `make html` builds it: complete, no link broken, nothing taken from a network."""

import base64
import json
import posixpath
import re
import shutil
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import axe
import nbformat
import pandas
import pytest
from bs4 import BeautifulSoup
from edition import ROOT, build, write
from nbformat.v4 import new_output
from playwright.sync_api import sync_playwright

import d2lparams
from d2lparams.chapter.guesses import guess
from d2lparams.chapter.guesses.question import Choice
from d2lparams.chapter.guesses.widget import QUESTIONS
from d2lparams.course import feedback
from d2lparams.course.records import Mark

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("edition")
    built = build(ROOT / "notebooks", out)
    assert built.returncode == 0, built.stderr
    return out / "html"


@cache
def soup(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def reference_fault(page, site, reference, followed=False):
    """Return what is wrong with a reference in the file `page`, or None; `followed`: a click follows it, no loading."""
    parts = urlsplit(reference)
    if parts.scheme == "data" or (followed and parts.scheme in {"http", "https", "mailto"}):
        return None
    if parts.scheme or parts.netloc or parts.path.startswith("/"):
        return f"{page.name} needs {reference}"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page.resolve()
    if not target.is_file() or not target.is_relative_to(site.resolve()):
        return f"{page.name} refers to {reference}, which is not there"
    if parts.fragment and target.suffix == ".html" and not soup(target).find(id=unquote(parts.fragment)):
        return f"{page.name} refers to {reference}: no such place on that page"
    return None


def faults(site):
    """Return every reference of a site that is broken or leaves it, a line each."""
    found = []
    for page in sorted(site.glob("**/*.html")):
        for tag in soup(page).find_all(True):
            for key in ("href", "src", "srcset", "poster", "data", "action"):
                if key in tag.attrs:
                    found.append(reference_fault(page, site, tag[key], followed=tag.name == "a"))
    for sheet in sorted([*site.glob("**/*.css"), *site.glob("**/*.html")]):
        text = sheet.read_text(encoding="utf-8")
        if sheet.suffix == ".html":
            text = "\n".join(
                [tag.get_text() for tag in soup(sheet)("style")] + [t["style"] for t in soup(sheet)(style=True)]
            )
        for quoted, imported in re.findall(r"url\(([^)]*)\)|@import\s+[\"']([^\"']+)", text):
            found.append(reference_fault(sheet, site, (quoted or imported).strip("\"'")))
    return [fault for fault in found if fault]


def test_every_reference_is_there_and_none_needs_a_network(site):
    assert faults(site) == []


@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        ('<a href="gone.html">', "x.html refers to gone.html, which is not there"),
        ('<a href="x.html#gone">', "x.html refers to x.html#gone: no such place"),
        ('<a href="#gone">', "x.html refers to #gone: no such place"),
        ('<a href="../../README.md">', "which is not there"),
        ('<img src="gone.png">', "x.html refers to gone.png, which is not there"),
        ('<img src="/gone.png">', "x.html needs /gone.png"),
        ('<script src="https://cdn.example/x.js"></script>', "x.html needs https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//fonts.example/x.css">', "x.html needs //fonts.example/x.css"),
        ("<style>@import 'http://fonts.example/x.css';</style>", "x.html needs http://fonts.example/x.css"),
        ('<p style="background: url(gone.png)">', "x.html refers to gone.png, which is not there"),
    ],
)
def test_each_fault_of_a_reference_is_found(tmp_path, inside, fault):
    good = '<h1 id="top"><a href="#top"><a href="x.html#top"><a href="https://a.example"><img src="data:image/png,">'
    (tmp_path / "x.html").write_text(good + inside)
    found = faults(tmp_path)
    assert len(found) == 1
    assert fault in found[0]


def shown(page):
    """Return the bytes of the pictures that stand on a page as outputs of cells, in order."""
    return [(page.parent / unquote(tag["src"])).read_bytes() for tag in soup(page).select(".cell_output img")]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_page_shows_what_its_notebook_stores(site, path):
    notebook, page = nbformat.read(path, as_version=4), site / f"{path.stem}.html"
    outputs = [o.data for cell in notebook.cells for o in cell.get("outputs", []) if "data" in o]
    pictures = [base64.b64decode(data["image/png"]) for data in outputs if "image/png" in data]
    assert shown(page) == pictures
    assert not [data["text/plain"] for data in outputs if WIDGET in data and "image/png" not in data]
    assert len(soup(page).select(".cell_input")) == sum(cell.cell_type == "code" for cell in notebook.cells)
    assert soup(page).select_one(f'a[download][href="_sources/{path.name}"]')
    assert (site / "_sources" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_picture_says_what_it_shows(site, path):
    cells = nbformat.read(path, as_version=4).cells
    outputs = [o for cell in cells for o in cell.get("outputs", []) if "image/png" in o.get("data", {})]
    said = [picture["alt"] for picture in soup(site / f"{path.stem}.html").select(".cell_output img")]
    for alt, output in zip(said, outputs, strict=True):
        drawn = output.metadata.get("image/png", {}).get("drawn", {"title": "", "axes": [], "legends": []})
        titles = [drawn["title"], *(axes["title"] for axes in drawn["axes"])]
        names = [name for legend in drawn["legends"] for name in legend["texts"]]
        wanted = [*titles, *names, "" if output.data["text/plain"].startswith("<") else output.data["text/plain"]]
        assert alt
        assert [text for text in wanted if " ".join(text.split()) not in alt] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_formula_is_set(site, path):
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    text = re.sub(r"```.*?```|`[^`]*`", "", "\n\n".join(cells), flags=re.DOTALL)
    formulas = soup(site / f"{path.stem}.html").select("article math")
    assert len(formulas) == len(re.findall(r"\$\$.+?\$\$|\$[^$]+\$", text, flags=re.DOTALL))
    assert all(formula.get_text(strip=True) for formula in formulas)
    article = BeautifulSoup(str(soup(site / f"{path.stem}.html").article), "html.parser")
    for code in article(["pre", "code"]):
        code.decompose()
    assert not re.search(r"\$|\\[a-z(\[]", article.get_text())


def test_the_first_page_leads_to_every_notebook_and_page_and_each_to_the_next(site):
    notebooks = sorted(path.stem for path in NOTEBOOKS)  # 1- to 6-, then the appendices, a- and so on
    pages = {path.stem for path in (ROOT / "notebooks").glob("*.md")} - {"index"}
    order, following = [], "index.html"
    while following:
        order.append(following)
        link = soup(site / following).select_one("a.next-page")
        following = link and posixpath.normpath(posixpath.join(posixpath.dirname(following), link["href"]))
    assert order[1 : 1 + len(notebooks)] == [f"{stem}.html" for stem in notebooks]
    linked = {tag["href"] for tag in soup(site / "index.html").select("article a")}
    assert {f"{stem}.html" for stem in pages} <= set(order) & linked
    assert {f"{stem}.html" for stem in notebooks} <= linked
    cover = soup(site / "index.html").select_one("article img")["src"]
    assert (site / cover).read_bytes() == (ROOT / "notebooks" / "cover.png").read_bytes()


def test_the_search_index_knows_where_words_stand(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))
    where = {}
    for word in ("dirac", "resnet"):  # stems of words
        found = index["terms"][word]
        where[word] = {index["docnames"][i] for i in (found if isinstance(found, list) else [found])}
    assert "a-init-functions" in where["dirac"]
    assert "1-access" in where["resnet"]
    assert "5-shared-mlp" not in where["dirac"] | where["resnet"]


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A page without a network."""
    context = browser.new_context(offline=True, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def searched(page, site, words):
    """Type words into the search field of the first page; return the titles that are found, in order."""
    page.goto((site / "index.html").as_uri())
    page.fill(".sidebar-search", words)
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.search-summary')?.innerText")
    return page.eval_on_selector_all("#search-results li a", "links => links.map(link => link.textContent)")


def test_a_browser_without_a_network_shows_every_page_and_searches(site, page):
    heard = []
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or heard.append(request.url))
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    for path in sorted(site.glob("*.html")):
        page.goto(path.as_uri())
        assert page.evaluate("[...document.images].filter(i => !i.naturalWidth).map(i => i.src)") == []
        boxes = page.evaluate("[...document.querySelectorAll('math')].map(m => m.getBoundingClientRect().width)")
        assert all(width > 0 for width in boxes)
    found = searched(page, site, "dirac")
    assert soup(site / "a-init-functions.html").h1.find(string=True) in found
    assert soup(site / "5-shared-mlp.html").h1.find(string=True) not in found
    assert heard == []


SEARCHES = {"He": r"\bHe\b", "fan-in": r"(?i)\bfan-in\b", "tied": r"(?i)\bt(ied?|ies|ying)\b"}


@pytest.mark.parametrize("words", SEARCHES)
def test_search_finds_what_this_field_speaks_of(site, page, words):
    found = searched(page, site, words)
    pages = {soup(path).h1.find(string=True): path for path in site.glob("**/*.html") if soup(path).h1}
    places = [soup(pages[title]).article.get_text(" ") for title in found if title in pages]
    holding = [title for title, path in pages.items() if re.search(SEARCHES[words], soup(path).article.get_text(" "))]
    assert len(holding) > 5
    assert set(holding) <= set(found)
    found = [title for title in found if title.rpartition(".")[2] != words]  # but a name that is the word
    assert found[: len(places)] == [title for title in found if title in pages]  # before names that contain it
    assert all(re.search(SEARCHES[words], text, re.IGNORECASE) for text in places)


def test_every_reader_can_use_every_page(site, page):
    """Ask axe-core, in both themes, on a screen and on a phone; look for what is cut off."""
    found, known = [], {"light": set(), "dark": set()}
    for path in sorted(site.glob("**/*.html")):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(path.as_uri())
        new = []
        for theme, looks in known.items():
            page.emulate_media(color_scheme=theme)
            new += axe.faults_of_color(page, looks)
        page.evaluate(axe.JOIN_TOKENS)
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function(STOPS_ARE_SET)
            new += axe.faults(page) + page.evaluate(CUT_OFF)
        found += [f"{path.stem}: {fault}" for fault in new]
    for theme, looks in known.items():
        page.emulate_media(color_scheme=theme)
        found += axe.faults_of_color(page, looks)  # the head of a page on a phone
    assert found == []
    assert all(len(looks) > 30 for looks in known.values())


STOPS_ARE_SET = """() => [...document.querySelectorAll("article [tabindex='0']")].length ===
  [...document.querySelectorAll(`article :is(.highlight > pre, .table-wrapper, .text_html, .cell_output, .wide,
    .live-picture, .live-more)`)]
    .filter(part => part.scrollWidth > part.clientWidth + 1).length"""
CUT_OFF = """() => [document.documentElement, ...document.querySelectorAll("article *")].filter(part =>
    part.scrollWidth > part.clientWidth + 1 && part.clientWidth && !part.closest("svg, math, .visually-hidden") &&
    !["visible", "auto", "scroll"].includes(getComputedStyle(part).overflowX)
    || part === document.documentElement && part.scrollWidth > innerWidth
  ).map(part => "cut off: " + part.outerHTML.slice(0, 120))"""


def test_axe_and_the_look_for_what_is_cut_off_do_find(page):
    wide = "x" * 3000
    page.set_content(
        f"<main><article><img src='x.png'><p style='color:#bbb'>pale</p><pre style='overflow:hidden'>{wide}</pre>"
        f"<pre style='overflow:auto;width:9em'>{wide}</pre></article></main>"
    )
    assert {fault.partition(":")[0] for fault in axe.faults(page)} > {"image-alt", "html-has-lang"}
    assert [fault.partition(":")[0] for fault in axe.faults_of_color(page, set())] == ["color-contrast"]
    assert len(page.evaluate(CUT_OFF)) == 1


INTERACTIVE = ("init explorer:", "tie playground:", "scrubber:", "training monitor")


def test_guesses_and_interactive_figures_come_alive_and_no_page_is_heavy(site, page):
    heard = []
    page.on("console", lambda message: message.type == "error" and heard.append(message.text))
    for path in sorted(site.glob("*.html")):
        page.goto(path.as_uri())
        used = page.evaluate("[...document.querySelectorAll('[src], link[rel=stylesheet]')].map(x => x.src || x.href)")
        files = {Path(unquote(urlsplit(address).path)) for address in used if address.startswith("file:")}
        assert sum(file.stat().st_size for file in {path, *files}) < 2e6
        source = ROOT / "notebooks" / f"{path.stem}.ipynb"
        cells = nbformat.read(source, as_version=4).cells if source.is_file() else []
        texts = [o["data"].get("text/plain", "") for cell in cells for o in cell.get("outputs", []) if "data" in o]
        page.wait_for_timeout(50)
        assert page.locator(".live canvas").count() == sum(text.startswith(INTERACTIVE) for text in texts)
        assert page.locator("form.guess-form").count() == sum(text.startswith("Guess: ") for text in texts)
        assert page.locator(".guess").filter(visible=True).count() == 0
    assert heard == []


def test_code_is_copied_as_it_is_typed(site, page):
    page.goto((site / "1-access.html").as_uri())
    page.evaluate("navigator.clipboard.writeText = async text => { window.copied = text }")
    cells = nbformat.read(ROOT / "notebooks" / "1-access.ipynb", as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    buttons = page.get_by_role("button", name="Copy this code")
    assert buttons.count() == len(sources)
    for i in (0, 7):
        buttons.nth(i).focus()
        page.keyboard.press("Enter")
        page.wait_for_function("window.copied")
        assert page.evaluate("copied") == sources[i]
        assert page.inner_text("article > [role=status]") == "Copied."
    page.goto((site / "reference" / "sharing.html").as_uri())
    page.evaluate("navigator.clipboard.writeText = async text => { window.copied = text }")
    example = page.locator(".doctest", has_text="ties(nn.Sequential(a, b, c))")
    example.hover()
    example.get_by_role("button").click()
    assert page.evaluate("copied").splitlines()[-1] == "ties(nn.Sequential(a, b, c))"
    assert ">>>" not in page.evaluate("copied")


def test_paper_gets_the_article_alone_and_all_of_it(site, page):
    page.set_viewport_size({"width": 672, "height": 1000})  # what A4 leaves between its margins
    page.emulate_media(media="print", color_scheme="dark")
    for name in ("4-sharing", "d-gluon-to-pytorch", "for-teachers", "reference/watching"):
        page.goto((site / f"{name}.html").as_uri())
        assert (
            page.evaluate(
                """[...document.querySelectorAll("aside, nav, button, form, footer a, .headerlink")]
            .filter(part => part.checkVisibility()).map(part => part.outerHTML)"""
            )
            == []
        )
        assert (
            page.evaluate(
                """[...document.querySelectorAll("pre, table, img")].filter(part => part.checkVisibility() &&
              (part.scrollWidth > part.clientWidth + 1 || part.getBoundingClientRect().right > innerWidth))
            .map(part => part.outerHTML.slice(0, 200))"""
            )
            == []
        )
        assert page.evaluate("getComputedStyle(document.querySelector('article p')).color") == "rgb(0, 0, 0)"


def test_the_pages_stand_in_groups_for_each_kind_of_reader_and_say_what_they_are_about(site):
    front = soup(site / "index.html")
    groups = [caption.get_text() for caption in front.select(".sidebar-tree .caption")]
    assert groups == ["The chapter", "Look things up", "For engineers", "For teachers"]
    for path in site.glob("**/*.html"):
        assert "PyTorch" in soup(path).title.get_text()
        assert soup(path).select_one(".sidebar-brand-text").get_text() == front.h1.find(string=True)
        assert all(heading["aria-level"] for heading in soup(path).select("[role=heading]"))


def test_every_reader_can_use_a_page_of_feedback(page):
    bank = {"q1": ("correct", "", 7, 7, "def q1(net):\n    return 1  # " + "long " * 60)}
    bank |= {
        "q2": ("incorrect", "wrong\n" + "message " * 50, 0, 7, "def q2(): ..."),
        "q3": ("could not be run", "x", 0, 7, None),
    }
    questions = {
        name: dict(zip(("outcome", "message", "points", "max", "answer"), entry, strict=True))
        for name, entry in bank.items()
    }
    prose = {"answer": "words", "measured": "print(1)", "attempted": True, "max": 9, "printed": "1", "remark": "below"}
    record = {
        **{"learner": "Ada <b>", "file": "a.ipynb", "sha256": None, "format": "", "seed": 0, "note": None},
        **{"questions": questions, "prose": {"q14": prose | {"figures": [["image/png", PIXEL]]}}, "seconds": 1.0},
        **{"remarks": ["two files"], "who": {"late": "2 days late"}},
    }
    marks = {name: Mark(entry["points"], 7, False, "well") for name, entry in questions.items()}
    html = feedback.page(dict.fromkeys([*bank, "q14"], "a title"), record, marks | {"q14": Mark(0, 9, True, None)})
    found = []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.set_content(html)
            found += axe.faults(page) + axe.faults_of_color(page, set()) + page.evaluate(CUT_OFF)
    assert found == []


def tiny(folder, text, *shown):
    """Write the sources of a site with one notebook: a cell of text, and a cell for each output."""
    cells = [("1", new_output("display_data", data)) for data in shown]
    write(folder, **{"1-one": ["# One\n\n" + text, *cells]})


def test_of_a_widget_the_picture_is_shown_and_of_a_guess_the_question(tmp_path):
    key, question = next((key, question) for key, question in QUESTIONS.items() if isinstance(question, Choice))
    widget = {WIDGET: {"model_id": "1"}, "image/png": PIXEL, "text/plain": "a widget"}
    asked = guess(key)._repr_mimebundle_()[0]
    asked["text/html"] += pandas.DataFrame({"loss": [2.3]}, index=["He"]).to_html()
    one = r"$\frac{1}{2}$ and [itself](1-one.ipynb)"
    tiny(tmp_path / "sources", one, widget, asked)
    built = build(tmp_path / "sources", tmp_path)
    assert built.returncode == 0, built.stderr
    page = tmp_path / "html" / "1-one.html"
    assert shown(page) == [base64.b64decode(PIXEL)]
    assert soup(page).select_one("math mfrac")
    assert faults(tmp_path / "html") == []
    output = soup(page).select(".cell_output")[1]
    assert [item.get_text() for item in output("li")] == [choice.replace("`", "") for choice in question.choices]
    assert f"Guess: {question.asks}".replace("`", "") in output.get_text()
    assert not output("script")
    assert [cell.get_text() for cell in output("th")] == ["loss", "He"]  # pandas' empty corner is no header


def test_what_is_broken_in_a_notebook_stops_the_build(tmp_path):
    complaints = {
        "[two](2-two.ipynb)": "cross-reference target not found: '2-two.ipynb'",
        "[one](#two)": "cross-reference target not found: 'two'",
        "![a picture](gone.png)": "image file not readable: gone.png",
        r"$\nonsense$": 'Unknown LaTeX command "\\nonsense"',
    }
    tiny(tmp_path / "sources", ", ".join(complaints), {"text/plain": "1"})
    built = build(tmp_path / "sources", tmp_path)
    assert built.returncode != 0
    assert [text for text, complaint in complaints.items() if complaint not in built.stderr] == []
    assert built.stderr.count("WARNING") == len(complaints)


PUBLIC = [f"d2lparams.{name}" for name in d2lparams.__all__]
PUBLIC += [f"d2lparams.plots.{name}" for name in d2lparams.plots.__all__]
PUBLIC += [f"d2lparams.widgets.{name}" for name in d2lparams.widgets.__all__]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_its_entry_in_the_reference(site, name):
    (entry,) = [tag for page in sorted((site / "reference").glob("*.html")) for tag in soup(page).find_all(id=name)]
    assert entry.find_next("dd").get_text(strip=True)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_call_of_a_public_function_leads_to_its_entry(site, path):
    code = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    imported = ", ".join(re.findall(r"from d2lparams import \(?([\w\s,]+)", code)).replace("\n", " ").split(", ")
    called = [name for name in d2lparams.__all__ if f"d2lparams.{name}(" in code]
    public = set(map(str.strip, imported)) & set(d2lparams.__all__)
    called += [name for name in public if re.search(rf"(?<!\.)\b{name}\(", code)]
    links = soup(site / f"{path.stem}.html").select("a.code-link")
    assert {f"d2lparams.{name}" for name in called} <= {urlsplit(tag["href"]).fragment for tag in links}
