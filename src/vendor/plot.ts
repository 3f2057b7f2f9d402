/** Charts of the reports. */
export * from "@observablehq/plot";
