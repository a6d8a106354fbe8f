"""What wrong and right answers are made of: the solution, with pieces of it replaced."""


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
