// REMI events as notes: the package's events/remi/decode.py.

/**
 * The song that events write; those of a bar that is not finished are left out.
 * @param {string[]} events names, special tokens included.
 * @param codec settings, as step.json gives them.
 */
export function songOf(events, codec) {
  const perBeat = codec.beat_resolution[0][2];
  const ticksPerQuarter = (perBeat * Math.max(...codec.beat_units)) / 4;
  const song = { ticksPerQuarter, tempos: [], meters: [], tracks: [], end: 0 };
  const parts = new Map();
  let [barStart, length, beat, onset, program, note, meter] = [0, 0, ticksPerQuarter, 0, 0, null, ""];
  for (const event of events) {
    const [kind, value] = event.split(/_(.*)/s);
    if (kind === "Bar") {
      barStart += length;
    } else if (kind === "TimeSig") {
      const [beats, unit] = value.split("/").map(Number);
      beat = (ticksPerQuarter * 4) / unit;
      length = beats * beat;
      if (value !== meter) song.meters.push({ time: barStart, beats, unit });
      meter = value;
    } else if (kind === "Position") {
      onset = barStart + (Number(value) * beat) / perBeat;
    } else if (kind === "Tempo") {
      song.tempos.push({ time: onset, microseconds: Math.round(6e7 / Number(value)) });
    } else if (kind === "Program") {
      program = Number(value);
    } else if (kind === "Pitch") {
      note = { time: onset, duration: 0, pitch: Number(value), velocity: 0 };
      if (!parts.has(program)) parts.set(program, []);
      parts.get(program).push(note);
    } else if (kind === "Velocity") {
      note.velocity = Number(value);
    } else if (kind === "Duration") {
      const [beats, steps, own] = value.split(".").map(Number);
      note.duration += Math.floor(((beats * own + steps) * beat) / own);
    }
  }
  for (const number of [...parts.keys()].sort((a, b) => a - b)) {
    const notes = parts.get(number);
    song.tracks.push({ name: "", program: Math.max(number, 0), isDrum: number < 0, notes });
  }
  song.end = [...parts.values()].flat().reduce((most, { time, duration }) => Math.max(most, time + duration), 0);
  return song;
}

/** Events up to the last bar line, with how many bars they finish; all of them when the piece is over. */
export function finished(events, isWhole) {
  const lines = events.flatMap((event, place) => (event === "Bar_None" ? [place] : []));
  return isWhole ? [events, lines.length] : [events.slice(0, lines.at(-1) ?? 0), Math.max(lines.length - 1, 0)];
}
