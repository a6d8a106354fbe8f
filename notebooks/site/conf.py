"""How the HTML edition is built: `make html` lets Sphinx and MyST-NB make a site of the notebooks as they are stored."""

import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

sys.path.insert(0, str(Path(__file__).parent))

project = html_title = "d2lparams"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "code_links",
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
html_static_path = html_css_files = ["site.css"]
templates_path = ["."]
html_math_renderer = "mathml"
html_sourcelink_suffix = ""  # 1-access.ipynb to download, not 1-access.ipynb.txt
html_use_index = False
html_show_copyright = False
html_show_search_summary = False  # a browser refuses it to a page opened from disk


def mathml(translator, node):
    """Write a formula as MathML: browsers draw it by themselves, without a script or the network."""
    try:
        formula = tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block))
    except MathError as error:
        logger = logging.getLogger(__name__)
        logger.warning("formula %r: %s", node.astext(), error, location=node)
    else:  # ln 10, not ln10
        space = '<mspace width="0.17em"></mspace>'
        translator.body.append(formula.replace("<mo>&ApplyFunction;</mo>", space))
    raise nodes.SkipNode


def name_figures(app, doctree, page):
    """Say of each picture that a cell has drawn, for those who do not see it, in which section it stands."""
    for picture in doctree.findall(nodes.image):
        if "alt" not in picture:
            section = picture.parent
            while not isinstance(section, nodes.section):
                section = section.parent
            picture["alt"] = (
                f"what the cell above draws, in the section “{section.next_node(nodes.title).astext()}”"
            )


def setup(app):
    app.connect("doctree-resolved", name_figures)
    app.add_html_math_renderer("mathml", (mathml, None), (mathml, None))
