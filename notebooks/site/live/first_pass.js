// What the init explorer shows, computed in the page: `first_pass` and `profile` of d2lparams/chapter/deep_net.py, and the
// verdict of d2lparams/health.py. Names are those of Python.
//
// As there, every number is computed in float64 and rounded to float32, so both agree to the last digit shown: a
// Float32Array rounds what is put into it, and all else in JavaScript is float64. Long work waits now and then for
// `pause()`, so that a page can answer its reader meanwhile. Loops are plain: a call for each number takes far longer.

const { Generator, draw } = window.d2lparams.draws;

// ---- activations: y at x, and what comes back there of a gradient g; a NaN stays one

// erf by Taylor's series around the nearest of many points, where it is known from a series of positive terms.
const STEP = 1 / 16;
const ERF = Array.from({ length: 6 / STEP + 2 }, (_, i) => {
  const c = i * STEP;
  const slope = (2 / Math.sqrt(Math.PI)) * Math.exp(-c * c);
  let [sum, term] = [0, slope * c];
  for (let n = 1; sum + term !== sum; n++) {
    sum += term;
    term *= (2 * c * c) / (2 * n + 1);
  }
  const slopes = [slope]; // the series of its derivative, whose own is -2x times it
  for (let n = 0; n < 10; n++) slopes.push((-2 * (c * slopes[n] + (slopes[n - 1] ?? 0))) / (n + 1));
  return [sum, ...slopes.map((factor, n) => factor / (n + 1))];
});

function erf(x) {
  const size = Math.abs(x);
  if (!(size < 6)) return Math.sign(x); // NaN for NaN
  const i = Math.round(size / STEP);
  const d = size - i * STEP;
  const series = ERF[i];
  let sum = 0;
  for (let n = series.length - 1; n >= 0; n--) sum = sum * d + series[n];
  return x < 0 ? -sum : sum;
}

const below = (x) => 0.5 * (1 + erf(x * Math.SQRT1_2)); // how much of N(0, 1) lies below x
export const ACTIVATIONS = {
  ReLU: { value: (x) => (x <= 0 ? 0 : x), back: (g, x) => (x <= 0 ? 0 : g) },
  "leaky ReLU, 0.1": { value: (x) => (x > 0 ? x : 0.1 * x), back: (g, x) => (x > 0 ? g : 0.1 * g) },
  tanh: { value: Math.tanh, back: (g, x, y) => g * (1 - y * y) },
  sigmoid: { value: (x) => 1 / (1 + Math.exp(-x)), back: (g, x, y) => g * (1 - y) * y },
  GELU: {
    value: (x) => x * below(x),
    back: (g, x) => g * (below(x) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI)),
  },
  none: null,
};

// ---- products of matrices

// The sums of products of 4 rows of x with 2 rows of w, two columns at a time, as a WebAssembly function of addresses:
// (x, w, bytes in a row of both, out, bytes in a row of out). It is float64 inside; what comes and goes is float32.
function assemble() {
  const get = (i) => [0x20, i];
  const set = (i) => [0x21, i];
  const add = 0x6a; // of i32
  const load = [0xfd, 0x5d, 3, 0, 0xfd, 0x5f]; // two float32 as two float64
  const [times, plus] = [[0xfd, 0xf2, 1], [0xfd, 0xf0, 1]]; // of two float64
  const [X, W, ROW, OUT, OUT_ROW, END] = [[0, 6, 7, 8], [1, 9], 2, 3, 4, 5]; // locals: addresses
  const SUMS = [10, 11, 12, 13, 14, 15, 16, 17];
  const [W0, W1, NOW] = [18, 19, 20]; // two columns of each row of w, and of the row of x
  const next = (rows) => rows.slice(1).map((row, i) => [get(rows[i]), get(ROW), add, set(row)]);
  const step = (address) => [get(address), 0x41, 8, add, set(address)];
  const accumulate = (sum, w) => [get(sum), get(NOW), get(w), times, plus, set(sum)];
  const total = (sum) => [get(sum), 0xfd, 0x21, 0, get(sum), 0xfd, 0x21, 1, 0xa0, 0xb6];
  const body = [
    [3, 5, 0x7f, 8, 0x7b, 3, 0x7b], // locals: 5 of i32, 8 and 3 of two float64
    next(X), next(W), get(X[0]), get(ROW), add, set(END),
    0x03, 0x40, // loop
    [W0, W1].map((w, i) => [get(W[i]), load, set(w)]),
    X.map((x, i) => [get(x), load, set(NOW), accumulate(SUMS[2 * i], W0), accumulate(SUMS[2 * i + 1], W1)]),
    [...X, ...W].map(step),
    get(X[0]), get(END), 0x49, 0x0d, 0, 0x0b, // once more where x < end
    X.map((_, i) => [
      [0, 1].map((j) => [get(OUT), total(SUMS[2 * i + j]), 0x38, 2, 4 * j]),
      get(OUT), get(OUT_ROW), add, set(OUT),
    ]),
    0x0b,
  ].flat(9);
  const size = (n) => [(n & 0x7f) | 0x80, n >> 7]; // of what is longer than 127 bytes
  const text = (word) => [word.length, ...new TextEncoder().encode(word)];
  return new Uint8Array([
    0, ...text("asm").slice(1), 1, 0, 0, 0,
    1, 9, 1, 0x60, 5, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0, // the type of the function
    2, 8, 1, ...text("m"), ...text("m"), 2, 0, 1, // a memory, imported
    3, 2, 1, 0,
    7, 5, 1, ...text("f"), 0, 0,
    10, ...size(body.length + 3), 1, ...size(body.length), ...body,
  ]);
}

// Return a function (x (rows, inner), w (outputs, inner)) -> x times w transposed, a Float32Array. Rows come in fours.
export function multiplier(bytes = assemble()) {
  if (!globalThis.WebAssembly?.validate(bytes)) return plainProduct;
  const memory = new WebAssembly.Memory({ initial: 32 });
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { m: { m: memory } }).exports;
  const put = (values, at) => new Float32Array(memory.buffer, at, values.length).set(values);
  return (x, w, inner) => {
    const [rows, outputs] = [x.length / inner, w.length / inner];
    const [atW, atOut] = [4 * x.length, 4 * (x.length + w.length)];
    put(x, 0);
    put(w, atW);
    for (let j = 0; j < outputs; j += 2) {
      for (let i = 0; i < rows; i += 4) {
        f(4 * i * inner, atW + 4 * j * inner, 4 * inner, atOut + 4 * (i * outputs + j), 4 * outputs);
      }
    }
    return new Float32Array(memory.buffer, atOut, rows * outputs).slice();
  };
}

function plainProduct(x, w, inner) {
  const [rows, outputs] = [x.length / inner, w.length / inner];
  const out = new Float32Array(rows * outputs);
  for (let j = 0; j < outputs; j++) {
    const at = j * inner;
    for (let i = 0; i < rows; i += 4) {
      const [a, b, c, d] = [i * inner, (i + 1) * inner, (i + 2) * inner, (i + 3) * inner];
      let [p, q, r, s] = [0, 0, 0, 0];
      for (let k = 0; k < inner; k++) {
        const u = w[at + k];
        p += u * x[a + k];
        q += u * x[b + k];
        r += u * x[c + k];
        s += u * x[d + k];
      }
      [p, q, r, s].forEach((sum, n) => { out[(i + n) * outputs + j] = sum; });
    }
  }
  return out;
}

// ---- the first pass

function measure(values) {
  const count = values.length;
  let [sum, square, largest] = [0, 0, 0]; // largest: of the finite ones' sizes
  for (let i = 0; i < count; i++) {
    const size = Math.abs(values[i]);
    if (size > largest && size < Infinity) largest = size;
    sum += values[i];
  }
  const mean = sum / count;
  for (let i = 0; i < count; i++) {
    const off = values[i] - mean;
    square += off * off;
  }
  return { std: Math.sqrt(square / count), finite: Number.isFinite(sum), largest, count };
}

function scaled(values, factor) {
  const out = new Float32Array(values.length);
  for (let i = 0; i < out.length; i++) out[i] = factor * values[i];
  return out;
}

function valuesOf({ value }, sums) {
  const out = new Float64Array(sums.length);
  for (let i = 0; i < out.length; i++) out[i] = value(sums[i]);
  return out;
}

// The gradient with respect to an activation's sums, from that with respect to its values.
function through({ back }, gradient, sums, values) {
  const out = new Float32Array(sums.length);
  for (let i = 0; i < out.length; i++) out[i] = back(gradient[i], sums[i], values[i]);
  return out;
}

function transposed(matrix, columns) {
  const rows = matrix.length / columns;
  const out = new Float32Array(matrix.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = matrix[i * columns + j];
  return out;
}

const batches = new Map(); // by width

function batch(examples, units, classes) {
  if (!batches.has(units)) {
    const generator = new Generator(0);
    const values = new Float32Array(generator.normal(examples * units));
    const right = Array.from({ length: examples }, () => generator.random() % classes);
    batches.set(units, { X: { values, ...measure(values) }, right });
  }
  return batches.get(units);
}

// Return [loss, its gradient with respect to the answers]; `right` are the classes.
function crossEntropy(answers, right) {
  const count = answers.length / right.length;
  const gradient = new Float32Array(answers.length);
  let loss = 0;
  for (const [i, wanted] of right.entries()) {
    const row = [...answers.subarray(i * count, (i + 1) * count)];
    const highest = Math.max(...row);
    const log = Math.log(row.reduce((sum, x) => sum + Math.exp(x - highest), 0));
    loss -= row[wanted] - highest - log;
    row.forEach((x, j) => { gradient[i * count + j] = (Math.exp(x - highest - log) - (j === wanted)) / right.length; });
  }
  return [Math.fround(loss / right.length), gradient];
}

// For a setting {scheme, gain, depth, units, activation}. Of weights, activations and gradients there is a list each,
// an entry for a layer: its `values`, their `std`, whether they are `finite`, and the `largest` size.
export async function firstPass({ scheme, gain, depth, units, activation }, { classes, examples, multiply, pause }) {
  const known = (values) => ({ values, ...measure(values) });
  const weights = [];
  for (let i = 0; i <= depth; i++) {
    const weight = await draw(scheme, i < depth ? units : classes, units, i, pause);
    weights.push(known(scaled(weight, Math.fround(gain))));
    await pause();
  }
  const { X, right } = batch(examples, units, classes);
  const act = ACTIVATIONS[activation];
  const [sums, exact, activations] = [[], [], []]; // of each layer: before its activation, and behind it
  let last = X.values;
  for (let i = 0; i <= depth; i++) {
    sums.push(known(multiply(last, weights[i].values, units)));
    const isLast = i === depth;
    exact.push(act && !isLast ? valuesOf(act, sums[i].values) : null);
    activations.push(exact[i] ? known(new Float32Array(exact[i])) : sums[i]);
    last = activations[i].values;
    await pause();
  }
  const [loss, gradient] = crossEntropy(last, right);
  const gradients = [known(gradient)];
  const sumGradients = [gradients[0]];
  for (let i = depth - 1; i >= 0; i--) {
    const outputs = i === depth - 1 ? classes : units;
    gradients.unshift(known(multiply(sumGradients[0].values, transposed(weights[i + 1].values, units), outputs)));
    const before = act ? known(through(act, gradients[0].values, sums[i].values, exact[i])) : gradients[0];
    sumGradients.unshift(before);
    await pause();
  }
  const steps = []; // what is reported of: the sums of each layer, and its activation
  for (let i = 0; i <= depth; i++) {
    const name = `layer ${i + 1}`;
    steps.push({ name, output: sums[i], gradient: sumGradients[i] });
    if (exact[i]) steps.push({ name, output: activations[i], gradient: gradients[i] });
  }
  return { loss, inputStd: X.std, steps, weights, activations, gradients };
}

// [limit, heights of the bins of each layer]: as in Python, but that it takes layers of `firstPass`.
export function profile(layers, bins) {
  const largest = layers.map((layer) => layer.largest);
  const limit = Math.max(...(largest.length > 1 ? largest.slice(0, -1) : largest)) || 1;
  const rows = layers.map(({ values }) => {
    const counts = new Int32Array(bins + 1);
    for (let i = 0; i < values.length; i++) {
      const part = Math.fround(values[i] / limit);
      if (part >= -1 && part <= 1) counts[(Math.fround(Math.fround(part + 1) * bins) * 0.5) | 0]++;
    }
    counts[bins - 1] += counts[bins]; // what lies at the limit
    const heights = [...counts.subarray(0, bins)];
    const aside = Math.max(...heights.filter((_, bin) => bin !== bins >> 1));
    const highest = aside || Math.max(1, ...heights);
    return heights.map((count) => Math.fround(count / highest));
  });
  return [limit, rows];
}

// ---- the verdict, as `HealthReport` gives it where the layers are all that is known

export function judge({ loss, inputStd, steps }, { classes, factor, wrong, verdicts }) {
  const expected = Math.log(classes);
  const found = []; // [verdict, reason]
  const broken = steps.find(({ output, gradient }) => !output.finite || !gradient.finite);
  if (broken || !Number.isFinite(loss)) {
    const where = broken ? `first in '${broken.name}' or in the gradient there` : "in the loss alone";
    found.push(["not finite", `NaN or infinity ${where}`]);
  } else {
    const change = (what, start, end) => {
      const ratio = start ? end / start : 0;
      const verdict = ratio < 1 / factor ? "vanishes" : ratio > factor ? "explodes" : "healthy";
      found.push([verdict, `${what}: ×${general(ratio, 3, true)}`]);
    };
    const last = steps.findLast((step) => step.gradient.std) ?? steps.at(-1);
    change("signal from input to output", inputStd, last.output.std);
    const norms = steps.map(({ gradient }) => gradient.std * Math.sqrt(gradient.count));
    change("gradient norm from output to first layer", norms.findLast(Boolean) ?? 0, norms[0]);
    if (loss > wrong * expected) {
      const times = general(loss / expected, 3, true);
      found.push(["explodes", `the first answers are wrong with confidence: ×${times} the loss of guessing`]);
    }
    const gone = steps.find(({ output }) => output.largest === 0);
    if (norms[0] === 0 && gone) found.push(["dead", `100% of the units of '${gone.name}' are dead`]);
  }
  const verdict = verdicts.find((one) => one === "healthy" || found.some(([other]) => other === one));
  return { verdict, reasons: found.map(([, reason]) => reason) };
}

// A number as Python writes it by the format ".3g", or "#.3g" without a point at its end.
export function general(x, digits, keepZeros = false) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
  if (x === 0) return "0";
  let [mantissa, exponent] = x.toExponential(digits - 1).split("e");
  const exact = x.toExponential(60); // where x lies halfway between two such numbers, Python takes the even one
  if (/^-?\d(\.\d*)?$/.test(mantissa) && /^50*$/.test(exact.replace(/^-|\.|e.*/g, "").slice(digits))) {
    const down = exact.slice(0, mantissa.length);
    if (Number(down.at(-1)) % 2 === 0) [mantissa, exponent] = [down, exact.split("e")[1]];
  }
  const power = Number(exponent);
  if (power < -4 || power >= digits) {
    const tail = `e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
    return (keepZeros ? mantissa : trimmed(mantissa)) + tail;
  }
  const text = Number(`${mantissa}e${power}`).toFixed(digits - 1 - power);
  return keepZeros ? text : trimmed(text);
}

const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

