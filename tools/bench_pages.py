"""What the pages of the HTML edition cost their readers, in Chromium, from disk: `make bench`.

Of each figure, the milliseconds from its slider's move, or a click, to painted pixels; of each page, its weight with
all that it loads, and how long it takes from opening it to its first live frame.
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests"))  # for `lab`, which drives the browser
MOVES = 60
NOTE = """
const drawImage = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (...given) {
  window.firstFrame ??= performance.now();
  window.drawn?.();
  drawImage.apply(this, given); };
"""
TURN = """async ([name, moves]) => {  // move, wait until the answer is painted, rest a while, and so on
  const figure = document.querySelector(`[aria-label="${name}"]`);
  const bar = figure.querySelector('input[type=range]');
  // the playground answers its buttons, of which each changes the picture after the other
  const inTurn = button => /^(write|start again)$/.test(button.textContent);
  const buttons = [...figure.querySelectorAll('button')].filter(inTurn);
  const rest = milliseconds => new Promise(done => setTimeout(done, milliseconds));
  const times = [];
  for (let move = 0; move < moves; move++) {
    const painted = new Promise(done => {
      window.drawn = () => requestAnimationFrame(() => setTimeout(done)); });
    const started = performance.now();
    if (buttons.length) buttons[(move + 1) % 2].click();
    else {
      if (move % 40 < 20) bar.stepDown(); else bar.stepUp();
      bar.dispatchEvent(new Event('input'));
    }
    await painted;
    times.push(performance.now() - started);
    await rest(50);
  }
  return times; }"""
TAGS = "script[src], link[rel=stylesheet], img[src]"


def build(folder):
    """Build the HTML edition; return its folder."""
    options = f"-q -c notebooks/site -d {folder}/doctrees notebooks {folder}/html"
    subprocess.run([sys.executable, "-m", "sphinx", *options.split()], cwd=ROOT, check=True)
    return Path(folder, "html")


def main(site=None):
    """Print two tables. site: the folder of a built edition, or None to build it."""
    import lab

    if not lab.CHROMIUM:
        print("\nno Chromium, so no page was timed: apt-get install chromium")
        return
    with tempfile.TemporaryDirectory() as folder, lab.browser() as chromium:
        site = site or build(folder)
        pages = [measured(chromium, path) for path in sorted(site.glob("*.html"))]
    print(f"\n{'on a page, from move to painted pixels, ms':45}{'median':>8}{'p90':>10}   (wanted: at most 30)")
    for name, times in ((name, times) for _, _, _, figures in pages for name, times in figures.items()):
        print(f"{name:45}{statistics.median(times):8.0f}{sorted(times)[int(0.9 * len(times))]:10.0f}")
    print(f"\n{'page':35}{'MB':>8}{'first live frame, ms':>24}   (wanted: at most 2 and 1000)")
    for name, weight, first, _ in pages:
        print(f"{name:35}{weight / 1e6:8.2f}{'' if first is None else f'{first:.0f}':>24}")


def measured(chromium, path):
    """Return a page's name, its weight in bytes, when it drew its first live frame, and the times of its sliders."""
    page = chromium.new_context(offline=True).new_page()
    page.add_init_script(NOTE)
    page.goto(path.as_uri())
    weight = path.stat().st_size + sum(
        Path(unquote(urlsplit(address).path)).stat().st_size
        for address in set(page.eval_on_selector_all(TAGS, "tags => tags.map(tag => tag.src || tag.href)"))
        if address.startswith("file:")
    )
    figures, first = {}, None
    if page.locator("[data-live]:not([data-live=guess])").count():
        page.wait_for_function("window.firstFrame")
        page.wait_for_timeout(1000)
        first = page.evaluate("window.firstFrame")
        for name in page.eval_on_selector_all(
            ".live[role=group]:has([type=range])", "all => all.map(x => x.ariaLabel)"
        ):
            figures[name] = page.evaluate(TURN, [name, MOVES + 5])[5:]
    page.context.close()
    return path.stem, weight, first, figures


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
