/** The layout of the map of embeddings. */
export { UMAP } from "umap-js";
