// Standard MIDI Files as notes to draw and play. What a file holds besides is kept in its bytes, which are never rewritten.

const DRUM_CHANNEL = 9;
const LONGEST_NAME = 60;
const MOST_BARS = 20000;
const [TRACK_NAME, END_OF_TRACK, TEMPO, METER, KEY] = [0x03, 0x2f, 0x51, 0x58, 0x59];
const SILENCING_CONTROLS = [120, 123, 124, 125, 126, 127];
// Of messages that do not belong in a file; those of no data are left out.
const STRAY_DATA_BYTES = { 0xf1: 1, 0xf2: 2, 0xf3: 1 };

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
 *   keys: {time, sharps, isMinor}[], tracks: {name: string, program: number, isDrum: boolean, chunk: number,
 *   channel: number, notes: {time, duration, pitch, velocity, on, off}[]}[], endless: object[], end: number}}
 *   Times in ticks. Tracks are those with notes: what a track of the file plays on a channel with a program, in the order
 *   of these. `on` and `off` are the numbers of a note's events in its track of the file, whose number is `chunk`; `off` is
 *   null where a controller ends it. Notes that nothing ends are `endless`, and in no track.
 */
export function readMidi(bytes) {
  const { ticksPerQuarter, chunks } = readChunks(bytes);
  const song = { ticksPerQuarter, tempos: [], meters: [], keys: [], tracks: [], endless: [], end: 0 };
  const tracks = chunks.map((chunk) => [...eventsOf(bytes, chunk)]);
  const changes = programChanges(tracks);
  tracks.forEach((events, number) => readTrack(events, number, changes, song));
  if (!song.tracks.length) throw new Error("a MIDI file without notes");
  for (const changes of [song.tempos, song.meters, song.keys]) changes.sort((a, b) => a.time - b.time);
  song.end = song.tracks.reduce((last, track) => track.notes.reduce((end, note) => Math.max(end, note.time + note.duration), last), 0);
  return song;
}

/** What a file says of itself, and where its tracks lie: {ticksPerQuarter, headerEnd, chunks: {begin, end}[]}. */
export function readChunks(bytes) {
  const reader = new Reader(bytes);
  if (reader.text(4) !== "MThd") throw new Error("not a MIDI file");
  const headerLength = reader.long();
  const headerEnd = reader.place + headerLength;
  reader.word();
  const numTracks = reader.word();
  const division = reader.word();
  if (division === 0 || division & 0x8000) throw new Error("a MIDI file without ticks per quarter note");
  reader.place = headerEnd;
  const chunks = [];
  while (chunks.length < numTracks && reader.place < reader.end) {
    const kind = reader.text(4);
    const length = reader.long();
    const begin = reader.need(length);
    if (kind === "MTrk") chunks.push({ begin, end: begin + length });
  }
  return { ticksPerQuarter: division, headerEnd, chunks };
}

/**
 * The events of a track of a file, up to its end.
 * @yields {{time: number, status: number, type: number, data: Uint8Array, bytes: Uint8Array}} `type` is that of a meta event,
 *   else -1; `bytes` are all of an event but its time, with its status where the file leaves it out.
 */
export function* eventsOf(bytes, { begin, end }) {
  const reader = new Reader(bytes);
  reader.place = begin;
  let [time, running] = [0, 0];
  while (reader.place < end) {
    time += reader.variable();
    const start = reader.place;
    const status = reader.byte();
    if (status >= 0xf0) {
      const type = status === 0xff ? reader.byte() : -1;
      const length = [0xff, 0xf0, 0xf7].includes(status) ? reader.variable() : STRAY_DATA_BYTES[status] ?? 0;
      const from = reader.need(length);
      yield { time, status, type, data: bytes.subarray(from, from + length), bytes: bytes.subarray(start, from + length) };
      if (type === END_OF_TRACK) return;
      continue;
    }
    if (status >= 0x80) running = status;
    else reader.place = start;
    if (!running) throw new Error("not a MIDI file: data without a status");
    const from = reader.need([0xc, 0xd].includes(running >> 4) ? 1 : 2);
    const data = bytes.subarray(from, reader.place);
    yield { time, status: running, type: -1, data, bytes: Uint8Array.of(running, ...data) };
  }
}

/** By channel, each change of its program in the events of a file's tracks, in the order of times, then of tracks. */
export function programChanges(tracks) {
  const changes = Array.from({ length: 16 }, () => []);
  tracks.forEach((events, chunk) => events.forEach(({ time, status, data }, place) => {
    if (status >> 4 === 0xc) changes[status & 15].push({ time, chunk, place, program: data[0] });
  }));
  for (const found of changes) found.sort((a, b) => a.time - b.time);
  return changes;
}

/**
 * A function from times, ascending, and places among a track's events to the program that a channel has there: whatever
 * track of the file speaks of it, but at one time a track's own word counts last.
 */
export function programsIn(chunk, changes) {
  const isOwn = (change) => change.chunk === chunk;
  const ordered = [...changes].sort((a, b) => a.time - b.time || isOwn(a) - isOwn(b));
  let [next, program] = [0, 0];
  const holds = (change, time, place) => change.time < time || (change.time === time && (!isOwn(change) || change.place < place));
  return (time, place) => {
    while (next < ordered.length && holds(ordered[next], time, place)) program = ordered[next++].program;
    return program;
  };
}

function readTrack(events, number, changes, song) {
  const parts = new Map();
  const sounding = new Map();
  const programs = changes.map((own) => programsIn(number, own));
  const silences = [];
  let name = "";
  events.forEach(({ time, status, type, data }, place) => {
    if (type === TRACK_NAME) name = new TextDecoder().decode(data).slice(0, LONGEST_NAME);
    else if (status >= 0xf0) readConductor(song, time, type, data);
    const [kind, channel, [pitch, velocity]] = [status >> 4, status & 15, data];
    if (kind === 0xb && SILENCING_CONTROLS.includes(data[0])) silences.push({ channel, time, place });
    if (kind !== 0x8 && kind !== 0x9) return;
    const key = channel * 128 + pitch;
    if (kind === 0x9 && velocity > 0) {
      const note = { time, duration: 0, pitch, velocity, on: place, off: null };
      const [isDrum, program] = [channel === DRUM_CHANNEL, programs[channel](time, place)];
      const part = (channel * 2 + isDrum) * 128 + program;
      if (!parts.has(part)) parts.set(part, { program, isDrum, chunk: number, channel, notes: [] });
      parts.get(part).notes.push(note);
      if (!sounding.has(key)) sounding.set(key, []);
      sounding.get(key).push(note);
    } else {
      const note = sounding.get(key)?.shift();
      if (note) Object.assign(note, { duration: Math.max(time - note.time, 1), off: place });
    }
  });
  for (const [key, notes] of sounding) {
    for (const note of notes) {
      const silence = silences.find(({ channel, place }) => channel === Math.floor(key / 128) && place > note.on);
      if (silence) note.duration = Math.max(silence.time - note.time, 1);
    }
  }
  for (const key of [...parts.keys()].sort((a, b) => a - b)) {
    const [part, notes] = [parts.get(key), parts.get(key).notes.filter(({ duration }) => duration > 0)];
    song.endless.push(...part.notes.filter(({ duration }) => !duration).map((note) => ({ ...note, chunk: number, channel: part.channel })));
    if (notes.length) song.tracks.push({ name, ...part, notes });
  }
}

function readConductor(song, time, type, data) {
  if (type === TEMPO && data.length === 3) {
    song.tempos.push({ time, microseconds: data[0] * 65536 + data[1] * 256 + data[2] });
  } else if (type === METER && data.length >= 2) {
    song.meters.push({ time, beats: Math.max(data[0], 1), unit: 2 ** Math.min(data[1], 6) });
  } else if (type === KEY && data.length >= 2) {
    song.keys.push({ time, sharps: (data[0] << 24) >> 24, isMinor: data[1] === 1 });
  }
}

/**
 * The bars up to the end of the last note, the last of them whole: {start, length, beats, unit}[], in ticks. A change of
 * meter begins a bar; one that repeats the meter changes nothing.
 */
export function barTable(song) {
  const written = new Map([[0, { beats: 4, unit: 4 }]]);
  for (const { time, beats, unit } of song.meters) written.set(time, { beats, unit });
  const changes = [];
  for (const [start, meter] of written) {
    const now = changes.at(-1);
    if (start < song.end && (now?.beats !== meter.beats || now.unit !== meter.unit)) changes.push({ start, ...meter });
  }
  const bars = [];
  changes.forEach(({ start, beats, unit }, place) => {
    const until = changes[place + 1]?.start ?? song.end;
    const edge = (number) => start + Math.floor((number * 4 * song.ticksPerQuarter * beats) / unit);
    for (let number = 0; edge(number) < until && bars.length < MOST_BARS; number++) {
      const end = place + 1 < changes.length ? Math.min(edge(number + 1), until) : edge(number + 1);
      bars.push({ start: edge(number), length: end - edge(number), beats, unit });
    }
  });
  return bars;
}

/** Where bars begin, in ticks, up to the one behind the last note. */
export function barStarts(song) {
  const bars = barTable(song);
  return bars.length ? [...bars.map((bar) => bar.start), bars.at(-1).start + bars.at(-1).length] : [0];
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

/** A number as the bytes of variable length that files have. */
export function variable(value) {
  const bytes = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

/** A chunk of a file: its kind, its length, its data. */
export function chunk(kind, data) {
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
