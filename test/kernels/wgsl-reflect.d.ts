// The package's types cover its bare name only, and its bare name does not load in Node's ES modules.
declare module "wgsl_reflect/wgsl_reflect.module.js" {
  export * from "wgsl_reflect";
}
