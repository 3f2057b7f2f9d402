/**
 * The names in a kernel's source, read by the compiler: of `kernelFrom` with a literal, a launch that lacks a tensor or has one too
 * many does not compile, as with generated kernels. What the source is in full is checked when it is read.
 */

/** A source without comments. */
type Code<Source extends string, Done extends string = ""> = Source extends `${infer Before}//${infer After}`
  ? After extends `${string}\n${infer Rest}`
    ? Code<Rest, `${Done}${Before}\n`>
    : `${Done}${Before}`
  : `${Done}${Source}`;

type Blank = " " | "\n" | "\t" | "\r";
type Trim<Text extends string> = Text extends `${Blank}${infer Rest}`
  ? Trim<Rest>
  : Text extends `${infer Rest}${Blank}`
    ? Trim<Rest>
    : Text;

type Bindings<
  Text extends string,
  Found extends string = never,
> = Text extends `${string}var<storage${string}>${infer Rest}`
  ? Rest extends `${infer Name}:${infer After}`
    ? Bindings<After, Found | Trim<Name>>
    : Found
  : Found;

type Fields<Body extends string, Found extends string = never> = Body extends `${infer Name}:${string},${infer Rest}`
  ? Fields<Rest, Found | Trim<Name>>
  : Body extends `${infer Name}:${string}`
    ? Found | Trim<Name>
    : Found;

type Params<Text extends string> = Text extends `${string}struct Params${string}{${infer Body}}${string}`
  ? Fields<Body>
  : never;

type Constants<Text extends string, Found extends string = never> = Text extends `${string}\nconst ${infer Rest}`
  ? Rest extends `${infer Statement};${infer After}`
    ? Constants<`;${After}`, Found | Settable<Statement>>
    : Found
  : Found;

type Settable<Statement extends string> = Statement extends `${infer Name}:${infer Type}=${string}`
  ? Trim<Type> extends "u32" | "f32" | "bool"
    ? Name extends Uppercase<Name>
      ? Trim<Name>
      : never
    : never
  : never;

/** Names of the storage bindings; any name where the source is not known to the compiler. */
export type BindingNames<Source extends string> = string extends Source ? string : Bindings<Code<Source>>;

/** Names of the fields of `Params`. */
export type ParamNames<Source extends string> = string extends Source ? string : Params<Code<Source>>;

/** Names of the constants that launches may set, but for those of shared pieces. */
export type ConstantNames<Source extends string> = string extends Source ? string : Constants<Code<`\n${Source}`>>;
