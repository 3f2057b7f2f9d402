/** Calls of the named methods of `object`, counted from now on. */
export function countCalls<Name extends string>(object: object, names: readonly Name[]): Map<Name, number> {
  const counts = new Map<Name, number>(names.map((name) => [name, 0]));
  for (const name of names) {
    wrapMethod(object, name, (call) => {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return call();
    });
  }
  return counts;
}

/** Puts `around` in the way of every call of a method of this one object. */
export function wrapMethod(object: object, name: string, around: (call: () => unknown) => unknown): void {
  const method: unknown = Reflect.get(object, name);
  if (typeof method !== "function") throw new TypeError(`there is no method ${name}`);
  const value = (...args: unknown[]) => around(() => Reflect.apply(method, object, args));
  Object.defineProperty(object, name, { value, configurable: true });
}

/** Makes a device seem to have smaller limits than it has. */
export function lowerLimits(gpu: GPUDevice, lower: Readonly<Record<string, number>>): void {
  const value = new Proxy(gpu.limits, {
    get: (limits, name) => lower[String(name)] ?? Reflect.get(limits, name, limits),
  });
  Object.defineProperty(gpu, "limits", { value, configurable: true });
}

/** Does something while adapters give devices without any optional feature; a device must have been opened before. */
export async function withoutFeatures<Result>(action: () => Promise<Result>): Promise<Result> {
  const { prototype } = GPUAdapter;
  const { requestDevice } = prototype;
  const value = function (this: GPUAdapter, descriptor: GPUDeviceDescriptor) {
    return requestDevice.call(this, { ...descriptor, requiredFeatures: [] });
  };
  Object.defineProperty(prototype, "requestDevice", { configurable: true, writable: true, value });
  try {
    return await action();
  } finally {
    prototype.requestDevice = requestDevice;
  }
}
