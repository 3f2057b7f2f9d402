import { suite } from "uvu";
import { columnStatisticsForward, standardizeForward } from "../../src/reference/column-statistics.js";
import { assertGolden, loadCase, testGoldens } from "./goldens.js";
import { operationGoldens } from "./operation-goldens.js";

const operations = suite("reference: operations that losses are composed of");

for (const file of new Set(operationGoldens.map((own) => own.file))) {
  const checks = operationGoldens
    .filter((own) => own.file === file)
    .map((own) => ({
      cases: own.cases,
      check: (golden: Parameters<typeof own.reference>[0]) => {
        const found = own.reference(golden);
        // Gradients of what is normalised are what is left of terms of the size of dy.
        for (const name of own.outputs(golden)) assertGolden(found[name], golden.floats(name), `${name} in ${file}`, 1);
      },
    }));
  testGoldens((name, run) => operations(`${file}: ${name}`, run), file, ...checks);
}

operations("statistics: the values", async () => {
  const columns = await loadCase("statistics", "small");
  const statistics = columnStatisticsForward(columns.floats("x"), columns.number("rows"), columns.number("columns"));
  assertGolden(statistics, columns.floats("statistics"), "statistics");
  const standardized = await loadCase("statistics", "standardize");
  const y = standardizeForward(standardized.floats("x"), standardized.floats("statistics"));
  assertGolden(y, standardized.floats("y"), "y");
});

operations.run();
