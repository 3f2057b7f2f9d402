import { suite } from "uvu";
import * as assert from "uvu/assert";
import { innerLoop, matrixLoop } from "../../bench/gpu-compile/assembly.js";

const assembly = suite("inner loops in assembly");

/** Two loops, one in the other, with a line of text for each instruction, as the driver prints them. */
const nested = `BB0:
\tv_mov_b32_e32 v0, 0                  ; 7e000280
BB1:
\tbuffer_load_dword v1, v0, s[0:3], 0  ; e0300000
\tds_write_b32 v2, v1                  ; d81a0000
\ts_barrier                            ; bf8a0000
BB2:
\tds_read_b32 v3, v2                   ; d86c0000
\tv_fmac_f32_e32 v4, v3, v3            ; 02080703
\tv_fma_f32 v5, v3, v3, v5             ; d1cb0005
\ts_cbranch_scc1 BB2                   ; bf85fffc
BB3:
\tv_add_u32_e32 v0, 1, v0              ; 68000081
\ts_cbranch_scc1 BB1                   ; bf85fff0
BB4:
\ts_endpgm                             ; bf810000
`;

assembly("without the number of rounds, the innermost loop counts", () => {
  assert.equal(innerLoop(nested, 0), { fma: 2, matrix: 0, vector: 2, workgroup: 1, global: 0, all: 4 });
});

assembly("with it, the outer loop counts with so many rounds of the inner one", () => {
  // 6 multiply-adds in 3 rounds of 4 instructions, and 5 around them.
  assert.equal(innerLoop(nested, 6), { fma: 6, matrix: 0, vector: 7, workgroup: 4, global: 1, all: 17 });
});

assembly("an instruction for two operations counts twice", () => {
  const dual = `BB0:
\tv_dual_fmac_f32 v0, v1, v2 :: v_dual_mov_b32 v3, v4 ; c0
\tv_dual_fmac_f32 v5, v1, v2 :: v_dual_fmac_f32 v6, v1, v2 ; c1
\ts_cbranch_scc1 BB0 ; bf
`;
  assert.equal(innerLoop(dual, 0), { fma: 3, matrix: 0, vector: 4, workgroup: 0, global: 0, all: 3 });
});

assembly("without a loop, the whole program counts", () => {
  assert.equal(innerLoop("BB0:\n\tv_fma_f32 v0, v1, v2, v3 ; d1\n\ts_endpgm ; bf\n", 8), {
    fma: 1,
    matrix: 0,
    vector: 1,
    workgroup: 0,
    global: 0,
    all: 2,
  });
});

assembly("products of fragments are found in the loop that has them", () => {
  const fragments = `BB0:
\tbuffer_load_b64 v[0:1], v0, s[0:3], 0 ; e0
BB1:
\tds_load_b128 v[8:11], v2 ; d8
\tv_wmma_f32_16x16x16_f16 v[16:23], v[8:15], v[0:7], v[16:23] ; cc
\tv_wmma_f32_16x16x16_f16 v[24:31], v[8:15], v[0:7], v[24:31] ; cc
\ts_cbranch_scc1 BB1 ; bf
BB2:
\ts_cbranch_scc1 BB0 ; bf
`;
  assert.equal(matrixLoop(fragments), { fma: 0, matrix: 2, vector: 2, workgroup: 1, global: 0, all: 4 });
});

assembly.run();
