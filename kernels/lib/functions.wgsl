// Functions of one number, to be put together in chains. A number goes through a chain together with its slope: the derivative
// by the number that the chain began with. The codes are the places of the names in src/ops/unary.ts.
const SCALE = 1u;
const SQUARE = 2u;
const SQRT = 3u;
const EXP = 4u;
const LOG = 5u;
const SIGMOID = 6u;
const TANH = 7u;
const SOFTPLUS = 8u;
const GELU = 9u;
const GELU_TANH = 10u;
const CLAMP = 11u;
const ABSOLUTE = 12u;
const RELU = 13u;

struct Dual {
  value: f32,
  slope: f32,
}

// 1 / (1 + exp(-x)) and its slope, without an exponential that overflows.
fn sigmoid(x: f32) -> Dual {
  let small = exp(-abs(x));
  let whole = 1.0 + small;
  return Dual(select(small, 1.0, x >= 0.0) / whole, small / (whole * whole));
}

// x Phi(x), Phi being the distribution function of the normal distribution, off by at most 7.5e-8 (Abramowitz and Stegun 1964,
// formula 26.2.17). Beyond 20, the density is 0.
fn gelu(x: f32) -> Dual {
  let size = min(abs(x), 20.0);
  let density = 0.3989423 * exp(-0.5 * size * size);
  let t = 1.0 / fma(0.2316419, size, 1.0);
  let series = fma(fma(fma(fma(1.3302744, t, -1.8212560), t, 1.7814779), t, -0.35656378), t, 0.31938153);
  let tail = density * t * series;
  let share = select(tail, 1.0 - tail, x >= 0.0);
  return Dual(x * share, fma(x, density, share));
}

// x (1 + tanh(u)) / 2 = x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3). Beyond 9, the sigmoid is 0 or 1.
fn gelu_tanh(x: f32) -> Dual {
  let inner = clamp(x, -9.0, 9.0);
  let share = sigmoid(1.5957691 * inner * fma(0.044715, inner * inner, 1.0));
  return Dual(x * share.value, fma(x * share.slope, 1.5957691 * fma(0.134145, inner * inner, 1.0), share.value));
}

// The value and slope of one function at x; a and b are the numbers that some take besides.
fn function_at(code: u32, a: f32, b: f32, x: f32) -> Dual {
  switch code {
    case SCALE: {
      return Dual(fma(a, x, b), a);
    }
    case SQUARE: {
      return Dual(x * x, 2.0 * x);
    }
    case SQRT: {
      let root = sqrt(x);
      return Dual(root, 0.5 / root);
    }
    case EXP: {
      let value = exp(x);
      return Dual(value, value);
    }
    case LOG: {
      return Dual(log(x), 1.0 / x);
    }
    case SIGMOID: {
      return sigmoid(x);
    }
    case TANH: {
      let small = exp(-2.0 * abs(x));
      let whole = 1.0 + small;
      return Dual(sign(x) * (1.0 - small) / whole, 4.0 * small / (whole * whole));
    }
    case SOFTPLUS: {
      return Dual(max(x, 0.0) + log(1.0 + exp(-abs(x))), sigmoid(x).value);
    }
    case GELU: {
      return gelu(x);
    }
    case GELU_TANH: {
      return gelu_tanh(x);
    }
    case CLAMP: {
      return Dual(clamp(x, a, b), select(0.0, 1.0, x >= a && x <= b));
    }
    case ABSOLUTE: {
      return Dual(abs(x), sign(x));
    }
    case RELU: {
      return Dual(max(x, 0.0), select(0.0, 1.0, x > 0.0));
    }
    default: {
      return Dual(x, 1.0);
    }
  }
}

// One more link of a chain.
fn link(code: u32, a: f32, b: f32, before: Dual) -> Dual {
  let own = function_at(code, a, b, before.value);
  return Dual(own.value, before.slope * own.slope);
}

// What a chain of up to four functions makes of x.
fn chain_at(x: f32) -> Dual {
  var result = Dual(x, 1.0);
  result = link(FUNCTION_1, params.a_1, params.b_1, result);
  result = link(FUNCTION_2, params.a_2, params.b_2, result);
  result = link(FUNCTION_3, params.a_3, params.b_3, result);
  return link(FUNCTION_4, params.a_4, params.b_4, result);
}
