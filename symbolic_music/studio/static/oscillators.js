// Notes as sound by oscillators: there at once, and nothing is loaded.

// Of General MIDI's families of eight programs: wave, attack and release in seconds, and whether a note dies away.
const FAMILIES = [
  ["triangle", 0.004, 0.12, true], ["sine", 0.002, 0.2, true], ["square", 0.01, 0.05, false], ["triangle", 0.003, 0.08, true],
  ["triangle", 0.005, 0.05, true], ["sawtooth", 0.05, 0.12, false], ["sawtooth", 0.08, 0.2, false], ["square", 0.03, 0.06, false],
  ["square", 0.02, 0.05, false], ["sine", 0.03, 0.06, false], ["sawtooth", 0.01, 0.05, false], ["sine", 0.2, 0.4, false],
  ["sine", 0.1, 0.3, false], ["triangle", 0.003, 0.1, true], ["sine", 0.002, 0.1, true], ["square", 0.01, 0.1, true],
];

/** A voice for `Player`. */
export class Oscillators {
  /** Be ready for a song, heard at a node of the player's. */
  begin(song, out) { Object.assign(this, { out, context: out.context }); }

  silence() {}

  /** One note, between two times of the audio context. */
  sound({ track, note }, begin, end) {
    const loud = 0.22 * (note.velocity / 127) ** 1.5;
    if (track.isDrum) this.hit(note.pitch, begin, loud);
    else this.tone(FAMILIES[track.program >> 3], note.pitch, begin, end, loud);
  }

  tone([wave, attack, release, diesAway], pitch, at, until, loud) {
    const source = this.context.createOscillator();
    const gain = this.context.createGain();
    source.type = wave;
    source.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
    const stop = Math.max(until, at + attack);
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(wave === "sawtooth" || wave === "square" ? loud / 2 : loud, at + attack);
    if (diesAway) gain.gain.setTargetAtTime(loud / 5, at + attack, 0.5);
    gain.gain.setTargetAtTime(0, stop, release / 3);
    source.connect(gain).connect(this.out);
    source.start(at);
    source.stop(stop + release * 2);
  }

  hit(pitch, at, loud) {
    if (pitch < 37) {
      this.tone(["sine", 0.002, 0.1, true], 33, at, at + 0.08, loud * 3);
      return;
    }
    this.noise ??= this.makeNoise();
    const source = this.context.createBufferSource();
    const filter = this.context.createBiquadFilter();
    const gain = this.context.createGain();
    source.buffer = this.noise;
    filter.type = pitch >= 42 ? "highpass" : "bandpass";
    filter.frequency.value = pitch >= 42 ? 7000 : 1800;
    gain.gain.setValueAtTime(loud * 1.5, at);
    gain.gain.setTargetAtTime(0, at, pitch >= 42 ? 0.03 : 0.07);
    source.connect(filter).connect(gain).connect(this.out);
    source.start(at);
    source.stop(at + 0.4);
  }

  makeNoise() {
    const buffer = this.context.createBuffer(1, this.context.sampleRate / 2, this.context.sampleRate);
    const samples = buffer.getChannelData(0);
    for (let place = 0; place < samples.length; place++) samples[place] = Math.random() * 2 - 1;
    return buffer;
  }
}
