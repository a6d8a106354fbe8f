"""From a public name in an example, or in a notebook's cell, to its entry in the reference.

A name is known by how the page imports it. What pygments has marked as a name becomes a link; strings and comments do not.
"""

import ast
import re

from docutils import nodes
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

PART = r'<span class="n">\w+</span>'
# a name with what follows its dots, but nothing that stands behind a dot itself, and no keyword of a call
DOTTED = re.compile(
    rf'(?<!<span class="o">\.</span>){PART}(?:<span class="o">\.</span>{PART})*(?!<span class="o">=</span>)'
)


def literal_block(translator, node):
    """Write a block of code as Sphinx does, then set links on the names that it knows."""
    try:
        HTML5Translator.visit_literal_block(translator, node)
    except nodes.SkipNode:
        known = translator.__dict__.setdefault("imported", {})
        learn(code(node.astext()), known)
        if known:
            translator.body[-1] = DOTTED.sub(
                lambda match: linked(match[0], known, translator), translator.body[-1]
            )
        raise


def code(text):
    """Return what Python reads of a block: of a doctest its code, without what it answers."""
    if not text.startswith(">>>"):
        return text
    lines = [line for line in text.splitlines() if line.startswith((">>>", "..."))]
    return "\n".join(line[4:] for line in lines)


def learn(source, known):
    """Write into `known` what each name stands for after this code has run: `tie` for `d2lparams.tie`."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # no Python, or a cell's magic
        return
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                for name in node.names:
                    if name.name.partition(".")[0] == "d2lparams":
                        known[name.asname or "d2lparams"] = (
                            name.name if name.asname else "d2lparams"
                        )
            case ast.ImportFrom(module=str(module)) if module.startswith("d2lparams"):
                for name in node.names:
                    known[name.asname or name.name] = f"{module}.{name.name}"
            case ast.FunctionDef() | ast.ClassDef():
                known.pop(node.name, None)
            case ast.Name(ctx=ast.Store()):
                known.pop(node.id, None)


def linked(marked, known, translator):
    """Return the longest part of a marked name that has an entry as a link to it, the rest as it was."""
    parts = re.findall(PART, marked)
    names = [re.sub("<.+?>", "", part) for part in parts]
    objects = translator.builder.env.domains["py"].objects
    for length in range(len(parts), 0, -1):
        full = ".".join([known.get(names[0], ""), *names[1:length]])
        if full in objects:
            here = translator.builder.current_docname
            page = translator.builder.get_relative_uri(here, objects[full].docname)
            dot = '<span class="o">.</span>'
            text, rest = dot.join(parts[:length]), dot.join(["", *parts[length:]])
            return f'<a class="code-link" href="{page}#{objects[full].node_id}">{text}</a>{rest}'
    return marked


def setup(app) -> ExtensionMetadata:
    app.add_node(nodes.literal_block, override=True, html=(literal_block, None))
    app.add_node(nodes.doctest_block, override=True, html=(literal_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
