// Notes as REMI events and as ids: the package's events/remi/quantise.py and encode.py, in the first edition of its rules.

import { barStarts } from "../../midi.js";

const DEFAULT_METER = { time: 0, beats: 4, unit: 4 };
const DEFAULT_MICROSECONDS = 500000;

/** What a vocabulary can write, in ticks; settings as step.json gives them. */
function gridOf(codec) {
  const perBeat = codec.beat_resolution[0][2];
  const ticksPerQuarter = (perBeat * Math.max(...codec.beat_units)) / 4;
  const lengths = codec.beat_resolution.flatMap(([first, end, own]) => {
    const found = [];
    for (let beats = first; beats < end; beats++) for (let step = 0; step < own; step++) found.push([beats, step, own]);
    return found;
  }).slice(1);
  const [, longest, own] = codec.beat_resolution.at(-1);
  lengths.push([longest, 0, own]);
  const [slowest, fastest] = codec.tempo_range;
  const tempos = Array.from({ length: codec.num_tempos }, (_, place) => {
    const tempo = slowest + ((fastest - slowest) * place) / (codec.num_tempos - 1);
    return Number(tempo.toFixed(2));
  });
  const velocities = Array.from({ length: codec.num_velocities }, (_, place) => Math.floor((127 * (place + 1)) / codec.num_velocities));
  const step = (unit) => (ticksPerQuarter * 4) / unit / perBeat;
  const durations = (unit) => lengths.map(([beats, steps, parts]) => Math.floor(((beats * parts + steps) * ticksPerQuarter * 4) / unit / parts));
  const microseconds = tempos.map((tempo) => Math.round(6e7 / tempo)).sort((a, b) => a - b);
  return {
    ticksPerQuarter, step, durations, lengths, velocities, microseconds,
    tempoNames: new Map(tempos.map((tempo) => [Math.round(6e7 / tempo), Number.isInteger(tempo) ? tempo.toFixed(1) : String(tempo)])),
    knows: ({ beats, unit }) => codec.beat_units.includes(unit) && beats <= codec.max_beats_per_bar,
    barLength: ({ beats, unit }) => (4 * ticksPerQuarter * beats) / unit,
  };
}

/** Of ascending values the place of the nearest; of two equally near the greater. */
function nearest(values, wanted) {
  let above = values.findIndex((value) => value >= wanted);
  if (above < 0) above = values.length - 1;
  const below = Math.max(above - 1, 0);
  return Math.abs(wanted - values[below]) < Math.abs(values[above] - wanted) ? below : above;
}

/** The first bars of a song; notes end with them at the latest, and those of the next bar that are played early are left out. */
export function cutSong(song, numBars) {
  const starts = barStarts(song);
  const end = starts[Math.min(numBars, starts.length - 1)];
  const inside = (events) => events.filter((event) => event.time < end);
  const tracks = song.tracks.map((track) => {
    const early = earlyNotes(track, end, song.ticksPerQuarter);
    const kept = inside(track.notes).filter((note) => !early.has(placeOf(note)));
    return { ...track, notes: kept.map((note) => ({ ...note, duration: Math.min(note.duration, end - note.time) })) };
  });
  return { ...song, tempos: inside(song.tempos), meters: inside(song.meters), tracks, end };
}

const placeOf = (note) => `${note.time} ${note.pitch}`;

/** Where notes begin at most a 32nd before a bar line and are held beyond it for longer: score/transforms/continued.py. */
function earlyNotes(track, end, ticksPerQuarter) {
  const isEarly = ({ time, duration }) =>
    time < end && (end - time) * 8 <= ticksPerQuarter && time + duration - end > end - time;
  return new Set(track.notes.filter(isEarly).map(placeOf));
}

/** Stretches of one meter: each begins at the next bar line of the one before. */
function sectionsOf(song, grid) {
  const sections = [{ ...DEFAULT_METER }];
  for (const change of song.meters.filter(grid.knows)) {
    const now = sections.at(-1);
    if (change.beats === now.beats && change.unit === now.unit) continue;
    const step = grid.step(now.unit);
    const position = Math.floor((change.time * grid.ticksPerQuarter) / (song.ticksPerQuarter * step)) * step;
    const length = grid.barLength(now);
    const start = now.time + Math.ceil(Math.max(position - now.time, 0) / length) * length;
    if (start === now.time) {
      sections.pop();
      const before = sections.at(-1);
      if (before && before.beats === change.beats && before.unit === change.unit) continue;
    }
    sections.push({ ...change, time: start });
  }
  return sections;
}

function sectionAt(sections, tick) { return sections.findLast((section) => section.time <= tick); }

/** A time of the song as the nearest position, halves later. */
function roundTime(time, song, sections, grid) {
  const scaled = time * grid.ticksPerQuarter;
  const section = sections.findLast((entry) => entry.time * song.ticksPerQuarter <= scaled);
  const step = grid.step(section.unit);
  const unit = step * song.ticksPerQuarter;
  return section.time + Math.floor((2 * (scaled - section.time * song.ticksPerQuarter) + unit) / (2 * unit)) * step;
}

function quantisedNotes(song, sections, grid) {
  const rows = new Map();
  for (const track of song.tracks) {
    for (const note of track.notes) {
      const onset = roundTime(note.time, song, sections, grid);
      const { unit } = sectionAt(sections, onset);
      const [step, scaled] = [grid.step(unit), note.duration * grid.ticksPerQuarter];
      const whole = step * song.ticksPerQuarter;
      const positions = Math.max(Math.floor((2 * scaled + whole) / (2 * whole)), 1);
      const row = {
        onset,
        program: track.isDrum ? -1 : track.program,
        pitch: note.pitch,
        duration: nearest(grid.durations(unit), positions * step),
        velocity: nearest(grid.velocities, note.velocity),
      };
      const key = `${onset} ${row.program} ${row.pitch}`;
      const other = rows.get(key);
      // Of notes with one onset and pitch the shortest, and of these the softest, is kept.
      if (!other || row.duration < other.duration || (row.duration === other.duration && row.velocity < other.velocity)) {
        rows.set(key, row);
      }
    }
  }
  return [...rows.values()].sort((a, b) => a.onset - b.onset || a.program - b.program || a.pitch - b.pitch);
}

function quantisedTempos(song, sections, grid, lastOnset) {
  const written = new Map([[0, DEFAULT_MICROSECONDS]]);
  for (const tempo of song.tempos) written.set(roundTime(tempo.time, song, sections, grid), tempo.microseconds);
  const found = new Map();
  let now = null;
  for (const [time, microseconds] of [...written].sort((a, b) => a[0] - b[0])) {
    const tempo = grid.microseconds[nearest(grid.microseconds, microseconds)];
    if (time <= lastOnset && tempo !== now) {
      found.set(time, grid.tempoNames.get(tempo));
      now = tempo;
    }
  }
  return found;
}

/** Events of a song, without special tokens. */
export function eventsOf(song, codec) {
  const grid = gridOf(codec);
  const sections = sectionsOf(song, grid);
  const notes = quantisedNotes(song, sections, grid);
  const lastOnset = notes.at(-1).onset;
  const tempos = quantisedTempos(song, sections, grid, lastOnset);
  const events = [];
  const ticks = [...new Set([...tempos.keys(), ...notes.map((note) => note.onset)])].sort((a, b) => a - b);
  let [bar, nextBar, section, place, program] = [0, 0, sections[0], 0, null];
  for (const tick of ticks) {
    while (nextBar <= tick) {
      bar = nextBar;
      section = sectionAt(sections, bar);
      events.push("Bar_None", `TimeSig_${section.beats}/${section.unit}`);
      nextBar = bar + grid.barLength(section);
    }
    events.push(`Position_${(tick - bar) / grid.step(section.unit)}`);
    if (tempos.has(tick)) events.push(`Tempo_${tempos.get(tick)}`);
    for (; place < notes.length && notes[place].onset === tick; place++) {
      const note = notes[place];
      if (note.program !== program) events.push(`Program_${note.program}`);
      program = note.program;
      events.push(`Pitch_${note.pitch}`, `Velocity_${grid.velocities[note.velocity]}`, `Duration_${grid.lengths[note.duration].join(".")}`);
    }
  }
  return events;
}

/** Events of the first bars, and the bar line and meter behind them, where a model goes on. */
export function openingOf(song, codec, numBars) {
  const events = eventsOf(cutSong(song, numBars), codec);
  const meter = events.findLast((event) => event.startsWith("TimeSig_"));
  const missing = numBars + 1 - events.filter((event) => event === "Bar_None").length;
  for (let count = Math.max(1, missing); count > 0; count--) events.push("Bar_None", meter);
  return events;
}

/** Pairs of ids that a BPE tokenizer merges, with what comes of them, by tokenizer.json. */
export function mergesOf(tokenizer) {
  const { vocab, merges } = tokenizer.model;
  return new Map(merges.map(([left, right], rank) => [`${vocab[left]},${vocab[right]}`, { rank, id: vocab[left + right] }]));
}

/** Ids with all pairs merged, those of the lowest rank first and of these the leftmost. */
export function merged(ids, merges) {
  const found = [...ids];
  for (;;) {
    let best = null;
    for (let place = 0; place + 1 < found.length; place++) {
      const merge = merges.get(`${found[place]},${found[place + 1]}`);
      if (merge && (best === null || merge.rank < best.rank)) best = { place, ...merge };
    }
    if (best === null) return found;
    found.splice(best.place, 2, best.id);
  }
}
