// Notes of a MIDI file taken out and others put in; all else in the file stays as it is, byte for byte.

import { chunk, eventsOf, programChanges, programsIn, readChunks, readMidi, variable } from "../../midi.js";

const [DRUM_CHANNEL, NUM_CHANNELS] = [9, 16];
const [TRACK_NAME, END_OF_TRACK] = [0x03, 0x2f];
const [CONTROL, PROGRAM] = [0xb0, 0xc0];
const UNSAFE = "This file's channels are shared so that other notes would change: choose other tracks.";
const NUM_TRACKS_AT = 10; // in a file's head, behind its format

/**
 * @param {Uint8Array} bytes of a file.
 * @param song of `readMidi`, of these bytes.
 * @param {{track: number, removed: object[], added: {time, duration, pitch, velocity}[]}[]} changes by track of the song;
 *   what is removed are notes of it.
 * @returns {Uint8Array} the file; a track that doesn't change has the bytes that it had.
 */
export function spliced(bytes, song, changes) {
  const { headerEnd, chunks } = readChunks(bytes);
  const tracks = chunks.map((place) => [...eventsOf(bytes, place)]);
  const { edits, apart } = placed(song, changes, programChanges(tracks));
  const parts = [bytes.subarray(0, headerEnd)];
  let done = headerEnd;
  chunks.forEach(({ begin, end }, number) => {
    const edit = edits.get(number);
    if (!edit) return;
    parts.push(bytes.subarray(done, begin - 8), edited(tracks[number], edit));
    done = end;
  });
  const free = apart.length ? freeChannels(tracks) : [];
  parts.push(bytes.subarray(done), ...apart.map((layer) => trackApart(tracks, layer, free)));
  const result = withTracks(joined(parts), apart.length);
  checkKept(song, result, changes);
  return result;
}

/** By track of the file, which of its events go and which come; and notes that take tracks of their own. */
function placed(song, changes, programs) {
  const [edits, apart] = [new Map(), []];
  for (const { track: number, removed } of changes) {
    const { chunk: own } = song.tracks[number];
    if (!edits.has(own)) edits.set(own, { gone: new Set(), added: [] });
    for (const { on, off } of removed) edits.get(own).gone.add(on).add(off);
  }
  for (const { track: number, added } of changes) {
    const track = song.tracks[number];
    const edit = edits.get(track.chunk);
    const beside = notesBeside(song, track, edit);
    const programAt = programsIn(track.chunk, programs[track.channel]);
    for (const note of [...added].sort((a, b) => a.time - b.time)) {
      const isPlayed = track.isDrum || programAt(note.time, Infinity) === track.program;
      if (!isPlayed || !fits(note, beside.get(note.pitch) ?? [])) {
        placeApart(apart, track, note);
        continue;
      }
      edit.added.push(...eventsOfNote(note, track.channel));
      keep(beside, note);
    }
  }
  return { edits, apart };
}

/** By pitch, the notes that stay, and those that came, in a track of the file on a track's channel. */
function notesBeside(song, track, edit) {
  edit.beside ??= new Map();
  if (!edit.beside.has(track.channel)) {
    const found = new Map();
    const isBeside = ({ chunk: own, channel }) => own === track.chunk && channel === track.channel;
    const others = [...song.endless.filter(isBeside), ...song.tracks.filter(isBeside).flatMap(({ notes }) => notes)];
    for (const note of others) if (!edit.gone.has(note.on)) keep(found, note);
    edit.beside.set(track.channel, found);
  }
  return edit.beside.get(track.channel);
}

function keep(byPitch, note) {
  if (!byPitch.has(note.pitch)) byPitch.set(note.pitch, []);
  byPitch.get(note.pitch).push(note);
}

/** That a file has all notes of a song that were not taken out, and those put in, and no others. */
function checkKept(song, bytes, changes) {
  const counts = new Map();
  const count = ({ isDrum, program }, { time, duration, pitch, velocity }, by) => {
    const name = [isDrum || program, time, duration, pitch, velocity].join();
    counts.set(name, (counts.get(name) ?? 0) + by);
  };
  for (const track of song.tracks) for (const note of track.notes) count(track, note, 1);
  for (const { track, removed, added } of changes) {
    for (const note of removed) count(song.tracks[track], note, -1);
    for (const note of added) count(song.tracks[track], note, 1);
  }
  for (const track of readMidi(bytes).tracks) for (const note of track.notes) count(track, note, -1);
  if ([...counts.values()].some(Boolean)) throw new Error(UNSAFE);
}

/** Whether note-offs, of which each ends the first note of its pitch that began, end two notes where they should. */
function canShare(one, other) {
  if (one.pitch !== other.pitch) return true;
  const [oneEnd, otherEnd] = [one, other].map((note) => (note.off === null ? Infinity : note.time + note.duration));
  if (one.time === other.time) return oneEnd === otherEnd;
  return one.time < other.time ? oneEnd <= otherEnd : otherEnd <= oneEnd;
}

const fits = (note, others) => others.every((other) => canShare(note, other));

/** A note into the first track of its own in which it fits, or a new one. */
function placeApart(apart, track, note) {
  let layer = apart.find((other) => other.track === track && fits(note, other.notes));
  if (!layer) apart.push(layer = { track, notes: [] });
  layer.notes.push(note);
}

// At one time notes that are added end before all else and begin behind all else.
const [BEFORE, BETWEEN, BEHIND] = [0, 1, 2];

function eventsOfNote({ time, duration, pitch, velocity }, channel) {
  return [
    { time, order: BEHIND, bytes: [0x90 | channel, pitch, velocity] },
    { time: time + duration, order: BEFORE, bytes: [0x80 | channel, pitch, 64] },
  ];
}

/** The events of a track of the file without some, and with others. */
function edited(events, { gone, added }) {
  const kept = events.filter(({ type }, place) => !gone.has(place) && type !== END_OF_TRACK);
  return trackOf([...added, ...kept.map(({ time, bytes }) => ({ time, order: BETWEEN, bytes }))], events.at(-1)?.time ?? 0);
}

/** The bytes of a track that ends at a time, or with the last of its events. */
function trackOf(events, end) {
  events.sort((a, b) => a.time - b.time || a.order - b.order);
  const data = [];
  let now = 0;
  for (const { time, bytes } of [...events, { time: Math.max(end, events.at(-1)?.time ?? 0), bytes: [0xff, END_OF_TRACK, 0] }]) {
    data.push(...variable(time - now), ...bytes);
    now = time;
  }
  return Uint8Array.from(chunk("MTrk", data));
}

/**
 * A track for notes that can't stand among those of their own: on a channel of its own where one is free, with what steers
 * the other.
 */
function trackApart(tracks, { track, notes }, free) {
  const isAlone = !track.isDrum && free.length > 0;
  const channel = isAlone ? free.shift() : track.channel;
  const said = isAlone ? tracks[track.chunk].filter(({ status }) => status === (CONTROL | track.channel)) : [];
  const events = said.map(({ time, data }) => ({ time, order: BETWEEN, bytes: [CONTROL | channel, ...data] }));
  events.push(...notes.flatMap((note) => eventsOfNote(note, channel)));
  if (isAlone) events.push({ time: 0, order: BEFORE, bytes: [PROGRAM | channel, track.program] });
  const name = new TextEncoder().encode(track.name);
  if (name.length) events.push({ time: 0, order: BEFORE, bytes: [0xff, TRACK_NAME, ...variable(name.length), ...name] });
  return trackOf(events, 0);
}

/** Channels that no track of the file says anything of. */
function freeChannels(tracks) {
  const taken = new Set([DRUM_CHANNEL]);
  for (const { status } of tracks.flat()) if (status < 0xf0) taken.add(status & 15);
  return Array.from({ length: NUM_CHANNELS }, (_, channel) => channel).filter((channel) => !taken.has(channel));
}

function joined(parts) {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    bytes.set(part, place);
    place += part.length;
  }
  return bytes;
}

/** A file with so many tracks more, which sound at once. */
function withTracks(bytes, count) {
  if (!count) return bytes;
  const head = new DataView(bytes.buffer);
  head.setUint16(NUM_TRACKS_AT - 2, 1);
  head.setUint16(NUM_TRACKS_AT, head.getUint16(NUM_TRACKS_AT) + count);
  return bytes;
}
