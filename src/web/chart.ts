import { svg } from "./dom.js";

/** Numbers over steps. */
export interface Point {
  readonly step: number;
  readonly value: number;
}

const [WIDTH, HEIGHT] = [320, 150];
const MARGIN = { left: 34, right: 8, top: 10, bottom: 20 };
/** Points of a line: more than pixels say nothing. */
const MOST_POINTS = 400;

/** A chart of one line over steps, and a line to compare it with. */
export class Chart {
  readonly #line = svg("path", { class: "line" });
  readonly #faint = svg("path", { class: "line faint" });
  readonly #level = svg("g", { class: "level" });
  readonly #axes = svg("g", { class: "axes" });
  readonly #root: SVGSVGElement;

  /** @param text of a value on the axis */
  constructor(
    place: Element,
    label: string,
    readonly text: (value: number) => string,
  ) {
    this.#root = svg(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": label },
      ...[this.#axes, this.#level, this.#faint, this.#line],
    );
    place.append(this.#root);
  }

  /**
   * Draws points, smoothed where `smooth` is below 1 (the weight of a new value in the mean), up to step `end`.
   * @param level what is compared with, and what it is called
   * @param floor below which nothing is shown; none by default
   */
  draw(
    points: readonly Point[],
    end: number,
    level: { readonly value: number; readonly name: string } | null,
    { smooth = 1, floor }: { readonly smooth?: number; readonly floor?: number } = {},
  ): void {
    const values = [
      ...points.map(({ value }) => value),
      ...(level ? [level.value] : []),
      ...(floor === undefined ? [] : [floor]),
    ];
    const [least, high] = spread(values);
    const low = floor ?? least;
    const x = (step: number) => MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * step) / Math.max(1, end);
    const y = (value: number) => MARGIN.top + ((HEIGHT - MARGIN.top - MARGIN.bottom) * (high - value)) / (high - low);
    const path = (line: readonly Point[]) =>
      thinned(line)
        .map(({ step, value }, i) => `${i === 0 ? "M" : "L"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`)
        // A line of one point is a dot.
        .join("")
        .replace(/^[^L]+$/, "$&h0.1");
    this.#faint.setAttribute("d", smooth < 1 ? path(points) : "");
    this.#line.setAttribute("d", path(smooth < 1 ? smoothed(points, smooth) : points));
    this.#axes.replaceChildren(
      ...[low, high].map((value) =>
        svg("text", { x: MARGIN.left - 6, y: y(value) + 3.5, "text-anchor": "end" }, this.text(value)),
      ),
      ...[low, high].map((value) => svg("path", { d: `M${MARGIN.left} ${y(value)}H${WIDTH - MARGIN.right}` })),
      svg("text", { x: MARGIN.left, y: HEIGHT - 5 }, "0"),
      svg("text", { x: WIDTH - MARGIN.right, y: HEIGHT - 5, "text-anchor": "end" }, `step ${end.toLocaleString("en")}`),
    );
    if (values.length === 0) this.#axes.replaceChildren();
    this.#level.replaceChildren();
    if (level)
      this.#level.append(
        svg("path", { d: `M${MARGIN.left} ${y(level.value)}H${WIDTH - MARGIN.right}` }),
        svg("text", { x: WIDTH - MARGIN.right, y: y(level.value) - 5, "text-anchor": "end" }, level.name),
      );
  }
}

/** A little more than from the least to the most. */
function spread(values: readonly number[]): [number, number] {
  if (values.length === 0) return [0, 1];
  // Not as arguments: a long training has more steps than a call takes.
  const low = values.reduce((least, value) => Math.min(least, value));
  const high = values.reduce((most, value) => Math.max(most, value));
  const more = 0.06 * (high - low) || 0.5;
  return [low - more, high + more];
}

function smoothed(points: readonly Point[], weight: number): Point[] {
  let mean = points[0]?.value ?? 0;
  return points.map(({ step, value }, i) => {
    // The first values count as much as their mean.
    mean += Math.max(weight, 1 / (i + 1)) * (value - mean);
    return { step, value: mean };
  });
}

function thinned(points: readonly Point[]): readonly Point[] {
  if (points.length <= MOST_POINTS) return points;
  const every = (points.length - 1) / (MOST_POINTS - 1);
  return Array.from({ length: MOST_POINTS }, (_, i) => points[Math.round(i * every)]);
}
