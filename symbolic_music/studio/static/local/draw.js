// One of several tokens, by temperature, top-p and exponential noise: the package's generation/engine/draw.py.

const TINY = 1.1754944e-38;

/**
 * @param {number[]} ids that may follow.
 * @param {number[]} scores of them.
 * @param {(token: number) => number} noise exponentially distributed with mean 1, for a token.
 * @param {{temperature: number, topP: number}} settings a temperature of 0 takes the likeliest.
 */
export function choose(ids, scores, noise, { temperature, topP }) {
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  if (temperature === 0) return ids[scores.indexOf(most)];
  const weights = scores.map((score) => Math.exp((score - most) / temperature));
  const kept = topP < 1 ? nucleus(weights, topP) : weights.map((_, place) => place);
  let best = kept[0];
  let highest = -1;
  for (const place of kept) {
    const ratio = weights[place] / Math.max(noise(ids[place]), TINY);
    if (ratio > highest) [highest, best] = [ratio, place];
  }
  return ids[best];
}

/** Places of the smallest set with this share of the sum (Holtzman et al. 2020); the greatest stays. */
function nucleus(weights, topP) {
  const most = (1 - topP) * weights.reduce((a, b) => a + b, 0);
  const order = weights.map((_, place) => place).sort((a, b) => weights[a] - weights[b]);
  let sum = 0;
  const kept = order.filter((place) => (sum += weights[place]) > most);
  return kept.length ? kept : [order.at(-1)];
}

/** Exponential noise of a seed and a piece's number: splitmix32, whose stream is this page's own. */
export function exponentialNoise(seed, number) {
  let state = (seed ^ Math.imul(number + 1, 0x9e3779b9)) >>> 0;
  const next = () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state ^ (state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  };
  return () => -Math.log((next() + 0.5) / 2 ** 32);
}
