// How activations and their gradients lie in memory: as f32, or with HALF as f16. The launcher sets HALF, from the tensors of
// the launch. All arithmetic is f32: elements are widened when they are loaded, and rounded once when they are stored.
//
// Above 65504, f16 has only infinity. WGSL leaves it open which of the two a number up to 65536 becomes; all beyond become
// infinity. So an overflow is there to be seen, by unscale-gradients, and does not just clip a gradient.
const HALF: bool = false;
alias Stored = f32; //#half alias Stored = f16;
// As many elements as an Element has.
alias StoredElement = Stored; //#vec4 alias StoredElement = vec4<Stored>;
