// What may fill gaps, as tables of a token grammar: the package's events/voices/infilling.py and grammar.py.

const [PAD, BOS, EOS] = ["PAD_None", "BOS_None", "EOS_None"];

/** One automaton over all events, whose first state is the initial one. */
class Automaton {
  constructor(vocabulary, numStates) {
    Object.assign(this, { size: vocabulary.events.length, numStates });
    this.next = new Int16Array(numStates * this.size).fill(-1);
  }

  add(state, events, next) { for (const event of events) this.next[state * this.size + event] = next; }

  /** Let events pass in every state. */
  stayOn(events) { for (let state = 0; state < this.numStates; state++) this.add(state, events, state); }
}

/** Ids of events by what their names begin with, and of those that last by their steps too. */
function grouped(vocabulary) {
  const [byKind, lasting] = [new Map(), new Map()];
  vocabulary.events.forEach((event, id) => {
    const kind = event.slice(0, event.indexOf("_"));
    if (!byKind.has(kind)) byKind.set(kind, []);
    byKind.get(kind).push(id);
    const steps = vocabulary.stepsOf(event);
    if (steps === null) return;
    const name = `${kind} ${steps}`;
    if (!lasting.has(name)) lasting.set(name, []);
    lasting.get(name).push(id);
  });
  return {
    of: (...kinds) => kinds.flatMap((kind) => byKind.get(kind) ?? []),
    but: (...kinds) => [...byKind].flatMap(([kind, ids]) => (kinds.includes(kind) ? [] : ids)),
    lasting: (kind, steps) => lasting.get(`${kind} ${steps}`) ?? [],
  };
}

/** By number of steps, the fewest events that take so long. */
function fewestEvents(most, durations) {
  const fewest = [0];
  for (let steps = 1; steps <= most; steps++) {
    fewest.push(1 + Math.min(...durations.filter((duration) => duration <= steps).map((duration) => fewest[steps - duration])));
  }
  return fewest;
}

/** Events that gaps and their masks take at the least, with those that begin and end a sequence. */
export function shortestFill(gaps, durations) {
  const fewest = fewestEvents(Math.max(...gaps.map(({ steps }) => steps)), durations);
  return gaps.reduce((sum, { steps }) => sum + 1 + fewest[steps], 2);
}

/**
 * The grammar of what fills gaps: exactly their durations, each behind its mask.
 * @returns {{tables: object, numbers: object}} for `TokenGrammar`.
 */
export function fillGrammar(vocabulary, gaps) {
  const [groups, { ids, codec }] = [grouped(vocabulary), vocabulary];
  const fewest = fewestEvents(Math.max(...gaps.map(({ steps }) => steps)), codec.durations);
  const each = gaps.map(({ steps }) => 1 + fewest[steps]);
  const toCome = Array.from({ length: gaps.length + 1 }, (_, done) => each.slice(done).reduce((sum, count) => sum + count, 1));
  const order = orderAutomaton(vocabulary, groups, gaps);
  const room = roomAutomaton(vocabulary, groups, gaps, fewest.length - 1);
  const automata = [order, room, tieAutomaton(vocabulary, groups, gaps), lengthsAutomaton(vocabulary, groups), pitchAutomaton(vocabulary, groups)];
  const toEnd = [[1 + toCome[0], ...toCome, 0], fewest, ...automata.slice(2).map(({ numStates }) => new Array(numStates).fill(0))];
  const size = vocabulary.events.length;
  const column = (numbers) => ({ data: Int32Array.from(numbers), shape: [numbers.length] });
  const flags = (has) => column(vocabulary.events.map((event) => Number(has(event))));
  const nothing = flags(() => false);
  return {
    tables: {
      ...stacked(automata, size),
      kinds: column(Array.from({ length: size }, (_, id) => id)),
      tokens_to_end: column(toEnd.flat()),
      bars_per_token: nothing,
      before_bar: nothing,
      ends_piece: flags((event) => ids.get(event) === ids.get(EOS)),
      adds_pitch: flags((event) => event.startsWith("With_")),
    },
    numbers: {
      closing_room: Math.max(...toEnd[0]) + 1,
      longest_way: toEnd.reduce((sum, ways) => sum + Math.max(...ways), 1),
    },
  };
}

/** The rows of automata one below the other. */
function stacked(automata, size) {
  const numRows = automata.reduce((sum, { numStates }) => sum + numStates, 0);
  const [data, initial] = [new Int16Array(numRows * size), []];
  let offset = 0;
  for (const { next, numStates } of automata) {
    initial.push(offset);
    next.forEach((state, place) => { data[offset * size + place] = state < 0 ? -1 : state + offset; });
    offset += numStates;
  }
  return { next_state: { data, shape: [numRows, size] }, initial_state: { data: initial, shape: [initial.length] } };
}

/** Mask after mask: the beginning, so many masks filled, the end. */
function orderAutomaton(vocabulary, groups, gaps) {
  const [{ ids }, ended] = [vocabulary, gaps.length + 2];
  const automaton = new Automaton(vocabulary, ended + 1);
  automaton.add(0, [ids.get(PAD)], 0);
  automaton.add(0, [ids.get(BOS), ids.get("Fill_None")], 1);
  gaps.forEach((_, number) => {
    automaton.add(number + 1, [ids.get(`Mask_${number + 1}`)], number + 2);
    automaton.add(number + 2, groups.of("Note", "With", "Rest", "Tie"), number + 2);
  });
  automaton.add(ended - 1, [ids.get(EOS)], ended);
  automaton.add(ended, [ids.get(PAD)], ended);
  return automaton;
}

/** The durations behind a mask sum to its gap; states are steps still to fill. */
function roomAutomaton(vocabulary, groups, gaps, most) {
  const automaton = new Automaton(vocabulary, most + 1);
  automaton.stayOn(groups.but("Mask", "EOS", "Note", "Rest", "Tie"));
  automaton.add(0, [vocabulary.ids.get(EOS)], 0);
  gaps.forEach(({ steps }, number) => automaton.add(0, [vocabulary.ids.get(`Mask_${number + 1}`)], steps));
  for (const steps of vocabulary.codec.durations) {
    const spans = ["Note", "Tie", "Rest"].flatMap((kind) => groups.lasting(kind, steps));
    for (let room = steps; room <= most; room++) automaton.add(room, spans, room - steps);
  }
  return automaton;
}

/** A tie goes on from a note of the same gap, or of the one that it continues: silent, in a note. */
function tieAutomaton(vocabulary, groups, gaps) {
  const automaton = new Automaton(vocabulary, 2);
  automaton.stayOn(groups.but("Note", "Rest", "Tie", "Mask"));
  for (const state of [0, 1]) {
    automaton.add(state, groups.of("Note"), 1);
    automaton.add(state, groups.of("Rest"), 0);
    gaps.forEach(({ continues }, number) => automaton.add(state, [vocabulary.ids.get(`Mask_${number + 1}`)], continues ? state : 0));
  }
  automaton.add(1, groups.of("Tie"), 1);
  return automaton;
}

/** A length that takes several events takes the longest first: fresh, then what a note, and what a rest, may still get. */
function lengthsAutomaton(vocabulary, groups) {
  const { durations } = vocabulary.codec;
  const rooms = durations.map((duration, place) => (place + 1 < durations.length ? durations[place + 1] - duration - 1 : Infinity));
  const reachable = [...Array(Math.max(...rooms.slice(0, -1), 0) + 1).keys(), Infinity];
  const stateOf = (isRest, room) => 1 + (isRest ? reachable.length : 0) + reachable.indexOf(room);
  const automaton = new Automaton(vocabulary, 1 + 2 * reachable.length);
  automaton.stayOn(groups.but("Mask", "Note", "Rest", "Tie"));
  const states = [...Array(automaton.numStates).keys()];
  for (const state of states) automaton.add(state, groups.of("Mask"), 0);
  durations.forEach((duration, place) => {
    const [note, rest, tie] = ["Note", "Rest", "Tie"].map((kind) => groups.lasting(kind, duration));
    const room = rooms[place];
    for (const state of states) automaton.add(state, note, stateOf(false, room));
    for (const state of [0, ...reachable.map((left) => stateOf(false, left))]) automaton.add(state, rest, stateOf(true, room));
    automaton.add(0, tie, stateOf(false, room));
    for (const left of reachable.filter((other) => duration <= other)) {
      const still = left === Infinity ? room : Math.min(left - duration, room);
      automaton.add(stateOf(false, left), tie, stateOf(false, still));
      automaton.add(stateOf(true, left), rest, stateOf(true, still));
    }
  });
  return automaton;
}

/** The notes of a chord ascend from its lowest: no note, above each pitch. */
function pitchAutomaton(vocabulary, groups) {
  const { pitchNames, ids } = vocabulary;
  const automaton = new Automaton(vocabulary, pitchNames.length + 1);
  const others = groups.but("Note", "With");
  const lowest = pitchNames.map((name) => [...vocabulary.lengths.keys()].map((length) => ids.get(`Note_${name}:${length}`)));
  for (let state = 0; state <= pitchNames.length; state++) {
    automaton.add(state, others, 0);
    lowest.forEach((notes, place) => automaton.add(state, notes, place + 1));
    pitchNames.forEach((name, place) => {
      if (place >= 1 && state >= 1 && state <= place) automaton.add(state, [ids.get(`With_${name}`)], place + 1);
    });
  }
  return automaton;
}
