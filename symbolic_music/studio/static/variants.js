// Pieces to choose from, one below the other, each to be heard and to be taken.

import { fromBase64, readMidi } from "./midi.js";
import { Roll } from "./roll.js";

/** What a piece is called, whose number among those of one wish begins at 0. */
export function variantName(verbs, action, { first_bar: first, last_bar: last, seed = 0 }, number) {
  const bars = first === last ? `Bar ${first}` : `Bars ${first}-${last}`;
  return `${action === "infill" ? `${bars} anew` : verbs[action]}, seed ${seed}, ${String.fromCharCode(65 + number)}`;
}

/**
 * Add a piece to a list.
 * @param {HTMLElement} list
 * @param piece with its MIDI in base64.
 * @param {string} name
 * @param {number[]} bars that are new in it, the first and the last; or none.
 * @param {{play: (song, button, midi) => void, accept: (piece, name) => void}} actions
 */
export function showVariant(list, piece, name, bars, { play, accept }) {
  const item = document.createElement("li");
  const canvas = document.createElement("canvas");
  const song = readMidi(fromBase64(piece.midi));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Piano roll of ${name}`);
  const row = document.createElement("div");
  row.className = "row";
  const title = document.createElement("span");
  title.textContent = name;
  row.append(title, button("Play", name, (pressed) => play(song, pressed, piece.midi)), button("Accept", name, () => accept(piece, name)));
  item.append(row, canvas);
  list.append(item);
  const roll = new Roll(canvas);
  roll.show(song);
  roll.select(...bars);
}

function button(text, name, onClick) {
  const made = document.createElement("button");
  made.textContent = text;
  made.setAttribute("aria-label", `${text} ${name}`);
  made.addEventListener("click", () => onClick(made));
  return made;
}
