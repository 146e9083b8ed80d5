// A form made of a model's description: whatever can be asked of it, each with its label, its bounds and its default.

import { toBase64 } from "./midi.js";

const HIDDEN = new Set(["max_length", "first_bar", "last_bar", "tracks"]);
const TITLES = {
  ask: "In words", num_bars: "Bars", num_samples: "Pieces", prompt_bars: "Bars to keep",
  keep: "Notes to keep", rhythm: "Rhythm to take", pitches: "Pitches to take",
};
const LONG_TEXT = 200;

// Of one piece there are several that go on, or have other bars.
const VARIANTS = { title: "Variants", description: "how many to choose from" };

function titled(name) { return TITLES[name] ?? name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase()); }

function typesOf(entry) { return [entry.type].flat(); }

function isFile(entry) { return entry.contentEncoding === "base64"; }

function isWide(entry) { return entry.maxLength > LONG_TEXT || isFile(entry); }

/** Long texts come first, files last, for few have one. */
function place(entry) { return isFile(entry) ? 2 : isWide(entry) ? 0 : 1; }

/** Fill a container with the fields of an action's schema. */
export function makeForm(container, schema, prefix) {
  container.replaceChildren(...Object.entries(schema.properties)
    .filter(([name]) => !HIDDEN.has(name))
    .sort(([, one], [, other]) => place(one) - place(other))
    .map(([name, entry]) => makeRow(name, ofAction(name, entry, prefix), `${prefix}-${name}`)));
}

function ofAction(name, entry, action) { return name === "num_samples" && action !== "compose" ? { ...entry, ...VARIANTS } : entry; }

function makeRow(name, entry, id) {
  const label = document.createElement("label");
  const field = makeField(entry);
  field.id = id;
  field.name = name;
  label.htmlFor = id;
  label.append(entry.title ?? titled(name));
  const row = document.createElement("div");
  row.className = "field";
  if (field.type === "checkbox") {
    row.classList.add("switch");
    row.append(field, label);
  } else {
    row.append(label, field);
  }
  if (field.type === "file") field.after(makeClearing(field));
  if (isFile(entry)) row.classList.add("with-file");
  if (isWide(entry)) row.classList.add("wide");
  if (entry.description) {
    const hint = document.createElement("small");
    hint.id = `${id}-hint`;
    hint.textContent = entry.description;
    field.setAttribute("aria-describedby", hint.id);
    row.append(hint);
  }
  return row;
}

/** What empties a field for a file, beside it. */
function makeClearing(field) {
  const button = document.createElement("button");
  button.type = "button";
  button.id = `${field.id}-clear`;
  button.textContent = "Clear";
  button.setAttribute("aria-label", `Clear: ${titled(field.name)}`);
  button.addEventListener("click", () => { field.value = ""; });
  return button;
}

function makeFileField() {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = ".mid,.midi,.kar";
  return input;
}

function makeField(entry) {
  if (isFile(entry)) return makeFileField();
  const values = entry.enum ?? entry.items?.enum;
  if (values) return makeSelect(values, entry.type === "array", entry.default);
  const input = document.createElement("input");
  const types = typesOf(entry);
  if (types.includes("boolean")) {
    input.type = "checkbox";
    input.defaultChecked = Boolean(entry.default);
  } else if (types.includes("string")) {
    input.type = "text";
    input.dataset.numbers = types.includes("number");
    if (entry.maxLength !== undefined) input.maxLength = entry.maxLength;
    input.placeholder = entry.examples?.[0] ?? "";
    input.autocomplete = "off";
  } else {
    input.type = "number";
    input.step = types.includes("integer") ? "1" : "any";
    if (entry.minimum !== undefined) input.min = entry.minimum;
    if (entry.maximum !== undefined) input.max = entry.maximum;
  }
  if (entry.default !== undefined && input.type !== "checkbox") {
    // What other wishes may say too is left to them as long as nobody fills it in.
    if (entry["x-said-by"]) input.placeholder = entry.default;
    else input.defaultValue = entry.default;
  }
  return input;
}

function makeSelect(values, isMultiple, chosen) {
  const select = document.createElement("select");
  select.multiple = isMultiple;
  if (isMultiple) select.size = 4;
  else select.append(new Option("any", ""));
  select.append(...values.map((value) => new Option(value, value, value === chosen, value === chosen)));
  return select;
}

/** What the fields of a container say, files in base64; what is left empty is left out. */
export async function readForm(container) {
  const wishes = {};
  for (const field of container.querySelectorAll("input, select")) {
    const value = field.type === "file" ? await contentOf(field) : valueOf(field);
    if (value !== null) wishes[field.name] = value;
  }
  return wishes;
}

async function contentOf({ files }) { return files.length ? toBase64(new Uint8Array(await files[0].arrayBuffer())) : null; }

function valueOf(field) {
  if (field.multiple) {
    const chosen = [...field.selectedOptions].map((option) => option.value);
    return chosen.length ? chosen : null;
  }
  if (field.type === "checkbox") return field.checked || null;
  if (field.validity.badInput) throw new Error(`${field.labels[0].textContent} is no number.`);
  const text = field.value.trim();
  if (text === "") return null;
  const isNumber = field.type === "number" || (field.dataset.numbers === "true" && Number.isFinite(Number(text)));
  return isNumber ? Number(text) : text;
}

/** Show what words of a wish mean to the server, and which of them say nothing; null for no words. */
export function showReading(list, reading) {
  list.hidden = !reading;
  const lines = (reading?.understood ?? []).map(({ words, meaning }) => `“${words}”: ${meaning}`);
  if (reading?.not_understood.length) lines.push(`Not understood: ${reading.not_understood.join(", ")}`);
  list.replaceChildren(...lines.map((line) => {
    const item = document.createElement("li");
    item.textContent = line;
    return item;
  }));
}
