// The tie playground on a page without Python: its nets, the ways to share, gradients and tables, as the notebook has
// them. playground.py gives the weights to start with, the batches and where everything is drawn.

// ---- a net has places; at each stands a module, with a weight and perhaps a bias. All three can stand in several places

// A Parameter: numbers in a storage, which others may read too, perhaps transposed.
class Parameter {
  constructor(storage, shape, transposed = false) {
    Object.assign(this, { storage, shape, transposed });
  }

  index(row, column) {
    const [rows, columns] = this.shape;
    return this.transposed ? column * rows + row : row * columns + column;
  }

  // Its numbers, row by row.
  values() {
    const [rows, columns = 1] = this.shape;
    return Array.from({ length: rows * columns }, (_, i) =>
      this.storage[this.shape.length === 1 ? i : this.index(Math.floor(i / columns), i % columns)]);
  }

  fill(values) {
    const [, columns = 1] = this.shape;
    values.forEach((value, i) => {
      this.storage[this.shape.length === 1 ? i : this.index(Math.floor(i / columns), i % columns)] = value;
    });
  }

  copy() {
    return new Parameter(this.storage.slice(), this.shape, this.transposed);
  }
}

function built({ type, modules, X, Y }) {
  const parameter = (values, shape) => values && new Parameter(Float32Array.from(values.flat()), shape);
  const places = modules.map(({ path, kind, weight, bias }) => ({
    path,
    module: {
      kind,
      weight: parameter(weight, [weight.length, weight[0].length]),
      bias: parameter(bias, [bias?.length]),
    },
  }));
  return { type, places, X, Y };
}

const moduleAt = (net, path) => net.places.find((place) => place.path === path).module;
const named = (path, key) => (path ? `${path}.${key}` : key);
const shown = (path) => path || "(the net)";

// [name, Parameter] under every name, as in named_parameters(remove_duplicate=False).
function everyName(net) {
  return net.places.flatMap(({ path, module }) =>
    ["weight", "bias"].filter((key) => module[key]).map((key) => [named(path, key), module[key]]));
}

// What several items have in common: a Map from key to items.
function grouped(items, key) {
  const groups = new Map();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

// A Map from Parameter to its names, in the net's order.
function namesByParameter(net) {
  const names = grouped(everyName(net), ([, parameter]) => parameter);
  return new Map([...names].map(([parameter, entries]) => [parameter, entries.map(([name]) => name)]));
}

// Arrays of Parameters that read the same storage; most are alone.
const regions = (net) => [...grouped(namesByParameter(net).keys(), (parameter) => parameter.storage).values()];

// ---- ways to share, and what cannot be done, in the words of small_nets.py

function refuse(message) {
  throw new Error(`ValueError: ${message}`);
}

const readsAlike = (a, b) => a.storage === b.storage && a.transposed === b.transposed;
const readsTransposed = (a, b) => a.storage === b.storage && a.transposed !== b.transposed;
const tuple = (shape) => (shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`);

function shareParameter(net, one, other) {
  const [a, b] = [moduleAt(net, one).weight, moduleAt(net, other).weight];
  if (a === b) {
    refuse(`'${named(one, "weight")}' and '${named(other, "weight")}' are the same Parameter already: nothing to tie`);
  }
  for (const { module } of net.places) if (module.weight === b) module.weight = a;
}

function shareModule(net, one, other) {
  const [a, b] = [moduleAt(net, one), moduleAt(net, other)];
  if (a.kind !== b.kind) refuse(`'${one}' and '${other}' are layers of different kinds: they cannot be one module`);
  net.places.find((place) => place.path === other).module = a;
}

function shareStorage(net, one, other) {
  const [a, b] = [moduleAt(net, one).weight, moduleAt(net, other).weight];
  if (a === b) refuse(`'${one}' and '${other}' have one Parameter already, and so one storage: untie them first`);
  if (readsAlike(a, b)) refuse(`'${one}' and '${other}' read one storage already: nothing to share`);
  Object.assign(b, { storage: a.storage, transposed: a.transposed });
}

function shareTransposed(net, one, other) {
  const [a, b] = [moduleAt(net, one).weight, moduleAt(net, other).weight];
  const shape = [...a.shape].reverse();
  if (String(shape) !== String(b.shape)) {
    refuse(`the transpose of '${one}' has shape ${tuple(shape)}, but '${other}' needs ${tuple(b.shape)}`);
  }
  if (readsTransposed(a, b)) refuse(`'${other}' reads the memory of '${one}' transposed already: nothing to share`);
  moduleAt(net, other).weight = new Parameter(a.storage, shape, !a.transposed);
}

function copyValues(net, one, other) {
  const [a, b] = [moduleAt(net, one), moduleAt(net, other)];
  if (readsTransposed(a.weight, b.weight)) {
    refuse(`'${other}' reads the memory of '${one}' transposed, so it cannot hold a copy: untie them first`);
  }
  for (const key of ["weight", "bias"]) if (a[key] && b[key]) b[key].fill(a[key].values());
}

const COPY = "equal values (load_state_dict)";
const WAYS = {
  "one Parameter (tie)": shareParameter,
  "one module, twice": shareModule,
  "one storage (.data = .data)": shareStorage,
  "a view of it (Parameter of .t())": shareTransposed,
  [COPY]: copyValues,
};

function share(net, way, one, other) {
  if (net.places.length === 1) {
    refuse(`this net has one place with a weight, ${shown(one)}: no second one can share it`);
  }
  if (one === other) refuse(`'${one}' and '${other}' are one place: choose two`);
  if (moduleAt(net, one) === moduleAt(net, other)) {
    refuse(`'${one}' and '${other}' are one module already: untie them first to share in another way`);
  }
  WAYS[way](net, one, other);
}

// A net with equal values, where each place has its own.
function untied(net) {
  if (everyName(net).length === regions(net).length) {
    refuse("nothing to untie: no two places of this net share a Parameter, a buffer or memory");
  }
  const own = ({ kind, weight, bias }) => ({ kind, weight: weight.copy(), bias: bias?.copy() });
  return { ...net, places: net.places.map(({ path, module }) => ({ path, module: own(module) })) };
}

// Write one entry; return [path, row, column] of each that has another value now.
function setEntry(net, path, row, column, value) {
  const before = net.places.map(({ module }) => module.weight.values());
  const { weight } = moduleAt(net, path);
  weight.storage[weight.index(row, column)] = value;
  return net.places.flatMap(({ path: place, module }, i) =>
    module.weight.values().flatMap((now, at) => {
      const columns = module.weight.shape[1];
      return now === before[i][at] ? [] : [[place, Math.floor(at / columns), at % columns]];
    }));
}

// ---- gradients of the mean square on the batch, for each use of a weight: [place, Parameter, rows of its gradient]

const product = (A, B) => A.map((row) => B[0].map((_, j) => row.reduce((sum, x, k) => sum + x * B[k][j], 0)));
const transpose = (A) => A[0].map((_, j) => A.map((row) => row[j]));
const elementwise = (A, B, f) => A.map((row, i) => row.map((x, j) => f(x, B[i][j])));

function matrix(parameter) {
  const [rows, columns] = parameter.shape;
  const values = parameter.values();
  return Array.from({ length: rows }, (_, row) => values.slice(row * columns, (row + 1) * columns));
}

const error = (output, Y) => elementwise(output, Y, (o, y) => (2 * (o - y)) / (Y.length * Y[0].length));

// Linear layers with tanh between them; `last` after the last one too.
function chainUses(layers, X, Y, last) {
  const inputs = [];
  const outputs = [];
  let H = X;
  layers.forEach(({ module: { weight, bias } }, i) => {
    inputs.push(H);
    const shift = bias.values();
    H = product(H, transpose(matrix(weight))).map((row) => row.map((x, j) => x + shift[j]));
    if (last || i < layers.length - 1) H = H.map((row) => row.map(Math.tanh));
    outputs.push(H);
  });
  let back = error(H, Y);
  const uses = [];
  for (let i = layers.length - 1; i >= 0; i--) {
    if (last || i < layers.length - 1) back = elementwise(back, outputs[i], (g, h) => g * (1 - h * h));
    const { place, module: { weight } } = layers[i];
    uses.unshift([place, weight, product(transpose(back), inputs[i])]);
    back = product(back, matrix(weight));
  }
  return uses;
}

const USES = {
  Sequential: ({ places, X, Y }) =>
    chainUses(places.map(({ path, module }) => ({ place: path, module })), X, Y, false),
  Repeat({ places: [{ path, module }], X, Y }) {
    return chainUses([path, `${path} #2`, `${path} #3`].map((place) => ({ place, module })), X, Y, true);
  },
  WordModel({ places: [table, scores], X, Y }) {
    const [E, C] = [matrix(table.module.weight), matrix(scores.module.weight)];
    const features = X.map((word) => E[word]);
    const back = error(product(features, transpose(C)), Y);
    const oneHot = X.map((word) => E.map((_, row) => Number(row === word)));
    return [
      [table.path, table.module.weight, product(transpose(oneHot), product(back, C))],
      [scores.path, scores.module.weight, product(transpose(back), features)],
    ];
  },
  Autoencoder({ places: [{ module: { weight } }], X, Y }) {
    const W = matrix(weight);
    const code = product(X, transpose(W));
    const back = error(product(code, W), Y);
    return [
      ["forward", weight, product(transpose(product(back, transpose(W))), X)],
      ["forward #2", weight, product(transpose(code), back)],
    ];
  },
};

// ---- what is shown: the panels

const decimals = (x, digits) => {
  const ties = x * 2 ** (digits + 1); // the numbers in the middle between two that are shown: Python takes the even one
  const isTie = Number.isInteger(ties) && Math.abs(ties % 2) === 1;
  const text = Math.abs(x).toFixed(digits);
  const even = isTie && Number(text.at(-1)) % 2 ? (Number(text) - 10 ** -digits).toFixed(digits) : text;
  return x < 0 || Object.is(x, -0) ? `-${even}` : even;
};

const lettersOf = (net) => new Map([...new Set(net.places.map(({ module }) => module.weight))].map((w, i) => [w, i]));

function weightPanels(net, changed) {
  const numbers = lettersOf(net);
  return net.places.map(({ path, module: { weight } }) => {
    const number = numbers.get(weight);
    return {
      title: `${named(path, "weight")}: Parameter ${"ABC"[number]}`,
      rows: matrix(weight),
      number,
      outlined: changed.filter(([place]) => place === path).map(([, row, column]) => [row, column]),
    };
  });
}

function gradientPanels(net) {
  const uses = grouped(USES[net.type](net), ([, weight]) => weight);
  return [...lettersOf(net)].flatMap(([weight, number]) => {
    const letter = "ABC"[number];
    const found = uses.get(weight).map(([place, , rows]) => [`${letter}: use at ${place}`, rows]);
    if (found.length > 1) {
      const sum = found.map(([, rows]) => rows).reduce((A, B) => elementwise(A, B, (a, b) => a + b));
      found.push([`${letter}.grad: the sum`, sum]);
    }
    return found.map(([title, rows]) => {
      const norm = Math.hypot(...rows.flat());
      return { title: `${title}\nnorm ${decimals(norm, 3)}`, rows, number, outlined: [] };
    });
  });
}

// What canvas.js draws of a panel: cells, frame and outlines, and the words.
function drawn({ title, rows, number, outlined }, [left, top, width, height], style) {
  const [cellWidth, cellHeight] = [width / rows[0].length, height / rows.length];
  const reach = style.paler * Math.max(...rows.flat().map(Math.abs)) || 1;
  const fill = (x) => style.map[Math.min(Math.floor(((x + reach) / (2 * reach)) * style.map.length), style.map.length - 1)];
  const place = (row, column) => [left + column * cellWidth, top + row * cellHeight];
  const box = (x, y, w, h, look) => ({ box: [x, y, w, h], fill: "", edge: "", width: 0, ...look });
  const text = (words, x, y, size, align, baseline) => ({ text: words, x, y, size, align, baseline, color: "#000000" });
  const middle = (row, column) => [left + (column + 0.5) * cellWidth, top + (row + 0.5) * cellHeight];
  const cells = rows.flatMap((values, row) =>
    values.map((value, column) => box(...place(row, column), cellWidth, cellHeight, { fill: fill(value) })));
  const margin = (1 - style.outlined) / 2;
  const outlines = outlined.map(([row, column]) =>
    box(...place(row + margin, column + margin), style.outlined * cellWidth, style.outlined * cellHeight,
      { edge: "#000000", width: style.outline }));
  const lines = title.split("\n");
  const titles = lines.map((line, i) => {
    const above = (lines.length - 1 - i) * style.lineSpacing * style.title;
    return text(line, left + width / 2, top - style.titlePad - above, style.title, "center", "alphabetic");
  });
  const entries = rows.flatMap((values, row) =>
    values.map((value, column) => text(decimals(value, 2), ...middle(row, column), style.number, "center", "middle")));
  const columns = rows[0].map((_, column) =>
    text(String(column), middle(0, column)[0], top + height + style.indexPad, style.index, "center", "top"));
  const beside = rows.map((_, row) => text(String(row), left - style.indexPad, middle(row, 0)[1], style.index, "right", "middle"));
  return {
    boxes: [...cells, box(left, top, width, height, { edge: style.colors[number], width: style.frame })],
    outlines,
    texts: [...titles, ...entries, ...columns, ...beside],
  };
}

// ---- what is shown: the tables, as `ties` and `parameter_table` write them

const escaped = (text) =>
  text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;").replace(/'/g, "&#x27;");
const plural = (count, thing) => `${count.toLocaleString("en")} ${thing}${count === 1 ? "" : "s"}`;
const paragraph = (text) => `<p>${escaped(text)}</p>`;

// columns: [title, what it holds], as in _tables.py.
function table(columns, lines) {
  if (!lines.length) return "";
  const cell = (tag, holds, text, scope = "") =>
    `<${tag}${scope} style="text-align:${holds === "numbers" ? "right" : "left"}">${escaped(text)}</${tag}>`;
  const head = columns.map(([title, holds]) => cell("th", holds, title, ' scope="col"')).join("");
  const row = (cells) => cells.map((text, i) => {
    const [, holds] = columns[i];
    return holds === "names" ? cell("th", holds, text, ' scope="row"') : cell("td", holds, text);
  });
  const body = lines.map((cells) => `<tr>${row(cells).join("")}</tr>`).join("\n");
  return `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body}\n</tbody>\n</table>`;
}

// Parameters with equal entries, in memory that is not all one; a single number repeated does not count.
function equalValues(names) {
  const varied = [...names.keys()].filter((parameter) => new Set(parameter.values()).size > 1);
  // -0 equals 0 here, as in a comparison
  const groups = grouped(varied, (parameter) => `${parameter.shape}: ${parameter.values().map((x) => x + 0)}`);
  return [...groups.values()].filter((group) => new Set(group.map(({ storage }) => storage)).size > 1);
}

function tiesTable(net) {
  const names = namesByParameter(net);
  const found = [];
  const add = (kind, group) => {
    const places = group.flatMap((parameter) => names.get(parameter)).join(", ");
    found.push([kind, places, `${tuple(group[0].shape)} float32`]);
  };
  for (const places of grouped(net.places, ({ module }) => module).values()) {
    if (places.length > 1) found.push(["same module", places.map(({ path }) => shown(path)).join(", "), ""]);
  }
  for (const [parameter, known] of names) if (known.length > 1) add("same Parameter", [parameter]);
  const readers = regions(net).map((region) => [...grouped(region, ({ transposed }) => transposed).values()]);
  for (const alike of readers.flat()) if (alike.length > 1) add("same storage", alike);
  regions(net).forEach((region, i) => readers[i].length > 1 && add("overlapping storage", region));
  for (const group of equalValues(names)) add("equal values", group);
  const kinds = [...grouped(found, ([kind]) => kind)].map(([kind, ties]) => `${ties.length} × ${kind}`).join(", ");
  const count = `${net.type}: ${plural(everyName(net).length, "name")} for ${plural(names.size, "tensor")}`;
  const lines = table([["what is shared"], ["places", "names"], ["shape and dtype"]], found);
  return [paragraph(`${count}; ${kinds || "nothing shared"}`), lines].filter(Boolean).join("\n");
}

const size = ({ shape }) => shape.reduce((a, b) => a * b);
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const countNumbers = (net) => sum([...namesByParameter(net).keys()].map(size));

function parameterTable(net) {
  const names = namesByParameter(net);
  const letters = new Map();
  const firsts = new Map(regions(net).flatMap((region) => region.map((parameter) => [parameter, region])));
  const lines = [...names].map(([parameter, known]) => {
    const region = firsts.get(parameter);
    if ((region.length > 1 || known.length > 1) && !letters.has(region[0])) {
      letters.set(region[0], "ABCDEF"[letters.size]);
    }
    const count = size(parameter);
    const numbers = [count, 4 * count, known.length].map(String);
    return [known.join(" = "), tuple(parameter.shape), "float32", ...numbers, letters.get(region[0]) ?? ""];
  });
  const bytes = 4 * countNumbers(net);
  const apart = sum([...names].map(([parameter, known]) => 4 * size(parameter) * known.length));
  const together = sum(regions(net).map(([first]) => 4 * size(first)));
  let summary = `${plural(names.size, "parameter")}, ${plural(bytes / 4, "number")}, ${plural(bytes, "byte")}`;
  if (letters.size) {
    const saves = `which save${letters.size === 1 ? "s" : ""} ${plural(apart - together, "byte")}`;
    summary += `; ${plural(letters.size, "tie")}, ${saves}`;
  }
  const numeric = ["count", "bytes", "uses"].map((title) => [title, "numbers"]);
  const columns = [["name", "names"], ["shape"], ["dtype"], ...numeric, ["tie"]];
  return `${table(columns, lines)}\n${paragraph(summary)}`;
}

// ---- the figure

export function playground(data) {
  const background = Uint8Array.from(atob(data.background), (character) => character.charCodeAt(0));
  const controls = Object.fromEntries(data.rows.flat().map((control) => [control.name, control]));
  const chosen = Object.fromEntries(Object.values(controls).map(({ name, value }) => [name, value]));
  const state = { net: null, done: "", failed: "", changed: [] };

  const place = (name) => state.net.places.find(({ path }) => shown(path) === chosen[name]).path;

  function showNet(done, changed = []) {
    Object.assign(state, { done, changed, failed: "" });
  }

  // The rows and columns that the chosen weight has.
  function limitEntry() {
    const { shape } = moduleAt(state.net, place("place")).weight;
    const limits = ["row", "column"].map((name, i) => {
      chosen[name] = Math.min(chosen[name], shape[i] - 1);
      return [name, { max: shape[i] - 1, value: chosen[name] }];
    });
    return Object.fromEntries(limits);
  }

  function rebuild() {
    state.net = built(data.nets[chosen.kind]);
    const options = state.net.places.map(({ path }) => shown(path));
    const alone = options.length === 1;
    Object.assign(chosen, { one: options[0], other: options.at(-1), place: options[0] });
    showNet(alone ? data.alone : data.start);
    return {
      way: { disabled: alone },
      one: { options, value: chosen.one, disabled: alone },
      other: { options, value: chosen.other, disabled: alone },
      tie: { disabled: alone },
      place: { options, value: chosen.place },
      ...limitEntry(),
    };
  }

  const ACTIONS = {
    kind: rebuild,
    again: rebuild,
    place: limitEntry,
    row: limitEntry,
    column: limitEntry,
    tie() {
      const [one, other] = [place("one"), place("other")];
      share(state.net, chosen.way, one, other);
      showNet(chosen.way === COPY
        ? `${other} now holds the values of ${one}, in memory of its own: no tie.`
        : `${other} now shares with ${one}: ${chosen.way}.`);
    },
    untie() {
      state.net = untied(state.net);
      showNet("Untied: every place has a copy of its own.");
    },
    write() {
      const changed = setEntry(state.net, place("place"), chosen.row, chosen.column, chosen.value);
      const seen = changed.map(([path, row, column]) => `${shown(path)} [${row}, ${column}]`).join(", ");
      const where = seen || "nowhere: it had that value already";
      showNet(`Written through ${chosen.place}; it shows up at ${where}.`, changed);
    },
  };

  for (const [name, change] of Object.entries(rebuild())) Object.assign(controls[name], change);

  return {
    name: "tie playground",
    note: "No Python runs here: this page keeps the net and computes its gradients itself, as torch does.",
    rows: data.rows,
    answer(name, value) {
      if (value !== undefined) chosen[name] = value;
      try {
        return ACTIONS[name]?.();
      } catch (problem) {
        if (!problem.message.startsWith("ValueError: ")) throw problem;
        state.failed = problem.message;
        return undefined;
      }
    },
    picture() {
      const { net, done, failed, changed } = state;
      const { style, weights, gradients } = data.layout;
      const panels = [
        ...weightPanels(net, changed).map((panel, i) => drawn(panel, weights[i], style)),
        ...gradientPanels(net).map((panel, i) => drawn(panel, gradients[i], style)),
      ];
      const parameters = [...namesByParameter(net).values()].map(([name]) => name);
      const names = everyName(net).map(([name]) => name);
      return {
        background,
        overlay: {
          boxes: [...panels.flatMap(({ boxes }) => boxes), ...panels.flatMap(({ outlines }) => outlines)],
          texts: panels.flatMap(({ texts }) => texts),
          lines: [],
          points: new Float32Array(0),
        },
        label: `tie playground: ${chosen.kind}; numbers: ${countNumbers(net)}, `
          + `in parameters(): ${parameters.length}, in state_dict(): ${names.length}`,
        caption: `${failed && `<b class="live-error">✗ ${escaped(failed)}</b><br>`}<b>${escaped(done)}</b>`,
        more: `<code>parameters()</code> has ${parameters.length}: ${parameters.join(", ")}<br>`
          + `<code>state_dict()</code> has ${names.length}: ${names.join(", ")}<br>${tiesTable(net)}${parameterTable(net)}`,
      };
    },
  };
}
