// A form made of a model's description: whatever can be asked of it, each with its label, its bounds and its default.

const HIDDEN = new Set(["max_length", "first_bar", "last_bar", "tracks"]);
const TITLES = { ask: "In words", num_bars: "Bars", num_samples: "Pieces", prompt_bars: "Bars to keep" };
const LONG_TEXT = 200;

// Of one piece there are several that go on, or have other bars.
const VARIANTS = { title: "Variants", description: "how many to choose from" };

function titled(name) { return TITLES[name] ?? name.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase()); }

function typesOf(entry) { return [entry.type].flat(); }

function isWide(entry) { return entry.maxLength > LONG_TEXT; }

/** Fill a container with the fields of an action's schema, long texts first. */
export function makeForm(container, schema, prefix) {
  container.replaceChildren(...Object.entries(schema.properties)
    .filter(([name]) => !HIDDEN.has(name))
    .sort(([, one], [, other]) => isWide(other) - isWide(one))
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

/** A field for a MIDI file, whose content in base64 is kept beside it. */
function makeFileField() {
  const input = document.createElement("input");
  input.type = "file";
  input.accept = ".mid,.midi";
  input.addEventListener("change", () => {
    input.dataset.content = "";
    if (!input.files.length) return;
    const reader = new FileReader();
    reader.addEventListener("load", () => { input.dataset.content = reader.result.split(",")[1]; });
    reader.readAsDataURL(input.files[0]);
  });
  return input;
}

function makeField(entry) {
  if (entry.contentEncoding === "base64") return makeFileField();
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

/** What the fields of a container say; what is left empty is left out. */
export function readForm(container) {
  const wishes = {};
  for (const field of container.querySelectorAll("input, select")) {
    const value = valueOf(field);
    if (value !== null) wishes[field.name] = value;
  }
  return wishes;
}

function valueOf(field) {
  if (field.multiple) {
    const chosen = [...field.selectedOptions].map((option) => option.value);
    return chosen.length ? chosen : null;
  }
  if (field.type === "checkbox") return field.checked || null;
  if (field.type === "file") return field.dataset.content || null;
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
