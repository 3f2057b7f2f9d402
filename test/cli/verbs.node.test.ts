import { mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipSync } from "fflate";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DEFAULT_CONFIG } from "../../src/training/config.js";
import { encodeEncoder } from "../../src/training/encoder-file.js";
import { createModel } from "../../src/training/model.js";
import { jpeg, writeFiles } from "../data/make-files.js";
import { testDevice } from "../lib/device.js";
import { failed, simclr, succeeded } from "./command.js";
import { classFolders } from "./pictures.js";

const verbs = suite("simclr: what can be done with embeddings");

/** Names that terminals, pages and shells could trip over. */
const ODD = ['ü "quoted" & <script>alert(1)</script>.jpg', "line\nbreak.jpg", "日本.jpg"];

/** A folder of photographs, and their embeddings by an encoder that has not learned. */
async function prepare(cwd: string): Promise<void> {
  const device = await testDevice();
  const model = createModel(device, { ...DEFAULT_CONFIG, width: 0.25 }, 16);
  const odd = Object.fromEntries(
    await Promise.all(ODD.map(async (name, i) => [`owl/${name}`, await jpeg(70 + i)] as const)),
  );
  const photos = { ...(await classFolders(24)), ...odd };
  await writeFiles(cwd, { "encoder.safetensors": await encodeEncoder(model, { ...DEFAULT_CONFIG, width: 0.25 }, 0) });
  await writeFiles(join(cwd, "photos"), { ...photos, "dog/broken.jpg": (await jpeg(1)).subarray(0, 300) });
  succeeded(await simclr(["embed", "encoder.safetensors", "photos", "--folder", "e", "--max-broken", "0.1"], { cwd }));
}

/** A page without anything from elsewhere, and without markup from names. */
async function pageOf(cwd: string, name: string): Promise<string> {
  const page = await readFile(join(cwd, name), "utf8");
  assert.not.match(page, /<script>alert|(src|href)="?(https?:|\/\/)/);
  return page;
}

let cwd = "";
verbs.before(async () => {
  cwd = await mkdtemp(join(tmpdir(), "simclr-verbs-"));
  await prepare(cwd);
});
verbs.after(() => rm(cwd, { recursive: true }));

verbs("find similar photographs, write a page of them, and refuse what cannot be", async () => {
  const commands = [
    simclr(["search", "e", `owl/${ODD[0]}`, "--count", "5", "--list", "found.txt", "--copy-to", "found"], { cwd }),
    simclr(["search", "e", "photos/owl/日本.jpg", "--count", "99", "--json", "--no-page"], { cwd }),
    simclr(["search", "e", "encoder.safetensors"], { cwd }),
    simclr(["search", "e", "nowhere.jpg"], { cwd }),
    simclr(["search", "photos", "000.jpg"], { cwd }),
    simclr(["embed", "encoder.safetensors", "photos", "--folder", "f", "--out", "g"], { cwd }),
  ] as const;
  const [found, json, wrong, none, noFolder, both] = await Promise.all(commands);
  succeeded(found);
  const page = await pageOf(cwd, "e/search.html");
  assert.match(page, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
  assert.is(page.match(/<figure class="shot/g)?.length, 6);
  const names = (await readFile(join(cwd, "found.txt"), "utf8")).trim().split("\n");
  assert.is(names.length, 5);
  for (const name of names)
    assert.equal(await readFile(join(cwd, "found", name)), await readFile(join(cwd, "photos", name)));

  const result: unknown = JSON.parse(succeeded(json).stdout);
  assert.ok(typeof result === "object" && result !== null && "found" in result && Array.isArray(result.found));
  // All others, and not itself.
  assert.is(result.found.length, 26);
  assert.not.ok(result.found.some((one: { name: string }) => one.name === "owl/日本.jpg"));
  failed(wrong, /encoder\.safetensors/);
  failed(none, /no photograph called nowhere\.jpg in the folder, and no file at that path/);
  failed(noFolder, /photos: it is no folder of embeddings: make one with simclr embed/);
  failed(both, /--out is for .* give one of them/);
  failed(await simclr(["search", "e", "000.jpg", "--list", "found.txt"], { cwd }), /found\.txt is there already/);
  failed(await simclr(["search", "e", "000.jpg", "--copy-to", "found"], { cwd }), /found is not empty/);
});

verbs("group, label and choose photographs", async () => {
  await writeFiles(cwd, { "labels.csv": "file,class\ncat/000.jpg,<b>cat</b>\ndog/001.jpg,dog\nnowhere.jpg,dog\n" });
  const [grouped, spread, chosen, next, map, ...wrong] = await Promise.all([
    simclr(["cluster", "e", "--k", "3", "--copy-to", "groups"], { cwd }),
    simclr(["propagate", "e", "--labels", "labels.csv", "--list", "all.csv", "--copy-to", "sorted"], { cwd }),
    simclr(["select", "e", "--count", "4", "--json"], { cwd }),
    simclr(["select", "e", "--by", "label", "--labels", "labels.csv", "--count", "2", "--page", "next.html"], {
      cwd,
    }),
    simclr(["map", "e", "--steps", "20", "--json"], { cwd }),
    simclr(["cluster", "e", "--k", "99"], { cwd }),
    simclr(["propagate", "e", "--unlabelled", "bird"], { cwd }),
    simclr(["select", "e", "--labels", "labels.csv"], { cwd }),
  ]);
  assert.match(
    succeeded(grouped).stdout,
    /3 groups, as asked for\. With the classes they agree to an adjusted Rand index/,
  );
  const files = async (folder: string) =>
    (await readdir(join(cwd, folder), { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
      .length;
  assert.is(await files("groups"), 27);
  await pageOf(cwd, "e/cluster.html");

  assert.match(
    succeeded(spread).stdout,
    /labels: those of labels\.csv\n1 label is that of no photograph: nowhere\.jpg/,
  );
  const lines = (await readFile(join(cwd, "all.csv"), "utf8")).split("\r\n");
  assert.is(lines[0], "file,class,labelled,confidence,margin");
  assert.is(lines[1], "cat/000.jpg,<b>cat</b>,yes,1.0000,1.0000");
  assert.is(await files("sorted/dog"), lines.filter((line) => /,dog,/.test(line)).length);
  assert.not.match(await pageOf(cwd, "e/propagate.html"), /<b>cat/);

  const result: unknown = JSON.parse(succeeded(chosen).stdout);
  assert.ok(typeof result === "object" && result !== null && "selected" in result && Array.isArray(result.selected));
  assert.is(result.selected.length, 4);
  await pageOf(cwd, "e/select.html");
  succeeded(next);
  await pageOf(cwd, "next.html");
  const places: unknown = JSON.parse(succeeded(map).stdout);
  assert.ok(Array.isArray(places) && places.length === 27 && Number.isFinite(places[0].x));
  // Names are within a script there.
  assert.match(await pageOf(cwd, "e/map.html"), /& \\u003cscript>alert/);
  failed(wrong[0], /k is 99; it must be a whole number from 1 to the 27 embeddings/);
  failed(wrong[1], /no photograph is in a folder bird: there are cat, dog, owl/);
  failed(wrong[2], /--labels is for --by label/);
});

verbs(
  "search by a photograph from elsewhere, in photographs that were moved or packed, and choose the oddest",
  async () => {
    await writeFiles(cwd, { "elsewhere/like.jpg": await readFile(join(cwd, "photos/dog/001.jpg")) });
    await rename(join(cwd, "photos"), join(cwd, "moved"));
    const [stranger, moved, gone, outliers] = await Promise.all([
      simclr(["search", "e", "elsewhere/like.jpg", "--count", "2", "--page", "like.html"], { cwd }),
      simclr(["search", "e", "moved/dog/001.jpg", "--images", "moved", "--page", "moved.html", "--copy-to", "near"], {
        cwd,
      }),
      simclr(["search", "e", "dog/001.jpg", "--count", "3", "--page", "gone.html"], { cwd }),
      simclr(["select", "e", "--by", "outliers", "--count", "3", "--json", "--no-page"], { cwd }),
    ]);
    assert.match(succeeded(stranger).stdout, /similar to elsewhere\/like\.jpg:[\s\S]*\ndog\/001\.jpg +dog +1 +1\.0000/);
    assert.match(succeeded(moved).stdout, /similar to dog\/001\.jpg:/);
    assert.equal(await readFile(join(cwd, "near/dog/004.jpg")), await readFile(join(cwd, "moved/dog/004.jpg")));
    assert.match(
      succeeded(gone).stdout,
      /4 photographs could not be read for it: .*\(There are no images at .*\); where they were moved, say so with --images/,
    );
    const { selected }: { selected: readonly { score: number }[] } = JSON.parse(succeeded(outliers).stdout);
    const scores = selected.map(({ score }) => score);
    assert.equal([scores.length, scores], [3, scores.toSorted((a, b) => b - a)]);
    await rename(join(cwd, "moved"), join(cwd, "photos"));

    const files = await readdir(join(cwd, "photos/owl"));
    const plain = files.filter((name) => /^\d+\.jpg$/.test(name));
    const packed = await Promise.all(
      plain.map(async (name) => [name, await readFile(join(cwd, "photos/owl", name))] as const),
    );
    await writeFiles(cwd, { "owls.zip": zipSync(Object.fromEntries(packed), { level: 0 }) });
    succeeded(await simclr(["embed", "encoder.safetensors", "owls.zip", "--folder", "z"], { cwd }));
    const args = ["search", "z", plain[0], "--count", "1", "--copy-to", "owl", "--list", "owl.txt"];
    succeeded(await simclr(args, { cwd }));
    assert.not.match(await pageOf(cwd, "z/search.html"), /cannot be read/);
    const near = (await readFile(join(cwd, "owl.txt"), "utf8")).trim();
    assert.equal(await readFile(join(cwd, "owl", near)), await readFile(join(cwd, "photos/owl", near)));
  },
);

verbs("refuse labels that cannot be, and keep classes apart whose folders would be called alike", async () => {
  await writeFiles(cwd, {
    "two.csv": "file,class\ncat/000.jpg,cat\n./cat/000.jpg,dog\n",
    "alike.csv": "file,class\ncat/000.jpg,c+\ndog/001.jpg,c#\nowl/002.jpg,C_\n",
  });
  const [two, negative, alike, same] = await Promise.all([
    simclr(["propagate", "e", "--labels", "two.csv"], { cwd }),
    simclr(["propagate", "e", "--check", "-1"], { cwd }),
    simclr(["propagate", "e", "--labels", "alike.csv", "--copy-to", "alike", "--check", "2", "--json"], { cwd }),
    simclr(["dedupe", "e", "--level", "same", "--no-page"], { cwd }),
  ]);
  failed(two, /two\.csv says two things of cat\/000\.jpg, in the lines 2 and 3/);
  failed(negative, /--check is -1; it must be a whole number from 0 up/);
  const { check, photographs } = JSON.parse(succeeded(alike).stdout);
  assert.equal([check.length, photographs.length], [2, 27]);
  assert.equal((await readdir(join(cwd, "alike"))).sort(), ["C_", "c__2", "c__3"]);
  succeeded(same);
});

verbs("find duplicates, list what could go, and copy the others", async () => {
  const again = await readFile(join(cwd, "photos/cat/000.jpg"));
  await writeFiles(join(cwd, "photos"), { "owl/again.jpg": again });
  succeeded(await simclr(["embed", "encoder.safetensors", "photos", "--folder", "e", "--max-broken", "0.1"], { cwd }));
  const args = ["dedupe", "e", "--level", "copies", "--list", "go.txt", "--copy-to", "rest"];
  const { stdout } = succeeded(await simclr(args, { cwd }));
  assert.match(stdout, /cat\/000\.jpg +1 +keep \(shortest name of equal ones\)/);
  await pageOf(cwd, "e/dedupe.html");
  assert.is((await readFile(join(cwd, "go.txt"), "utf8")).trim(), "owl/again.jpg");
  assert.equal(await readFile(join(cwd, "rest/cat/000.jpg")), again);
  const copied = await readdir(join(cwd, "rest"), { recursive: true, withFileTypes: true });
  // All but the copy and what cannot be read.
  assert.is(copied.filter((entry) => entry.isFile()).length, 27);
  assert.equal((await readdir(join(cwd, "photos/owl"))).includes("again.jpg"), true);
});

verbs.run();
