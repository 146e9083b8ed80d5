// What may follow in one sequence, and how likely each of it is: a token grammar stepped by its tables.
// The same as the package's generation/engine/rows.py, which says why; tests hold the two against each other.

const FORBIDDEN = -1;

/** Tables of a grammar over ids: V ids, K kinds of ids, A automata, S states of all of them. */
export class TokenGrammar {
  /**
   * @param tables of `readTables`.
   * @param {{closing_room: number, longest_way: number}} numbers that step.json gives.
   */
  constructor(tables, numbers) {
    for (const [name, table] of Object.entries(tables)) this[name] = table.data;
    this.numKinds = tables.next_state.shape[1];
    this.closingRoom = numbers.closing_room;
    this.longestWay = numbers.longest_way;
    this.vocabSize = this.kinds.length;
    this.mostBars = this.bars_per_token.reduce((most, bars) => Math.max(most, bars), 0);
  }

  following(row, token) { return this.next_state[row * this.numKinds + this.kinds[token]]; }

  /** Rows behind a token, or null where one of them forbids it. */
  advance(rows, token) {
    const after = rows.map((row) => this.following(row, token));
    return after.includes(FORBIDDEN) ? null : after;
  }

  allows(rows, token) {
    for (const row of rows) if (this.following(row, token) === FORBIDDEN) return false;
    return true;
  }

  toEnd(rows) { return rows.reduce((sum, row) => sum + this.tokens_to_end[row], 0); }

  /** The same behind a token that is allowed. */
  toEndAfter(rows, token) { return rows.reduce((sum, row) => sum + this.tokens_to_end[this.following(row, token)], 0); }
}

/** One sequence under a grammar, with limits. */
export class Row {
  /**
   * @param {TokenGrammar} grammar
   * @param {number | null} maxLength longest sequence in tokens.
   * @param {number | null} numBars of the piece.
   */
  constructor(grammar, maxLength = null, numBars = null) {
    Object.assign(this, { grammar, maxLength, numBars, length: 0, bars: 0 });
    this.rows = [...grammar.initial_state];
  }

  advance(token) {
    const after = this.grammar.advance(this.rows, token);
    if (after === null) throw new Error(`token ${token} may not stand at place ${this.length}`);
    this.rows = after;
    this.length++;
    this.bars += this.grammar.bars_per_token[token];
  }

  /** What may follow, whatever the model says: ids, which of them are open, and which begin a bar too many. */
  options() {
    const { grammar, rows } = this;
    let remaining = this.maxLength === null ? null : this.maxLength - this.length;
    if (remaining !== null && remaining > grammar.longestWay) remaining = null;
    const missing = this.numBars === null ? null : Math.min(this.numBars - this.bars, grammar.mostBars);
    const behind = rows.slice(1).reduce((sum, row) => sum + grammar.tokens_to_end[row], 0);
    const closing = remaining !== null && remaining <= grammar.closingRoom + behind;
    const now = Math.max(grammar.toEnd(rows), 1);
    const found = { ids: [], open: [], crossing: [], stops: [] };
    for (let token = 0; token < grammar.vocabSize; token++) {
      if (!grammar.allows(rows, token)) continue;
      let isOpen = true;
      if (missing !== null) {
        if (grammar.bars_per_token[token] > missing) isOpen = false;
        if (missing > 0 && !closing && grammar.ends_piece[token]) isOpen = false;
      }
      if (remaining !== null) {
        const after = grammar.toEndAfter(rows, token);
        if (after >= remaining || (closing && after >= now)) isOpen = false;
      }
      found.ids.push(token);
      found.open.push(isOpen);
    }
    if (missing === 0) this.findCrossing(found);
    return found;
  }

  findCrossing(found) {
    const { grammar, rows } = this;
    const places = new Map(found.ids.map((token, place) => [token, place]));
    found.ids.forEach((token, place) => {
      const stop = grammar.before_bar[token];
      if (grammar.bars_per_token[token] > 0 && grammar.allows(rows, stop)) {
        found.crossing.push(place);
        found.stops.push(places.get(stop));
      }
    });
  }
}

/**
 * What may follow, with scores to which a constant may be added.
 * @param options of a row.
 * @param {Float32Array} logits of the model.
 * @returns {{ids: number[], scores: number[]}}
 */
export function weigh(grammar, options, logits) {
  const { ids, open } = options;
  let scores = ids.map((token) => logits[token]);
  let total = null;
  if (options.crossing.length) {
    scores = stopAtBarLine(options, scores);
    total = 0;
  }
  const isChord = ids.map((token) => grammar.adds_pitch[token] > 0);
  if (isChord.some((chord, place) => chord && open[place])) {
    total ??= logSum([...logits]);
    scores = keepChords(scores, isChord, open, total);
  }
  const kept = ids.map((_, place) => place).filter((place) => open[place]);
  if (!kept.length) throw new Error("what is asked for forbids all that the grammar allows");
  return { ids: kept.map((place) => ids[place]), scores: kept.map((place) => scores[place]) };
}

/** In the last bar, give the probability of beginning another to ending here; logarithms. */
function stopAtBarLine({ crossing, stops }, scores) {
  const most = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - most));
  const sum = weights.reduce((a, b) => a + b, 0);
  const shares = weights.map((weight) => weight / sum);
  const moved = crossing.map((place) => shares[place]);
  for (const place of crossing) shares[place] = 0;
  stops.forEach((place, number) => { shares[place] += moved[number]; });
  return shares.map(Math.log);
}

/** Pitches that are added to a note stay as likely as the model said; what else may follow shares the rest. */
function keepChords(scores, isChord, open, total) {
  const others = scores.filter((_, place) => !isChord[place] && open[place]);
  if (!others.length) return scores;
  const inside = scores.filter((_, place) => isChord[place] && open[place]);
  const chords = inside.length ? Math.exp(logSum(inside) - total) : 0;
  const shift = Math.log1p(-Math.min(chords, 1 - 1e-6)) - (logSum(others) - total);
  return scores.map((score, place) => (isChord[place] ? score : score + shift));
}

function logSum(scores) {
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  if (!Number.isFinite(most)) return -Infinity;
  return most + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - most), 0));
}
