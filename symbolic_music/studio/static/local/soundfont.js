// Notes as sound by SpessaSynth with the soundfont beside this page.

import { unpacked } from "./files.js";

const WORKLET = "vendor/spessasynth_processor.min.js";
const DRUM_CHANNEL = 9;
const SHORTEST_SECONDS = 0.01;

/** A voice for `Player`: each track has a channel of its own. */
export class Soundfont {
  static async load(context, path) {
    const [{ WorkletSynthesizer }, bank] = await Promise.all([
      import("../vendor/spessasynth_lib.js"), unpacked(path), context.audioWorklet.addModule(WORKLET),
    ]);
    const synth = new WorkletSynthesizer(context);
    await synth.soundBankManager.addSoundBank(bank, "main");
    await synth.isReady;
    return new Soundfont(synth);
  }

  constructor(synth) { this.synth = synth; }

  /** Be ready for a song, heard at a node of the player's. */
  begin(song, out) {
    this.silence();
    this.out = out;
    this.synth.connect(out);
    let next = 0;
    this.channels = song.tracks.map((track) => {
      if (track.isDrum) return DRUM_CHANNEL;
      if (next === DRUM_CHANNEL) next++;
      while (this.synth.channelCount <= next) this.synth.addNewChannel();
      this.synth.programChange(next, track.program);
      return next++;
    });
  }

  /** One note, between two times of the audio context. */
  sound({ number, note }, begin, end) {
    const channel = this.channels[number];
    this.synth.noteOn(channel, note.pitch, note.velocity, { time: begin });
    this.synth.noteOff(channel, note.pitch, { time: Math.max(end, begin + SHORTEST_SECONDS) });
  }

  silence() {
    if (!this.out) return;
    this.synth.stopAll(true);
    this.synth.disconnect(this.out);
    this.out = null;
  }
}
