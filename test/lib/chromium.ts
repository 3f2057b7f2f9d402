/** Tests in a headless Chromium: a page of a small local server, driven from here. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, extname, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { chromium } from "playwright-core";
import { repository } from "./repository.js";
import type { Runtime } from "./runtimes.js";
import type { Report } from "./suites.js";

const programs = ["chromium", "chromium-browser", "google-chrome"];

// WebGPU wherever the browser would hide it, and no traffic of the browser's own.
const browserOptions = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const served = ["dist/", "test/golden/", ...["uvu", "kleur", "dequal", "diff"].map((name) => `node_modules/${name}/`)];

const imports = {
  uvu: "/node_modules/uvu/dist/index.mjs",
  "uvu/assert": "/node_modules/uvu/assert/index.mjs",
  "uvu/diff": "/node_modules/uvu/diff/index.mjs",
  kleur: "/node_modules/kleur/index.mjs",
  dequal: "/node_modules/dequal/dist/index.mjs",
  diff: "/node_modules/diff/lib/index.mjs",
};

const page = `<!doctype html>
<link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module" src="/dist/test/lib/page.js"></script>
`;

const contentTypes: Record<string, string> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".map": "application/json",
};

export const runInChromium: Runtime = async ({ files, onReport, print, signal }) => {
  const program = findProgram();
  if (program === undefined) return "could not be started: no Chromium found; install one or set CHROMIUM to its path";
  const server = await serve();
  try {
    const browser = await chromium.launch({ executablePath: program, headless: true, args: browserOptions });
    try {
      const tab = await browser.newPage();
      tab.on("console", (message) => print(stripVTControlCharacters(message.text())));
      return await new Promise<string>((resolve, reject) => {
        signal.addEventListener("abort", () => resolve("was ended"));
        browser.on("disconnected", () => resolve("ended by itself"));
        tab.on("crash", () => resolve("crashed"));
        tab.on("pageerror", (error) => resolve(`met an uncaught error: ${error.stack ?? error.message}`));
        const open = async () => {
          await tab.exposeFunction("testFiles", () => files);
          await tab.exposeFunction("report", (report: Report) => {
            onReport(withoutColours(report));
            if (report.kind === "end") resolve("ended");
          });
          await tab.goto(`http://127.0.0.1:${portOf(server)}/`);
        };
        open().catch(reject);
      });
    } finally {
      await browser.close();
    }
  } catch (error) {
    return `could not be driven: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    server.closeAllConnections();
    server.close();
  }
};

function withoutColours(report: Report): Report {
  return report.kind === "done" ? { ...report, errors: report.errors.map(stripVTControlCharacters) } : report;
}

function findProgram(): string | undefined {
  const { CHROMIUM, PATH = "" } = process.env;
  const folders = PATH.split(delimiter);
  return (CHROMIUM ? [CHROMIUM] : programs)
    .flatMap((name) => (name.includes("/") ? [name] : folders.map((folder) => join(folder, name))))
    .find((path) => existsSync(path));
}

/** Serves the page, the compiled code, the golden files and the packages that tests import; nothing else. */
async function serve(): Promise<Server> {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/") {
      response.setHeader("content-type", "text/html").end(page);
      return;
    }
    // The path stays percent-encoded, so that no "..%2f" leads out of the folders; none of our files needs decoding.
    const path = pathname.slice(1);
    const body = served.some((folder) => path.startsWith(folder))
      ? await readFile(join(repository, path)).catch(() => undefined)
      : undefined;
    if (body === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("content-type", contentTypes[extname(path)] ?? "application/octet-stream").end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === "string") throw new Error("the test server does not listen on a port");
  return address.port;
}
