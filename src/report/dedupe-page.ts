import type { Duplicates, Likeness } from "../embeddings/duplicates.js";
import type { EmbeddedImage } from "../embeddings/folder.js";
import type { PairModel, Threshold } from "../embeddings/threshold.js";
import { counted } from "../wording.js";
import { escapeHtml, whole } from "./report-text.js";
import type { Thumbnails } from "./thumbnails.js";
import { renderVerbPage, shotGrid } from "./verb-page.js";

/** What a search for duplicates found, for its page. */
export interface DedupePageData {
  readonly images: readonly EmbeddedImage[];
  readonly found: Duplicates;
  readonly facts: readonly string[];
  readonly command: string;
}

/** Groups of which the page shows pictures. */
const SHOWN = 200;

const TITLES: Readonly<Record<Likeness, readonly [title: string, note: string]>> = {
  copy: ["Exact copies", "Files of the same bytes."],
  "same picture": [
    "The same picture, encoded anew or resized",
    "Files of the same pixels but for what encoding and resizing change.",
  ],
  "look-alike": [
    "Look-alikes",
    "Different pixels, alike by the encoder's judgement: crops, edits, or the same scene again. Look before you delete.",
  ],
};

/** A page of photographs of which one is enough, group by group. */
export async function dedupePage(
  { images, found, facts, command }: DedupePageData,
  thumbnails: Thumbnails,
): Promise<string> {
  const { groups } = found;
  const sections: string[] = [];
  let shown = 0;
  for (const likeness of ["copy", "same picture", "look-alike"] as const) {
    // A group stands where its furthest likeness is.
    const own = groups.filter(({ others }) => others[others.length - 1].likeness === likeness);
    const some = own.slice(0, Math.max(0, SHOWN - shown));
    shown += some.length;
    const [title, note] = TITLES[likeness];
    const parts: string[] = [];
    for (const group of some) {
      const shots = [
        {
          name: images[group.keep].name,
          mark: "chosen" as const,
          note: `<b>keep</b> · ${fileText(images[group.keep])}`,
        },
        ...group.others.map(({ row, of, likeness: how, similarity }) => ({
          name: images[row].name,
          mark: "other" as const,
          note: `${how === "look-alike" ? `${how} ${similarity.toFixed(3)}` : how}${of === group.keep ? "" : ` of ${escapeHtml(images[of].name)}`} · ${fileText(images[row])}`,
        })),
      ];
      parts.push(
        `<div class="card group"><h3>${counted(shots.length, "photograph")} <small>kept for: ${group.reason}</small></h3>${await shotGrid(shots, thumbnails)}</div>`,
      );
    }
    const more =
      own.length > some.length
        ? `<p class="note">${counted(own.length - some.length, "more group")} in the table.</p>`
        : "";
    const empty = own.length === 0 ? '<p class="muted">None.</p>' : "";
    sections.push(
      `<section><h2>${title}</h2><p class="note">${note}</p>${empty}<div class="groups">${parts.join("\n")}</div>${more}</section>`,
    );
  }
  const body = `${sections.join("\n")}${modelSection(found)}`;
  return renderVerbPage({ title: "Duplicates", summary: summaryText(found), facts, body, command }, thumbnails);
}

function summaryText({ groups }: Duplicates): string {
  const others = groups.flatMap((group) => group.others);
  const count = (likeness: Likeness) => others.filter((other) => other.likeness === likeness).length;
  if (others.length === 0) return "No duplicates.";
  return `<strong>${counted(groups.length, "group")}</strong>: ${counted(count("copy"), "exact copy", "exact copies")}, ${whole(count("same picture"))} of the same picture, ${counted(count("look-alike"), "look-alike")} that could go.`;
}

function fileText({ width, height, bytes }: EmbeddedImage): string {
  return `${width} x ${height}, ${bytes < 10_000 ? `${bytes} bytes` : `${whole(bytes / 1000)} kB`}`;
}

/** What the threshold is, in words. */
export function thresholdText(threshold: Threshold | null): string {
  if (threshold === null)
    return "no pairs are so close that they would be more than chance: no look-alikes are reported";
  const { distance, observed, expected } = threshold;
  const what = `look-alikes are at most ${distance.toFixed(3)} of the way to their eighth neighbours apart`;
  if (observed === null || expected === null) return what;
  return `${what}: there are ${counted(observed, "such pair")}, and ${expected < 10 ? expected.toFixed(2) : whole(expected)} would be expected by chance`;
}

function modelSection({ model, threshold }: Duplicates): string {
  if (model === null)
    return `<section><h2>Where look-alikes begin</h2><p class="note">There are too few photographs to tell what is more alike than chance: ${thresholdText(threshold)}.</p></section>`;
  return `<section><h2>Where look-alikes begin</h2>
<p class="note">Pairs of photographs that are at most so far apart, as a share of the distance from their eighth neighbours, without those of the same picture. The line is a law fitted where pairs are many, and continued (their number in proportion to the distance to the power of ${model.exponent.toFixed(2)}); pairs above it have a reason to be alike. Here ${thresholdText(threshold)}.</p>
<figure class="card chart">${modelChart(model, threshold)}</figure></section>`;
}

const [WIDTH, HEIGHT] = [720, 260];
const [LEFT, RIGHT, TOP, BOTTOM] = [52, 12, 12, 34];

/** Both axes are logarithmic: distance, and pairs. */
function modelChart({ observed, expected, distances }: PairModel, threshold: Threshold | null): string {
  const first = observed.findIndex((count) => count >= 1);
  const bins = [...observed.keys()].filter((bin) => bin >= first);
  const total = observed[observed.length - 1];
  const [low, high] = [Math.min(0.5, Math.max(distances[first] / 2, 1e-4)), 1].map(Math.log10);
  const most = Math.log10(Math.max(10, total));
  const x = (distance: number) =>
    LEFT + ((Math.log10(Math.max(distance, 10 ** low)) - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
  const y = (count: number) =>
    HEIGHT - BOTTOM - (Math.log10(Math.max(0.5, count) * 2) / (most + Math.log10(2))) * (HEIGHT - TOP - BOTTOM);
  const line = (values: Float64Array, least: number) =>
    bins
      .filter((bin) => values[bin] >= least)
      .map((bin) => `${x(distances[bin]).toFixed(1)},${y(values[bin]).toFixed(1)}`)
      .join(" ");
  const tick = (distance: number) =>
    `<line x1="${x(distance)}" x2="${x(distance)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke="var(--grid)"/><text x="${x(distance)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${distance}</text>`;
  const level = (count: number) =>
    `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(count)}" y2="${y(count)}" stroke="var(--grid)"/><text x="${LEFT - 6}" y="${y(count) + 4}" text-anchor="end">${whole(count)}</text>`;
  const decades = (from: number, to: number) =>
    Array.from({ length: Math.max(0, Math.floor(to) - Math.ceil(from) + 1) }, (_, i) => 10 ** (Math.ceil(from) + i));
  const limit = threshold?.distance ?? null;
  const mark =
    limit === null
      ? ""
      : `<line x1="${x(limit)}" x2="${x(limit)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}" stroke="var(--right)" stroke-width="1.5"/>`;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Pairs by their distance, counted and expected" fill="var(--muted)">
${decades(low, high).map(tick).join("")}${decades(0, most)
  .filter((_, i) => i % 2 === 0)
  .map(level)
  .join("")}
<polyline points="${line(expected, 0.5)}" fill="none" stroke="var(--muted)" stroke-dasharray="5 4"/>
<polyline points="${line(observed, 1)}" fill="none" stroke="var(--accent)" stroke-width="2"/>${mark}
<text x="${WIDTH - RIGHT}" y="${HEIGHT - 4}" text-anchor="end">distance, as a share of that from the eighth neighbours</text></svg>
<ul class="legend"><li><i style="background:var(--accent)"></i>counted</li><li><i style="background:var(--muted)"></i>expected by chance</li>${limit === null ? "" : '<li><i style="background:var(--right)"></i>look-alikes begin</li>'}</ul>`;
}
