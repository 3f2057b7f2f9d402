import { loadSharp } from "../data/load-sharp.js";
import { printable } from "../printable.js";
import { counted } from "../wording.js";
import { classColors } from "./class-colors.js";
import { MAP_SCRIPT } from "./map-script.js";
import { escapeHtml } from "./report-text.js";
import type { Thumbnails } from "./thumbnails.js";
import { renderVerbPage } from "./verb-page.js";

/** A photograph on the map. */
export interface MapPhotograph {
  readonly name: string;
  readonly label: string | null;
}

/** What is on the page of a map. */
export interface MapPageData {
  readonly photographs: readonly MapPhotograph[];
  /** [photographs, 2] */
  readonly positions: Float32Array;
  readonly facts: readonly string[];
  readonly command: string;
}

/** Thumbnails on the page: as many as one sheet of 64 x 64 of them holds. */
const MOST_TILES = 4096;
/** Sides of them in pixels: where there are few, they may be larger. */
const [SMALL, LARGE] = [64, 96];
const FEW = 1200;
/** Photographs that are decoded at once. */
const AT_ONCE = 16;

/** Small squares of photographs in one JPEG, in rows of `columns`; without those that cannot be read. */
async function tileSheet(names: readonly string[], side: number, thumbnails: Thumbnails) {
  const there: { place: number; pixels: Uint8Array }[] = [];
  for (let start = 0; start < names.length; start += AT_ONCE) {
    const some = await Promise.all(names.slice(start, start + AT_ONCE).map((name) => thumbnails.square(name, side)));
    some.forEach((pixels, i) => {
      if (pixels) there.push({ place: start + i, pixels });
    });
  }
  const columns = Math.max(1, Math.ceil(Math.sqrt(there.length)));
  const lines = Math.max(1, Math.ceil(there.length / columns));
  const sheet = new Uint8Array(4 * columns * side * lines * side).fill(255);
  there.forEach(({ pixels }, at) => {
    const [left, top] = [(at % columns) * side, Math.floor(at / columns) * side];
    for (let y = 0; y < side; y++)
      sheet.set(pixels.subarray(4 * y * side, 4 * (y + 1) * side), 4 * ((top + y) * columns * side + left));
  });
  const sharp = await loadSharp();
  const jpeg = await sharp(sheet, { raw: { width: columns * side, height: lines * side, channels: 4 } })
    .jpeg({ quality: 75 })
    .toBuffer();
  return {
    columns,
    places: there.map(({ place }) => place),
    uri: there.length === 0 ? null : `data:image/jpeg;base64,${jpeg.toString("base64")}`,
  };
}

/** Positions within a square of side 1, in their own proportions, cut to five digits. */
function within(positions: Float32Array): { readonly x: number[]; readonly y: number[] } {
  const axis = (which: number) => Array.from({ length: positions.length / 2 }, (_, i) => positions[2 * i + which]);
  const [xs, ys] = [axis(0), axis(1)];
  const range = (values: readonly number[]) => {
    const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    return { middle: (low + high) / 2, extent: high - low };
  };
  const [across, down] = [range(xs), range(ys)];
  const extent = Math.max(across.extent, down.extent) || 1;
  const placed = (values: readonly number[], middle: number) =>
    values.map((value) => Number((0.5 + (value - middle) / extent).toFixed(5)));
  return { x: placed(xs, across.middle), y: placed(ys, down.middle) };
}

/** JSON that may stand in a script element, whatever texts are in it. */
function scriptJson(value: unknown): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}

/** A page with a map of photographs that can be zoomed; a lasso gives the names of those that it holds. */
export async function mapPage(
  { photographs, positions, facts, command }: MapPageData,
  thumbnails: Thumbnails,
): Promise<string> {
  const count = Math.min(photographs.length, MOST_TILES);
  const rows = Array.from({ length: count }, (_, i) => Math.floor((i * photographs.length) / count));
  const side = photographs.length <= FEW ? LARGE : SMALL;
  const { columns, places, uri } = await tileSheet(
    rows.map((row) => photographs[row].name),
    side,
    thumbnails,
  );
  const classes = [...new Set(photographs.flatMap(({ label }) => label ?? []))].sort();
  const colors = classColors(classes.length);
  const data = {
    names: photographs.map(({ name }) => printable(name)),
    ...within(positions),
    classes,
    colors,
    labels: photographs.map(({ label }) => (label === null ? -1 : classes.indexOf(label))),
    tiles: places.map((place) => rows[place]),
    columns,
    tile: side,
    sheet: uri,
  };
  const legend = classes
    .map(
      (name, i) =>
        `<button type="button" data-class="${i}" aria-pressed="false"><i style="background:${colors[i]}"></i>${escapeHtml(name)}</button>`,
    )
    .join("");
  const text = "Drag to move, scroll or pinch to zoom. Lasso, or drag with the shift key, to choose photographs.";
  const dots = count < photographs.length ? ` Of these, ${counted(count, "photograph")} have thumbnails.` : "";
  const body = `<section>
<div class="tools"><button type="button" id="lasso" aria-pressed="false">Lasso</button><button type="button" id="in" aria-label="zoom in">+</button><button type="button" id="out" aria-label="zoom out">−</button><button type="button" id="all">All</button><span class="chosen"><span id="counted" role="status"></span><button type="button" id="copy" disabled>Copy names</button><button type="button" id="save" disabled>Download</button><button type="button" id="clear" disabled>Clear</button></span></div>
<canvas id="map" tabindex="0" role="img" aria-label="Map of ${photographs.length} photographs, similar ones side by side; their names are in the list of the lasso"></canvas>
<p id="hint" class="muted" data-text="${text}">${text}</p>
${classes.length > 0 ? `<div class="classes">${legend}</div>` : ""}
<pre id="names" class="card" hidden></pre>
</section>
<script type="application/json" id="data">${scriptJson(data)}</script>`;
  const summary = `${counted(photographs.length, "photograph")}, similar ones side by side.${dots}`;
  return renderVerbPage({ title: "Map", summary, facts, body, command, style: STYLE, script: MAP_SCRIPT }, thumbnails);
}

const STYLE = `
main { max-width: 1320px; }
#map { display: block; width: 100%; height: min(74vh, 900px); border: 1px solid var(--border); border-radius: 12px; touch-action: none; cursor: grab; }
#map:focus-visible { outline: 2px solid var(--accent); }
.tools { display: flex; flex-wrap: wrap; gap: 8px; margin: 18px 0 10px; align-items: center; }
.tools .chosen { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin-left: auto; font-variant-numeric: tabular-nums; }
.tools button, .classes button { font: inherit; font-size: 13.5px; padding: 4px 12px; border: 1px solid var(--border); border-radius: 8px; background: var(--surface); color: var(--text); cursor: pointer; }
.tools button:disabled { color: var(--muted); cursor: default; opacity: 0.6; }
button[aria-pressed="true"] { border-color: var(--accent); background: var(--accent-soft); }
.classes { display: flex; flex-wrap: wrap; gap: 6px; margin-top: 10px; }
.classes i { display: inline-block; width: 10px; height: 10px; margin-right: 7px; border-radius: 50%; }
#hint { margin-top: 8px; font-size: 13.5px; min-height: 2.8em; overflow-wrap: anywhere; }
#names { margin-top: 12px; max-height: 260px; overflow: auto; font-size: 12.5px; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 480px) { #map { height: 52vh; } }
`;
