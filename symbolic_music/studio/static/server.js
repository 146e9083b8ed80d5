// Models of a server: what they can, music from them as it is written, files turned into others.

import { fromBase64, toBase64 } from "./midi.js";

/** Raised with one line that says what is wrong. */
export class AskError extends Error {}

async function said(answer) {
  let body;
  try {
    body = await answer.json();
  } catch {
    throw new AskError(`the server answered ${answer.status}`);
  }
  if (!answer.ok) throw new AskError(body.error ?? `the server answered ${answer.status}`);
  return body;
}

export class ServerModels {
  /** The server that this page came from. */
  static async find() {
    return new ServerModels((await said(await fetch("models"))).models);
  }

  constructor(models) {
    this.models = models;
    this.canConvert = true;
    this.hasSoundfont = true; // in sound files that it makes
  }

  /**
   * Ask for music.
   * @param {string} action "compose", "continue" or "infill".
   * @param {object} wishes with the model's name in `model`.
   * @param {object | null} given a step of a session, with its MIDI in base64.
   * @param {(kind: string, data: object) => void} onEvent told what comes.
   * @param {AbortSignal} signal ends it.
   * @returns pieces: {midi: base64, num_bars, num_notes}.
   */
  async ask(action, wishes, given, onEvent, signal) {
    const answer = await fetch(action, {
      method: "POST",
      signal,
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify(given ? { ...wishes, midi: given.midi } : wishes),
    });
    if (!answer.ok) await said(answer);
    const pieces = [];
    for await (const [kind, data] of events(answer.body)) {
      if (data.error || kind === "cancelled") throw new AskError(data.error ?? "cancelled");
      if (kind === "piece" && data.midi) pieces.push(data);
      onEvent(kind, data);
    }
    return pieces;
  }

  /** The bytes of the pages of a file in another format; `apart` makes each track a sound file. */
  async convert(bytes, name, to, { title = "", apart = false } = {}) {
    const body = { file: toBase64(bytes), file_name: name, to, title, apart };
    const answer = await fetch("convert", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return (await said(answer)).pages.map(fromBase64);
  }
}

/** Server-sent events of a stream of bytes. */
export async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    let end;
    while ((end = text.indexOf("\n\n")) >= 0) {
      const fields = Object.fromEntries(text.slice(0, end).split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2)));
      text = text.slice(end + 2);
      if (fields.event) yield [fields.event, JSON.parse(fields.data)];
    }
  }
}
