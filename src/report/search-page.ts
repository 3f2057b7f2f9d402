import { escapeHtml } from "./report-text.js";
import type { Thumbnails } from "./thumbnails.js";
import { renderVerbPage, shotGrid } from "./verb-page.js";

/** What a search found, for its page. */
export interface SearchPageData {
  /** What was asked for. */
  readonly query: string;
  /** The nearest first. */
  readonly found: readonly { readonly name: string; readonly similarity: number; readonly label: string | null }[];
  readonly facts: readonly string[];
  readonly command: string;
}

/** A page with a photograph and those that are most similar to it. */
export async function searchPage(
  { query, found, facts, command }: SearchPageData,
  thumbnails: Thumbnails,
): Promise<string> {
  const asked = await shotGrid([{ name: query, mark: "chosen" }], thumbnails);
  const shots = found.map(({ name, similarity, label }, place) => ({
    name,
    note: `${place + 1}. ${similarity.toFixed(3)}${label === null ? "" : ` · ${escapeHtml(label)}`}`,
  }));
  const body = `<section class="search"><h2>Asked for</h2>${asked}</section>
<section><h2>Most similar</h2><p class="note">The cosine similarity of the representations stands below each; 1 is that of a photograph with itself.</p>
<div class="card">${await shotGrid(shots, thumbnails)}</div></section>`;
  const summary = `The ${found.length} photographs most similar to <strong>${escapeHtml(query)}</strong>.`;
  const style = ".search .shots { grid-template-columns: minmax(124px, 200px); }";
  return renderVerbPage({ title: "Search", summary, facts, body, command, style }, thumbnails);
}
