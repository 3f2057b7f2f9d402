/** Pages of this repository in a headless Chromium, served by a small local server and driven from here. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, extname, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { type Browser, chromium } from "playwright-core";
import { repository } from "./repository.js";

/** A page that runs one module, or one that is a file. */
export interface Page {
  /** The module's path in the repository, from "/dist/"; or that of a page, "/page.html", below `root`. */
  readonly script: string;
  /** What is served, in place of the repository's code: everything below this folder, which ends in a separator. */
  readonly root?: string;
  /** Where bare imports lead, as an import map. */
  readonly imports?: Readonly<Record<string, string>>;
  /** Folders that are served besides `dist/`. */
  readonly served?: readonly string[];
  /** Called for each line that the page prints. */
  readonly print: (line: string) => void;
  /** Ends the browser at once. */
  readonly signal?: AbortSignal;
  /** Global functions of the page, which run here; `end` ends it. */
  functions(end: () => void): Readonly<Record<string, (argument: never) => unknown>>;
}

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

const contentTypes: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".map": "application/json",
};

// Only a page that is isolated from others gets a clock finer than 0.1 ms.
const isolation = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

/** Starts a Chromium with WebGPU. @throws Error where there is none. */
export async function launchBrowser(): Promise<Browser> {
  const program = findProgram();
  if (program === undefined) throw new Error("no Chromium found; install one or set CHROMIUM to its path");
  return chromium.launch({ executablePath: program, headless: true, args: browserOptions });
}

/** Opens a page and resolves with how it ended, in words: "ended" after a call of `end`. */
export async function openPage(page: Page): Promise<string> {
  if (findProgram() === undefined)
    return "could not be started: no Chromium found; install one or set CHROMIUM to its path";
  const server = await serve(page);
  try {
    const browser = await launchBrowser();
    try {
      const tab = await browser.newPage();
      tab.on("console", (message) => page.print(stripVTControlCharacters(message.text())));
      return await new Promise<string>((resolve, reject) => {
        page.signal?.addEventListener("abort", () => resolve("was ended"));
        browser.on("disconnected", () => resolve("ended by itself"));
        tab.on("crash", () => resolve("crashed"));
        tab.on("pageerror", (error) => resolve(`met an uncaught error: ${error.stack ?? error.message}`));
        const open = async () => {
          for (const [name, action] of Object.entries(page.functions(() => resolve("ended")))) {
            await tab.exposeFunction(name, action);
          }
          const path = page.script.endsWith(".html") ? page.script : "/";
          await tab.goto(`http://127.0.0.1:${portOf(server)}${path}`);
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
}

/** The path of a Chromium or Chrome; undefined where there is none. */
export function findProgram(): string | undefined {
  const { CHROMIUM, PATH = "" } = process.env;
  const folders = PATH.split(delimiter);
  return (CHROMIUM ? [CHROMIUM] : programs)
    .flatMap((name) => (name.includes("/") ? [name] : folders.map((folder) => join(folder, name))))
    .find((path) => existsSync(path));
}

/** Serves the page, the compiled code, the kernels and the folders that it names; nothing else. */
async function serve({ script, root, imports = {}, served = [] }: Page): Promise<Server> {
  const folders = root === undefined ? ["dist/", "kernels/", ...served] : [""];
  const html = `<!doctype html>
<link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module" src="${script}"></script>
`;
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/") {
      response.writeHead(200, { "content-type": "text/html", ...isolation }).end(html);
      return;
    }
    // The path stays percent-encoded, so that no "..%2f" leads out of the folders; none of our files needs decoding.
    const path = pathname.slice(1);
    const body = folders.some((folder) => path.startsWith(folder))
      ? await readFile(join(root ?? repository, path)).catch(() => undefined)
      : undefined;
    if (body === undefined) {
      response.writeHead(404).end();
      return;
    }
    for (const [name, value] of Object.entries(isolation)) response.setHeader(name, value);
    response.setHeader("content-type", contentTypes[extname(path)] ?? "application/octet-stream").end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === "string") throw new Error("the server does not listen on a port");
  return address.port;
}
