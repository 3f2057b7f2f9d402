import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DataError } from "../../src/errors.js";
import { csvLines } from "../../src/io/csv.js";
import { parseRows } from "../../src/io/delimited.js";
import { throws } from "../data/expect.js";

const test = suite("tables in text files");

const fieldsOf = (text: string, separator = ",") => Array.from(parseRows(text, separator), ({ fields }) => fields);

test("RFC 4180: quotes, doubled ones, separators and line breaks in them, CRLF and LF, an end without one", () => {
  const text = 'a,b\r\n"c,d","e ""f"""\n"g\r\nh",\n,i';
  assert.equal(fieldsOf(text), [
    ["a", "b"],
    ["c,d", 'e "f"'],
    ["g\r\nh", ""],
    ["", "i"],
  ]);
  assert.equal(
    Array.from(parseRows(text, ","), ({ line }) => line),
    [1, 2, 3, 5],
  );
});

test("what is written as CSV reads back", () => {
  const rows = [
    ["plain", 'quo"te', "com,ma"],
    ["line\nbreak", "carriage\r\nreturn", "ü – 猫"],
  ];
  assert.equal(fieldsOf(csvLines(rows)), rows);
});

test("blanks around fields, empty lines and a byte order mark mean nothing; other separators", () => {
  assert.equal(fieldsOf('\ufeffa , b\n\n "c" ,d \n\n'), [
    ["a", "b"],
    ["c", "d"],
  ]);
  assert.equal(fieldsOf('\t"a"\tb,c', "\t"), [["", "a", "b,c"]]);
  assert.equal(fieldsOf("a;b,c", ";"), [["a", "b,c"]]);
  assert.equal(fieldsOf(""), []);
});

test("quotes that are not closed, or go on, are an error of their line", () => {
  for (const text of ['a,b\n"c,d\n', 'a,b\n"c"d,e', 'a,b\n "c']) {
    throws(() => fieldsOf(text), DataError, /line 2: a quote is not closed/);
  }
  assert.equal(fieldsOf('a"b,c'), [['a"b', "c"]]);
});

test("long fields and many lines are read in time", () => {
  const long = "x".repeat(2e7);
  assert.is(fieldsOf(`"${long}",b`)[0]?.[0]?.length, 2e7);
  assert.is(fieldsOf(`${'""'.repeat(1e6)},b`.replace(/^/, '"').replace(",", '",'))[0]?.[0]?.length, 1e6);
  assert.is(fieldsOf("a,b\n".repeat(2e5)).length, 2e5);
  throws(() => fieldsOf(`"${long}`), DataError, /not closed/);
});

test.run();
