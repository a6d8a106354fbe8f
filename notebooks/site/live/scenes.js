// What a notebook has recorded, step by step: see d2lparams/widgets/replay.py, which packs it.

const NOTE = "Recorded when the notebook ran. This page replays it: nothing is computed here, and no Python runs.";

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

async function unpacked(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

// What canvas.js draws at the i-th step.
export function overlayAt({ lines, texts }, i) {
  const parts = lines.map(({ points, shown }) => (shown ? points.slice(0, 2 * shown[i]) : points[i]));
  const numbers = parts.flat().map((number) => number ?? NaN);
  return {
    lines: lines.map((line, l) => ({ ...line, count: parts[l].length / 2 })),
    texts: texts.map((text) => ({ ...text, text: Array.isArray(text.text) ? text.text[i] : text.text })),
    points: Float32Array.from(numbers),
  };
}

export async function scenes({ replay }) {
  const { name, choice, shown, slider, series } = await unpacked(replay);
  const backgrounds = Object.fromEntries(Object.entries(series).map(([key, { background }]) => [key, bytes(background)]));
  let key = shown;
  let i;
  const atTheEnd = () => {
    const { steps } = series[key];
    i = steps.length - 1;
    return { options: steps.map(String), values: steps, value: i };
  };
  const controls = [
    { name: "step", kind: "slider", label: slider, ...atTheEnd() },
    { name: "player", kind: "play", label: "play", of: "step", interval: 100, title: "go through the steps" },
  ];
  if (choice) controls.unshift({ name: "choice", kind: "list", label: choice, value: key, options: Object.keys(series) });
  return {
    name,
    note: NOTE,
    rows: [controls],
    answer(control, value) {
      if (control === "step") i = value;
      if (control !== "choice") return {};
      key = value;
      return { step: atTheEnd() };
    },
    picture() {
      const { label, captions } = series[key];
      return { background: backgrounds[key], overlay: overlayAt(series[key], i), label, caption: captions[i] };
    },
  };
}
