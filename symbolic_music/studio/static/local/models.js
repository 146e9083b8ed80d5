// Models that run in this page: what `symbolic-music studio --static` wrote beside it.

import { fetched, unpacked } from "./files.js";
import { Filler } from "./infill/filler.js";
import { Composer } from "./remi/composer.js";
import { Soundfont } from "./soundfont.js";

const RUNTIME = "../vendor/ort.wasm.min.mjs";
const RUNTIME_BINARY = "vendor/ort-wasm-simd-threaded.wasm.gz";
const KINDS = { remi: Composer, track_text: Filler };

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
    return model.pieces(action, wishes, given, onEvent, signal);
  }

  async load(name) {
    if (!this.loaded.has(name)) {
      this.tell(`Loading ${name} …`);
      const folder = `models/${encodeURIComponent(name)}`;
      const how = await (await fetched(`${folder}/step.json`)).json();
      this.loaded.set(name, await KINDS[how.codec.codec_type].load(await this.runtime(), name, folder, how));
    }
    return this.loaded.get(name);
  }

  async runtime() {
    if (!this.ort) {
      const ort = await import(RUNTIME);
      ort.env.wasm.numThreads = 1; // more need headers that a plain server of files doesn't send
      ort.env.wasm.wasmPaths = new URL("../vendor/", import.meta.url).href;
      ort.env.wasm.wasmBinary = await unpacked(RUNTIME_BINARY);
      this.ort = ort;
    }
    return this.ort;
  }
}
