import { suite } from "uvu";
import * as assert from "uvu/assert";
import { crc32c } from "../../src/io/crc32.js";
import { firstRecord, scalarRecord } from "../../src/io/event-file.js";
import { plainCrc32c, readEvents } from "./read-events.js";

const events = suite("files of events");

events("CRC-32C of the vectors of RFC 3720, appendix B.4", () => {
  const vectors: [Uint8Array, number][] = [
    [new TextEncoder().encode("123456789"), 0xe3069283],
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  ];
  for (const [bytes, expected] of vectors) {
    assert.is(crc32c(bytes), expected);
    assert.is(plainCrc32c(bytes), expected);
  }
});

events("are read back as they were written", () => {
  const records = [
    firstRecord(1767225600.25),
    scalarRecord(1767225601.5, 0, { "test/knn": 0.25 }),
    scalarRecord(1767225602.5, 2 ** 40 + 1, { "train/loss": 4.125, "train/Größe": -1e-3, "train/none": Number.NaN }),
  ];
  const found = readEvents(Uint8Array.from(records.flatMap((record) => [...record])));
  assert.equal(found, [
    { wallTime: 1767225600.25, step: 0, version: "brain.Event:2", values: {} },
    { wallTime: 1767225601.5, step: 0, version: null, values: { "test/knn": 0.25 } },
    {
      wallTime: 1767225602.5,
      step: 2 ** 40 + 1,
      version: null,
      values: { "train/loss": 4.125, "train/Größe": Math.fround(-1e-3), "train/none": Number.NaN },
    },
  ]);
});

events.run();
