// A piano roll on a canvas: tracks in colours, bars numbered, a selection of bars, a playhead.

import { barStarts } from "./midi.js";

// Okabe and Ito's colours, which the colour-blind can tell apart, lightened for a dark ground.
export const COLOURS = ["#56b4e9", "#e69f00", "#2fc29a", "#f0e442", "#e88fc0", "#7aa6ff", "#f07f4f", "#c9c9c9"];
const BAR_LINE_HEIGHT = 18;

export class Roll {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {(first: number, last: number) => void} onSelect told bars from 1 when they are dragged over.
   * @param {() => void} onDrag told when a drag reaches a second bar.
   */
  constructor(canvas, onSelect = null, onDrag = () => {}) {
    this.canvas = canvas;
    this.song = null;
    this.selection = null;
    this.shown = () => true;
    this.pixelsPerBar = 0;
    if (onSelect) this.listen(onSelect, onDrag);
  }

  show(song, shown = () => true) {
    this.song = song;
    this.shown = shown;
    this.starts = song ? barStarts(song) : [];
    this.draw();
  }

  get numBars() { return Math.max(this.starts?.length - 1 || 0, 0); }

  select(first, last) {
    this.selection = first ? [first, last] : null;
    this.draw();
  }

  /** Pixels a bar; 0 fits all into the width. */
  zoom(pixelsPerBar) {
    this.pixelsPerBar = pixelsPerBar;
    this.draw();
  }

  x(tick) { return (tick / this.starts.at(-1)) * this.width; }

  draw(playedTick = null) {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const wanted = this.pixelsPerBar ? Math.max(this.numBars * this.pixelsPerBar, canvas.parentElement.clientWidth) : 0;
    canvas.style.width = wanted ? `${wanted}px` : "100%";
    this.width = Math.min(canvas.clientWidth, 16000 / ratio);
    this.height = canvas.clientHeight;
    canvas.width = this.width * ratio;
    canvas.height = this.height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio); // the canvas forgets it when its size is set
    pen.fillStyle = "#16181d";
    pen.fillRect(0, 0, this.width, this.height);
    if (!this.song) return;
    this.drawBars(pen);
    this.drawNotes(pen);
    if (playedTick !== null) {
      pen.fillStyle = "#ffffff";
      pen.fillRect(this.x(playedTick), 0, 2, this.height);
    }
  }

  drawBars(pen) {
    if (this.selection) {
      const [first, last] = this.selection;
      const begin = this.x(this.starts[first - 1] ?? 0);
      pen.fillStyle = "#34406b";
      pen.fillRect(begin, 0, this.x(this.starts[Math.min(last, this.numBars)]) - begin, this.height);
    }
    pen.font = "11px sans-serif";
    let lastNumber = -Infinity;
    for (let bar = 0; bar < this.numBars; bar++) {
      const x = this.x(this.starts[bar]);
      pen.fillStyle = "#3a3f4b";
      pen.fillRect(x, 0, 1, this.height);
      if (x - lastNumber < 28) continue;
      pen.fillStyle = "#c7cbd6";
      pen.fillText(String(bar + 1), x + 3, 12);
      lastNumber = x;
    }
  }

  drawNotes(pen) {
    const pitches = this.song.tracks.flatMap((track) => track.notes.map((note) => note.pitch));
    const [low, high] = [Math.min(...pitches) - 1, Math.max(...pitches) + 1];
    const row = (this.height - BAR_LINE_HEIGHT) / (high - low + 1);
    this.song.tracks.forEach((track, number) => {
      pen.fillStyle = COLOURS[number % COLOURS.length];
      pen.globalAlpha = this.shown(number) ? 1 : 0.25;
      for (const note of track.notes) {
        const x = this.x(note.time);
        const width = Math.max(this.x(note.time + note.duration) - x - 1, 1.5);
        pen.fillRect(x, BAR_LINE_HEIGHT + (high - note.pitch) * row, width, Math.max(row - 0.5, 1.5));
      }
    });
    pen.globalAlpha = 1;
  }

  barAt(event) {
    const tick = (event.offsetX / this.width) * this.starts.at(-1);
    let bar = 1;
    while (bar < this.numBars && this.starts[bar] <= tick) bar++;
    return bar;
  }

  listen(onSelect, onDrag) {
    let from = 0;
    this.canvas.addEventListener("pointerdown", (event) => {
      if (!this.song) return;
      from = this.barAt(event);
      this.canvas.setPointerCapture(event.pointerId);
      onSelect(from, from);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      const bar = this.barAt(event);
      if (bar !== from) onDrag();
      onSelect(Math.min(from, bar), Math.max(from, bar));
    });
    for (const kind of ["pointerup", "pointercancel"]) this.canvas.addEventListener(kind, () => { from = 0; });
  }
}
