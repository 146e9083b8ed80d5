// Notes as sound, made by oscillators: there at once, and nothing is loaded. The server's MP3s have the soundfont.

import { clock } from "./midi.js";

const AHEAD_SECONDS = 0.4;
const BEAT_MILLISECONDS = 60;
const MUTE_SECONDS = 0.01; // a gain that jumps clicks

// Of General MIDI's families of eight programs: wave, attack and release in seconds, and whether a note dies away.
const FAMILIES = [
  ["triangle", 0.004, 0.12, true], ["sine", 0.002, 0.2, true], ["square", 0.01, 0.05, false], ["triangle", 0.003, 0.08, true],
  ["triangle", 0.005, 0.05, true], ["sawtooth", 0.05, 0.12, false], ["sawtooth", 0.08, 0.2, false], ["square", 0.03, 0.06, false],
  ["square", 0.02, 0.05, false], ["sine", 0.03, 0.06, false], ["sawtooth", 0.01, 0.05, false], ["sine", 0.2, 0.4, false],
  ["sine", 0.1, 0.3, false], ["triangle", 0.003, 0.1, true], ["sine", 0.002, 0.1, true], ["square", 0.01, 0.1, true],
];

export class Player {
  constructor() {
    this.context = null;
    this.gains = [];
    this.onEnd = () => {};
  }

  get isPlaying() { return Boolean(this.timer); }

  /** Seconds since the beginning of what plays. */
  get seconds() { return this.isPlaying ? this.context.currentTime - this.started : 0; }

  /** The loudest sample of what sounds now, from 0 to 1. */
  level() {
    if (!this.isPlaying) return 0;
    const samples = new Float32Array(this.meter.fftSize);
    this.meter.getFloatTimeDomainData(samples);
    return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  }

  /**
   * Play a song.
   * @param song as `readMidi` gives it.
   * @param {(track: number) => boolean} isHeard asked when a note begins.
   * @param {number} fromTick where to begin.
   */
  async play(song, isHeard = () => true, fromTick = 0) {
    await this.open();
    const seconds = clock(song);
    const offset = seconds(fromTick);
    this.started = this.context.currentTime + 0.05 - offset;
    this.notes = song.tracks
      .flatMap((track, number) => track.notes.map((note) => ({
        track, number, note, begin: seconds(note.time), end: seconds(note.time + note.duration),
      })))
      .filter((entry) => entry.begin >= offset)
      .sort((a, b) => a.begin - b.begin);
    this.last = seconds(song.end);
    this.next = 0;
    this.isHeard = isHeard;
    this.timer = setInterval(() => this.schedule(), BEAT_MILLISECONDS);
    this.schedule();
  }

  /**
   * Play sound files together, such as one for each track.
   * @param {Uint8Array[]} files MP3 or WAV.
   * @param {(number: number) => boolean} isHeard asked now, and again at each `hearAgain`.
   */
  async playFiles(files, isHeard = () => true) {
    await this.open();
    const { out } = this;
    // Decoding takes the bytes away, so that it gets a copy.
    const buffers = await Promise.all(files.map((bytes) => this.context.decodeAudioData(bytes.slice().buffer)));
    if (this.out !== out) return; // it was stopped meanwhile
    this.isHeard = isHeard;
    this.started = this.context.currentTime + 0.05;
    this.gains = buffers.map((buffer, number) => {
      const source = this.context.createBufferSource();
      const gain = this.context.createGain();
      source.buffer = buffer;
      gain.gain.value = isHeard(number) ? 1 : 0;
      source.connect(gain).connect(out);
      source.start(this.started);
      return gain;
    });
    Object.assign(this, { notes: [], next: 0, last: Math.max(...buffers.map((buffer) => buffer.duration)) });
    this.timer = setInterval(() => this.schedule(), BEAT_MILLISECONDS);
  }

  /** Ask again which files are heard; notes are asked for one by one as they begin. */
  hearAgain() {
    for (const [number, { gain }] of this.gains.entries()) {
      gain.setTargetAtTime(this.isHeard(number) ? 1 : 0, this.context.currentTime, MUTE_SECONDS);
    }
  }

  async open() {
    this.stop();
    this.context ??= new AudioContext();
    await this.context.resume();
    this.meter = this.context.createAnalyser();
    this.out = this.context.createDynamicsCompressor();
    this.out.connect(this.meter).connect(this.context.destination);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.out?.disconnect();
    this.out = null;
    this.gains = [];
  }

  schedule() {
    const now = this.seconds;
    while (this.next < this.notes.length && this.notes[this.next].begin < now + AHEAD_SECONDS) {
      const entry = this.notes[this.next++];
      if (this.isHeard(entry.number)) this.sound(entry);
    }
    if (now > this.last + 0.5) {
      this.stop();
      this.onEnd();
    }
  }

  sound({ track, note, begin, end }) {
    const at = Math.max(this.started + begin, this.context.currentTime);
    const loud = 0.22 * (note.velocity / 127) ** 1.5;
    if (track.isDrum) this.hit(note.pitch, at, loud);
    else this.tone(FAMILIES[track.program >> 3], note.pitch, at, this.started + end, loud);
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
