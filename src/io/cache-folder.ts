/** This library's folder in the user's cache folder, which is `XDG_CACHE_HOME` where it is set, else the system's own. */
export async function cacheFolder(): Promise<string> {
  const { env, platform } = await import("node:process");
  const { homedir } = await import("node:os");
  const { join } = await import("node:path");
  const systems = () => {
    if (platform === "win32") return env["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local");
    return platform === "darwin" ? join(homedir(), "Library", "Caches") : join(homedir(), ".cache");
  };
  return join(env["XDG_CACHE_HOME"] || systems(), "webgpu-simclr");
}
