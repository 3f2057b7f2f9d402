import { suite } from "uvu";
import * as assert from "uvu/assert";
import { describeKernel } from "../../kernels/describe.js";
import { evaluate, inWholeNumbers, parseExpression, print } from "../../kernels/expression.js";
import { KernelError } from "../../src/errors.js";
import { throws } from "../data/expect.js";

const expressions = suite("expressions of headers");

const named = (name: string) => (name === "x" ? null : ({ kind: "name", name } as const));
const values = { a: 7, b: 2, c: 3, N_1: 10 };

expressions("come to what they come to in JavaScript, and are printed as they are written", () => {
  for (const [text, expected] of [
    ["12", 12],
    ["1.5e2", 150],
    ["a", 7],
    ["a - b - c", 7 - 2 - 3],
    ["a - (b - c)", 7 - (2 - 3)],
    ["a / b * c", (7 / 2) * 3],
    ["a / (b * c)", 7 / (2 * 3)],
    ["a + b * c % 4", 7 + ((2 * 3) % 4)],
    ["(a + b) * c", (7 + 2) * 3],
    ["a * (b * c)", 7 * (2 * 3)],
    ["ceil(a / b) * max(b, c, N_1)", 4 * 10],
    ["floor((a + 1) / c) - min(a, b)", 2 - 2],
    ["0 - a", -7],
  ] as const) {
    const expression = parseExpression(text, named);
    assert.is(evaluate(expression, values), expected, text);
    const printed = print(expression);
    assert.is(printed.replaceAll(/Math\.|v\["|"\]/g, ""), text);
    assert.is(evaluate(parseExpression(printed.replaceAll(/Math\.|v\["|"\]/g, ""), named), values), expected);
  }
  assert.is(print(parseExpression(" ceil( a/LANES )", named)), 'Math.ceil(v["a"] / v["LANES"])');
  assert.is(evaluate(parseExpression("-a + -(b - c)", named), values), -6);
});

expressions("in whole numbers drop what divisions leave over, as u32 does", () => {
  const whole = (text: string) => evaluate(inWholeNumbers(parseExpression(text, named)), values);
  assert.is(whole("a / b * c"), 9);
  assert.is(whole("(a + b - 1u) / b"), 4);
  assert.is(whole("min(a / b, N_1 / c)"), 3);
});

expressions("are refused where anything else is in them", () => {
  for (const [text, what] of [
    ["", "a number or a name is missing at the end"],
    ["a +", "a number or a name is missing at the end"],
    ["a b", "b follows what is complete"],
    ["(a + b", "the end stands where ) is to stand"],
    ["a + )", ") stands where a number or a name is to stand"],
    ["x * 2", "unknown name x"],
    ["sqrt(a)", "( follows what is complete"],
    ["ceil(a, b)", "ceil() takes one number, not 2"],
    ["max(a; b)", "; stands where ) is to stand"],
    ["a ** b", "* stands where a number or a name is to stand"],
    ["a[0]", "[ follows what is complete"],
    ["process.exit(1)", ". follows what is complete"],
  ])
    throws(() => parseExpression(text, named), KernelError, `${what} in "${text}"`);
});

expressions.run();

const sources = suite("sources of kernels");

const PLAIN = `// y = x.
//
// shape x: elements
// shape y: 2 * elements
// workgroups: ceil(elements / LANES)
// flops: 0
//#include "lib/place.wgsl"

const LANES: u32 = 64u;
const TWICE = 2u * LANES;
const SCALE: f32 = -1.5e3;
const FAST: bool = true;
const lower: u32 = 3u;

struct Params {
  elements: u32,
  /* not: a field, */ factor: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>; //#vec4 @group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;
var<workgroup> tile: array<vec4<f32>, TWICE>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u) {
  //#unroll
  for (var i = 0u; i < TWICE / 3u; i++) {
    y[i] = u32(x[i]);
  }
}
`;

const pieces = { "lib/place.wgsl": "// One.\nfn place() -> array<f32, 2> {\n  return array<f32, 2>(1.0, 2.0);\n}\n" };
const describe = (source: string) => describeKernel("plain", source, pieces);

sources("say all that a launch needs", () => {
  const kernel = describe(PLAIN);
  assert.equal(kernel.bindings, [
    { name: "x", access: "read", element: "f32" },
    { name: "y", access: "read_write", element: "u32" },
  ]);
  assert.equal(kernel.params, [
    { name: "elements", type: "u32", offset: 0 },
    { name: "factor", type: "f32", offset: 4 },
  ]);
  assert.is(kernel.paramsSize, 16);
  assert.equal(kernel.constants, [
    { name: "LANES", type: "u32", value: 64 },
    { name: "SCALE", type: "f32", value: -1500 },
    { name: "FAST", type: "bool", value: 1 },
  ]);
  const v = { elements: 100, LANES: 32, FAST: 1 };
  assert.equal(
    [kernel.workgroups, ...kernel.shapes.map(({ size }) => size), ...kernel.unrolls].map((e) => evaluate(e, v)),
    [4, 100, 200, 21],
  );
  assert.is(kernel.bytes, null);
  assert.is(kernel.source, PLAIN.replace('//#include "lib/place.wgsl"', pieces["lib/place.wgsl"].trim()));
});

sources("may be written in other ways", () => {
  const other = describe(
    PLAIN.replaceAll("\n", "\r\n")
      .replace(
        "@group(0) @binding(1) var<storage, read_write> y: array<u32>;",
        "@binding( 1 )\n @group(0)\nvar<storage,read_write>y :\n array < u32 > ;",
      )
      .replace("array<f32>;", "array<vec4 <f32>>;")
      .replace("var<storage, read> x", "var<storage> x")
      .replace("  //#unroll", "\t//#unroll ")
      .replace("  for (var", "\tfor (var")
      .replace(
        "// flops: 0",
        "// flops: 0\n/* @compute fn other() { /* } */ // */\nconst_assert LANES < 65u;\nconst LESS = 1u < 2u;",
      ),
  );
  const plain = describe(PLAIN);
  assert.equal(
    [other.bindings, other.params, other.constants, other.unrolls],
    [plain.bindings, plain.params, plain.constants, plain.unrolls],
  );
  const none = describe(
    "// shape y: 4\n// workgroups: 1\n// flops: 0\n@group(0) @binding(0) var<storage, read_write> y: array<f32>;\n@compute @workgroup_size(1) fn main() { y[0] = 1.0; }",
  );
  assert.equal([none.params, none.paramsSize, none.constants], [[], 0, []]);
});

sources("take the element behind an alias, and Stored with its piece", () => {
  const alias = PLAIN.replace("array<f32>; //#vec4", "array<Element>; //#vec4").replace(
    "struct Params",
    "alias Element = f32;\nstruct Params",
  );
  assert.is(describe(alias).bindings[0].element, "f32");
  const stored = PLAIN.replace("array<f32>; //#vec4", "array<Stored>; //#vec4");
  throws(
    () => describe(stored),
    KernelError,
    "plain: line 20: x: storage bindings are",
    "array<Stored> with lib/stored.wgsl, not array<Stored>",
  );
  assert.is(
    describe(stored.replace("struct Params", "alias Stored = f32;\nstruct Params")).bindings[0].element,
    "stored",
  );
});

sources("are refused by line where they do not keep the rules", () => {
  for (const [from, to, ...message] of [
    ["// shape x: elements\n", "", "line 1: the header lacks a line", "// shape x: <expression>"],
    ["// workgroups: ceil(elements / LANES)\n", "", "line 1: the header lacks", "// workgroups:"],
    ["// flops: 0\n", "", "line 1: the header lacks", "// flops:"],
    [
      "// shape x: elements",
      "// shape x: elements\n// shape x: 3",
      'line 4: the header says a second time what "shape x" is',
    ],
    ["// shape x", "// shape z", "line 3: there is no binding z: there are x, y"],
    ["2 * elements", "2 * rows", 'line 4: unknown name rows in "2 * rows"'],
    ["ceil(elements / LANES)", "ceil(elements / TWICE)", "line 5: unknown name TWICE"],
    [
      "lib/place.wgsl",
      "lib/plaice.wgsl",
      'line 7: there is no "lib/plaice.wgsl" to include; there are: lib/place.wgsl',
    ],
    ['//#include "lib/place.wgsl"', '// #include "lib/place.wgsl"', "line 7: an include is written"],
    [
      "const LANES: u32 = 64u;",
      "const LANES : u32 = 64u;",
      'line 9: LANES: a constant that launches can set is written "const LANES: u32 = 8u;"',
    ],
    [
      "const SCALE: f32 = -1.5e3;",
      "const SCALE: f32 = 2.0 * 3.0;",
      "line 11: SCALE: a constant that launches can set",
      "without a type",
    ],
    ["const FAST: bool = true;", "const FAST: bool = 1u < 2u;", "line 12: FAST: a constant"],
    ["elements: u32,", "elements: i32,", "line 16: elements: fields of Params are f32 or u32, not i32"],
    ["elements: u32,", "@size(16) elements: u32,", "line 16: elements: fields of Params have no attributes"],
    ["struct Params", "struct Other", "line 22: there is no struct Params"],
    ["read_write> y", "write> y", "line 21: y: the access is read or read_write, not write"],
    ["y: array<u32>", "y: array<i32>", "line 21: y: storage bindings are", "not array<i32>"],
    ["y: array<u32>", "y: array<u32, 4>", "line 21: y: storage bindings are", "not array<u32,4>"],
    ["@binding(1)", "@binding(2)", "line 21: y: storage bindings are numbered from 0"],
    ["@group(0) @binding(1)", "@group(1) @binding(1)", "line 21: y: bindings are of @group(0)"],
    ["var<storage, read_write> y: array<u32>", "var y: texture_2d<f32>", "line 21: y: only storage buffers"],
    ["params: Params;", "settings: Params;", 'line 22: settings: the only uniform may be "params: Params"'],
    [
      "var<workgroup>",
      "@group(0) @binding(3) var<uniform> other: Params;\nvar<workgroup>",
      "line 23: other: the only uniform",
    ],
    ["fn main", "fn other", "line 26: the one entry point of a kernel is called main"],
    ["@compute @workgroup_size(LANES)", "", "line 1: the kernel has no entry point"],
    ["const TWICE = 2u * LANES;", "override TWICE: u32 = 2u;", "line 10: override is not known here"],
    [
      "for (var i = 0u; i < TWICE / 3u; i++)",
      "for (var i = 0; i < 4; i++)",
      'line 28: "for (var i = 0; i < 4; i++) {" is no loop that can be unrolled',
    ],
    ["TWICE / 3u", "params.elements", 'line 28: unknown name params in "params.elements"'],
    ["struct Params {", "struct Params", 'line 16: "elements" stands where "{" is to stand'],
    ["const TWICE", "konst TWICE", 'line 10: "konst" begins no declaration'],
    ["  }\n}\n", "  }\n", "line 26: a block that begins here does not end"],
    ["array<u32>;", "array<u32>", "line 21: y: storage bindings are"],
  ]) {
    assert.ok(PLAIN.includes(from), from);
    throws(() => describe(PLAIN.replace(from, to)), KernelError, `plain: ${message[0]}`, ...message.slice(1));
  }
  throws(
    () => describeKernel("plain", PLAIN, { "lib/place.wgsl": "fn place() {}\nkonst A = 1u;" }),
    KernelError,
    'plain: line 2 of lib/place.wgsl: "konst" begins no declaration',
  );
});

sources.run();
