import { escapeHtml } from "./report-text.js";
import type { Thumbnails } from "./thumbnails.js";
import { renderVerbPage, shotGrid } from "./verb-page.js";

/** Photographs with something to say of each. */
export interface ShotSection {
  readonly title: string;
  readonly note: string;
  /** The note is text. */
  readonly shots: readonly { readonly name: string; readonly note: string }[];
}

/** What is on a page of photographs in sections. */
export interface ShotsPageData {
  readonly title: string;
  readonly summary: string;
  readonly sections: readonly ShotSection[];
  readonly facts: readonly string[];
  readonly command: string;
}

/** A page of photographs in sections; all of it is text that may be anything. */
export async function shotsPage(
  { title, summary, sections, facts, command }: ShotsPageData,
  thumbnails: Thumbnails,
): Promise<string> {
  const parts: string[] = [];
  for (const section of sections) {
    const shots = section.shots.map(({ name, note }) => ({ name, note: escapeHtml(note) }));
    const note = section.note === "" ? "" : `<p class="note">${escapeHtml(section.note)}</p>`;
    parts.push(
      `<section><h2>${escapeHtml(section.title)}</h2>${note}<div class="card">${await shotGrid(shots, thumbnails)}</div></section>`,
    );
  }
  return renderVerbPage({ title, summary: escapeHtml(summary), facts, body: parts.join("\n"), command }, thumbnails);
}
