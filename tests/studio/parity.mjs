// Follows sequences as the page does, for a Python test that did the same: node parity.mjs PAGE JOB.json

import fs from "node:fs";
import { pathToFileURL } from "node:url";

const [page, jobFile] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(`${page}/${file}`).href);
const { Row, TokenGrammar, weigh } = await load("local/grammar.js");
const { choose } = await load("local/draw.js");
const { LocalModel } = await load("local/models.js");
const { mergesOf, openingOf } = await load("local/encode.js");
const { readTables } = await load("local/tables.js");
const { barStarts, clock, fromBase64, readMidi, writeMidi } = await load("midi.js");
const { PROGRAM_NAMES } = await load("names.js");
const { finished, songOf } = await load("local/remi.js");

// The same numbers as `values` in the Python test, from 0 to 1 and exact in float32.
function values(seed, step, count) {
  return Float32Array.from({ length: count }, (_, place) => {
    let x = (Math.imul(place, 2654435761) + Math.imul(seed, 40503) + Math.imul(step, 2246822519)) >>> 0;
    x = Math.imul(x ^ (x >>> 15), 2246822519) >>> 0;
    x = (x ^ (x >>> 13)) >>> 0;
    return (x >>> 8) / 2 ** 24;
  });
}

const job = JSON.parse(fs.readFileSync(jobFile));
const answer = { programs: PROGRAM_NAMES };
if (job.folder) {
  const how = JSON.parse(fs.readFileSync(`${job.folder}/step.json`));
  const bytes = fs.readFileSync(`${job.folder}/${how.files.grammar}`);
  const tables = readTables(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const grammar = new TokenGrammar(tables, how.grammar);
  const model = new LocalModel(null, null, how, tables, "model");
  answer.pieces = (job.pieces ?? []).map(({ seed, max_length: maxLength, num_bars: numBars, temperature, top_p: topP }) => {
    const row = new Row(grammar, maxLength, numBars);
    const ids = [how.bos_token_id];
    row.advance(ids[0]);
    const rows = [row.rows];
    while (ids.length < maxLength && ids.at(-1) !== how.eos_token_id) {
      const logits = values(seed, 2 * ids.length, how.vocab_size).map((value) => value * 8 - 4);
      const noise = values(seed, 2 * ids.length + 1, how.vocab_size);
      const { ids: open, scores } = weigh(grammar, row.options(), logits);
      const token = choose(open, scores, (place) => noise[place], { temperature, topP });
      row.advance(token);
      ids.push(token);
      rows.push(row.rows);
    }
    return { ids, rows, song: songOf(finished(model.names(ids), true)[0], how.codec) };
  });
}
if (job.openings) {
  const how = JSON.parse(fs.readFileSync(`${job.folder}/step.json`));
  const bytes = fs.readFileSync(`${job.folder}/${how.files.grammar}`);
  const model = new LocalModel(null, null, how, readTables(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)), "x");
  model.merges = mergesOf(JSON.parse(fs.readFileSync(`${job.folder}/tokenizer.json`)));
  answer.openings = job.openings.map(({ midi, bars }) => {
    const events = openingOf(readMidi(fromBase64(midi)), how.codec, bars);
    return { events, ids: model.encode(events) };
  });
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
