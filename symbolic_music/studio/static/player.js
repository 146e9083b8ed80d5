// What is heard: a song, note by note through a voice, or sound files of its tracks.

import { clock } from "./midi.js";
import { Oscillators } from "./oscillators.js";

const AHEAD_SECONDS = 0.4;
const BEAT_MILLISECONDS = 60;
const MUTE_SECONDS = 0.01; // a gain that jumps clicks

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
   * @param voice what sounds the notes.
   */
  async play(song, isHeard = () => true, voice = new Oscillators()) {
    await this.open();
    this.voice = voice;
    voice.begin(song, this.out);
    const seconds = clock(song);
    this.started = this.context.currentTime + 0.05;
    this.notes = song.tracks
      .flatMap((track, number) => track.notes.map((note) => ({
        track, number, note, begin: seconds(note.time), end: seconds(note.time + note.duration),
      })))
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

  /** The audio context, running; only what somebody clicked may begin it. */
  async ready() {
    this.context ??= new AudioContext();
    await this.context.resume();
    return this.context;
  }

  async open() {
    this.stop();
    await this.ready();
    this.meter = this.context.createAnalyser();
    this.out = this.context.createDynamicsCompressor();
    this.out.connect(this.meter).connect(this.context.destination);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.voice?.silence();
    this.voice = null;
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

  sound(entry) {
    const begin = Math.max(this.started + entry.begin, this.context.currentTime);
    this.voice.sound(entry, begin, this.started + entry.end);
  }
}
