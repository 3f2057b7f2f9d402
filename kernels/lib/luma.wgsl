// Brightness of an RGB colour as in ITU-R BT.601, with torchvision's digits.
const LUMA = vec3f(0.2989, 0.587, 0.114);
