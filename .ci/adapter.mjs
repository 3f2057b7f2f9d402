// Prints which GPU adapter Node gets; exits with 1 when there is none that computes.
import { create } from "webgpu";

const adapter = await create([]).requestAdapter({ powerPreference: "high-performance" });
// The null backend of Dawn accepts every command and computes nothing.
if (adapter === null || adapter.info.device === "null-backend") process.exit(1);
const { description, device, vendor, isFallbackAdapter } = adapter.info;
const name = description || device || vendor;
console.log(`adapter: ${name}`);
if (isFallbackAdapter || /llvmpipe|swiftshader|software/i.test(name)) {
  console.log(`software adapter: ${name}, runs on the CPU; a GPU with a Vulkan, Metal or D3D12 driver is far faster`);
}
// The open GPU instance would keep the process alive.
process.exit(0);
