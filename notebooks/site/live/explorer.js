// The init explorer on a page without a kernel. Its numbers come from `first_pass.js`, its layout from `explorer.py`.

const { firstPass, general, judge, multiplier, profile } = window.d2lparams.first_pass;

const PAUSE = 25; // ms of work, at most, until the page may answer its reader

const bottoms = (layers) => Array.from({ length: layers }, (_, i) => ((i + 0.3) * 0.85) / layers);

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/'/g, "&#x27;");

// What `explorer.py` hands over, and what is drawn with it: the overlay of `Canvas`, in pixels.
export async function explorer(data) {
  const { kinds, boxes, lines, texts, layers, constants } = data;
  const background = Uint8Array.from(atob(data.background), (letter) => letter.charCodeAt(0));
  const setting = { ...data.setting };
  const multiply = multiplier();
  let turn = 0;
  let shown;

  async function answer(name, value) {
    if (name) setting[name] = value;
    const mine = ++turn;
    let since = performance.now();
    const pause = async () => {
      if (performance.now() - since < PAUSE) return;
      await new Promise((resume) => setTimeout(resume));
      if (mine !== turn) throw new Superseded();
      since = performance.now();
    };
    const { scheme, gain, depth, units, activation } = setting;
    const now = { scheme, activation, depth, gain: data.gains[gain], units: data.units[units] };
    try {
      const start = await firstPass(now, { ...constants, multiply, pause });
      const outlines = {};
      for (const kind of kinds) {
        outlines[kind] = profile(start[kind], constants.bins);
        await pause();
      }
      shown = describe(now, start, outlines);
    } catch (error) {
      if (!(error instanceof Superseded)) throw error;
    }
  }

  function describe(now, start, outlines) {
    const report = judge(start, constants);
    const count = now.depth + 1;
    const { color, caption } = data.verdicts[report.verdict];
    const loss = general(start.loss, 3);
    const words = { LOSS: loss, REASONS: escaped(report.reasons.join("; ")) };
    const said = [];
    const drawn = [];
    const points = [];
    const say = (style, text) => said.push({ ...style, text });
    const trace = (style, xy) => {
      drawn.push({ ...style, count: xy.length });
      points.push(...xy.flat());
    };
    const at = ([left, top, width, height], x, y) => [left + x * width, top + (1 - y) * height];
    const places = bottoms(count);
    for (const kind of kinds) {
      const [limit, heights] = outlines[kind];
      const { title, low, high } = texts[kind];
      let [before, after] = [start[kind][0].std, start[kind].at(-1).std];
      if (kind === "gradients") [before, after] = [after, before]; // which come back, from the last layer to the first
      say(title, `${kind}: std ×${general(before ? after / before : NaN, 2)}`);
      say(low, `−${general(limit, 2)}`);
      say(high, general(limit, 2));
      const outline = heights.flatMap((row, i) => {
        const y = (height) => places[i] + (0.85 ** 2 / count) * Math.min(height, 1.15);
        const sides = [...row].flatMap((height, bin) => [bin, bin + 1].map((x) => [x / row.length, y(height)]));
        return [...sides.map(([x, up]) => at(boxes[kind], x, up)), [NaN, NaN]]; // a gap after each layer
      });
      trace(lines[kind].outline, outline);
    }
    const within = (x) => (Number.isNaN(x) ? data.highest : Math.min(Math.max(x, data.lowest), data.highest));
    const [left, right] = data.scale.map(Math.log10);
    for (const kind of kinds) {
      const across = (x) => (Math.log10(within(x)) - left) / (right - left);
      trace(lines[kind].stds, start[kind].map(({ std }, i) => at(boxes.verdict, across(std), places[i])));
    }
    say({ ...texts.verdict.title, color }, `${report.verdict}: first loss ${loss}`);
    for (let i = 0; i < count; i += 1 + Math.floor(count / 9)) {
      const [, y] = at(boxes[kinds[0]], 0, places[i]);
      say({ ...layers, y }, i === count - 1 ? "last" : String(i + 1));
    }
    const overlay = { texts: said, lines: drawn, points: new Float32Array(points) };
    const label =
      `init explorer: ${now.scheme}, gain ${now.gain.toFixed(2)}, ${now.depth} hidden layers of ${now.units} units, ` +
      `${now.activation}: ${report.verdict}`;
    return { background, overlay, label, caption: caption.replace(/LOSS|REASONS/g, (word) => words[word]) };
  }

  const list = (name, options) => ({ name, kind: "list", label: name, options, value: setting[name] });
  const slider = (name, label, more) => ({ name, kind: "slider", label, value: setting[name], ...more });
  const numbered = (values, write) => ({ options: values.map(write), values, min: 0, max: values.length - 1, step: 1 });
  await answer();
  return {
    name: "init explorer",
    note: "No Python runs here: this page draws the weights and computes each pass itself.",
    rows: [
      [list("scheme", data.schemes), list("activation", data.activations)],
      [
        slider("gain", "gain", numbered(data.gains, (gain) => gain.toFixed(2))),
        slider("depth", "hidden layers", { min: 1, max: data.mostLayers, step: 1 }),
        slider("units", "units in each", numbered(data.units, String)),
      ],
    ],
    answer,
    hurries: true, // an answer gives way to a newer one
    picture: () => shown,
  };
}

class Superseded extends Error {} // by a newer setting
