"""Read what came out of the sandbox: bytes that the learner's process may have written itself, taken as plain facts."""

import json
import signal

from ..exercises.question import COULD_NOT_RUN
from .sandbox import Limits, Reply


def read_reply(reply: Reply, limits: Limits) -> dict[str, object]:
    """Return what the trial of an answer returned, or why there is nothing to read."""
    reason = _reason(reply, limits)
    if reason is None:
        try:
            return plain_facts(reply.result)
        except (ValueError, RecursionError):
            reason = "what came back can't be read"
    return {"outcome": COULD_NOT_RUN, "reason": reason}


def _reason(reply: Reply, limits: Limits) -> str | None:
    """Return why an answer's process left no result that counts, if it is so."""
    stopped = {
        "time": f"stopped after {limits.seconds:g} s",
        "memory": f"stopped: it took more than {limits.memory >> 20} MB of memory",
        "output": f"stopped: what it returned takes more than {limits.result >> 20} MB",
        "lost": "the sandbox ended before the answer did",
    }
    if reply.end in stopped:
        return stopped[reply.end]
    if reply.status < 0:
        return f"its process was ended by {signal.strsignal(-reply.status) or -reply.status}"
    if reply.status > 0:
        return f"it ended its own process, with status {reply.status}"
    if not reply.result:
        return "it ended its own process before it was done"
    return None


def plain_facts(text: bytes) -> dict[str, object]:
    """Return JSON text as a dictionary. Raises ValueError or RecursionError for anything that no trial would write.

    >>> plain_facts(b'{"outcome": "ran", "facts": [NaN]}')
    {'outcome': 'ran', 'facts': [nan]}
    """
    value = json.loads(text.decode("utf-8"), object_pairs_hook=_without_doubles, parse_int=_short_int)
    if not isinstance(value, dict):
        raise ValueError(f"a dictionary was wanted, but a {type(value).__name__} came")
    return value


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key comes twice")
    return value


def _short_int(digits: str) -> int:
    if len(digits) > 30:  # the time that int takes grows with the square of the length
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)
