/** The wire format of protocol buffers, which ONNX files are written in. */
export { PbfWriter } from "pbf";
