// The playground's nets on a page without Python: their places, the ways to share them, and the gradient of each use, as
// small_nets.py has them. `playground.py` gives the weights to start with and the batches.

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

export function built({ type, modules, X, Y }) {
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

export const moduleAt = (net, path) => net.places.find((place) => place.path === path).module;
export const named = (path, key) => (path ? `${path}.${key}` : key);
export const shown = (path) => path || "(the net)";

// [name, Parameter] under every name, as in named_parameters(remove_duplicate=False).
export function everyName(net) {
  return net.places.flatMap(({ path, module }) =>
    ["weight", "bias"].filter((key) => module[key]).map((key) => [named(path, key), module[key]]));
}

// What several items have in common: a Map from key to items.
export function grouped(items, key) {
  const groups = new Map();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

// A Map from Parameter to its names, in the net's order.
export function namesByParameter(net) {
  const names = grouped(everyName(net), ([, parameter]) => parameter);
  return new Map([...names].map(([parameter, entries]) => [parameter, entries.map(([name]) => name)]));
}

// Arrays of Parameters that read the same storage; most are alone.
export const regions = (net) => [...grouped(namesByParameter(net).keys(), (parameter) => parameter.storage).values()];

// ---- ways to share, and what cannot be done, in the words of small_nets.py

function refuse(message) {
  throw new Error(`ValueError: ${message}`);
}

const readsAlike = (a, b) => a.storage === b.storage && a.transposed === b.transposed;
const readsTransposed = (a, b) => a.storage === b.storage && a.transposed !== b.transposed;
export const tuple = (shape) => (shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`);

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

export const COPY = "equal values (load_state_dict)";
const WAYS = {
  "one Parameter (tie)": shareParameter,
  "one module, twice": shareModule,
  "one storage (.data = .data)": shareStorage,
  "a view of it (Parameter of .t())": shareTransposed,
  [COPY]: copyValues,
};

export function share(net, way, one, other) {
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
export function untied(net) {
  if (everyName(net).length === regions(net).length) {
    refuse("nothing to untie: no two places of this net share a Parameter, a buffer or memory");
  }
  const own = ({ kind, weight, bias }) => ({ kind, weight: weight.copy(), bias: bias?.copy() });
  return { ...net, places: net.places.map(({ path, module }) => ({ path, module: own(module) })) };
}

// Write one entry; return [path, row, column] of each that has another value now.
export function setEntry(net, path, row, column, value) {
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
export const elementwise = (A, B, f) => A.map((row, i) => row.map((x, j) => f(x, B[i][j])));

export function matrix(parameter) {
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

// [place, Parameter, rows of its gradient] of each use of a weight, in the order of the forward pass.
export const usesOf = (net) => USES[net.type](net);
