// Notes on a grid as voices that hold one chord at a time, bar by bar as spans: the package's events/voices/quantise.py,
// in the second edition of its rules, and bars.py.

/** A song with all times at the nearest step of a grid, halves later. */
export function onGrid(song, stepsPerQuarter) {
  const step = (time) => Math.floor((2 * time * stepsPerQuarter + song.ticksPerQuarter) / (2 * song.ticksPerQuarter));
  const moved = (changes) => changes.map((change) => ({ ...change, time: step(change.time) }));
  const tracks = song.tracks.map((track) => ({
    ...track,
    notes: track.notes.map((note) => ({ ...note, time: step(note.time), duration: Math.max(step(note.duration), 1) })),
  }));
  const end = tracks.reduce((last, track) => track.notes.reduce((most, note) => Math.max(most, note.time + note.duration), last), 0);
  return { ticksPerQuarter: stepsPerQuarter, tempos: moved(song.tempos), meters: moved(song.meters), keys: moved(song.keys), tracks, end };
}

/** The part of a song between two times, moved to the beginning; notes that begin inside end with it at the latest. */
export function cutOut(song, start, end) {
  const inForce = (changes) => {
    const held = changes.findLast((change) => change.time <= start);
    const inside = changes.filter(({ time }) => time > start && time < end);
    return [...(held ? [{ ...held, time: 0 }] : []), ...inside.map((change) => ({ ...change, time: change.time - start }))];
  };
  const tracks = song.tracks.map((track) => ({
    ...track,
    notes: track.notes.filter(({ time }) => time >= start && time < end).map((note) => ({
      ...note, time: note.time - start, duration: Math.min(note.duration, end - note.time),
    })),
  }));
  return { ticksPerQuarter: song.ticksPerQuarter, tempos: inForce(song.tempos), meters: inForce(song.meters), keys: inForce(song.keys), tracks };
}

/** The voices of all tracks: {program: -1 for drums, source: number of the track, chords: {onset, end, pitches}[]}[]. */
export function voicesOf(tracks) {
  return tracks.flatMap((track, source) => {
    const program = track.isDrum ? -1 : track.program;
    return voicesOfNotes(track.notes).map((chords) => ({ program, source, chords }));
  });
}

/** Of notes with one onset and pitch the shortest is kept; chords go into the first voice that is silent. */
function voicesOfNotes(notes) {
  const shortest = new Map();
  for (const { time, pitch, duration } of notes) {
    const key = time * 128 + pitch;
    shortest.set(key, Math.min(duration, shortest.get(key) ?? Infinity));
  }
  const chords = new Map();
  for (const key of [...shortest.keys()].sort((a, b) => a - b)) {
    const [onset, pitch, duration] = [Math.floor(key / 128), key % 128, shortest.get(key)];
    const name = `${onset} ${duration}`;
    if (!chords.has(name)) chords.set(name, { onset, end: onset + duration, pitches: [] });
    chords.get(name).pitches.push(pitch);
  }
  const voices = [];
  for (const chord of [...chords.values()].sort((a, b) => a.onset - b.onset || a.end - b.end)) {
    const free = voices.find((voice) => voice.at(-1).end <= chord.onset);
    if (free) free.push(chord);
    else voices.push([chord]);
  }
  return voices;
}

/** A length in steps as durations, each the longest that fits. */
function parts(length, durations) {
  const found = [];
  for (let left = length; left > 0; left -= found.at(-1)) found.push(durations.findLast((duration) => duration <= left));
  return found;
}

const rests = (length, durations) => parts(length, durations).map((steps) => ({ kind: "Rest", steps }));

/** What a voice does in each of so many bars of equal length: {kind, steps, pitches?}[][]. */
export function spansByBar(chords, barSteps, numBars, durations) {
  const bars = Array.from({ length: numBars }, () => []);
  const ended = bars.map((_, bar) => bar * barSteps);
  for (const { onset, end, pitches } of chords) {
    for (let at = onset; at < end;) {
      const bar = Math.floor(at / barSteps);
      const until = Math.min(end, (bar + 1) * barSteps);
      bars[bar].push(...rests(at - ended[bar], durations));
      const [first, ...others] = parts(until - at, durations);
      bars[bar].push(at === onset ? { kind: "Note", steps: first, pitches } : { kind: "Tie", steps: first });
      bars[bar].push(...others.map((steps) => ({ kind: "Tie", steps })));
      ended[bar] = at = until;
    }
  }
  bars.forEach((spans, bar) => spans.push(...rests((bar + 1) * barSteps - ended[bar], durations)));
  return bars;
}

/** Sharps of the major key with the fewest notes outside it: the package's score/abc/spelling.py. */
export function estimatedKey(tracks) {
  const counts = new Array(12).fill(0);
  for (const track of tracks) if (!track.isDrum) for (const { pitch } of track.notes) counts[pitch % 12]++;
  if (!counts.some(Boolean)) return 0;
  const inside = (sharps) => counts.reduce((sum, count, pitch) => sum + ((((pitch * 7 - sharps + 1) % 12) + 12) % 12 < 7 ? count : 0), 0);
  const order = (sharps) => [-inside(sharps), Math.abs(sharps), -sharps];
  const keys = Array.from({ length: 12 }, (_, place) => place - 5);
  return keys.reduce((best, sharps) => {
    const [one, other] = [order(sharps), order(best)];
    const place = one.findIndex((value, at) => value !== other[at]);
    return place >= 0 && one[place] < other[place] ? sharps : best;
  });
}

/** Of tempos, ascending by speed, the one in which music up to a step lasts as long as it did: events/tempos.py. */
export function meanTempo(song, end, tempos) {
  const written = new Map([[0, 500000]]);
  for (const { time, microseconds } of song.tempos) written.set(time, microseconds);
  const changes = [...written].filter(([time]) => time < end);
  const lasts = changes.reduce((sum, [time, speed], place) => sum + ((changes[place + 1]?.[0] ?? end) - time) * speed, 0);
  const ascending = [...new Map(tempos.map((tempo) => [tempo.microseconds, tempo])).values()].sort((a, b) => a.microseconds - b.microseconds);
  const exact = ascending.find(({ microseconds }) => microseconds * end === lasts);
  const below = ascending.findLast(({ microseconds }) => microseconds * end < lasts);
  const above = ascending.find(({ microseconds }) => microseconds * end > lasts);
  const error = (tempo) => Math.abs(tempo.microseconds * end - lasts);
  if (exact) return exact;
  if (!below || !above) return below ?? above;
  return error(above) < error(below) ? above : below;
}
