// The tie playground on a page without Python: what it draws and says of the nets in small_nets.js, as the notebook does.
// `playground.py` gives the nets to start with and where everything is drawn.

const {
  built, COPY, elementwise, everyName, grouped, matrix, moduleAt, named, namesByParameter, regions, setEntry,
  share, shown, tuple, untied, usesOf,
} = window.d2lparams.small_nets;

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
  const uses = grouped(usesOf(net), ([, weight]) => weight);
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
