// A model's step in ONNX Runtime, one sequence at a time, as step.json says.

const FIRST_CAPACITY = 128;

/** One sequence that is read token by token. */
export class Stepper {
  /**
   * @param ort the runtime's module.
   * @param session of the graph.
   * @param how step.json.
   */
  constructor(ort, session, how) {
    Object.assign(this, { ort, session, how, length: 0, capacity: 0, states: {} });
  }

  /** One that goes on from here by itself: a step leaves the states that it begins with as they are. */
  copy() { return Object.assign(new Stepper(this.ort, this.session, this.how), { ...this, states: { ...this.states } }); }

  /** Room for so many tokens; what the states hold is kept. Each step copies them, so they are no larger than needed. */
  makeRoom(length) {
    if (length <= this.capacity) return;
    this.capacity = Math.max(length, Math.min(this.how.max_length, Math.max(FIRST_CAPACITY, 2 * this.capacity)));
    for (const { name, shape: given, grows } of this.how.states) {
      const shape = [1, ...given.map((size) => size || this.capacity)];
      const before = this.states[name];
      if (before && !grows) continue;
      const data = new Float32Array(shape.reduce((product, side) => product * side, 1));
      if (before) {
        const [from, to] = [before.dims[2] * shape[3], this.capacity * shape[3]]; // (1, heads, capacity, head size)
        for (let head = 0; head < shape[1]; head++) {
          data.set(before.data.subarray(head * from, (head + 1) * from), head * to);
        }
      }
      this.states[name] = new this.ort.Tensor("float32", data, shape);
    }
  }

  /** Logits behind ids, which are read after what was read before. */
  async read(ids) {
    const total = this.length + ids.length;
    this.makeRoom(total);
    const wide = (numbers) => BigInt64Array.from(numbers, BigInt);
    const { Tensor } = this.ort;
    const places = {
      before: () => new Tensor("int32", Int32Array.of(total - 1), [1]),
      total: () => new Tensor("int32", Int32Array.of(total), [1]),
      positions: () => new Tensor("int64", wide(ids.map((_, place) => this.length + place)), [1, ids.length]),
    };
    const feed = { input_ids: new Tensor("int64", wide(ids), [1, ids.length]) };
    for (const name of Object.keys(this.how.inputs)) if (name in places) feed[name] = places[name]();
    for (const name of Object.keys(this.states)) feed[`past_${name}`] = this.states[name];
    const given = await this.session.run(feed);
    for (const name of Object.keys(this.states)) this.states[name] = given[name];
    this.length = total;
    return given.logits.data;
  }
}
