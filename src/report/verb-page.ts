import { VERSION } from "../version.js";
import { counted, listed } from "../wording.js";
import { REPORT_STYLE } from "./report-style.js";
import { escapeHtml } from "./report-text.js";
import type { Thumbnails } from "./thumbnails.js";

/** A page of photographs. */
export interface VerbPage {
  /** Text. */
  readonly title: string;
  /** What came out, in a sentence; HTML. */
  readonly summary: string;
  /** Text, shown in a line. */
  readonly facts: readonly string[];
  /** Sections of the page; HTML. */
  readonly body: string;
  /** What makes the page again. */
  readonly command: string;
  /** More style, and a script, where the page needs them. */
  readonly style?: string;
  readonly script?: string;
}

/** Renders a page that needs nothing else: no network, pictures inside. */
export function renderVerbPage(
  { title, summary, facts, body, command, style = "", script }: VerbPage,
  { missing }: Pick<Thumbnails, "missing">,
): string {
  const gone =
    missing.length === 0
      ? ""
      : `<p class="note">${counted(missing.length, "photograph")} could not be read for this page: ${escapeHtml(
          listed(
            missing.map(({ name }) => name),
            5,
          ),
        )}.</p>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${REPORT_STYLE}${STYLE}${style}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(title)}</h1>
<p class="summary">${summary}</p>
<p class="muted">${facts.map(escapeHtml).join(" · ")}</p>
</header>
${gone}${body}
<footer>Written by webgpu-simclr ${VERSION} on ${new Date().toISOString().slice(0, 10)}: <code>${escapeHtml(command)}</code></footer>
</main>
${script === undefined ? "" : `<script>${script}</script>\n`}</body>
</html>
`;
}

/** A photograph on a page. */
export interface Shot {
  readonly name: string;
  /** HTML, below the name. */
  readonly note?: string;
  /** Marks it: the one to keep, the one that was asked for. */
  readonly mark?: "chosen" | "other";
}

/** Photographs of a grid: with more, a page no longer opens at once. */
const MOST_SHOTS = 60;

/** The first photographs side by side, each with its name, and how many more there are. */
export async function shotGrid(all: readonly Shot[], thumbnails: Thumbnails): Promise<string> {
  const figures: string[] = [];
  const shots = all.slice(0, MOST_SHOTS);
  const more = all.length - shots.length;
  // Few at a time: each holds a decoded photograph.
  for (let start = 0; start < shots.length; start += 8) {
    figures.push(...(await Promise.all(shots.slice(start, start + 8).map((shot) => shotFigure(shot, thumbnails)))));
  }
  const rest = more > 0 ? `<p class="note">and ${counted(more, "more", "more")}</p>` : "";
  return `<div class="shots">${figures.join("\n")}</div>${rest}`;
}

async function shotFigure({ name, note, mark }: Shot, thumbnails: Thumbnails): Promise<string> {
  const uri = await thumbnails.uri(name);
  const text = escapeHtml(name);
  const picture = uri === null ? '<div class="gone">cannot be read</div>' : `<img src="${uri}" alt="${text}">`;
  return `<figure class="shot${mark ? ` ${mark}` : ""}">${picture}<figcaption title="${text}"><span class="name">${text}</span>${note ? `<span class="what">${note}</span>` : ""}</figcaption></figure>`;
}

const STYLE = `
h1, h2, h3, .summary { overflow-wrap: anywhere; }
section > h2 { margin-bottom: 10px; }
.shots { display: grid; grid-template-columns: repeat(auto-fill, minmax(124px, 1fr)); gap: 12px; }
.shot img, .shot .gone { width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 7px; background: var(--grid); border: 2px solid transparent; box-sizing: border-box; }
.shot .gone { display: grid; place-items: center; color: var(--muted); font-size: 12px; }
.shot.chosen img { border-color: var(--right); }
.shot.other img { border-color: var(--border); }
.shot figcaption { margin: 5px 0 0; font-size: 12px; line-height: 1.35; }
.shot .name { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; overflow-wrap: anywhere; }
.shot .what { display: block; color: var(--muted); font-variant-numeric: tabular-nums; }
.shot.chosen .what b { color: var(--right); font-weight: 620; }
.groups { display: flex; flex-wrap: wrap; gap: 14px; }
.groups .shots { display: flex; flex-wrap: wrap; }
.groups .shot { width: 124px; }
.chart svg { font-size: 11px; }
@media (max-width: 480px) { .chart svg { font-size: 19px; } }
.group > h3 { margin-bottom: 10px; }
.group > h3 small { color: var(--muted); font-weight: 450; font-size: 12.5px; }
footer code { overflow-wrap: anywhere; }
@media (max-width: 480px) { .card { padding: 14px; } .shots { grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 10px; } }
`;
