import { counted } from "../wording.js";
import { escapeHtml } from "./report-text.js";
import type { Thumbnails } from "./thumbnails.js";
import { renderVerbPage, shotGrid } from "./verb-page.js";

/** A group of photographs. */
export interface ShownCluster {
  /** "Group 3", or "tench" by the labels of its members. */
  readonly title: string;
  readonly size: number;
  /** Mean similarity to the centre. */
  readonly similarity: number;
  /** The most typical members, the most typical first, and the least typical, the least first. */
  readonly nearest: readonly { readonly name: string; readonly similarity: number }[];
  readonly farthest: readonly { readonly name: string; readonly similarity: number }[];
}

/** What a clustering found, for its page. */
export interface ClusterPageData {
  readonly clusters: readonly ShownCluster[];
  /** How many there are, and why so many; text. */
  readonly rule: string;
  readonly facts: readonly string[];
  readonly command: string;
}

/** A page of groups of photographs, with the most and the least typical of each. */
export async function clusterPage(
  { clusters, rule, facts, command }: ClusterPageData,
  thumbnails: Thumbnails,
): Promise<string> {
  const sections: string[] = [];
  const shots = (some: ShownCluster["nearest"]) =>
    shotGrid(
      some.map(({ name, similarity }) => ({ name, note: similarity.toFixed(3) })),
      thumbnails,
    );
  for (const { title, size, similarity, nearest, farthest } of clusters) {
    const least = farthest.length === 0 ? "" : `<p class="least">Least typical</p>${await shots(farthest)}`;
    sections.push(
      `<section><h2>${escapeHtml(title)} <small>${counted(size, "photograph")}, mean similarity to the centre ${similarity.toFixed(3)}</small></h2><div class="card">${await shots(nearest)}${least}</div></section>`,
    );
  }
  const style =
    "h2 small { color: var(--muted); font-weight: 450; font-size: 13px; } .least { margin: 14px 0 10px; font-size: 12.5px; color: var(--muted); }";
  return renderVerbPage(
    { title: "Groups", summary: escapeHtml(rule), facts, body: sections.join("\n"), command, style },
    thumbnails,
  );
}
