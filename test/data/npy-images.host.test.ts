import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Dataset } from "../../src/data/dataset.js";
import { openImages } from "../../src/data/open-images.js";
import { DataError } from "../../src/errors.js";
import { pixelsOf, rejects, sameBytes } from "./expect.js";
import { inTemporaryFolder, tar, writeFiles, zip } from "./make-files.js";

const test = suite("images in NumPy arrays");

type Values = Uint8Array | Int8Array | Int32Array | BigInt64Array | Float32Array | Float64Array | Uint32Array;
const TYPES: readonly (readonly [new (length: number) => Values, string])[] = [
  [Uint8Array, "|u1"],
  [Int8Array, "|i1"],
  [Int32Array, "<i4"],
  [Uint32Array, "<u4"],
  [BigInt64Array, "<i8"],
  [Float32Array, "<f4"],
  [Float64Array, "<f8"],
];

/** A `.npy` file of version 1.0, as numpy.lib.format describes it. */
function npy(shape: readonly number[], values: Values, changes: { descr?: string; order?: string } = {}): Uint8Array {
  const { descr = TYPES.find(([kind]) => values instanceof kind)?.[1], order = "False" } = changes;
  const tuple = `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;
  const header = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${tuple}, }`.padEnd(117);
  const prefix = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, 118, 0];
  const data = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return Uint8Array.from([...prefix, ...new TextEncoder().encode(`${header}\n`), ...data]);
}

function npz(arrays: Readonly<Record<string, Uint8Array>>): Promise<Uint8Array> {
  return zip(
    Object.entries(arrays).map(([name, content], i) => ({ name: `${name}.npy`, content, stored: i % 2 === 0 })),
  );
}

/** Strings as NumPy's `<U3`. */
function texts(words: readonly string[]): Uint8Array {
  const codes = words.flatMap((word) => [0, 1, 2].map((place) => word.codePointAt(place) ?? 0));
  return npy([words.length], Uint32Array.from(codes), { descr: "<U3" });
}

/** Bytes of `count` images. */
const bytes = (count: number, seed = 0) => Uint8Array.from({ length: count }, (_, i) => (i * 37 + seed) % 256);

function labelsIn({ labels, classes }: Dataset): string[] {
  return Array.from(labels ?? [], (label) => classes[label]);
}

test("gray and colour, with and without a channel, transparent on white; row by row", () =>
  inTemporaryFolder(async (folder) => {
    const gray = bytes(3 * 4 * 5);
    const colour = bytes(3 * 4 * 5 * 3);
    await writeFiles(folder, {
      "gray.npy": npy([3, 4, 5], gray),
      "channel.npy": npy([3, 4, 5, 1], gray),
      "colour.npy": npy([3, 4, 5, 3], colour),
      "alpha.npy": npy([1, 1, 3, 4], Uint8Array.of(10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 255, 51)),
    });
    const grays = Uint8Array.from([...gray].flatMap((value) => [value, value, value, 255]));
    for (const name of ["gray", "channel"]) {
      const { train, test: held } = await openImages(`${folder}/${name}.npy`);
      assert.equal([train.length, train.width, train.height, train.labels, held], [3, 5, 4, null, null]);
      sameBytes(await pixelsOf(train), grays);
    }
    const { train } = await openImages(`${folder}/colour.npy`);
    const expected = Uint8Array.from({ length: 240 }, (_, i) =>
      i % 4 === 3 ? 255 : colour[3 * Math.floor(i / 4) + (i % 4)],
    );
    sameBytes(await pixelsOf(train), expected);
    assert.is(train.nameOf(2), "colour.npy[2]");
    const alpha = await pixelsOf((await openImages(`${folder}/alpha.npy`)).train);
    assert.equal([...alpha], [10, 20, 30, 255, 255, 255, 255, 255, 204, 224, 255, 255]);
    assert.is((await openImages(`${folder}/colour.npy`, { imageSize: 2 })).train.width, 2);
  }));

test("sets of several arrays: MedMNIST's and Keras's names, .npz, folders and archives of .npy", () =>
  inTemporaryFolder(async (folder) => {
    const [a, b, c] = [bytes(3 * 4), bytes(2 * 4, 9), bytes(4, 5)].map((data) => npy([data.length / 4, 2, 2], data));
    const medical = {
      train_images: a,
      train_labels: npy([3, 1], Uint8Array.of(2, 0, 1)),
      val_images: c,
      val_labels: npy([1, 1], Uint8Array.of(3)),
      test_images: b,
      test_labels: npy([2, 1], Uint8Array.of(1, 2)),
    };
    const keras = {
      x_train: a,
      y_train: npy([3], BigInt64Array.of(2n, 0n, 1n)),
      x_test: b,
      y_test: npy([2], BigInt64Array.of(1n, 2n)),
    };
    const keyed = Object.entries(keras).map(([name, content]) => ({ name: `data/${name}.npy`, content }));
    await writeFiles(folder, {
      "medmnist.npz": await npz(medical),
      "mnist.npz": await npz(keras),
      "keras.tar": await tar(keyed),
      ...Object.fromEntries(keyed.map(({ name, content }) => [`keras/${name}`, content])),
      "inside/mnist.npz": await npz(keras),
      "inside/class_names.txt": "ant\nbee\ncat\n",
    });
    for (const name of ["medmnist.npz", "mnist.npz", "keras.tar", "keras", "inside"]) {
      const { train, test: held, notes } = await openImages(`${folder}/${name}`);
      assert.equal([train.length, held?.length], [3, 2], name);
      assert.equal([...(train.labels ?? [])], [2, 0, 1]);
      assert.equal([...(held?.labels ?? [])], [1, 2]);
      sameBytes(await pixelsOf(train), Uint8Array.from([...bytes(12)].flatMap((value) => [value, value, value, 255])));
      assert.equal(train.classes, name === "inside" ? ["ant", "bee", "cat"] : ["0", "1", "2"]);
      if (name === "medmnist.npz") assert.match(notes?.join() ?? "", /left out.*val_images \(u1 \[1, 2, 2\]\)/);
    }
    const { train } = await openImages(`${folder}/keras/data/x_test.npy`);
    assert.equal([...(train.labels ?? [])], [1, 2]);
  }));

test("labels are numbers, texts or one 1 among zeros; several an image are none", () =>
  inTemporaryFolder(async (folder) => {
    const x = npy([3, 2, 2], bytes(12));
    const cases: Record<string, readonly [Uint8Array, readonly string[]]> = {
      bytes: [npy([3], Int8Array.of(1, 0, 1)), ["1", "0", "1"]],
      floats: [npy([3], Float32Array.of(1, 0, 1)), ["1", "0", "1"]],
      texts: [texts(["cat", "ü", "cat"]), ["cat", "ü", "cat"]],
      hot: [npy([3, 3], Float64Array.of(0, 1, 0, 1, 0, 0, 0, 0, 1)), ["1", "0", "2"]],
      many: [npy([3, 3], Uint8Array.of(0, 1, 1, 1, 0, 0, 0, 0, 0)), []],
    };
    for (const [name, [labels, expected]] of Object.entries(cases)) {
      await writeFiles(folder, { [`${name}.npz`]: await npz({ images: x, labels }) });
      const { train, notes } = await openImages(`${folder}/${name}.npz`);
      assert.equal(labelsIn(train), expected, name);
      assert.equal(notes?.length, name === "many" ? 1 : 0);
    }
    await writeFiles(folder, { "unnamed.npz": await npz({ arr_0: x, arr_1: npy([3], Uint8Array.of(0, 1, 1)) }) });
    assert.equal(labelsIn((await openImages(`${folder}/unnamed.npz`)).train), ["0", "1", "1"]);
    const wrong: Record<string, readonly [Uint8Array, RegExp]> = {
      few: [npy([2], Uint8Array.of(0, 1)), /labels \(u1 \[2\]\) and images \(u1 \[3, 2, 2\]\) are not equally many/],
      negative: [npy([3], Int8Array.of(0, -1, 1)), /Label 1 of labels \(i1 \[3\]\) is -1/],
      huge: [npy([3], Int32Array.of(0, 1, 1e9)), /Label 2 .* is 1000000000/],
      fraction: [npy([3], Float32Array.of(0, 0.5, 1)), /Label 1 .* is 0\.5/],
    };
    for (const [name, [labels, message]] of Object.entries(wrong)) {
      await writeFiles(folder, { [`${name}.npz`]: await npz({ images: x, labels }) });
      await rejects(openImages(`${folder}/${name}.npz`), DataError, message);
    }
  }));

test("floating-point numbers become bytes where it is plain how, for all arrays alike, and it is said", () =>
  inTemporaryFolder(async (folder) => {
    await writeFiles(folder, {
      "unit.npz": await npz({
        train_images: npy([1, 1, 2], Float32Array.of(0.5, 0)),
        test_images: npy([1, 1, 2], Float32Array.of(1, 0.2)),
      }),
      "bytes.npy": npy([1, 1, 2], Float64Array.of(254.6, 3)),
      "integers.npy": npy([1, 1, 2], BigInt64Array.of(255n, 3n)),
    });
    const unit = await openImages(`${folder}/unit.npz`);
    assert.ok(unit.test);
    assert.equal([...(await pixelsOf(unit.train))], [128, 128, 128, 255, 0, 0, 0, 255]);
    assert.equal([...(await pixelsOf(unit.test))], [255, 255, 255, 255, 51, 51, 51, 255]);
    assert.match(unit.notes?.join() ?? "", /train_images \(f4 \[1, 1, 2\]\).*go from 0 to 1 and become bytes/);
    const floats = await openImages(`${folder}/bytes.npy`);
    assert.equal([...(await pixelsOf(floats.train))], [255, 255, 255, 255, 3, 3, 3, 255]);
    assert.match(floats.notes?.join() ?? "", /go from 3 to 254\.6 and are taken for bytes/);
    assert.equal(
      [...(await pixelsOf((await openImages(`${folder}/integers.npy`)).train))],
      [255, 255, 255, 255, 3, 3, 3, 255],
    );
    const refused: Record<string, readonly [Uint8Array, RegExp]> = {
      "plain.npy": [npy([1, 1, 2], Float32Array.of(0, 1)), /whether 1 is white/],
      "normal.npy": [npy([1, 1, 2], Float32Array.of(-1, 1)), /go from -1 to 1: bytes from 0 to 255 are wanted/],
      "deep.npy": [npy([1, 1, 2], Int32Array.of(0, 4095)), /go from 0 to 4095/],
      "nan.npy": [npy([1, 1, 2], Float32Array.of(Number.NaN, 0.5)), /go from NaN to NaN/],
    };
    for (const [name, [content, message]] of Object.entries(refused)) {
      await writeFiles(folder, { [name]: content });
      await rejects(openImages(`${folder}/${name}`), DataError, message, /uint8/);
    }
  }));

test("arrays that are no images, cut short or of other types are errors that say what to do", () =>
  inTemporaryFolder(async (folder) => {
    const good = npy([3, 4, 5], bytes(60));
    const wrong: Record<string, readonly [Uint8Array, RegExp]> = {
      "flat.npy": [npy([3, 20], bytes(60)), /flat \(u1 \[3, 20\]\) is no array of images: \[N, H, W\].* is wanted/],
      "first.npy": [npy([3, 3, 5, 5], bytes(225)), /channels come first: save x\.transpose\(0, 2, 3, 1\)/],
      "two.npy": [npy([3, 5, 5, 2], bytes(150)), /1, 3 or 4 channels/],
      "one.npy": [npy([4, 5, 3], bytes(60)), /could be one image/],
      "none.npy": [npy([0, 4, 5], bytes(0)), /nothing in it/],
      "fortran.npy": [npy([3, 4, 5], bytes(60), { order: "True" }), /np\.ascontiguousarray/],
      "object.npy": [npy([3, 4, 5], bytes(60), { descr: "|O" }), /its type is \|O/],
      "big.npy": [npy([3, 4, 5], Int32Array.from(bytes(60)), { descr: ">i4" }), /its type is >i4/],
      "cut.npy": [good.subarray(0, -1), /has 187 bytes; its header, which says \|u1 \[3, 4, 5\], asks for 188/],
      "header.npy": [good.subarray(0, 50), /cut short|wanted/],
      "huge.npy": [npy([2 ** 40, 2 ** 20, 2 ** 20], bytes(60)), /asks for/],
      "long.npy": [
        Uint8Array.from(good, (byte, i) => (i === 9 ? 0xff : byte)),
        /header of this \.npy file ends at byte 65/,
      ],
      "text.npy": [new TextEncoder().encode("words"), /no \.npy file/],
      "empty.npy": [new Uint8Array(0), /no \.npy file/],
    };
    for (const [name, [content, message]] of Object.entries(wrong)) {
      await writeFiles(folder, { [name]: content });
      await rejects(openImages(`${folder}/${name}`), DataError, message);
    }
    await writeFiles(folder, {
      "names.npz": await npz({ foo: good, bar: good }),
      "sizes.npz": await npz({ x_train: good, x_test: npy([3, 4, 6], bytes(72)) }),
      "cut.npz": (await npz({ x: good })).subarray(0, 100),
    });
    await rejects(
      openImages(`${folder}/names.npz`),
      DataError,
      /bar \(u1 \[3, 4, 5\]\), foo .*is called as images are/,
    );
    await rejects(openImages(`${folder}/sizes.npz`), DataError, /differ in the size or type/);
    await rejects(openImages(`${folder}/cut.npz`), DataError, /damaged or cut short/);
  }));

test("a file beyond the memory budget is read on each fetch; an .npz is not, and what to do can be done", () =>
  inTemporaryFolder(async (folder) => {
    const content = npy([3, 4, 5, 3], bytes(180));
    await writeFiles(folder, { "a.npy": content, "b.npz": await npz({ images: content }) });
    const memoryBudget = 3 * 4 * 5 * 4 - 1;
    const { train: streamed } = await openImages(`${folder}/a.npy`, { memoryBudget });
    sameBytes(await pixelsOf(streamed, [2, 0]), await pixelsOf((await openImages(`${folder}/b.npz`)).train, [2, 0]));
    await rejects(openImages(`${folder}/b.npz`, { memoryBudget: 300 }), DataError, /Unpack it/);
  }));

test.run();
