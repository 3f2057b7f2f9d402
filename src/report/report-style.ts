/** The report's style sheet: light, dark where the reader's system is, and always light in print. */
export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f7f9;
  --surface: #ffffff;
  --border: #e3e6eb;
  --grid: #eceef2;
  --text: #1b1f27;
  --muted: #667085;
  --accent: #2f6fde;
  --accent-soft: #dce8fc;
  --right: #1f9d61;
  --wrong: #d64545;
  --warn-text: #8a5a00;
  --warn: #fdf1d7;
  --on-accent: #ffffff;
  --series-0: #2f6fde;
  --series-1: #e0862f;
  --series-2: #2f9e77;
  --series-3: #c2478f;
  --series-4: #7a5bd0;
  --series-5: #b3931d;
  --series-6: #4aa3c7;
  --series-7: #8a93a3;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #0e1116;
    --surface: #161b22;
    --border: #2a313c;
    --grid: #232a34;
    --text: #e8ebf0;
    --muted: #97a1b1;
    --accent: #6ea8fe;
    --accent-soft: #22344f;
    --right: #3fc380;
    --wrong: #f0716b;
    --warn-text: #f1c66b;
    --warn: #3a2f17;
    --on-accent: #0e1116;
    --series-0: #6ea8fe;
    --series-1: #f0a35a;
    --series-2: #4fc79b;
    --series-3: #e57bb8;
    --series-4: #a68cf0;
    --series-5: #d8b945;
    --series-6: #7cc9e8;
    --series-7: #aab3c2;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0;
  padding: 48px 24px 64px;
  background: var(--page);
  color: var(--text);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-font-smoothing: antialiased;
}
main { max-width: 980px; margin: 0 auto; }
h1 { margin: 0 0 6px; font-size: 30px; line-height: 1.2; font-weight: 680; letter-spacing: -0.015em; }
h2 { margin: 44px 0 4px; font-size: 19px; font-weight: 650; letter-spacing: -0.01em; }
h3 { margin: 0; font-size: 14px; font-weight: 620; }
p { margin: 0; }
.summary { font-size: 17px; }
.muted, .note { color: var(--muted); }
.note { font-size: 13.5px; margin-bottom: 14px; max-width: 72ch; }
.badge {
  display: inline-block; padding: 1px 9px; border-radius: 999px; font-size: 12.5px; font-weight: 600;
  white-space: nowrap; background: var(--warn); color: var(--warn-text);
}
.card { background: var(--surface); border: 1px solid var(--border); border-radius: 12px; padding: 18px 20px; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 16px; margin-top: 14px; }
figure { margin: 0; break-inside: avoid; }
figcaption { margin-bottom: 8px; }
figcaption p { font-size: 12.5px; color: var(--muted); line-height: 1.4; }
figure svg { display: block; width: 100%; height: auto; }

.headline { margin-top: 24px; padding: 8px 24px 12px; overflow-x: auto; }
.headline table { width: 100%; border-collapse: collapse; }
.headline th { font-weight: 500; text-align: left; color: var(--muted); font-size: 14px; padding: 12px 24px 10px 0; }
.headline td { padding: 12px 24px 12px 0; width: 36%; vertical-align: baseline; }
.headline tbody tr { border-top: 1px solid var(--border); }
.headline .trained th { color: var(--text); font-weight: 620; }
.headline .number { font-size: 22px; font-variant-numeric: tabular-nums; color: var(--muted); white-space: nowrap; }
.headline .trained .number { font-size: 30px; font-weight: 680; letter-spacing: -0.02em; color: var(--text); }
.headline .gain .number { font-size: 15px; }
.headline .better { color: var(--right); font-weight: 620; }
.bar { display: block; height: 6px; margin-top: 6px; border-radius: 3px; background: var(--grid); overflow: hidden; }
.bar i { display: block; height: 100%; border-radius: 3px; background: var(--muted); opacity: 0.6; }
.trained .bar i { background: var(--accent); opacity: 1; }

.indicators { margin-top: 24px; }
.indicators table { border-collapse: collapse; margin-bottom: 8px; }
.indicators th, .indicators td { padding: 7px 18px 7px 0; text-align: left; vertical-align: baseline; }
.indicators th { font-weight: 500; color: var(--muted); }
.indicators td:nth-child(2) { font-size: 20px; font-weight: 650; font-variant-numeric: tabular-nums; }
.indicators .what { color: var(--muted); font-size: 13.5px; padding-right: 0; }

.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 10px; padding: 0; list-style: none; font-size: 13px; }
.legend i { display: inline-block; width: 10px; height: 10px; margin-right: 7px; border-radius: 50%; }
.legend label { cursor: pointer; }
.legend input { position: absolute; opacity: 0; }
.legend label:has(:focus-visible) { outline: 2px solid var(--accent); outline-offset: 3px; border-radius: 3px; }
.legend label:has(:checked) { font-weight: 650; }
.lit:has(.legend :checked) [aria-label="dot"] circle { opacity: 0.12; }

img { display: block; }
img.small { image-rendering: pixelated; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(212px, 1fr)); gap: 18px 22px; }
.pair { display: grid; grid-template-columns: 1fr 2px 1fr 1fr; gap: 4px; break-inside: avoid; }
.pair img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 5px; }
.pair img:nth-child(2) { grid-column: 3; }
.rows { display: grid; gap: 16px; overflow-x: auto; }
.row { display: flex; gap: 8px; break-inside: avoid; }
.tile { flex: 1 1 0; min-width: 56px; max-width: 84px; font-size: 12px; line-height: 1.3; text-align: center; color: var(--muted); }
.tile span { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; margin-top: 4px; }
.tile .file { margin-top: 0; font-size: 10px; opacity: 0.8; }
.tile img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 7px; border: 3px solid var(--border); }
.tile.query { margin-right: 16px; color: var(--text); font-weight: 600; }
.tile.query img { border-color: transparent; }
.tile.right img { border-color: var(--right); }
.tile.wrong img { border-color: var(--wrong); }
.key { display: inline-block; width: 11px; height: 11px; border: 3px solid; border-radius: 3px; vertical-align: -1px; }
.key.right { border-color: var(--right); }
.key.wrong { border-color: var(--wrong); }

.settings { display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); gap: 0 36px; margin: 0; }
.settings div { display: flex; justify-content: space-between; gap: 16px; padding: 6px 0; border-bottom: 1px solid var(--grid); }
.settings dt { color: var(--muted); }
.settings dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.warnings { margin-bottom: 24px; border-left: 4px solid var(--warn-text); overflow-wrap: anywhere; }
.warnings h2 { margin-top: 0; }
.warnings ul { margin: 0; padding-left: 20px; }
.skipped { margin: 0; padding-left: 20px; font-size: 13.5px; overflow-wrap: anywhere; }
code { font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
footer { overflow-wrap: anywhere; margin-top: 44px; font-size: 12.5px; color: var(--muted); }

.findings { margin: 14px 0 0; padding-left: 38px; }
.findings li + li { margin-top: 6px; }
.note.after { margin: 12px 0 0; }
.grid > figure { min-width: 0; overflow-x: auto; }
.wide { grid-column: 1 / -1; }
.scroll { overflow-x: auto; }
.results { width: 100%; border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; }
.results th, .results td { padding: 6px 14px 6px 0; text-align: right; white-space: nowrap; }
.results th:first-child { text-align: left; }
.results thead th { color: var(--muted); font-weight: 500; white-space: normal; vertical-align: bottom; }
.results tbody th { font-weight: 500; }
.results tbody tr { border-top: 1px solid var(--grid); }
.results small { color: var(--muted); font-size: 12px; }
.results.all { font-size: 12.5px; }
.map-images svg { display: none; pointer-events: none; outline: 2px solid var(--surface); }
.map-images g:hover svg { display: block; }
.map-images g:hover circle { stroke: var(--text); stroke-width: 2px; }
.panel { display: grid; grid-template-columns: repeat(auto-fit, minmax(84px, 1fr)); gap: 12px; }
.panel + .panel { margin-top: 18px; }
.panel img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 5px; margin-bottom: 6px; }
.panel span { display: block; font-size: 12px; color: var(--muted); text-align: center; }

@media screen and (max-width: 560px) {
  body { padding: 28px 14px 48px; }
  .card { padding: 14px; }
  .headline { padding: 4px 14px 10px; }
  .headline th { font-size: 12px; padding: 9px 8px 8px 0; min-width: 66px; }
  .headline th + th { min-width: 0; }
  .headline td { padding: 9px 8px 9px 0; width: auto; }
  .headline .number { font-size: 13px; }
  .headline .trained .number { font-size: 15px; }
  .headline .gain .number { font-size: 12px; white-space: normal; }
  .curves svg g, .curves svg text { font-size: 15px; }
}

@media print {
  :root { color-scheme: light; --page: #ffffff; }
  body { padding: 0; font-size: 12px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h2 { break-after: avoid; margin-top: 26px; }
  .card { border-radius: 8px; padding: 12px 14px; }
  .grid { grid-template-columns: 1fr 1fr; }
  .findings { padding-left: 30px; }
  .results { font-size: 10px; }
  .results.all { font-size: 8.5px; }
  .results th, .results td { padding: 4px 8px 4px 0; }
  .results tbody th { white-space: normal; }
  .results tr { break-inside: avoid; }
}
`;
