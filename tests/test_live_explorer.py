"""The init explorer of a page without a kernel, in Chromium, against the notebook's, whose numbers are torch's."""

import base64
import os
import random

import lab
import numpy as np
import pytest
import torch
from edition import LIVE, of_live_pages

from d2lparams.chapter import init_explorer
from d2lparams.chapter.deep_net import ACTIVATIONS, SCHEMES, first_pass

SUMMARY = "init explorer: He, gain 1.00, 4 hidden layers of 256 units, ReLU: healthy"
SHOW = """async ([data, settings]) => {
    const results = [];
    for (const setting of settings) {
        const figure = await window.d2lparams.explorer.explorer({...data, setting: {...data.setting, ...setting}});
        const { overlay, label, caption } = figure.picture();
        const bytes = new Uint8Array(overlay.points.buffer);
        let letters = "";
        for (let i = 0; i < bytes.length; i += 8192) letters += String.fromCharCode(...bytes.subarray(i, i + 8192));
        results.push({ ...overlay, points: btoa(letters), label, caption });
    }
    return results;
}"""


@pytest.fixture(scope="module")
def data():
    return of_live_pages("explorer").data(SUMMARY)


@pytest.fixture(scope="module")
def page():
    if not lab.CHROMIUM:
        reason = "no Chromium: apt-get install chromium"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    classic = of_live_pages("live").classic
    with lab.browser() as browser:
        page = browser.new_page()
        for name in ("draws", "first_pass", "explorer"):
            page.add_script_tag(content=classic(name, (LIVE / f"{name}.js").read_text(encoding="utf-8")))
        yield page


@pytest.fixture(scope="module")
def view():
    view = init_explorer()
    for control in (view.scheme, view.activation, view.gain, view.depth, view.units):
        control.unobserve_all("value")  # all five are moved, and then it is drawn once
    return view


def settings(count, seed, units):
    """Return random settings of the controls, as places in `units` and among the gains."""
    chance = random.Random(seed)
    return [
        {
            "scheme": chance.choice(list(SCHEMES)),
            "activation": chance.choice(list(ACTIVATIONS)),
            "gain": chance.randrange(101),
            "depth": chance.randint(1, 16),
            "units": chance.choice(units),
        }
        for _ in range(count)
    ]


def differences(view, data, setting, shown):
    """Return what a page shows otherwise than the notebook at the same setting, in words."""
    view.scheme.value, view.activation.value = setting["scheme"], setting["activation"]
    view.gain.value, view.depth.value = data["gains"][setting["gain"]], setting["depth"]
    view.units.value = data["units"][setting["units"]]
    view.redraw()
    wanted = view.canvas.overlay()
    found = []
    if shown["label"] != view.summary:
        found.append(f"{shown['label']!r}, not {view.summary!r}")
    if shown["caption"] not in view.caption.value:
        found.append(f"{shown['caption']!r} is not in {view.caption.value!r}")
    for kind in ("texts", "lines"):
        pairs = zip(shown[kind], wanted[kind], strict=True)
        found += [f"{ours}, not {truth}" for ours, truth in pairs if not are_alike(ours, truth)]
    ours = np.frombuffer(base64.b64decode(shown["points"]), "<f4")
    truth = np.frombuffer(wanted["points"], "<f4")
    if not np.allclose(ours, truth, atol=0.01, equal_nan=True):
        found.append(f"lines lie {np.nanmax(abs(ours - truth))} pixels beside")
    return found


def are_alike(ours, truth):
    """Return whether two texts, or two lines, are alike: places to 0.01 pixels, colors in any spelling."""
    if isinstance(truth, str):
        return ours.lower() == truth.lower()
    if isinstance(truth, dict):
        return ours.keys() == truth.keys() and all(are_alike(ours[key], truth[key]) for key in truth)
    return bool(np.allclose(ours, truth, atol=0.01))


SIZES = {"small": (460, (0, 1)), "medium": (36, (1, 2)), "large": (4, (3, 4))}  # how many settings, and of which units


@pytest.mark.parametrize(("count", "units"), SIZES.values(), ids=SIZES)
def test_a_page_shows_what_torch_computes(page, view, data, count, units):
    chosen = settings(count, count, units)
    shown = page.evaluate(SHOW, [data, chosen])
    found = {str(one): differences(view, data, one, drawn) for one, drawn in zip(chosen, shown, strict=True)}
    assert {setting: faults for setting, faults in found.items() if faults} == {}


def test_weights_are_torchs_draws_bit_by_bit(page):
    drawn = page.evaluate(
        """async (schemes) => {
            const { firstPass, multiplier } = window.d2lparams.first_pass;
            const options = { classes: 10, examples: 64, multiply: multiplier(), pause: async () => {} };
            const results = [];
            for (const scheme of schemes) {
                const setting = { scheme, gain: 1.3, depth: 1, units: 64, activation: "GELU" };
                const { weights } = await firstPass(setting, options);
                results.push(weights.map(({ values }) => [...values]));
            }
            return results;
        }""",
        list(SCHEMES),
    )
    for scheme, weights in zip(SCHEMES, drawn, strict=True):
        for ours, truth in zip(weights, first_pass(scheme, 1.3, depth=1, width=64).weights, strict=True):
            ours = torch.tensor(ours, dtype=torch.float32).reshape(truth.shape)
            assert (ours != truth).float().mean() < 1e-3, scheme
            torch.testing.assert_close(ours, truth, rtol=1e-6, atol=0)


def test_products_are_the_same_without_webassembly(page):
    x, w = torch.randn(8, 6), torch.randn(10, 6)
    for how in ("", "new Uint8Array()"):  # which is no program
        product = page.evaluate(
            f"""([x, w]) => {{
                const {{ multiplier }} = window.d2lparams.first_pass;
                return [...multiplier({how})(new Float32Array(x), new Float32Array(w), 6)];
            }}""",
            [x.flatten().tolist(), w.flatten().tolist()],
        )
        torch.testing.assert_close(torch.tensor(product).reshape(8, 10), x @ w.T)


def test_numbers_are_written_as_python_writes_them(page):
    chance = random.Random(0)
    numbers = [chance.uniform(1, 10) * 10.0 ** chance.randint(-12, 12) for _ in range(2000)]
    numbers += [place * 10.0**power for place in (1, 1.25, 1.35, 9.94, 9.95, 9.995, 99.5) for power in range(-7, 8)]
    numbers += [eighths / 8 for eighths in range(200)]  # also halfway between two: 0.125, 2.5
    for digits, form in ((2, ".2g"), (3, ".3g"), (3, "#.3g")):
        wanted = [f"{number:{form}}".rstrip(".") if number else "0" for number in numbers]
        options = f"{digits}, {str('#' in form).lower()}"
        write = f"numbers => numbers.map((x) => window.d2lparams.first_pass.general(x, {options}))"
        assert page.evaluate(write, numbers) == wanted
    written = page.evaluate("[NaN, Infinity, -Infinity].map((x) => window.d2lparams.first_pass.general(x, 3))")
    assert written == ["nan", "inf", "-inf"]


def test_a_newer_setting_wins_and_the_page_stays_awake(page, view, data):
    start = {"scheme": "normal(0.01)", "activation": "tanh", "gain": 20, "depth": 16, "units": 4}
    awake, shown = page.evaluate(
        """async ([data, start]) => {
            const { explorer } = window.d2lparams.explorer;
            const figure = await explorer({ ...data, setting: { ...data.setting, units: 0 } });
            const before = figure.picture();
            let ticks = 0;
            const clock = setInterval(() => ticks++, 1);
            const answers = Object.entries(start).map(([name, value]) => figure.answer(name, value));
            await Promise.all(answers.slice(0, -1));
            if (figure.picture() !== before) throw new Error("a setting that was given up is shown");
            await answers.at(-1);
            clearInterval(clock);
            const { label, caption } = figure.picture();
            return [ticks, { label, caption }];
        }""",
        [data, start],
    )
    assert awake >= 5
    wanted = first_pass("normal(0.01)", data["gains"][20], 16, 512, "tanh")
    assert shown["label"].startswith("init explorer: normal(0.01), gain 0.25, 16 hidden layers of 512 units, tanh: ")
    assert f"first loss {wanted.report.loss:.3g}" in shown["caption"]
    assert "; ".join(wanted.report.reasons) in shown["caption"]


def test_another_summary_is_an_error():
    with pytest.raises(ValueError, match="no summary of an init explorer, such as `repr` gives: 'tie playground: "):
        of_live_pages("explorer").data("tie playground: two tied weights")
