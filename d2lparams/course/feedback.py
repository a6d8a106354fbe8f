"""One page of feedback for one learner: plain HTML in one file, without scripts, that loads nothing.

What the learner wrote is escaped by the template engine, wherever it stands, and the page's own policy forbids scripts
and every request.
"""

from typing import NamedTuple

from jinja2 import Environment, StrictUndefined

from .figures import Figure
from .records import GradingRecord, Mark

TEMPLATE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Exercises: {{ learner }}</title>
<style>
:root { color-scheme: light dark; --good: #00684c; --bad: #a84300; --rest: #5b6670; --line: #c8ccd0; --code: #f4f5f6;
        --ink: #16191b; --paper: #fff }
@media screen and (prefers-color-scheme: dark) {
  :root { --good: #3fc59f; --bad: #f59a5a; --rest: #a9b2ba; --line: #4a5056; --code: #24282b;
          --ink: #eceef0; --paper: #16191b }
}
@media screen and (prefers-contrast: more) { :root { --rest: var(--ink); --line: var(--ink) } }
html { background: var(--paper); color: var(--ink) }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
h1, h2 { line-height: 1.2; overflow-wrap: anywhere; unicode-bidi: isolate }
h2 { font-size: 1.1rem; margin: 0 }
section { border-top: 1px solid var(--line); padding: 1rem 0 }
header.of { display: flex; gap: 1rem; justify-content: space-between; align-items: baseline }
.points { white-space: nowrap; font-variant-numeric: tabular-nums }
.outcome { font-weight: 600; margin: .3rem 0; color: var(--rest) }
.correct { color: var(--good) } .incorrect, .could { color: var(--bad) }
pre { background: var(--code); padding: .7rem; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere;
      unicode-bidi: isolate; margin: .5rem 0 }
img { max-width: 100% }
pre.says { background: none; border-left: 3px solid var(--line); font-family: inherit }
@media print {
  :root { color-scheme: light }
  body { max-width: none; margin: 0; font-size: 10pt }
  header.of, .outcome, img { break-inside: avoid; break-after: avoid }
  details::details-content { content-visibility: visible; height: auto; opacity: 1 } /* paper can't be opened */
}
</style>
</head>
<body>
<main>
<h1>Exercises: {{ learner }}</h1>
<p><strong>{{ "%g"|format(points) }} of {{ "%g"|format(most) }} points</strong>
{%- if pending %}; {{ pending|join(", ") }} still to be read{% endif %}.</p>
{% if file %}<p>From the file {{ file }}{% if late %}, {{ late }}{% endif %}.</p>{% endif %}
{% for line in [note] + remarks if line %}<pre class="says">{{ line }}</pre>{% endfor %}
{% for name, title, outcome, message, answer, measured, printed, figures, mark in sections %}
<section id="{{ name }}">
<header class="of"><h2>{{ name }} {{ title }}</h2>
<span class="points">{{ "%g"|format(mark.points) }} of {{ "%g"|format(mark.max) }}</span></header>
<p class="outcome {{ outcome }}">{{ outcome }}</p>
{% if message %}<pre class="says">{{ message }}</pre>{% endif %}
{% if mark.comment %}<p>Comment:</p><pre class="says">{{ mark.comment }}</pre>{% endif %}
{% if answer %}<details{% if outcome != "correct" %} open{% endif %}><summary>Your answer</summary>
<pre>{{ answer }}</pre></details>{% endif %}
{% if measured %}<details><summary>Your measurements</summary>
<pre>{{ measured }}</pre>
{% if printed %}<pre class="says">{{ printed }}</pre>{% endif %}</details>{% endif %}
{% for kind, data in figures %}<img src="data:{{ kind }};base64,{{ data }}"
      alt="figure {{ loop.index }} of the answer to {{ name }}">{% endfor %}
</section>
{% endfor %}
</main>
</body>
</html>
"""
_PAGE = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True).from_string(TEMPLATE)


class Section(NamedTuple):
    """What the page says of one question."""

    name: str
    title: str
    outcome: str
    message: str
    answer: str | None
    measured: str
    printed: str
    figures: list[Figure]
    mark: Mark


def page(titles: dict[str, str], record: GradingRecord, marks: dict[str, Mark]) -> str:
    """Return the page as HTML; titles: of the questions, in their order; marks: by question."""
    return _PAGE.render(
        learner=record["learner"],
        note=record["note"],
        remarks=record.get("remarks", []),
        file=record["file"],
        late=record.get("who", {}).get("late"),
        sections=[_section(name, title, record, marks[name]) for name, title in titles.items()],
        points=sum(mark.points for mark in marks.values()),
        most=sum(mark.max for mark in marks.values()),
        pending=[name for name, mark in marks.items() if mark.pending],
    )


def _section(name: str, title: str, record: GradingRecord, mark: Mark) -> Section:
    if name in record["questions"]:
        entry = record["questions"][name]
        return Section(name, title, entry["outcome"], entry["message"], entry["answer"], "", "", [], mark)
    prose = record["prose"][name]
    outcome = "read" if prose["attempted"] else "not attempted"
    if mark.pending:
        outcome = "waits to be read"
    if not prose["attempted"]:
        return Section(name, title, outcome, "", prose["answer"], "", "", [], mark)
    said, printed, figures = prose.get("remark", ""), prose.get("printed", ""), prose.get("figures", [])
    return Section(name, title, outcome, said, prose["answer"], prose["measured"], printed, figures, mark)
