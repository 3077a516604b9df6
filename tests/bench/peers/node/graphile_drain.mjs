// Graphile Worker, 24 concurrent jobs, a local queue, ends in batches: node graphile_drain.mjs URL JOBS
// It fills its table, says "ready", waits for a line, works the table off, and says "done".
import { once } from "node:events";
import { Logger, makeWorkerUtils, run } from "graphile-worker";

const [connectionString, jobs] = [process.argv[2], Number(process.argv[3])];
const logger = new Logger(() => () => {}); // its default writes to standard output
const preset = {
  worker: {
    connectionString,
    concurrentJobs: 24,
    maxPoolSize: 24,
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
};

const utils = await makeWorkerUtils({ preset, logger });
await utils.migrate();
for (let begun = 0; begun < jobs; begun += 1000) {
  await utils.addJobs(Array.from({ length: 1000 }, () => ({ identifier: "f", payload: { x: "x".repeat(58) } })));
}
console.log("ready");
await once(process.stdin, "data");

let done = 0;
let end;
const all = new Promise((resolve) => { end = resolve; });
const runner = await run({ preset, logger, crontab: "", taskList: { f: () => { if (++done === jobs) end(); } } });
await all;
await runner.stop();
await utils.release();
console.log("done");
process.exit(0);
