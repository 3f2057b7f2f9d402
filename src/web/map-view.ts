import { contextOf, oncePerFrame, themed } from "./dom.js";
import type { Thumbnails } from "./thumbnails.js";

/** Milliseconds that pictures take to where they belong: as long as places take to come, within these. */
const MOVES = [60, 600] as const;
const MARGIN = 28;
const MOST_ZOOM = 24;
/** A key moves the map by this share of it. */
const KEY_STEP = 0.1;

/** What is drawn on it. */
export interface MapContent {
  readonly thumbnails: Thumbnails;
  readonly count: number;
  /** A CSS colour for each picture; null without labels. */
  readonly colours: readonly string[] | null;
}

/** The map: pictures where the network takes them to be, which move as it learns. Wheel and pinch zoom, dragging moves it. */
export class MapView {
  #content: MapContent | null = null;
  #from: Float32Array | null = null;
  #to: Float32Array | null = null;
  #begun = 0;
  #duration: number = MOVES[1];
  #zoom = 1;
  /** What is in the middle, on the map from -1 to 1. */
  #centre: readonly [number, number] = [0, 0];
  #dots = false;
  #chosen: { readonly image: number; readonly neighbours: readonly number[] } | null = null;
  readonly #context: CanvasRenderingContext2D;
  readonly redraw = oncePerFrame(() => this.#draw());

  /** @param choose is called with a picture that was clicked */
  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly choose: (image: number) => void,
  ) {
    this.#context = contextOf(canvas);
    new ResizeObserver(() => {
      const ratio = devicePixelRatio;
      canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
      canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
      this.redraw();
    }).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.redraw);
    this.#listen();
  }

  show(content: MapContent): void {
    this.#content = content;
    [this.#from, this.#to, this.#chosen] = [null, null, null];
    this.reset();
  }

  /** The whole map. */
  reset(): void {
    [this.#zoom, this.#centre] = [1, [0, 0]];
    this.redraw();
  }

  /** Moves the pictures to these places, [2 * count] from -1 to 1. */
  move(positions: Float32Array): void {
    this.#from = this.#to ? this.#places() : positions;
    this.#to = positions;
    const now = performance.now();
    this.#duration = Math.min(MOVES[1], Math.max(MOVES[0], now - this.#begun));
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) this.#from = positions;
    this.#begun = now;
    this.redraw();
  }

  /** Dots in place of pictures. */
  set dots(dots: boolean) {
    this.#dots = dots;
    this.redraw();
  }

  mark(image: number, neighbours: readonly number[]): void {
    this.#chosen = { image, neighbours };
    this.redraw();
  }

  get #progress(): number {
    return Math.min(1, (performance.now() - this.#begun) / this.#duration);
  }

  #places(): Float32Array {
    const [from, to, t] = [this.#from, this.#to, this.#progress];
    if (!from || !to || from.length !== to.length || t >= 1) return to ?? new Float32Array();
    return to.map((value, i) => from[i] + t * (value - from[i]));
  }

  /** Pixels of the canvas that one unit of the map takes, across and down. */
  get #scale(): readonly [number, number] {
    const { width, height } = this.canvas;
    const of = (extent: number) => Math.max(1, extent / 2 - MARGIN * devicePixelRatio) * this.#zoom;
    return [of(width), of(height)];
  }

  #x(place: number): number {
    return this.canvas.width / 2 + (place - this.#centre[0]) * this.#scale[0];
  }

  #y(place: number): number {
    return this.canvas.height / 2 + (place - this.#centre[1]) * this.#scale[1];
  }

  /** Pixels of a picture's side. */
  get #side(): number {
    const { width, height } = this.canvas;
    const { count = 1 } = this.#content ?? {};
    const whole = Math.sqrt((0.42 * width * height) / count);
    return Math.min(
      96 * devicePixelRatio,
      Math.max(7 * devicePixelRatio, Math.min(40 * devicePixelRatio, whole)) * this.#zoom ** 0.6,
    );
  }

  #draw(): void {
    const { canvas } = this;
    const context = this.#context;
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.#content || !this.#to) return;
    const { thumbnails, count, colours } = this.#content;
    const places = this.#places();
    const side = this.#side;
    const dot = Math.max(2, side / 6);
    const [accent, surface] = [themed("--accent"), themed("--surface")];
    context.imageSmoothingEnabled = true;
    const seen = (x: number, y: number) =>
      x > -side && y > -side && x < canvas.width + side && y < canvas.height + side;
    const one = (image: number, size: number) => {
      const [x, y] = [this.#x(places[2 * image]), this.#y(places[2 * image + 1])];
      if (!seen(x, y)) return;
      if (this.#dots) {
        context.fillStyle = colours?.[image] ?? accent;
        context.beginPath();
        context.arc(x, y, (dot * size) / side, 0, 2 * Math.PI);
        context.fill();
      } else thumbnails.draw(context, image, x, y, size);
    };
    context.globalAlpha = this.#chosen ? 0.45 : 1;
    for (let image = 0; image < count; image++) one(image, side);
    context.globalAlpha = 1;
    if (this.#chosen) this.#drawChosen(places, accent, surface);
    if (this.#progress < 1) this.redraw();
  }

  #drawChosen(places: Float32Array, accent: string, surface: string): void {
    if (!this.#chosen || !this.#content) return;
    const { image, neighbours } = this.#chosen;
    const context = this.#context;
    const at = (index: number) => [this.#x(places[2 * index]), this.#y(places[2 * index + 1])] as const;
    const [x, y] = at(image);
    context.strokeStyle = accent;
    context.lineWidth = 1.5 * devicePixelRatio;
    for (const other of neighbours) {
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(...at(other));
      context.stroke();
    }
    const side = Math.max(this.#side, 30 * devicePixelRatio);
    for (const [index, size] of [...neighbours.map((other) => [other, side] as const), [image, 1.5 * side] as const]) {
      const [left, top] = at(index);
      const edge = (index === image ? 3 : 2) * devicePixelRatio;
      context.fillStyle = index === image ? accent : surface;
      context.fillRect(left - size / 2 - edge, top - size / 2 - edge, size + 2 * edge, size + 2 * edge);
      this.#content.thumbnails.draw(context, index, left, top, size);
    }
  }

  /** The picture at a place of the canvas, in its pixels; the one that is drawn on top. */
  #at(x: number, y: number): number | null {
    const places = this.#places();
    const { count = 0 } = this.#content ?? {};
    const reach = Math.max(this.#side / 2, 6 * devicePixelRatio);
    for (let image = count - 1; image >= 0; image--) {
      const [dx, dy] = [this.#x(places[2 * image]) - x, this.#y(places[2 * image + 1]) - y];
      if (Math.abs(dx) <= reach && Math.abs(dy) <= reach) return image;
    }
    return null;
  }

  /** Zooms by a factor around a place of the canvas, in its pixels. */
  #zoomAt(factor: number, x: number, y: number): void {
    const zoom = Math.min(MOST_ZOOM, Math.max(1, this.#zoom * factor));
    const keep = 1 - this.#zoom / zoom;
    const [dx, dy] = [x - this.canvas.width / 2, y - this.canvas.height / 2];
    this.#centre = [this.#centre[0] + (dx / this.#scale[0]) * keep, this.#centre[1] + (dy / this.#scale[1]) * keep];
    this.#zoom = zoom;
    if (zoom === 1) this.#centre = [0, 0];
    this.redraw();
  }

  #pan(dx: number, dy: number): void {
    const clamp = (value: number) => Math.max(-1, Math.min(1, value));
    this.#centre = [clamp(this.#centre[0] - dx / this.#scale[0]), clamp(this.#centre[1] - dy / this.#scale[1])];
    this.redraw();
  }

  #listen(): void {
    const { canvas } = this;
    const pointers = new Map<number, readonly [number, number]>();
    let moved = 0;
    const place = (event: PointerEvent | WheelEvent) =>
      [event.offsetX * devicePixelRatio, event.offsetY * devicePixelRatio] as const;
    canvas.addEventListener(
      "wheel",
      (event) => {
        // A page is scrolled over the map, and zoomed into with the key that zooms pages, or once it is zoomed into.
        if (!event.ctrlKey && !event.metaKey && this.#zoom === 1 && document.activeElement !== canvas) return;
        event.preventDefault();
        this.#zoomAt(Math.exp(-event.deltaY / 300), ...place(event));
      },
      { passive: false },
    );
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, place(event));
      if (pointers.size === 1) moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const now = place(event);
      const [other] = [...pointers].flatMap(([id, at]) => (id === event.pointerId ? [] : [at]));
      if (other) {
        const distance = (at: readonly [number, number]) => Math.hypot(at[0] - other[0], at[1] - other[1]);
        this.#zoomAt(distance(now) / Math.max(1, distance(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
        moved = Number.POSITIVE_INFINITY;
      } else {
        moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
        if (this.#zoom > 1) this.#pan(now[0] - before[0], now[1] - before[1]);
      }
      pointers.set(event.pointerId, now);
    });
    for (const end of ["pointerup", "pointercancel"] as const)
      canvas.addEventListener(end, (event) => {
        pointers.delete(event.pointerId);
        if (end === "pointercancel" || moved > 6 * devicePixelRatio) return;
        const image = this.#at(...place(event));
        if (image !== null) this.choose(image);
        else this.#chosen = null;
        this.redraw();
      });
    canvas.addEventListener("dblclick", (event) => {
      this.#zoomAt(2, event.offsetX * devicePixelRatio, event.offsetY * devicePixelRatio);
    });
    canvas.addEventListener("keydown", ({ key }) => this.#onKey(key));
  }

  #onKey(key: string): void {
    const { width, height } = this.canvas;
    const step = KEY_STEP * Math.min(width, height);
    if (key === "+" || key === "=") this.#zoomAt(1.4, width / 2, height / 2);
    if (key === "-") this.#zoomAt(1 / 1.4, width / 2, height / 2);
    if (key === "0" || key === "Escape") {
      this.#chosen = null;
      this.reset();
    }
    if (key === "ArrowLeft") this.#pan(step, 0);
    if (key === "ArrowRight") this.#pan(-step, 0);
    if (key === "ArrowUp") this.#pan(0, step);
    if (key === "ArrowDown") this.#pan(0, -step);
  }
}
