// A model that writes bars of a piece anew, all else untouched: the package's generation/infill.py.

import { fromBase64, readMidi, toBase64 } from "../../midi.js";
import { unpacked } from "../files.js";
import { Row, TokenGrammar } from "../grammar.js";
import { Stepper } from "../step.js";
import { breathe, write } from "../write.js";
import { fillGrammar, shortestFill } from "./grammar.js";
import { spliced } from "./splice.js";
import { Vocabulary } from "./vocabulary.js";
import { roundHalfEven, windowAround } from "./window.js";

const VELOCITY = 80; // of notes in a track that has no others
const TOKENS_BETWEEN_BREATHS = 8;

export class Filler {
  /** The model in a folder, whose step.json says how it is stepped. */
  static async load(ort, name, folder, how) {
    const graph = new Uint8Array(await unpacked(`${folder}/${how.files.graph}`));
    return new Filler(ort, await ort.InferenceSession.create(graph), how);
  }

  constructor(ort, session, how) {
    Object.assign(this, { ort, session, how, vocabulary: new Vocabulary(how) });
  }

  /** Pieces with bars written anew, one after the other; as `LocalModels.ask`. */
  async pieces(action, wishes, given, onEvent, signal) {
    const bytes = fromBase64(given.midi);
    const asked = this.asked(readMidi(bytes), wishes);
    await breathe();
    const stepper = new Stepper(this.ort, this.session, this.how);
    const logits = await stepper.read(asked.prompt);
    const pieces = [];
    const count = wishes.num_samples ?? 1;
    for (let number = 0; number < count; number++) {
      onEvent("variant", { piece: number, of: count });
      const fill = await this.fill(asked, { stepper: stepper.copy(), logits }, wishes, number, signal);
      const { midi, numNotes } = this.result(asked, bytes, fill);
      pieces.push({ piece: number, num_bars: asked.bars[1] - asked.bars[0], num_notes: numNotes, midi: toBase64(midi) });
    }
    return pieces;
  }

  /** What is asked of the model: a window with masks, the ids before the fill, and the grammar of it. */
  asked(song, wishes) {
    const { how, vocabulary } = this;
    const room = Math.min(wishes.max_length ?? how.max_length, how.max_length);
    const shortest = (gaps) => shortestFill(gaps, how.codec.durations);
    const tracks = wishes.tracks?.map((number) => number - 1) ?? null;
    const window = windowAround(vocabulary, song, [wishes.first_bar - 1, wishes.last_bar], tracks, room, shortest);
    const { tables, numbers } = fillGrammar(vocabulary, window.gaps);
    const prompt = [how.bos_token_id, ...window.before.map((event) => vocabulary.ids.get(event))];
    return { ...window, room, prompt, grammar: new TokenGrammar(tables, numbers) };
  }

  /** The sequence of one fill before its first token: the grammar sees none of it but `Fill`. */
  row({ grammar, prompt, room }) {
    const row = new Row(grammar, room - prompt.length + 1);
    row.advance(prompt.at(-1));
    return row;
  }

  /** Events of one fill. */
  async fill(asked, { stepper, logits }, wishes, number, signal) {
    const begun = { ids: [...asked.prompt], row: this.row(asked), stepper, logits };
    let count = 0;
    const order = { wishes, number, maxLength: asked.room, signal };
    const ids = await write(this.how, begun, order, () => (++count % TOKENS_BETWEEN_BREATHS ? null : breathe()));
    return this.eventsBehind(asked, ids);
  }

  /** Events of a fill, without the end, of ids with what stands before them. */
  eventsBehind({ prompt }, ids) {
    if (ids.at(-1) !== this.how.eos_token_id) throw new Error("The model found no end; try another seed.");
    return ids.slice(prompt.length, -1).map((id) => this.how.events[id]);
  }

  /** The file with the notes of the masked bars replaced, and how many notes are new. */
  result(asked, bytes, fill) {
    const chords = this.chordsOf(asked, fill);
    const changes = asked.tracks.map((track) => {
      const { kept, removed } = this.notesOutside(asked, track);
      const loudness = kept.length ? roundHalfEven(median(kept.map((note) => note.velocity))) : VELOCITY;
      const added = chords.filter(({ source }) => source === track).flatMap(({ begin, end, pitches }) => {
        const [time, until] = [tickOf(asked, begin), tickOf(asked, end)];
        return pitches.map((pitch) => ({ time, duration: Math.max(until - time, 1), pitch, velocity: loudness }));
      });
      return { track, removed, added };
    });
    const numNotes = changes.reduce((sum, { added }) => sum + added.length, 0);
    return { midi: spliced(bytes, asked.song, changes), numNotes };
  }

  /** What a fill writes: chords of tracks, in steps of the window. */
  chordsOf({ gaps, voices }, fill) {
    const { vocabulary } = this;
    const chords = [];
    let [at, gap] = [0, null];
    for (const event of fill) {
      const [kind, value] = [event.slice(0, event.indexOf("_")), event.slice(event.indexOf("_") + 1)];
      if (kind === "Mask") {
        gap = gaps[Number(value) - 1];
        at = gap.begin;
      } else if (kind === "With") {
        chords.at(-1).pitches.push(vocabulary.pitches.get(value));
      } else {
        const [begin, steps] = [at, vocabulary.stepsOf(event)];
        at += steps;
        const pitch = vocabulary.pitches.get(value.slice(0, Math.max(value.lastIndexOf(":"), 0)));
        if (kind === "Note") chords.push({ source: voices[gap.line].source, begin, end: at, pitches: [pitch] });
        if (kind === "Tie") chords.at(-1).end = at;
      }
    }
    return chords;
  }

  /** The notes of a track, apart those that begin, to the nearest step, in the masked bars. */
  notesOutside({ song, grid, table, bars: [first, last] }, track) {
    const [begin, end] = [table[first].start, table[last - 1].start + table[last - 1].length];
    const { notes } = song.tracks[track];
    const isInside = notes.map((_, place) => grid.tracks[track].notes[place].time >= begin && grid.tracks[track].notes[place].time < end);
    return { kept: notes.filter((_, place) => !isInside[place]), removed: notes.filter((_, place) => isInside[place]) };
  }
}

/** A step of the window as the nearest tick of the song. */
function tickOf({ song, grid, table, firstBar }, step) {
  const unit = grid.ticksPerQuarter;
  return Math.floor((2 * (table[firstBar].start + step) * song.ticksPerQuarter + unit) / (2 * unit));
}

function median(values) {
  const ordered = [...values].sort((a, b) => a - b);
  const middle = ordered.length / 2;
  return ordered.length % 2 ? ordered[Math.floor(middle)] : (ordered[middle - 1] + ordered[middle]) / 2;
}
