// SPDX-License-Identifier: MIT
// graphile-worker with a task that does nothing.
//   graphile.mjs CONNINFO fill COUNT                jobs that wait
//   graphile.mjs CONNINFO run WORKERS COUNT         works on them as it comes out of the box
//   graphile.mjs CONNINFO batched WORKERS COUNT     with its local queue, and completions gathered: fewer statements, and jobs
//                                                   that are lost from memory with the process until they time out
//   graphile.mjs CONNINFO idle WORKERS COUNT        a job every 100 ms to an idle worker: from adding it to its start
import { EventEmitter } from "node:events";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { print, sleep } from "./common.mjs";

const [connectionString, mode, first, second] = process.argv.slice(2);
const quiet = new Logger(() => () => {});
const FILL_AT_ONCE = 10_000;
const BATCHED = {
  localQueue: { size: 500, ttl: 5 * 60_000, refetchDelay: { durationMs: 100, threshold: 0, maxAbortThreshold: 500 } },
  completeJobBatchDelay: 0, failJobBatchDelay: 0,
};

async function fill(count) {
  const utils = await makeWorkerUtils({ connectionString, logger: quiet });
  await utils.migrate();
  for (let n = 0; n < count; n += FILL_AT_ONCE) {
    const jobs = Array.from({ length: Math.min(FILL_AT_ONCE, count - n) }, () => ({ identifier: "nothing", payload: {} }));
    await utils.addJobs(jobs);
  }
  await utils.release();
}

function start(workers, events, task, more) {
  return run({
    connectionString, concurrency: workers, maxPoolSize: workers + 2, noHandleSignals: true, logger: quiet, events,
    taskList: { nothing: task }, preset: { worker: more },
  });
}

async function work(workers, count, more) {
  const events = new EventEmitter(), asked = new Map(), took = [];
  let began = 0, finished;
  const all = new Promise((done) => { finished = done; });
  const ask = (worker) => { began ||= performance.now(); asked.set(worker.workerId, performance.now()); };
  events.on("worker:getJob:start", ({ worker }) => ask(worker));
  events.on("job:start", () => { began ||= performance.now(); });
  events.on("job:complete", ({ worker }) => {
    took.push(performance.now() - asked.get(worker.workerId));
    if (took.length === count) finished(performance.now());
  });
  await start(workers, events, async () => {}, more);
  print(took, await all - began);
  process.exit(0);
}

async function idle(workers, count) {
  const took = [], added = new Map();
  let finished;
  const all = new Promise((done) => { finished = done; });
  const task = async ({ number }) => {
    took.push(performance.now() - added.get(number));
    if (took.length === count) finished();
  };
  const runner = await start(workers, new EventEmitter(), task, {});
  await sleep(1000);
  for (let n = 0; n < count; n++) {
    added.set(n, performance.now());
    await runner.addJob("nothing", { number: n });
    await sleep(100 + Math.random() * 50);
  }
  await all;
  print(took, 1000);
  process.exit(0);
}

if (mode === "fill") await fill(Number(first));
else if (mode === "run") await work(Number(first), Number(second), {});
else if (mode === "batched") await work(Number(first), Number(second), BATCHED);
else if (mode === "idle") await idle(Number(first), Number(second));
else throw new Error(`no mode ${mode}`);
