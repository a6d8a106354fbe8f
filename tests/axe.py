"""axe-core in a page of a browser: what keeps readers out, a line for each element.

Contrast takes axe longer than all else together. It is a matter of colors and sizes, so it is looked at once for each
look that a text has: its color, ground, size and weight.
"""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

COLORS = ["color-contrast", "link-in-text-block"]
# most elements of a page are colored words of code: once their colors are known, axe needs not look at each
JOIN_TOKENS = """document.querySelectorAll("pre").forEach(pre => {
  pre.querySelectorAll("span:not(:has(a))").forEach(token => token.replaceWith(...token.childNodes));
  pre.normalize();
})"""
MARK_NEW_LOOKS = """known => {
  const seen = new Set(known), found = [];
  document.querySelectorAll("[data-look]").forEach(element => element.removeAttribute("data-look"));
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility({visibilityProperty: true})) continue;
    const style = getComputedStyle(element);
    let ground = element;
    while (ground && /, 0\\)|transparent/.test(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
    const behind = ground ? getComputedStyle(ground).backgroundColor : "";
    const inLink = element.closest("a") ? "link" : "";
    const look = [style.color, behind, style.fontSize, style.fontWeight, inLink].join(" | ");
    if (seen.has(look)) continue;
    seen.add(look);
    found.push(look);
    element.setAttribute("data-look", "new");
  }
  return found;
}"""
RUN = """async ([context, options]) => {
  const {violations} = await axe.run(context ?? document, {...options, resultTypes: ["violations"]});
  return violations.flatMap(({id, nodes}) => nodes.map(({target, html, any, all, none}) => {
    const [why] = [...any, ...all, ...none];
    return `${id}: ${target.join(" ")}: ${html.slice(0, 120)}: ${why?.message ?? ""}`;
  }));
}"""


def faults(page: Page) -> list[str]:
    """Return what axe-core has against a page, but for colors."""
    _load(page)
    return page.evaluate(RUN, [None, {"rules": {rule: {"enabled": False} for rule in COLORS}}])


def faults_of_color(page: Page, known: set[str]) -> list[str]:
    """Return what axe-core has against the colors of texts whose look isn't known yet; it is known then."""
    _load(page)
    looks = page.evaluate(MARK_NEW_LOOKS, sorted(known))
    known.update(looks)
    return page.evaluate(RUN, ["[data-look]", {"runOnly": COLORS}]) if looks else []


def _load(page: Page) -> None:
    if page.evaluate("window.axe === undefined"):  # the script is half a megabyte
        page.evaluate(AXE_SCRIPT)
