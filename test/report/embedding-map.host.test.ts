import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ShapeError } from "../../src/errors.js";
import { embeddingMap, type MapPoint } from "../../src/report/embedding-map.js";

const map = suite("embedding map");

const DIMENSION = 6;

/** Rows that point in one of two opposite directions in turn, each a little off and of another length. */
function twoGroups(rows: number): Float32Array {
  return Float32Array.from({ length: rows * DIMENSION }, (_, index) => {
    const row = Math.floor(index / DIMENSION);
    const column = index % DIMENSION;
    const direction = row % 2 === 0 ? 1 : -1;
    return (1 + row) * (direction + 0.2 * Math.sin(7 * row + 3 * column));
  });
}

function distance(a: MapPoint, b: MapPoint): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

map("keeps groups of like direction together", async () => {
  const points = await embeddingMap(twoGroups(60), DIMENSION, 1000);
  let agreeing = 0;
  for (const point of points) {
    const others = points.filter((other) => other !== point);
    const nearest = others.reduce((best, other) => (distance(other, point) < distance(best, point) ? other : best));
    if (nearest.row % 2 === point.row % 2) agreeing++;
  }
  // By chance half of the points would have a nearest neighbour of their own group.
  assert.is(agreeing, points.length);
});

map("is the same each time", async () => {
  assert.equal(await embeddingMap(twoGroups(40), DIMENSION, 1000), await embeddingMap(twoGroups(40), DIMENSION, 1000));
});

map("takes evenly spaced rows where there are too many", async () => {
  const points = await embeddingMap(twoGroups(50), DIMENSION, 20);
  assert.equal(
    points.map(({ row }) => row),
    Array.from({ length: 20 }, (_, point) => Math.floor(point * 2.5)),
  );
});

map("is finite for collapsed, zero and few embeddings", async () => {
  for (const features of [
    new Float32Array(30 * DIMENSION).fill(1),
    new Float32Array(30 * DIMENSION),
    twoGroups(5),
    twoGroups(4),
  ]) {
    const points = await embeddingMap(features, DIMENSION, 1000);
    assert.is(points.length, features.length / DIMENSION);
    for (const { x, y } of points) assert.ok(Number.isFinite(x) && Number.isFinite(y));
  }
  assert.equal(await embeddingMap(twoGroups(3), DIMENSION, 1000), []);
  assert.equal(await embeddingMap(new Float32Array(0), DIMENSION, 1000), []);
});

map("refuses features that are no whole number of rows", async () => {
  const error = await embeddingMap(new Float32Array(13), DIMENSION, 1000).catch((reason: unknown) => reason);
  assert.instance(error, ShapeError);
});

map.run();
