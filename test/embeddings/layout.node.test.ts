import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createLayout, edgeWeights, spectralPositions } from "../../src/embeddings/layout.js";
import { neighbourGraph } from "../../src/embeddings/neighbour-graph.js";
import { ConfigError, ShapeError } from "../../src/errors.js";
import { rejects, throws } from "../data/expect.js";
import { testDevice } from "../lib/device.js";
import { groupedFeatures, randomFeatures } from "./plain.js";

const layouts = suite("layouts in the plane");

layouts("edges have UMAP's weights, and the same in both directions", async () => {
  const graph = await neighbourGraph(await testDevice(), randomFeatures(53, 4, 3), { k: 7 });
  const { starts, columns, weights } = edgeWeights(graph);
  const found = new Map<string, number>();
  for (let row = 0; row < 53; row++)
    for (let at = starts[row]; at < starts[row + 1]; at++) found.set(`${row} ${columns[at]}`, weights[at]);
  const directed = (row: number) => {
    const distances = Array.from({ length: 7 }, (_, i) => 1 - graph.similarities[7 * row + i]);
    // The width by trying many, finer and finer.
    let [width, step] = [0, 1];
    for (let round = 0; round < 60; round++) {
      const sum = distances.reduce((total, x) => total + Math.exp(-(x - distances[0]) / (width + step)), 0);
      if (sum < Math.log2(7)) width += step;
      else step /= 2;
    }
    return new Map(distances.map((x, i) => [graph.indices[7 * row + i], Math.exp(-(x - distances[0]) / width)]));
  };
  const all = Array.from({ length: 53 }, (_, row) => directed(row));
  let edges = 0;
  for (let row = 0; row < 53; row++) {
    for (let other = 0; other < 53; other++) {
      const [there, back] = [all[row].get(other) ?? 0, all[other].get(row) ?? 0];
      const weight = found.get(`${row} ${other}`);
      if (there === 0 && back === 0) {
        assert.is(weight, undefined);
        continue;
      }
      edges += 1;
      assert.ok(Math.abs((weight ?? 0) - (there + back - there * back)) < 1e-5, `${row} ${other}`);
    }
  }
  assert.is(edges, columns.length);
});

layouts("bring neighbours together, step by step, and the same way each time", async () => {
  const device = await testDevice();
  const features = groupedFeatures(150, 10, 3, 0.3, 2);
  const graph = await neighbourGraph(device, features, { k: 8 });
  /** Mean distance within groups, over that between them. */
  const ratio = (positions: Float32Array) => {
    const sums = [0, 0];
    const counts = [0, 0];
    for (let i = 0; i < 150; i++) {
      for (let j = 0; j < i; j++) {
        const same = i % 3 === j % 3 ? 0 : 1;
        sums[same] += Math.hypot(positions[2 * i] - positions[2 * j], positions[2 * i + 1] - positions[2 * j + 1]);
        counts[same] += 1;
      }
    }
    return sums[0] / counts[0] / (sums[1] / counts[1]);
  };
  // A beginning that knows nothing of the groups.
  const initial = Float32Array.from(randomFeatures(150, 2, 9).values, (value) => 3 * value);
  const [layout, other] = [
    await createLayout(device, graph, { initial, steps: 200 }),
    await createLayout(device, graph, { initial, steps: 200 }),
  ];
  assert.equal(await layout.positions(), initial);
  layout.step(50);
  layout.step();
  assert.is(layout.done, 51);
  layout.step(1000);
  assert.is(layout.done, 200);
  other.step(200);
  const positions = await layout.positions();
  assert.equal(positions, await other.positions());
  assert.ok(ratio(initial) > 0.9 && ratio(positions) < 0.3, `${ratio(initial)}, ${ratio(positions)}`);

  // Other neighbours: it goes on from where it is.
  layout.setNeighbours(graph);
  assert.is(layout.done, 150);
  layout.step(50);
  assert.not.equal(await layout.positions(), positions);
  throws(
    () => layout.setNeighbours({ ...graph, rows: 149 }),
    ShapeError,
    /neighbours of 149 points, and this layout is of 150/,
  );
  for (const one of [layout, other]) one.dispose();
  const spectral = spectralPositions(edgeWeights(graph), 1);
  assert.ok(ratio(spectral) < 0.5, `${ratio(spectral)}`);
});

layouts("of one point, and of points that are all one, are finite; what cannot be is refused", async () => {
  const device = await testDevice();
  for (const rows of [1, 2, 20]) {
    const equal = { values: new Float32Array(3 * rows).fill(1), rows, dimension: 3 };
    const graph = await neighbourGraph(device, equal, { k: 5 });
    const layout = await createLayout(device, graph, { steps: 20 });
    layout.step(20);
    assert.ok((await layout.positions()).every(Number.isFinite), `${rows}`);
    layout.dispose();
    await rejects(createLayout(device, graph, { steps: 0 }), ConfigError, /steps are 0/);
    await rejects(createLayout(device, graph, { seed: -1 }), ConfigError, /seed is -1/);
    await rejects(createLayout(device, graph, { initial: new Float32Array(1) }), ShapeError, /not 1/);
  }
});

layouts.run();
