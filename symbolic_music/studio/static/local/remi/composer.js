// A model that writes REMI: pieces from nothing, and on from where a piece stops.

import { barStarts, fromBase64, readMidi, toBase64, writeMidi } from "../../midi.js";
import { unpacked } from "../files.js";
import { Row, TokenGrammar } from "../grammar.js";
import { Stepper } from "../step.js";
import { readTables } from "../tables.js";
import { breathe, write } from "../write.js";
import { finished, songOf } from "./decode.js";
import { merged, mergesOf, openingOf } from "./encode.js";

export class Composer {
  /** The model in a folder, whose step.json says how it is stepped. */
  static async load(ort, name, folder, how) {
    const tables = readTables(await unpacked(`${folder}/${how.files.grammar}`));
    const graph = new Uint8Array(await unpacked(`${folder}/${how.files.graph}`));
    return new Composer(ort, await ort.InferenceSession.create(graph), how, tables, name, folder);
  }

  constructor(ort, session, how, tables, name, folder = "") {
    Object.assign(this, { ort, session, how, name, folder });
    this.grammar = new TokenGrammar(tables, how.grammar);
    this.counts = tables.event_counts.data;
    this.events = tables.token_events.data;
    this.firsts = Int32Array.from(this.counts);
    for (let token = 0, sum = 0; token < this.counts.length; token++) {
      this.firsts[token] = sum;
      sum += this.counts[token];
    }
  }

  /** Pieces, one after the other; as `LocalModels.ask`. */
  async pieces(action, wishes, given, onEvent, signal) {
    const pieces = [];
    for (let number = 0; number < (wishes.num_samples ?? 1); number++) {
      const prompt = action === "continue" ? await this.opening(given, wishes.prompt_bars) : [this.how.bos_token_id];
      const tell = (data) => onEvent("bars", { piece: number, ...data });
      pieces.push({ piece: number, ...(await this.write(prompt, wishes, number, tell, signal)) });
    }
    const short = pieces.filter((piece) => piece.num_bars < wishes.num_bars).length;
    onEvent("end", short ? { notice: noticeOf(short, pieces.length, wishes.num_bars) } : {});
    return pieces;
  }

  /** Names of the events that ids stand for. */
  names(ids) {
    return ids.flatMap((token) => {
      const first = this.firsts[token];
      return [...this.events.subarray(first, first + this.counts[token])].map((event) => this.how.events[event]);
    });
  }

  /** Ids of a piece's first bars, or of all, up to where the model goes on. */
  async opening(given, numBars = null) {
    if (given.ids?.model === this.name && numBars === null) return this.openingOfIds(given.ids.ids);
    if ((this.how.codec.edition ?? 1) !== 1) throw new Error(`In this page ${this.name} goes on with its own pieces only.`);
    const song = readMidi(fromBase64(given.midi));
    const bars = Math.min(numBars ?? Infinity, barStarts(song).length - 1);
    if (!this.merges) this.merges = mergesOf(JSON.parse(new TextDecoder().decode(await unpacked(`${this.folder}/${this.how.files.tokenizer}`))));
    return this.encode(openingOf(song, this.how.codec, bars));
  }

  /** Ids of events, with the one that begins a piece. */
  encode(events) {
    return [this.how.bos_token_id, ...merged(events.map((name) => this.single(name)), this.merges)];
  }

  openingOfIds(written) {
    const ids = written.filter((token) => token !== this.how.eos_token_id);
    const meter = this.names(ids).findLast((event) => event.startsWith("TimeSig_"));
    return [...ids, this.single("Bar_None"), this.single(meter)];
  }

  /** The id of one event. */
  single(name) {
    if (!this.singles) {
      this.singles = new Map();
      this.counts.forEach((count, token) => {
        if (count === 1) this.singles.set(this.how.events[this.events[this.firsts[token]]], token);
      });
    }
    return this.singles.get(name);
  }

  /** One piece. */
  async write(prompt, wishes, number, tell, signal) {
    const { how, grammar } = this;
    const maxLength = wishes.max_length ?? how.max_length;
    const row = new Row(grammar, maxLength, wishes.num_bars ?? null);
    for (const token of prompt) row.advance(token);
    if (row.numBars !== null && row.bars > row.numBars) throw new Error(`Ask for more than ${row.bars - 1} bars.`);
    if (prompt.length + grammar.toEnd(row.rows) > maxLength) throw new Error("The piece is too long for this model: keep fewer bars of it.");
    const [stepper, ids] = [new Stepper(this.ort, this.session, how), [...prompt]];
    const begun = { ids, row, stepper, logits: await stepper.read(ids) };
    await write(how, begun, { wishes, number, maxLength, signal }, (token) => (grammar.bars_per_token[token] ? this.tellBars(ids, tell) : null));
    return { ...this.piece(ids, true), ids: { model: this.name, ids } };
  }

  async tellBars(ids, tell) {
    const found = this.piece(ids, false);
    if (found.num_notes) tell(found);
    await breathe();
  }

  piece(ids, isWhole) {
    const [events, bars] = finished(this.names(ids), isWhole);
    const song = songOf(events, this.how.codec);
    const notes = song.tracks.reduce((sum, track) => sum + track.notes.length, 0);
    return { num_bars: bars, num_notes: notes, midi: notes ? toBase64(writeMidi(song)) : "" };
  }
}

/** The same words as the package's generation/compose.py has. */
function noticeOf(short, count, bars) {
  return `${short} of ${count} pieces ended before bar ${bars} for want of room: ask for fewer bars or instruments`;
}
