// Models that run in this page: what `symbolic-music studio --static` wrote beside it.

import { barStarts, fromBase64, readMidi, toBase64, writeMidi } from "../midi.js";
import { choose, exponentialNoise } from "./draw.js";
import { merged, mergesOf, openingOf } from "./encode.js";
import { Row, TokenGrammar, weigh } from "./grammar.js";
import { fetched, unpacked } from "./files.js";
import { finished, songOf } from "./remi.js";
import { Soundfont } from "./soundfont.js";
import { Stepper } from "./step.js";
import { readTables } from "./tables.js";

const RUNTIME = "../vendor/ort.wasm.min.mjs";
const RUNTIME_BINARY = "vendor/ort-wasm-simd-threaded.wasm.gz";

export class LocalModels {
  /** The models beside this page. */
  static async find(tell) {
    const { models, soundfont } = await (await fetched("models.json")).json();
    return new LocalModels(models, tell, soundfont);
  }

  constructor(models, tell, soundfont = null) {
    Object.assign(this, { models, tell, soundfont, canConvert: false, loaded: new Map() });
  }

  get hasSoundfont() { return Boolean(this.soundfont); }

  /** What plays notes with the soundfont, in an audio context. */
  async voice(context) {
    if (!this.loadedVoice) {
      this.tell("Loading the soundfont …");
      this.loadedVoice = await Soundfont.load(context, this.soundfont);
      this.tell("");
    }
    return this.loadedVoice;
  }

  /** As `ServerModels.ask`. */
  async ask(action, wishes, given, onEvent, signal) {
    const model = await this.load(wishes.model);
    const pieces = [];
    for (let number = 0; number < (wishes.num_samples ?? 1); number++) {
      const prompt = action === "continue" ? await model.opening(given, wishes.prompt_bars) : [model.how.bos_token_id];
      const tell = (data) => onEvent("bars", { piece: number, ...data });
      pieces.push({ piece: number, ...(await model.write(prompt, wishes, number, tell, signal)) });
    }
    return pieces;
  }

  async load(name) {
    if (!this.loaded.has(name)) {
      this.tell(`Loading ${name} …`);
      const ort = await import(RUNTIME);
      ort.env.wasm.numThreads = 1; // more need headers that a plain server of files doesn't send
      ort.env.wasm.wasmPaths = new URL("../vendor/", import.meta.url).href;
      ort.env.wasm.wasmBinary = await unpacked(RUNTIME_BINARY);
      this.loaded.set(name, await LocalModel.load(ort, name));
    }
    return this.loaded.get(name);
  }
}

export class LocalModel {
  static async load(ort, name) {
    const folder = `models/${encodeURIComponent(name)}`;
    const how = await (await fetched(`${folder}/step.json`)).json();
    const tables = readTables(await unpacked(`${folder}/${how.files.grammar}`));
    const graph = new Uint8Array(await (await fetched(`${folder}/${how.files.graph}`)).arrayBuffer());
    return new LocalModel(ort, await ort.InferenceSession.create(graph), how, tables, name);
  }

  constructor(ort, session, how, tables, name) {
    Object.assign(this, { ort, session, how, name, folder: `models/${encodeURIComponent(name)}` });
    this.grammar = new TokenGrammar(tables, how.grammar);
    this.counts = tables.event_counts.data;
    this.events = tables.token_events.data;
    this.firsts = Int32Array.from(this.counts);
    for (let token = 0, sum = 0; token < this.counts.length; token++) {
      this.firsts[token] = sum;
      sum += this.counts[token];
    }
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
    const settings = { temperature: wishes.temperature ?? how.sampling.temperature, topP: wishes.top_p ?? how.sampling.top_p };
    const maxLength = wishes.max_length ?? how.max_length;
    const row = new Row(grammar, maxLength, wishes.num_bars ?? null);
    for (const token of prompt) row.advance(token);
    if (row.numBars !== null && row.bars > row.numBars) throw new Error(`Ask for more than ${row.bars - 1} bars.`);
    if (prompt.length + grammar.toEnd(row.rows) > maxLength) throw new Error("The piece is too long for this model: keep fewer bars of it.");
    const noise = exponentialNoise(wishes.seed ?? 0, number);
    const stepper = new Stepper(this.ort, this.session, how);
    const ids = [...prompt];
    let logits = await stepper.read(ids);
    while (ids.length < maxLength) {
      signal?.throwIfAborted();
      const { ids: open, scores } = weigh(grammar, row.options(), logits);
      const token = choose(open, scores, noise, settings);
      ids.push(token);
      if (token === how.eos_token_id) break;
      row.advance(token);
      if (grammar.bars_per_token[token]) await this.tellBars(ids, tell);
      logits = await stepper.read([token]);
    }
    return { ...this.piece(ids, true), ids: { model: this.name, ids } };
  }

  async tellBars(ids, tell) {
    const found = this.piece(ids, false);
    if (found.num_notes) tell(found);
    await new Promise((resolve) => { setTimeout(resolve); }); // lets the page draw
  }

  piece(ids, isWhole) {
    const [events, bars] = finished(this.names(ids), isWhole);
    const song = songOf(events, this.how.codec);
    const notes = song.tracks.reduce((sum, track) => sum + track.notes.length, 0);
    return { num_bars: bars, num_notes: notes, midi: notes ? toBase64(writeMidi(song)) : "" };
  }
}
