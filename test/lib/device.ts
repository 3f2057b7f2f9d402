import { type Device, openDevice } from "../../src/engine/device.js";

let opened: Promise<Device> | null = null;

/** One device for all suites of a process or page. Tests that break a device open their own. */
export function testDevice(): Promise<Device> {
  opened ??= openDevice();
  return opened;
}
