// The page: what stands, what is asked, what may stand next. Music is written by a server's models or by this page's own.

import { makeForm, readForm, showReading } from "./form.js";
import { clock, fromBase64, readMidi, toBase64 } from "./midi.js";
import { Player } from "./player.js";
import { COLOURS, Roll } from "./roll.js";
import { ServerModels } from "./server.js";
import { Session } from "./session.js";
import { trackName } from "./names.js";
import { showVariant, variantName } from "./variants.js";

const $ = (id) => document.getElementById(id);
const VERBS = { compose: "Compose", continue: "Continue", infill: "Write anew" };
const FORMATS = { mid: "MIDI", musicxml: "MusicXML", abc: "ABC", mp3: "MP3", wav: "WAV", svg: "Score (SVG)", png: "Piano roll (PNG)" };
const MOST_SECONDS_APART = 900; // of all tracks together, as the server has it

const session = new Session();
const player = new Player();
const roll = new Roll($("roll"), selectBars, beginInfilling);
const state = { source: null, song: null, muted: new Set(), solo: new Set(), anew: new Set(), asking: null, answered: null, notice: null, playing: null, sound: null };

function tell(text, isError = false) {
  $("status").textContent = text;
  $("status").className = isError ? "error" : "";
}

function guarded(action) {
  return async (...given) => {
    try {
      await action(...given);
    } catch (error) {
      if (error.name !== "AbortError") tell(error.message, true);
    }
  };
}

// --- The piece that stands ------------------------------------------------------------------------------------------

function showPiece() {
  stop();
  const now = session.now;
  const before = state.song?.tracks.length;
  state.song = now ? readMidi(fromBase64(now.midi)) : null;
  if (state.song?.tracks.length !== before) {
    state.muted.clear();
    state.solo.clear();
    state.anew = new Set(state.song?.tracks.map((_, number) => number));
  }
  roll.show(state.song, isHeard);
  $("piece-name").textContent = now ? `${now.name}: ${roll.numBars} bars, ${countNotes(state.song)} notes` : "Nothing yet: compose, or open a file.";
  $("roll").setAttribute("aria-label", now ? `${roll.numBars} bars in ${state.song.tracks.length} tracks` : "No piece");
  $("score").replaceChildren();
  $("exports").hidden = !now;
  $("play").disabled = !now;
  $("undo").disabled = !session.canUndo;
  $("redo").disabled = !session.canRedo;
  showTracks();
  selectBars(Number($("first-bar").value), Number($("last-bar").value));
  showAction();
}

function countNotes(song) { return song.tracks.reduce((sum, track) => sum + track.notes.length, 0); }

function isHeard(number) { return state.solo.size ? state.solo.has(number) : !state.muted.has(number); }

function showTracks() {
  $("tracks").replaceChildren(...(state.song?.tracks ?? []).map((track, number) => {
    const item = document.createElement("li");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.backgroundColor = COLOURS[number % COLOURS.length];
    const name = document.createElement("span");
    name.textContent = `${number + 1} ${trackName(track)}`;
    item.append(swatch, name);
    const anew = modelsFor("infill").length ? [[state.anew, "write anew"]] : [];
    for (const [set, text] of [...anew, [state.muted, "mute"], [state.solo, "solo"]]) {
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.checked = set.has(number);
      box.setAttribute("aria-label", `${text}: track ${number + 1}, ${trackName(track)}`);
      box.addEventListener("change", () => {
        if (box.checked) set.add(number);
        else set.delete(number);
        roll.draw();
        if (state.playing === $("play")) player.hearAgain();
      });
      label.append(box, ` ${text}`);
      item.append(label);
    }
    return item;
  }));
}

function selectBars(first, last) {
  const most = Math.max(roll.numBars, 1);
  const begin = Math.min(Math.max(first || 1, 1), most);
  const end = Math.min(Math.max(last || begin, begin), most);
  $("first-bar").value = begin;
  $("last-bar").value = end;
  roll.select(state.song && $("action").value === "infill" ? begin : null, end);
}

/** Who drags over bars wants them written anew. */
function beginInfilling() {
  if ($("action").value === "infill" || !modelsFor("infill").length || state.asking) return;
  $("action").value = "infill";
  showModels();
}

const open = guarded(async (file) => {
  if (!file) return;
  tell(`Reading ${file.name} …`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const isMidi = /\.(mid|midi|kar)$/i.test(file.name);
  const midi = state.source?.canConvert ? (await state.source.convert(bytes, file.name, "mid"))[0] : bytes;
  if (!state.source?.canConvert && !isMidi) throw new Error("this page reads MIDI files only");
  readMidi(midi);
  session.add({ midi: toBase64(midi), name: file.name });
  showPiece();
  tell(`${file.name} is open.`);
});

// --- Sound ----------------------------------------------------------------------------------------------------------

const play = guarded(async (song, button, midi) => {
  const again = state.playing === button;
  stop();
  if (again) return;
  state.playing = button;
  button.textContent = "Stop";
  state.seconds = clock(song);
  const heard = song === state.song ? isHeard : () => true;
  if ($("sound").value === "quick") {
    await player.play(song, heard);
  } else if (state.source.canConvert) {
    tell("Making sound …");
    const apart = song === state.song && state.seconds(song.end) * song.tracks.length <= MOST_SECONDS_APART;
    const files = await soundOf(midi, apart);
    if (state.playing !== button) return;
    await player.playFiles(files, apart ? heard : () => true);
    tell(apart || song !== state.song ? "" : "All tracks sound: the piece is too long for them to be muted with the soundfont.");
  } else {
    const voice = await state.source.voice(await player.ready());
    if (state.playing !== button) return;
    await player.play(song, heard, voice);
  }
  if (song === state.song) requestAnimationFrame(follow);
});

/** Sound files of a piece: one for each track where they can be muted, else one. Those of the last piece are kept. */
async function soundOf(midi, apart) {
  if (state.sound?.midi !== midi || state.sound.apart !== apart) {
    const files = await state.source.convert(fromBase64(midi), "piece.mid", "mp3", { apart });
    state.sound = { midi, apart, files };
  }
  return state.sound.files;
}

function stop() {
  player.stop();
  if (state.playing) state.playing.textContent = "Play";
  state.playing = null;
  if (state.song) roll.draw();
}

function follow() {
  if (!player.isPlaying || state.playing !== $("play")) return;
  roll.draw(tickAt(Math.max(player.seconds, 0)));
  requestAnimationFrame(follow);
}

/** The tick that sounds after so many seconds, by halving. */
function tickAt(seconds) {
  let [low, high] = [0, state.song.end];
  while (high - low > 1) {
    const middle = (low + high) / 2;
    if (state.seconds(middle) <= seconds) low = middle;
    else high = middle;
  }
  return low;
}

player.onEnd = stop;

// --- Asking ---------------------------------------------------------------------------------------------------------

function modelsFor(action) { return (state.source?.models ?? []).filter((model) => action in model.actions); }

function showActions() {
  const actions = Object.keys(VERBS).filter((action) => modelsFor(action).length);
  $("action").replaceChildren(...actions.map((action) => new Option(VERBS[action], action)));
  showModels();
}

function showModels() {
  const kept = $("model").value;
  $("model").replaceChildren(...modelsFor($("action").value).map((model) => new Option(model.name, model.name)));
  if ([...$("model").options].some((option) => option.value === kept)) $("model").value = kept;
  showForm();
}

function showForm() {
  const action = $("action").value;
  const model = state.source.models.find((entry) => entry.name === $("model").value);
  makeForm($("form"), model.actions[action], action);
  const samples = $("form").querySelector("[name=num_samples]");
  if (samples && action !== "compose") samples.defaultValue = 3;
  showReading($("reading"), null);
  showAction();
}

function showAction() {
  const action = $("action").value;
  $("bars").hidden = action !== "infill";
  $("go").textContent = VERBS[action] ?? "Compose";
  const lacks = action !== "compose" && !session.now;
  $("go").disabled = !state.source || !action || lacks || Boolean(state.asking);
  $("cancel").disabled = !state.asking;
  roll.select(action === "infill" && state.song ? Number($("first-bar").value) : null, Number($("last-bar").value));
}

async function readWishes(action) {
  const wishes = { model: $("model").value, ...(await readForm($("form"))) };
  if (action === "infill") {
    wishes.first_bar = Number($("first-bar").value);
    wishes.last_bar = Number($("last-bar").value);
    if (!state.anew.size) throw new Error("Tick a track to write anew.");
    if (state.anew.size < state.song.tracks.length) wishes.tracks = [...state.anew].sort((a, b) => a - b).map((n) => n + 1);
  }
  const expected = expectedBars(action, wishes);
  if (action === "continue" && !wishes.prompt_bars && expected !== null && expected <= roll.numBars) {
    wishes.num_bars = roll.numBars + 8;
    $("form").querySelector("[name=num_bars]").value = wishes.num_bars;
  }
  return wishes;
}

/** How many bars a piece will have, where that is known before it is written; else null. */
function expectedBars(action, wishes) {
  const model = state.source.models.find((entry) => entry.name === wishes.model);
  const { default: usual, "x-said-by": others = [] } = model.actions[action].properties.num_bars ?? {};
  return wishes.num_bars ?? (others.some((name) => name in wishes) ? null : usual ?? null);
}

/** What is asked: the same again, with the next seed where it was answered before, for the same would come of it. */
async function question(action, given) {
  const wishes = await readWishes(action);
  if (JSON.stringify([action, wishes, given]) === state.answered) {
    wishes.seed = (wishes.seed ?? 0) + 1;
    $("form").querySelector("[name=seed]").value = wishes.seed;
  }
  return wishes;
}

const ask = guarded(async () => {
  if (state.asking) return;
  const [action, started] = [$("action").value, performance.now()];
  const given = action === "compose" ? null : session.now;
  state.asking = new AbortController();
  state.notice = null;
  showAction();
  showReading($("reading"), null);
  try {
    const wishes = await question(action, given);
    const expected = expectedBars(action, wishes);
    $("progress").hidden = false;
    $("progress").removeAttribute("value");
    tell(`${VERBS[action]} …`);
    const pieces = await state.source.ask(action, wishes, given, (kind, data) => hear(kind, data, expected), state.asking.signal);
    if (!pieces.length) throw new Error("the model wrote nothing that can be played");
    state.answered = JSON.stringify([action, wishes, given]);
    showVariants(pieces, action, wishes);
    const written = pieces.length === 1 ? "One piece" : `${pieces.length} pieces`;
    const notice = state.notice ? ` ${state.notice}.` : "";
    tell(`${written} in ${((performance.now() - started) / 1000).toFixed(1)} s.${notice}`);
  } finally {
    state.asking = null;
    $("progress").hidden = true;
    showAction();
  }
});

function hear(kind, data, expected) {
  if (kind === "queued" && data.waiting > 1) tell(`${data.waiting - 1} requests come before.`);
  if (kind === "understood") showReading($("reading"), data);
  if (kind === "end") state.notice = data.notice;
  if (kind === "variant") {
    Object.assign($("progress"), { max: data.of, value: data.piece });
    tell(`Writing variant ${data.piece + 1} of ${data.of} …`);
  }
  if (kind !== "bars") return;
  if (expected) Object.assign($("progress"), { max: expected, value: data.num_bars });
  tell(`Bar ${data.num_bars} is written.`);
  if (data.piece === 0 && !session.now) roll.show(readMidi(fromBase64(data.midi)));
}

function showVariants(pieces, action, wishes) {
  $("variants").replaceChildren();
  $("variants-title").hidden = false;
  if (action === "compose" && pieces.length === 1) {
    accept(pieces[0], variantName(VERBS, action, wishes, 0));
    $("variants-title").hidden = true;
    return;
  }
  const bars = action === "infill" ? [wishes.first_bar, wishes.last_bar] : [];
  pieces.forEach((piece, number) => showVariant($("variants"), piece, variantName(VERBS, action, wishes, number), bars, { play, accept }));
}

function accept(piece, name) {
  session.add({ midi: piece.midi, name, ...(piece.ids ? { ids: piece.ids } : {}) });
  showPiece();
  tell(`${name} stands; Undo brings back what was.`);
}

// --- Taking away ----------------------------------------------------------------------------------------------------

const download = guarded(async () => {
  const { midi, name } = session.now;
  const to = $("format").value;
  const bytes = fromBase64(midi);
  const pages = to === "mid" ? [bytes] : await state.source.convert(bytes, "piece.mid", to, { title: name });
  pages.forEach((page, number) => {
    const link = document.createElement("a");
    const stem = name.replace(/\.[a-z]+$/i, "").replace(/[^\w-]+/g, "_");
    link.href = URL.createObjectURL(new Blob([page]));
    link.download = `${stem}${pages.length > 1 ? `-${number + 1}` : ""}.${to}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
});

const engrave = guarded(async () => {
  tell("Engraving …");
  const pages = await state.source.convert(fromBase64(session.now.midi), "piece.mid", "svg", { title: session.now.name });
  $("score").replaceChildren(...pages.map((page, number) => {
    const image = document.createElement("img"); // where no script of a file runs
    image.src = URL.createObjectURL(new Blob([page], { type: "image/svg+xml" }));
    image.alt = `Score, page ${number + 1}`;
    return image;
  }));
  tell(`The score has ${pages.length} page${pages.length > 1 ? "s" : ""}.`);
});

// --- Beginning ------------------------------------------------------------------------------------------------------

function listen() {
  $("file").addEventListener("change", () => { open($("file").files[0]); $("file").value = ""; });
  $("drop").addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
  $("drop").addEventListener("dragleave", () => $("drop").classList.remove("over"));
  $("drop").addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    open(event.dataTransfer.files[0]);
  });
  $("play").addEventListener("click", () => play(state.song, $("play"), session.now.midi));
  $("undo").addEventListener("click", () => { session.move(-1); showPiece(); });
  $("redo").addEventListener("click", () => { session.move(1); showPiece(); });
  $("zoom").addEventListener("input", () => roll.zoom(Number($("zoom").value)));
  for (const id of ["first-bar", "last-bar"]) {
    $(id).addEventListener("change", () => selectBars(Number($("first-bar").value), Number($("last-bar").value)));
  }
  $("action").addEventListener("change", showModels);
  $("model").addEventListener("change", showForm);
  $("form").addEventListener("submit", (event) => { event.preventDefault(); if (!$("go").disabled) ask(); });
  $("go").addEventListener("click", ask);
  $("cancel").addEventListener("click", () => { state.asking?.abort(); tell("Cancelled."); });
  $("download").addEventListener("click", download);
  $("engrave").addEventListener("click", engrave);
  window.addEventListener("resize", () => roll.draw());
}

async function findModels() {
  if (document.body.dataset.models === "server") return ServerModels.find();
  const { LocalModels } = await import("./local/models.js");
  return LocalModels.find((text) => tell(text));
}

const begin = guarded(async () => {
  listen();
  showPiece();
  state.source = await findModels();
  const formats = state.source.canConvert ? Object.keys(FORMATS) : ["mid"];
  $("format").replaceChildren(...formats.map((format) => new Option(FORMATS[format], format)));
  $("engrave").hidden = !state.source.canConvert;
  for (const part of [$("sound"), $("sound").labels[0]]) part.hidden = !state.source.hasSoundfont;
  showActions();
  showTracks();
  tell(`${state.source.models.map((model) => model.name).join(", ")}: ready.`);
});

window.studio = { player, session, state }; // for those who look into a running page
begin();
