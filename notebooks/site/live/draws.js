// Random numbers as torch draws them on the CPU in float64, and the schemes of d2lparams/chapter/deep_net.py made of them.
//
// Long work waits now and then for `pause()`, so that a page can answer its reader meanwhile.

export class Generator {
  constructor(seed) {
    this.words = new Uint32Array(624); // the state of a Mersenne twister, MT19937
    this.words[0] = seed;
    for (let i = 1; i < 624; i++) {
      const before = this.words[i - 1];
      this.words[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
    }
    this.next = 624;
  }

  random() {
    if (this.next === 624) this.twist();
    let y = this.words[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  twist() {
    const { words } = this;
    for (let i = 0; i < 624; i++) {
      const y = (words[i] & 0x80000000) | (words[(i + 1) % 624] & 0x7fffffff);
      words[i] = words[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }

  uniform() { // on [0, 1), of 53 bits
    const high = this.random() & 0x1fffff;
    return (high * 2 ** 32 + this.random()) * 2 ** -53;
  }

  normal(count, std = 1) { // by Box and Muller: in each block of 16, number i and number i + 8 are a pair
    const drawn = new Float64Array(count).map(() => this.uniform());
    for (let block = 0; block < count; block += 16) {
      for (let i = block; i < block + 8; i++) {
        const radius = Math.sqrt(-2 * Math.log(1 - drawn[i]));
        const angle = 2 * Math.PI * drawn[i + 8];
        drawn[i] = radius * Math.cos(angle) * std;
        drawn[i + 8] = radius * Math.sin(angle) * std;
      }
    }
    return drawn;
  }
}

const uniformWithin = (bound) => (generator, count) =>
  new Float64Array(count).map(() => generator.uniform() * 2 * bound - bound);

function halfZero(generator, count) {
  return new Float64Array(count).map(() => {
    const u = generator.uniform() * 2 - 1;
    return Math.abs(u) < 0.5 ? 0 : Math.sign(u) * (5 + (2 * Math.abs(u) - 1) * 5);
  });
}

// Q of the QR factorization by Householder's reflections, with a positive diagonal of R. `columns` are orthonormal
// columns after it; it pauses on the way.
async function orthonormalize(columns, pause) {
  const reflections = [];
  const signs = [];
  const reflect = (v, column, from) => {
    let dot = 0;
    for (let i = from; i < v.length; i++) dot += v[i] * column[i];
    dot *= 2;
    for (let i = from; i < v.length; i++) column[i] -= dot * v[i];
  };
  for (const [j, column] of columns.entries()) {
    let square = 0;
    for (let i = j; i < column.length; i++) square += column[i] ** 2;
    const r = column[j] > 0 ? -Math.sqrt(square) : Math.sqrt(square);
    const v = column.slice();
    v[j] -= r;
    let length = 0;
    for (let i = j; i < v.length; i++) length += v[i] ** 2;
    length = Math.sqrt(length);
    for (let i = j; i < v.length; i++) v[i] /= length;
    reflections.push(v);
    signs.push(Math.sign(r));
    for (let k = j + 1; k < columns.length; k++) reflect(v, columns[k], j);
    await pause();
  }
  for (let k = columns.length - 1; k >= 0; k--) {
    columns[k].fill(0);
    columns[k][k] = signs[k];
    for (let j = k; j >= 0; j--) reflect(reflections[j], columns[k], j);
    await pause();
  }
}

async function orthogonal(generator, rows, columns, pause) {
  const drawn = generator.normal(rows * columns);
  const turned = rows < columns;
  const [count, length] = turned ? [rows, columns] : [columns, rows];
  const place = (k, i) => (turned ? k * columns + i : i * columns + k);
  const vectors = Array.from({ length: count }, (_, k) => Float64Array.from({ length }, (_, i) => drawn[place(k, i)]));
  await orthonormalize(vectors, pause);
  for (const [k, vector] of vectors.entries()) vector.forEach((x, i) => { drawn[place(k, i)] = x; });
  return drawn;
}

const SCHEMES = { // (generator, rows, columns, pause) -> rows * columns numbers
  default: (generator, rows, columns) => uniformWithin(1 / Math.sqrt(columns))(generator, rows * columns),
  He: (generator, rows, columns) => generator.normal(rows * columns, Math.sqrt(2 / columns)),
  Xavier: (generator, rows, columns) => uniformWithin(Math.sqrt(6 / (rows + columns)))(generator, rows * columns),
  orthogonal,
  "normal(0.01)": (generator, rows, columns) => generator.normal(rows * columns, 0.01),
  "half-zero, ±(5, 10)": (generator, rows, columns) => halfZero(generator, rows * columns),
  zeros: (generator, rows, columns) => new Float64Array(rows * columns),
};

const drawn = new Map(); // by scheme, shape and seed; the oldest go first

// A weight of a layer, rounded to float32.
export async function draw(scheme, rows, columns, seed, pause) {
  const key = [scheme, rows, columns, seed].join();
  const weight = drawn.get(key) ?? new Float32Array(await SCHEMES[scheme](new Generator(seed), rows, columns, pause));
  drawn.delete(key);
  drawn.set(key, weight);
  if (drawn.size > 64) drawn.delete(drawn.keys().next().value);
  return weight;
}
