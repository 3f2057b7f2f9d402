/** A storage binding of a kernel, in the order of its binding numbers. */
export interface KernelBinding {
  readonly name: string;
  readonly access: "read" | "read_write";
  /** `stored`: f32 or f16, the same for all such bindings of a launch. */
  readonly element: "f32" | "u32" | "stored";
}

/** A field of a kernel's `Params` struct. */
export interface KernelParameter {
  readonly name: string;
  readonly type: "f32" | "u32";
  /** Bytes from the start of the struct. */
  readonly offset: number;
}

/** A `const` of a kernel that a launch may replace: tile sizes, and shapes that stay the same from step to step. */
export interface KernelConstant {
  readonly type: "f32" | "u32" | "bool";
  readonly value: number;
}

/** Parameters and constants of one launch by name; a boolean constant is 0 or 1. */
export type KernelValues = Readonly<Record<string, number>>;

/**
 * A compute kernel as its `.wgsl` file describes it. The three type arguments are the names of its storage bindings, of
 * its `Params` fields and of its constants, so that a launch with a wrong or missing name does not compile.
 */
export interface KernelDefinition<
  Bindings extends string = string,
  Params extends string = string,
  Constants extends string = string,
> {
  readonly name: string;
  readonly source: string;
  readonly bindings: readonly (KernelBinding & { readonly name: Bindings })[];
  readonly params: readonly (KernelParameter & { readonly name: Params })[];
  /** Bytes of the `Params` struct; 0 where the kernel has none. */
  readonly paramsSize: number;
  readonly constants: Readonly<Record<Constants, KernelConstant>>;
  /** How often the loops marked `//#unroll` go round, in the order of the source. */
  readonly unrolls: (v: KernelValues) => readonly number[];
  /** Elements that each binding must hold. */
  readonly shapes: (v: KernelValues) => Readonly<Record<Bindings, number>>;
  /** Workgroups of the launch, a single number: the launcher folds it into the grid. */
  readonly workgroups: (v: KernelValues) => number;
  /** Floating-point operations of the launch. */
  readonly flops: (v: KernelValues) => number;
  /**
   * Bytes of global memory that the launch's workgroups load and store; what several threads of a workgroup load in the same
   * round counts once. Heavy kernels have it: FLOPs per byte decide what the memory of a GPU lets them reach.
   */
  readonly bytes?: (v: KernelValues) => number;
}
