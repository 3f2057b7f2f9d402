import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { extname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { ConfigError } from "../errors.js";
import { systemErrorCode } from "../io/atomic.js";
import type { Command } from "../vendor/commander.js";
import { sampleArchive } from "./demo.js";

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".gz": "application/gzip",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

/** The built page that comes with the package; from `dist/src/cli`. */
export function pageFolder(): string {
  return fileURLToPath(new URL("../../page", import.meta.url));
}

/**
 * Serves the files of a folder, to this machine alone.
 * @param port 0 for any that is free
 * @throws ConfigError where the folder has no page, or the port is taken
 */
export async function servePage(
  folder: string,
  port: number,
): Promise<{ readonly server: Server; readonly url: string }> {
  await readFile(join(folder, "index.html")).catch((cause: unknown) => {
    throw new ConfigError(`there is no page in ${folder}: in a clone of the repository, build it by npm run page`, {
      cause,
    });
  });
  const server = createServer(async (request, response) => {
    // As a URL's text a path begins with "/", whatever a client sends ("//", "*"), and has no ".." left. It stays percent-encoded, so that
    // no "..%2f" leads out of the folder; none of the files needs decoding.
    const asked = URL.canParse(`http://localhost${request.url}`)
      ? new URL(`http://localhost${request.url}`).pathname
      : null;
    if (asked === null) {
      response.writeHead(400).end();
      return;
    }
    const path = posix.normalize(asked.endsWith("/") ? `${asked}index.html` : asked);
    // The package has the samples once, for `simclr demo` and for the page.
    const file = path === "/samples.tar.gz" ? sampleArchive() : join(folder, path);
    const body = await readFile(file).catch(() => null);
    if (body === null || !["GET", "HEAD"].includes(request.method ?? "")) {
      response.writeHead(body === null ? 404 : 405).end();
      return;
    }
    const type = CONTENT_TYPES[extname(path)] ?? "application/octet-stream";
    // Names of files below assets/ change with their content.
    const cache = path.startsWith("/assets/") ? "max-age=31536000, immutable" : "no-cache";
    response
      .writeHead(200, { "content-type": type, "cache-control": cache, "x-content-type-options": "nosniff" })
      .end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => {
      const taken = systemErrorCode(error) === "EADDRINUSE";
      reject(taken ? new ConfigError(`port ${port} is taken: choose another one by --port`, { cause: error }) : error);
    });
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  return { server, url: `http://localhost:${bound}/` };
}

/** `simclr page` */
export function addPageCommand(program: Command): void {
  program
    .command("page")
    .description("serve the page that trains on your pictures in a browser, on this machine, until Ctrl-C")
    .option("--port <number>", "where it is served; 0 for any that is free", "4747")
    .action(async ({ port: text }: { readonly port: string }) => {
      const port = Number(text);
      if (!Number.isInteger(port) || port < 0 || port > 65_535)
        throw new ConfigError(`--port is ${text}; it has to be a whole number from 0 to 65535`);
      const { url } = await servePage(pageFolder(), port);
      console.log(`the page is at ${url} (Ctrl-C ends it)`);
    });
}
