// What a thread works on at once: one element, or with VECTOR = 4, which needs a multiple of 4 channels, four neighbours.
alias Element = f32; //#vec4 alias Element = vec4f;
