// The window of bars that a model reads, with masks for what is to be written anew: the package's generation/infill.py and
// events/voices/infilling.py.

import { barTable } from "../../midi.js";
import { cutOut, estimatedKey, meanTempo, onGrid, spansByBar, voicesOf } from "./voices.js";

const HEADROOM = 1.5; // a fill may be this much longer than what stood there

/**
 * The largest window around bars that fits a model.
 * @param {Vocabulary} vocabulary
 * @param song as `readMidi` gives it.
 * @param {[number, number]} bars the first, from 0, and the one behind the last.
 * @param {number[] | null} tracks to write anew; null for all.
 * @param {number} room tokens that the model holds.
 * @param {(gaps: object[]) => number} shortest tokens that fill gaps at the least.
 * @returns {{song, grid, bars, table, firstBar, tracks, voices, gaps, before: string[]}} `before` are the events before the fill.
 */
export function windowAround(vocabulary, song, bars, tracks, room, shortest) {
  const { codec } = vocabulary;
  const grid = onGrid(song, codec.steps_per_quarter);
  const table = barTable(grid);
  const [begin, behind] = stretchOf(codec, table, bars);
  const [[first, last], most] = [bars, Math.min(codec.max_bars, behind - begin)];
  const wanted = last - first;
  if (wanted > most) throw new Error(`Bars ${first + 1}-${last} are ${wanted}; this model writes ${codec.max_bars} at once.`);
  let refusal = null;
  for (let size = most; size >= wanted; size--) {
    const start = Math.min(Math.max(first - Math.floor((size - wanted) / 2), begin), behind - size);
    let found;
    try {
      found = maskedWindow(vocabulary, grid, table, bars, tracks, start, size);
    } catch (error) { // fewer bars may hold fewer voices
      refusal ??= error;
      continue;
    }
    const length = 1 + found.before.length + Math.max(shortest(found.gaps), roundHalfEven(HEADROOM * found.fillLength)) + 1;
    if (length <= room) return { song, grid, bars, table, ...found };
    refusal = new Error(`The bars to write anew take ${length} tokens, the model holds ${room}: select fewer bars or tracks.`);
  }
  throw refusal;
}

/** As Python's `round`. */
export function roundHalfEven(value) {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 ? low + 1 : low;
}

/** The bars of one meter that some bars lie among: the first, and the one behind the last. */
function stretchOf(codec, table, [first, last]) {
  const whole = ({ beats, unit }) => (4 * codec.steps_per_quarter * beats) / unit;
  if (!(first >= 0 && first < last && last <= table.length)) throw new Error(`Bars ${first + 1}-${last} are not there; the piece has ${table.length}.`);
  const meter = `${table[first].beats}/${table[first].unit}`;
  if (!codec.meters.includes(meter)) throw new Error(`Bar ${first + 1} has meter ${meter}, which this model has not learnt.`);
  const isEdge = (bar) => {
    const [before, now] = [table[bar - 1], table[bar]];
    return before.beats !== now.beats || before.unit !== now.unit || before.length !== whole(before);
  };
  let [begin, behind] = [first, first + 1];
  while (begin > 0 && !isEdge(begin)) begin--;
  while (behind < table.length && !isEdge(behind)) behind++;
  if (last > behind) {
    throw new Error(`Bars ${first + 1}-${last} hold a change of meter: select ${first + 1}-${behind} and ${behind + 1}-${last} apart.`);
  }
  if (table[last - 1].length !== whole(table[last - 1])) throw new Error(`Bar ${last} is cut short by a change of meter and cannot be written anew.`);
  return [begin, table[behind - 1].length === whole(table[behind - 1]) ? behind : behind - 1];
}

function maskedWindow(vocabulary, grid, table, bars, tracks, firstBar, numBars) {
  const { codec } = vocabulary;
  const [opening, closing] = [table[firstBar], table[firstBar + numBars - 1]];
  const around = `${firstBar + 1}-${firstBar + numBars}`;
  const cut = cutOut(grid, opening.start, closing.start + closing.length);
  const voices = voicesOf(cut.tracks);
  if (!voices.length) throw new Error(`Bars ${around} are silent.`);
  const isWhole = voices.length <= codec.max_tracks && cut.tracks.every(({ notes }) => notes.every(({ pitch }) => vocabulary.hasPitch(pitch)));
  if (!isWhole) throw new Error(`Bars ${around} hold more voices or other pitches than this model has.`);
  const playing = [...new Set(voices.map((voice) => voice.source))];
  const chosen = tracks ?? playing;
  const silent = chosen.find((track) => !playing.includes(track));
  if (silent !== undefined) throw new Error(`Track ${silent + 1} is silent in bars ${around}, which the model reads: untick it.`);
  const isMasked = (line, bar) => chosen.includes(voices[line].source) && bar + firstBar >= bars[0] && bar + firstBar < bars[1];
  const header = headerOf(vocabulary, cut, voices, opening, numBars);
  return { firstBar, voices, tracks: [...chosen].sort((a, b) => a - b), ...masked(vocabulary, voices, opening.length, numBars, isMasked, header) };
}

function headerOf(vocabulary, cut, voices, { beats, unit, length }, numBars) {
  const end = Math.max(...voices.map((voice) => voice.chords.at(-1).end));
  const tempo = meanTempo(cut, Math.ceil(end / length) * length, vocabulary.tempos);
  const keys = cut.keys.filter(({ sharps }) => Math.abs(sharps) <= 7);
  const key = keys.findLast(({ time }) => time <= 0) ?? keys[0] ?? { sharps: estimatedKey(cut.tracks), isMinor: false };
  const instruments = voices.map(({ program }) => `Instrument_${program < 0 ? "drums" : program}`);
  return [`Tempo_${tempo.name}`, `Meter_${beats}/${unit}`, `Key_${vocabulary.keyName(key)}`, `Bars_${numBars}`, ...instruments, "Tracks_None"];
}

/** The events before the fill, of which what stands before the first mask comes last, and what is masked. */
function masked(vocabulary, voices, barSteps, numBars, isMasked, header) {
  const { codec } = vocabulary;
  const [lines, gaps] = [[], []];
  let fillLength = 0;
  voices.forEach((voice, line) => {
    lines.push(`Track_${line + 1}`, header[4 + line]);
    const chords = endedWithinMask(voice.chords, barSteps, (bar) => isMasked(line, bar), numBars);
    const bars = spansByBar(chords, barSteps, numBars, codec.durations);
    splitBars(bars, (bar) => isMasked(line, bar)).forEach(([kept, hidden], bar) => {
      lines.push(bar === numBars - 1 ? "Bar_last" : "Bar_None", ...vocabulary.spanEvents(kept));
      if (!hidden.length) return;
      const begin = bar * barSteps + sumOf(kept);
      const before = gaps.at(-1);
      gaps.push({ line, begin, steps: sumOf(hidden), continues: Boolean(before) && before.line === line && before.begin + before.steps === begin });
      lines.push(`Mask_${gaps.length}`);
      fillLength += 1 + vocabulary.spanEvents(hidden).length;
    });
  });
  if (!gaps.length) throw new Error("Nothing begins in the bars to write anew: held notes fill them.");
  if (gaps.length > codec.max_masks) {
    throw new Error(`${gaps.length} bars of lines are to be written anew; this model writes ${codec.max_masks} at once: select fewer bars or tracks.`);
  }
  const mask = lines.indexOf("Mask_1");
  return { gaps, fillLength, before: [...header, ...lines.slice(mask), ...lines.slice(0, mask), "Fill_None"] };
}

const sumOf = (spans) => spans.reduce((sum, { steps }) => sum + steps, 0);

/** Chords of which those that begin in a run of masked bars end with it. */
function endedWithinMask(chords, barSteps, isMasked, numBars) {
  return chords.map((chord) => {
    let bar = Math.floor(chord.onset / barSteps);
    if (!isMasked(bar)) return chord;
    while (bar + 1 < numBars && isMasked(bar + 1)) bar++;
    return { ...chord, end: Math.min(chord.end, (bar + 1) * barSteps) };
  });
}

/** By bar, what stays and what is masked behind it: a note that is held from before the mask stays. */
function splitBars(bars, isMasked) {
  let isHeld = false;
  return bars.map((spans, bar) => {
    if (!isMasked(bar)) {
      isHeld = false;
      return [spans, []];
    }
    isHeld ||= bar === 0 || !isMasked(bar - 1);
    const other = spans.findIndex(({ kind }) => kind !== "Tie");
    const stays = isHeld ? (other < 0 ? spans.length : other) : 0;
    isHeld &&= stays === spans.length;
    return [spans.slice(0, stays), spans.slice(stays)];
  });
}
