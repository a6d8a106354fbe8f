"""What wrong and right answers are made of, the solution with pieces of it replaced; and what tasks are made of."""

import textwrap


def edited(source: str, *changes: tuple[str, str]) -> str:
    """Return code with pieces replaced, each wherever it stands.

    Raises ValueError if a piece is not there, since the answer would then be the solution again.

    >>> edited("return net[1]", ("1", "2"))
    'return net[2]'
    """
    for old, new in changes:
        if old not in source:
            raise ValueError(f"the code does not hold {old!r}: {source}")
        source = source.replace(old, new)
    return source


def wrapped(text: str) -> str:
    """Return Markdown with its paragraphs wrapped anew; code and tables stay as they are.

    >>> wrapped("a\\nlist:\\n\\n    code\\n    more")
    'a list:\\n\\n    code\\n    more'
    """
    return "\n\n".join(
        block if block.startswith(("    ", "|", "1. ")) else textwrap.fill(block, 120, break_on_hyphens=False)
        for block in text.strip("\n").split("\n\n")
    )
