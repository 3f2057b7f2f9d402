import { contextOf, html } from "./dom.js";
import type { Atlas } from "./messages.js";

/** The pictures, small. */
export class Thumbnails {
  constructor(readonly atlas: Atlas) {}

  /** Draws a picture as a square around a point. */
  draw(context: CanvasRenderingContext2D, image: number, x: number, y: number, side: number): void {
    const { bitmap, columns, tile } = this.atlas;
    const [from, row] = [(image % columns) * tile, Math.floor(image / columns) * tile];
    context.drawImage(bitmap, from, row, tile, tile, x - side / 2, y - side / 2, side, side);
  }

  /** A canvas of one picture; its size is the style sheet's. */
  picture(image: number): HTMLCanvasElement {
    const { tile } = this.atlas;
    const canvas = html("canvas", { width: tile, height: tile, class: tile < 48 ? "thumb small" : "thumb" });
    this.draw(contextOf(canvas), image, tile / 2, tile / 2, tile);
    return canvas;
  }
}
