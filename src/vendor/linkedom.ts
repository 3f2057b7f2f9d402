/** The document that charts are drawn in outside browsers. */
export { parseHTML } from "linkedom";
