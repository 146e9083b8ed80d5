// Standard MIDI Files as notes to draw and play. What a file holds besides is kept in its bytes, which are never rewritten.

const DRUM_CHANNEL = 9;
const LONGEST_NAME = 60;

class Reader {
  constructor(bytes) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.place = 0;
    this.end = bytes.byteLength;
  }

  need(count) {
    if (this.place + count > this.end) throw new Error("not a MIDI file: it is cut short");
    this.place += count;
    return this.place - count;
  }

  byte() { return this.view.getUint8(this.need(1)); }
  word() { return this.view.getUint16(this.need(2)); }
  long() { return this.view.getUint32(this.need(4)); }
  text(count) {
    const begin = this.need(count);
    return new TextDecoder().decode(new Uint8Array(this.view.buffer, this.view.byteOffset + begin, count));
  }

  variable() {
    let value = 0;
    for (let count = 0; count < 4; count++) {
      const byte = this.byte();
      value = value * 128 + (byte & 0x7f);
      if (byte < 0x80) return value;
    }
    throw new Error("not a MIDI file: a number is too long");
  }
}

/**
 * Read a file.
 * @param {Uint8Array} bytes
 * @returns {{ticksPerQuarter: number, tempos: {time, microseconds}[], meters: {time, beats, unit}[],
 *   tracks: {name: string, program: number, isDrum: boolean, notes: {time, duration, pitch, velocity}[]}[], end: number}}
 *   Times in ticks. Tracks are those with notes, in the file's order.
 */
export function readMidi(bytes) {
  const reader = new Reader(bytes);
  if (reader.text(4) !== "MThd") throw new Error("not a MIDI file");
  const headerLength = reader.long();
  const headerEnd = reader.place + headerLength;
  reader.word();
  const numTracks = reader.word();
  const division = reader.word();
  if (division === 0 || division & 0x8000) throw new Error("a MIDI file without ticks per quarter note");
  reader.place = headerEnd;
  const song = { ticksPerQuarter: division, tempos: [], meters: [], tracks: [], end: 0 };
  for (let number = 0; number < numTracks && reader.place < reader.end; number++) {
    const kind = reader.text(4);
    const length = reader.long();
    reader.need(length);
    reader.place -= length;
    if (kind === "MTrk") readTrack(reader, reader.place + length, song);
    else reader.place += length;
  }
  if (!song.tracks.length) throw new Error("a MIDI file without notes");
  song.tempos.sort((a, b) => a.time - b.time);
  song.meters.sort((a, b) => a.time - b.time);
  song.end = Math.max(...song.tracks.flatMap((track) => track.notes.map((note) => note.time + note.duration)));
  return song;
}

function readTrack(reader, end, song) {
  const parts = new Map();
  const sounding = new Map();
  const programs = new Array(16).fill(0);
  let [time, status, name] = [0, 0, ""];
  while (reader.place < end) {
    time += reader.variable();
    let first = reader.byte();
    if (first >= 0x80) {
      status = first;
      first = null;
    }
    if (status === 0xff) {
      const type = first === null ? reader.byte() : first;
      const length = reader.variable();
      if (type === 0x51 && length === 3) {
        song.tempos.push({ time, microseconds: reader.byte() * 65536 + reader.byte() * 256 + reader.byte() });
      } else if (type === 0x58 && length >= 2) {
        song.meters.push({ time, beats: Math.max(reader.byte(), 1), unit: 2 ** Math.min(reader.byte(), 6) });
        reader.need(length - 2);
      } else if (type === 0x03) {
        name = reader.text(length).slice(0, LONGEST_NAME);
      } else {
        reader.need(length);
      }
      continue;
    }
    if (status === 0xf0 || status === 0xf7) {
      reader.need(reader.variable());
      continue;
    }
    if (status < 0x80) throw new Error("not a MIDI file: data without a status");
    const kind = status >> 4;
    const channel = status & 15;
    const one = first === null ? reader.byte() : first;
    if (kind === 0xc) programs[channel] = one;
    if (kind === 0xc || kind === 0xd) continue;
    const two = reader.byte();
    if (kind !== 0x8 && kind !== 0x9) continue;
    const key = channel * 128 + one;
    if (kind === 0x9 && two > 0) {
      const note = { time, duration: 0, pitch: one, velocity: two };
      const part = `${channel === DRUM_CHANNEL ? "drums" : programs[channel]}`;
      if (!parts.has(part)) parts.set(part, { name: "", program: programs[channel], isDrum: channel === DRUM_CHANNEL, notes: [] });
      parts.get(part).notes.push(note);
      if (!sounding.has(key)) sounding.set(key, []);
      sounding.get(key).push(note);
    } else {
      const note = sounding.get(key)?.shift();
      if (note) note.duration = Math.max(time - note.time, 1);
    }
  }
  for (const notes of sounding.values()) for (const note of notes) note.duration = Math.max(time - note.time, 1);
  for (const part of parts.values()) song.tracks.push({ ...part, name });
}

/** Where bars begin, in ticks, up to the one behind the last note. */
export function barStarts(song) {
  const starts = [0];
  const meters = song.meters.length && song.meters[0].time === 0 ? song.meters : [{ time: 0, beats: 4, unit: 4 }, ...song.meters];
  let place = 0;
  while (starts.at(-1) < song.end && starts.length < 20000) {
    const now = starts.at(-1);
    while (place + 1 < meters.length && meters[place + 1].time <= now) place++;
    const length = Math.max(Math.round((song.ticksPerQuarter * 4 * meters[place].beats) / meters[place].unit), 1);
    const change = meters[place + 1]?.time ?? Infinity;
    starts.push(Math.min(now + length, Math.max(change, now + 1)));
  }
  return starts;
}

/** A function from ticks to seconds. */
export function clock(song) {
  const points = [{ time: 0, seconds: 0, rate: 500000 / 1e6 / song.ticksPerQuarter }];
  for (const tempo of song.tempos) {
    const last = points.at(-1);
    const point = {
      time: tempo.time,
      seconds: last.seconds + (tempo.time - last.time) * last.rate,
      rate: tempo.microseconds / 1e6 / song.ticksPerQuarter,
    };
    if (tempo.time === last.time) points[points.length - 1] = point;
    else points.push(point);
  }
  return (tick) => {
    let point = points[0];
    for (const next of points) if (next.time <= tick) point = next;
    return point.seconds + (tick - point.time) * point.rate;
  };
}

function variable(value) {
  const bytes = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

function chunk(kind, data) {
  const size = data.length;
  return [...kind].map((c) => c.charCodeAt(0)).concat([size >>> 24, (size >>> 16) & 255, (size >>> 8) & 255, size & 255], data);
}

function track(events) {
  events.sort((a, b) => a.time - b.time || a.order - b.order);
  const bytes = [];
  let now = 0;
  for (const event of events) {
    bytes.push(...variable(event.time - now), ...event.bytes);
    now = event.time;
  }
  return chunk("MTrk", [...bytes, 0, 0xff, 0x2f, 0]);
}

/** A song of this module's form as the bytes of a MIDI file. */
export function writeMidi(song) {
  const head = [
    ...song.tempos.map(({ time, microseconds: m }) => ({ time, order: 0, bytes: [0xff, 0x51, 3, m >> 16, (m >> 8) & 255, m & 255] })),
    ...song.meters.map(({ time, beats, unit }) => ({ time, order: 0, bytes: [0xff, 0x58, 4, beats, Math.log2(unit), 24, 8] })),
  ];
  let next = 0;
  const tracks = song.tracks.map((part) => {
    let channel = DRUM_CHANNEL;
    if (!part.isDrum) channel = next++ % 15;
    if (!part.isDrum && channel >= DRUM_CHANNEL) channel++;
    const events = [{ time: 0, order: 0, bytes: [0xc0 | channel, part.program] }];
    for (const note of part.notes) {
      events.push({ time: note.time, order: 2, bytes: [0x90 | channel, note.pitch, note.velocity] });
      events.push({ time: note.time + note.duration, order: 1, bytes: [0x80 | channel, note.pitch, 0] });
    }
    return track(events);
  });
  const header = [0, 1, 0, tracks.length + 1, song.ticksPerQuarter >> 8, song.ticksPerQuarter & 255];
  return Uint8Array.from([chunk("MThd", header), track(head), ...tracks].flat());
}

export function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
