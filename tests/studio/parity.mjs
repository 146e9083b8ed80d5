// Follows sequences as the page does, for a Python test that did the same: node parity.mjs PAGE JOB.json

import crypto from "node:crypto";
import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [page, jobFile] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(`${page}/${file}`).href);
const { Row, TokenGrammar, weigh } = await load("local/grammar.js");
const { choose } = await load("local/draw.js");
const { Composer } = await load("local/remi/composer.js");
const { mergesOf, openingOf } = await load("local/remi/encode.js");
const { readTables } = await load("local/tables.js");
const { Filler } = await load("local/infill/filler.js");
const { barStarts, clock, fromBase64, readMidi, toBase64, writeMidi } = await load("midi.js");
const { PROGRAM_NAMES } = await load("names.js");
const { finished, songOf } = await load("local/remi/decode.js");

// The same numbers as `values` in the Python test, from 0 to 1 and exact in float32.
function values(seed, step, count) {
  return Float32Array.from({ length: count }, (_, place) => {
    let x = (Math.imul(place, 2654435761) + Math.imul(seed, 40503) + Math.imul(step, 2246822519)) >>> 0;
    x = Math.imul(x ^ (x >>> 15), 2246822519) >>> 0;
    x = (x ^ (x >>> 13)) >>> 0;
    return (x >>> 8) / 2 ** 24;
  });
}

/** A sequence of tokens drawn from numbers instead of a model's, and the rows of its grammar behind each. */
function follow(row, ids, how, { seed, maxLength, temperature, topP }) {
  const rows = [];
  while (ids.length < maxLength && ids.at(-1) !== how.eos_token_id) {
    const logits = values(seed, 2 * ids.length, how.vocab_size).map((value) => value * 8 - 4);
    const noise = values(seed, 2 * ids.length + 1, how.vocab_size);
    const { ids: open, scores } = weigh(row.grammar, row.options(), logits);
    const token = choose(open, scores, (place) => noise[place], { temperature, topP });
    row.advance(token);
    ids.push(token);
    rows.push(row.rows);
  }
  return rows;
}

/** Bars written anew: what is asked of the model, what it writes, and the file that comes of it; or why not. */
function filled(filler, how, { midi, wishes, ...drawn }) {
  const bytes = fromBase64(midi);
  let asked;
  try {
    asked = filler.asked(readMidi(bytes), wishes);
  } catch (error) {
    return { error: error.message };
  }
  const ids = [...asked.prompt];
  const row = filler.row(asked);
  const rows = [row.rows, ...follow(row, ids, how, { ...drawn, maxLength: asked.room })];
  const table = asked.grammar.next_state;
  const { midi: result, numNotes } = filler.result(asked, bytes, filler.eventsBehind(asked, ids));
  return {
    prompt: asked.prompt, gaps: asked.gaps, ids, rows, numNotes, midi: toBase64(result),
    tables: crypto.createHash("sha256").update(new Uint8Array(table.buffer)).digest("hex"),
    toEnd: [...asked.grammar.tokens_to_end],
  };
}

const job = JSON.parse(fs.readFileSync(jobFile));
const answer = { programs: PROGRAM_NAMES };
if (job.pieces) {
  const how = JSON.parse(fs.readFileSync(`${job.folder}/step.json`));
  const bytes = fs.readFileSync(`${job.folder}/${how.files.grammar}`);
  const tables = readTables(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const grammar = new TokenGrammar(tables, how.grammar);
  const model = new Composer(null, null, how, tables, "model");
  answer.pieces = job.pieces.map(({ seed, max_length: maxLength, num_bars: numBars, temperature, top_p: topP }) => {
    const row = new Row(grammar, maxLength, numBars);
    const ids = [how.bos_token_id];
    row.advance(ids[0]);
    const rows = [row.rows, ...follow(row, ids, how, { seed, maxLength, temperature, topP })];
    return { ids, rows, song: songOf(finished(model.names(ids), true)[0], how.codec) };
  });
}
if (job.openings) {
  const how = JSON.parse(fs.readFileSync(`${job.folder}/step.json`));
  const bytes = fs.readFileSync(`${job.folder}/${how.files.grammar}`);
  const model = new Composer(null, null, how, readTables(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)), "x");
  model.merges = mergesOf(JSON.parse(fs.readFileSync(`${job.folder}/tokenizer.json`)));
  answer.openings = job.openings.map(({ midi, bars }) => {
    const events = openingOf(readMidi(fromBase64(midi)), how.codec, bars);
    return { events, ids: model.encode(events) };
  });
}
if (job.fills) {
  const how = JSON.parse(fs.readFileSync(`${job.folder}/step.json`));
  const filler = new Filler(null, null, how);
  answer.fills = job.fills.map((fill) => filled(filler, how, fill));
}
answer.files = (job.files ?? []).map((text) => {
  try {
    const song = readMidi(fromBase64(text));
    const seconds = clock(song);
    return { song, again: readMidi(writeMidi(song)), bars: barStarts(song), seconds: seconds(song.end) };
  } catch (error) {
    return { error: error.message };
  }
});
console.log(JSON.stringify(answer));
