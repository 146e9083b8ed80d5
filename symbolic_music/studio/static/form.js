// A form made of a model's description: whatever can be asked of it, each with its label, its bounds and its default.

const HIDDEN = new Set(["max_length", "first_bar", "last_bar", "tracks"]);

function titled(name) { return name.replaceAll("_", " ").replace("num ", "").replace(/^./, (letter) => letter.toUpperCase()); }

/** Fill a container with the fields of an action's schema. */
export function makeForm(container, schema, prefix) {
  container.replaceChildren();
  for (const [name, entry] of Object.entries(schema.properties)) {
    if (HIDDEN.has(name)) continue;
    const label = document.createElement("label");
    const field = makeField(entry);
    field.id = `${prefix}-${name}`;
    field.name = name;
    field.title = entry.description ?? "";
    label.htmlFor = field.id;
    label.append(titled(name));
    const row = document.createElement("div");
    row.className = "field";
    row.append(label, field);
    container.append(row);
  }
}

function makeField(entry) {
  const values = entry.enum ?? entry.items?.enum;
  if (values) {
    const select = document.createElement("select");
    select.multiple = entry.type === "array";
    if (select.multiple) select.size = 4;
    else select.append(new Option("any", ""));
    for (const value of values) select.append(new Option(value, value));
    return select;
  }
  const input = document.createElement("input");
  input.type = "number";
  input.step = entry.type === "integer" ? "1" : "any";
  if (entry.minimum !== undefined) input.min = entry.minimum;
  if (entry.maximum !== undefined) input.max = entry.maximum;
  if (entry.default !== undefined) input.value = entry.default;
  return input;
}

/** What the fields of a container say; what is left empty is left out. */
export function readForm(container) {
  const wishes = {};
  for (const field of container.querySelectorAll("input, select")) {
    if (field.multiple) {
      const chosen = [...field.selectedOptions].map((option) => option.value);
      if (chosen.length) wishes[field.name] = chosen;
    } else if (field.value !== "") {
      wishes[field.name] = field.type === "number" ? Number(field.value) : field.value;
    }
  }
  return wishes;
}
