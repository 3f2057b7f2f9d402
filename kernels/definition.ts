/** A storage binding of a kernel, in the order of its binding numbers. */
export interface KernelBinding {
  /** As in the source, and in launches. */
  readonly name: string;
  /** Whether the kernel writes it as well. */
  readonly access: "read" | "read_write";
  /** `stored`: f32 or f16, the same for all such bindings of a launch. */
  readonly element: "f32" | "u32" | "stored";
}

/** A field of a kernel's `Params` struct. */
export interface KernelParameter {
  /** As in the source, and in launches. */
  readonly name: string;
  /** Of the field, in WGSL; launches give a number in either case. */
  readonly type: "f32" | "u32";
  /** Bytes from the start of the struct. */
  readonly offset: number;
}

/** A `const` of a kernel that a launch may replace: tile sizes, and shapes that stay the same from step to step. */
export interface KernelConstant {
  /** Of the constant, in WGSL; launches give a boolean for `bool`, and else a number. */
  readonly type: "f32" | "u32" | "bool";
  /** Where a launch says nothing; a boolean as 0 or 1. */
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
  /** For messages and profiles. */
  readonly name: string;
  /** WGSL, with the shared pieces and with marks such as `//#unroll` that a launch resolves. */
  readonly source: string;
  /** Storage bindings, in the order of their numbers. */
  readonly bindings: readonly (KernelBinding & {
    /** One of those that launches give tensors for. */
    readonly name: Bindings;
  })[];
  /** Fields of `Params`, in their order; none where the kernel has no uniform. */
  readonly params: readonly (KernelParameter & {
    /** One of those that launches give numbers for. */
    readonly name: Params;
  })[];
  /** Bytes of the `Params` struct; 0 where the kernel has none. */
  readonly paramsSize: number;
  /** What a launch may set, by name. */
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
