// The pieces of a session, one after the other, with undo and redo; kept in this browser, so that a reload loses nothing.

const KEY = "symbolic-music studio";
const MOST_KEPT = 40;

/** What the browser keeps for this page; nothing where it refuses to, as it may inside a page of another site. */
function ownStorage() {
  try {
    return window.localStorage;
  } catch {
    return { getItem: () => null, setItem: () => {} };
  }
}

export class Session {
  constructor(storage = ownStorage()) {
    this.storage = storage;
    this.steps = [];
    this.place = -1;
    try {
      const kept = JSON.parse(storage.getItem(KEY) || "null");
      if (Array.isArray(kept?.steps) && Number.isInteger(kept.place)) {
        this.steps = kept.steps.filter((step) => typeof step.midi === "string" && typeof step.name === "string");
        this.place = Math.min(Math.max(kept.place, -1), this.steps.length - 1);
      }
    } catch {
      this.steps = [];
    }
  }

  /** The piece that stands now: {midi: base64, name, ids?}, or null. */
  get now() { return this.steps[this.place] ?? null; }
  get canUndo() { return this.place > 0; }
  get canRedo() { return this.place < this.steps.length - 1; }

  add(step) {
    this.steps = [...this.steps.slice(0, this.place + 1), step].slice(-MOST_KEPT);
    this.place = this.steps.length - 1;
    this.keep();
  }

  move(by) {
    this.place = Math.min(Math.max(this.place + by, 0), this.steps.length - 1);
    this.keep();
  }

  keep() {
    for (;;) {
      try {
        this.storage.setItem(KEY, JSON.stringify({ steps: this.steps, place: this.place }));
        return;
      } catch {
        if (this.steps.length < 2) return; // larger than all a browser keeps
        this.steps.shift();
        this.place--;
      }
    }
  }
}
