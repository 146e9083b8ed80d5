// Tokens of a model one after the other, each drawn from what the grammar leaves.

import { choose, exponentialNoise } from "./draw.js";
import { weigh } from "./grammar.js";

/** How to draw, by wishes, and by the model where they say nothing. */
export function drawing({ sampling }, wishes) {
  return { temperature: wishes.temperature ?? sampling.temperature, topP: wishes.top_p ?? sampling.top_p };
}

/**
 * Go on until the end of a piece, or as long as a sequence may be.
 * @param how step.json.
 * @param {{ids: number[], row: Row, stepper: Stepper, logits: Float32Array}} begun what was read, and the logits behind it;
 *   `ids` grow.
 * @param {{wishes: object, number: number, maxLength: number, signal: AbortSignal}} order `number` is the piece's.
 * @param {(token: number) => Promise | null} onToken told each token but the last; what it returns is waited for.
 */
export async function write(how, { ids, row, stepper, logits }, { wishes, number, maxLength, signal }, onToken) {
  const [settings, noise] = [drawing(how, wishes), exponentialNoise(wishes.seed ?? 0, number)];
  let scored = logits;
  while (ids.length < maxLength) {
    signal?.throwIfAborted();
    const open = weigh(row.grammar, row.options(), scored);
    const token = choose(open.ids, open.scores, noise, settings);
    ids.push(token);
    if (token === how.eos_token_id) break;
    row.advance(token);
    await onToken(token);
    scored = await stepper.read([token]);
  }
  return ids;
}

/** Lets the page draw, and hear a click. */
export function breathe() { return new Promise((resolve) => { setTimeout(resolve); }); }
