"""Compare what an answer to q5 says of a lazy net with what is true, and see whether it left the net alone."""

from typing import Any

from ...compare import Fact, Wrong, kind, names


def judge(expected: Any, facts: Fact) -> None:
    wanted = expected["answer"]
    if isinstance(wanted, list):
        _names(facts["returned"], wanted, expected["lazy"], expected["every"])
    else:
        _table(facts["returned"], wanted, expected["what"])
    if facts["then"]["type"] != "dict" or _shapes(facts["then"]) != expected["then"]:
        likely = "your answer ran a batch of its own width through the net, and so fixed its shapes"
        what = "the net after its first true batch"
        raise Wrong(what, "other shapes, or an error", "shapes that fit the batch", likely)


def _names(fact: Fact, wanted: list[str], lazy: list[str], every: list[str]) -> None:
    actual = names(fact, "what was returned")
    if actual == wanted:
        return
    mistakes = {
        "these are the names of those that have a shape": sorted(set(every) - set(wanted)),
        "buffers were left out": [name for name in wanted if name not in lazy],
        "buffers alone were looked at": [name for name in wanted if name in lazy],
        "a batch went through the net": [],
        "all names came": sorted(every),
    }
    likely = next((name for name, other in mistakes.items() if sorted(other) == actual), "")
    raise Wrong("names", actual, wanted, likely)


def _table(fact: Fact, wanted: dict[str, Any], what: str) -> None:
    actual = _shapes(fact) if what == "shape" else _numbers(fact)
    if sorted(actual) != sorted(wanted):
        left = sorted(set(wanted) - set(actual))
        likely = "lazy parameters were left out" if left and all(wanted[name] is None for name in left) else ""
        if not left and all("running" in name or "tracked" in name for name in set(actual) - set(wanted)):
            likely = "buffers were listed, too"
        raise Wrong("names", sorted(actual), sorted(wanted), likely)
    for name in wanted:
        said = actual[name]
        if said != wanted[name]:
            likely = ""
            if said is not None and wanted[name] is None:
                likely = "a batch went through the net" if any_size(said) else f"a size of 0 was taken for a {what}"
            raise Wrong(f"{what} of {name}", said, wanted[name], likely)


def any_size(said: Any) -> bool:
    return any(said) if isinstance(said, tuple) else bool(said)


def _numbers(fact: Fact) -> dict[str, int | None]:
    if fact["type"] != "dict":
        raise Wrong("type of what was returned", kind(fact), "a dict from names to numbers")
    for name, item in zip(fact["keys"], fact["items"], strict=True):
        if item["type"] not in ("int", "NoneType"):
            raise Wrong(f"type of the number of {name}", kind(item), "an int or None")
    return {name: item["value"] for name, item in zip(fact["keys"], fact["items"], strict=True)}


def _shapes(fact: Fact) -> dict[str, tuple[int, ...] | None]:
    if fact["type"] != "dict":
        raise Wrong("type of what was returned", kind(fact), "a dict from names to shapes")
    shapes: dict[str, tuple[int, ...] | None] = {}
    for name, item in zip(fact["keys"], fact["items"], strict=True):
        if item["type"] == "NoneType":
            shapes[name] = None
        elif item["type"] in ("tuple", "list"):
            if odd := [entry for entry in item["items"] if entry["type"] != "int"]:
                raise Wrong(f"type of the shape of {name}", f"{kind(odd[0])} in it", "ints alone")
            shapes[name] = tuple(entry["value"] for entry in item["items"])
        else:
            raise Wrong(f"type of the shape of {name}", kind(item), "a tuple or None")
    return shapes
