"""How the HTML edition is built: `make html` lets Sphinx and MyST-NB make a site of the notebooks as they are stored."""

import json
import re
import sys
from pathlib import Path

sys.path += [
    str(Path(__file__).parent),
    str(Path(__file__).parent / "live"),
    str(Path(__file__).parent.parent.parent / "tools"),
]

import figure_words
from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

project = "d2lparams"
html_title = "The parameters of PyTorch models"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "code_links",
    "search_words",
    "live",
]
exclude_patterns = ["site", ".*", "**/.*"]

# the reference is made from the docstrings; code in the notebooks' cells leads to it
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
default_role = "code"
napoleon_numpy_docstring = False

# outputs are shown as they are stored; of a widget, the picture that is stored beside it
nb_execution_mode = "off"
nb_merge_streams = True
nb_mime_priority_overrides = [
    ("html", "application/vnd.jupyter.widget-view+json", None)
]
nb_ipywidgets_js = {}
myst_enable_extensions = ["dollarmath"]

html_theme = "furo"
pygments_dark_style = "a11y-dark"
html_theme_options = {"top_of_page_buttons": ["view"]}
html_static_path = ["site.css", "page.js"]
html_css_files = ["site.css"]
html_js_files = ["page.js"]
templates_path = ["."]
html_math_renderer = "mathml"
html_sourcelink_suffix = ""  # 1-access.ipynb to download, not 1-access.ipynb.txt
html_use_index = html_domain_indices = False
html_show_copyright = False
html_search_scorer = str(Path(__file__).with_name("scorer.js"))
html_show_search_summary = False  # a browser refuses it to a page opened from disk

logger = logging.getLogger(__name__)


def mathml(translator, node):
    """Write a formula as MathML: browsers draw it by themselves, without a script or the network."""
    try:
        formula = tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block))
    except MathError as error:
        logger.warning("formula %r: %s", node.astext(), error, location=node)
    else:  # ln 10, not ln10
        space = '<mspace width="0.17em"></mspace>'
        formula = formula.replace("<mo>&ApplyFunction;</mo>", space)
        if "ends" in node:
            formula = f'<span class="unbroken">{formula}{node["ends"]}</span>'
        translator.body.append(formula)
    raise nodes.SkipNode


def keep_together(app, doctree, page):
    """Give a formula the point or colon behind it, which else may begin the next line."""
    for formula in list(doctree.findall(nodes.math)):
        behind = formula.next_node(descend=False, siblings=True)
        ends = (
            re.match(r"[.,:;?!)]+", behind) if isinstance(behind, nodes.Text) else None
        )
        if ends:
            formula["ends"] = ends[0]
            formula.parent.replace(behind, nodes.Text(behind[ends.end() :]))


def head_with_words(app, doctree, page):
    """Make of a header cell without words, as pandas writes one into its corner, a cell."""
    for output in doctree.findall(nodes.raw):
        text = output.astext()
        if output["format"] == "html" and "<th></th>" in text:
            output[:] = [nodes.Text(text.replace("<th></th>", "<td></td>"))]


def name_figures(app, doctree, page):
    """Say of each picture that a cell has drawn what it shows, for those who do not see it."""
    path = Path(app.env.doc2path(page))
    if path.suffix != ".ipynb":
        return
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    drawn = [output for output in outputs if "image/png" in output.get("data", {})]
    pictures = [node for node in doctree.findall(nodes.image) if "alt" not in node]
    for picture, output in zip(pictures, drawn, strict=True):
        picture["alt"] = figure_words.alternative(output)
        if not picture["alt"]:
            logger.warning("a picture with no words beside it", location=picture)


def setup(app):
    app.connect("doctree-resolved", keep_together)
    app.connect("doctree-resolved", head_with_words)
    app.connect("doctree-resolved", name_figures)
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
