/** Keeps the page's own files, so that it opens without a network too. */

/** All files of the page, and a name that changes with them: the build puts them there. */
declare const PAGE_FILES: string[];
declare const PAGE_HASH: string;

// Another page of the same origin keeps its own.
const PREFIX = `webgpu-simclr page ${new URL("./", location.href).pathname} `;
const NAME = PREFIX + PAGE_HASH;

async function install(): Promise<void> {
  const cache = await caches.open(NAME);
  // Past the browser's own cache: what it has may be older than this list.
  await cache.addAll(PAGE_FILES.map((path) => new Request(path, { cache: "reload" })));
}

async function removeOthers(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== NAME) await caches.delete(name);
}

async function respond(request: Request): Promise<Response> {
  const cache = await caches.open(NAME);
  return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request);
}

addEventListener("install", (event) => {
  if ("waitUntil" in event && typeof event.waitUntil === "function") event.waitUntil(install());
});
addEventListener("activate", (event) => {
  if ("waitUntil" in event && typeof event.waitUntil === "function") event.waitUntil(removeOthers());
});
addEventListener("fetch", (event) => {
  if (!("request" in event) || !(event.request instanceof Request)) return;
  const { request } = event;
  const own = request.method === "GET" && new URL(request.url).origin === location.origin;
  if (own && "respondWith" in event && typeof event.respondWith === "function") event.respondWith(respond(request));
});
