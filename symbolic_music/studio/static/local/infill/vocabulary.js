// What events of track text are called, by the order in which step.json lists them: the package's events/voices/codec.py.

const valueOf = (event) => event.slice(event.indexOf("_") + 1);

export class Vocabulary {
  /** @param how step.json of a model whose ids are the places of events. */
  constructor({ events, codec }) {
    const of = (kind) => events.filter((event) => event.startsWith(`${kind}_`)).map(valueOf);
    Object.assign(this, { events, codec });
    this.ids = new Map(events.map((event, id) => [event, id]));
    this.lengthNames = new Map(of("Rest").map((name, place) => [codec.durations[place], name]));
    this.lengths = new Map([...this.lengthNames].map(([steps, name]) => [name, steps]));
    this.pitchNames = [...new Set(of("Note").map((value) => value.slice(0, value.lastIndexOf(":"))))];
    this.pitches = new Map(this.pitchNames.map((name, place) => [name, codec.lowest_pitch + place]));
    this.keys = of("Key"); // major ones from seven flats to seven sharps, then minor ones
    this.tempos = of("Tempo").map((name) => ({ name, microseconds: Math.round(6e7 / Number(name)) }));
  }

  pitchName(pitch) { return this.pitchNames[pitch - this.codec.lowest_pitch]; }

  /** Whether there are events for a pitch. */
  hasPitch(pitch) { return pitch >= this.codec.lowest_pitch && pitch <= this.codec.highest_pitch; }

  keyName({ sharps, isMinor }) { return this.keys[(isMinor ? 15 : 0) + sharps + 7]; }

  /** The steps of an event that lasts, else null. */
  stepsOf(event) {
    const kind = event.slice(0, event.indexOf("_"));
    if (!["Note", "Rest", "Tie"].includes(kind)) return null;
    return this.lengths.get(event.slice(Math.max(event.lastIndexOf(":"), event.indexOf("_")) + 1));
  }

  /** Events of spans, one after the other. */
  spanEvents(spans) {
    return spans.flatMap(({ kind, steps, pitches }) => {
      const length = this.lengthNames.get(steps);
      if (kind !== "Note") return [`${kind}_${length}`];
      const [lowest, ...above] = pitches.map((pitch) => this.pitchName(pitch));
      return [`Note_${lowest}:${length}`, ...above.map((name) => `With_${name}`)];
    });
  }
}
