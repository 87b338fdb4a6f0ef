// SPDX-License-Identifier: MIT
// pg-boss with jobs that do nothing. Its own work() asks twice a second at most; for the rate it is driven by fetch() and
// complete() in as many loops as there are workers, which is the fastest it can do with one job at a time.
//   pgboss.mjs CONNINFO fill COUNT              jobs that wait
//   pgboss.mjs CONNINFO run WORKERS COUNT       works on them
//   pgboss.mjs CONNINFO idle WORKERS COUNT      a job every 100 ms to an idle work(): from sending it to its start
import { PgBoss } from "pg-boss";
import { print, sleep } from "./common.mjs";

const [connectionString, mode, first, second] = process.argv.slice(2);
const QUEUE = "nothing", FILL_AT_ONCE = 10_000;

async function open(connections) {
  const boss = new PgBoss({ connectionString, max: connections, supervise: false, schedule: false });
  boss.on("error", (error) => { console.error(error); process.exit(1); });
  await boss.start();
  await boss.createQueue(QUEUE);
  return boss;
}

async function fill(count) {
  const boss = await open(2);
  for (let n = 0; n < count; n += FILL_AT_ONCE)
    await boss.insert(QUEUE, Array.from({ length: Math.min(FILL_AT_ONCE, count - n) }, () => ({ data: {} })));
  await boss.stop({ graceful: false });
}

async function work(workers, count) {
  const boss = await open(workers + 1), took = [];
  const began = performance.now();
  await Promise.all(Array.from({ length: workers }, async () => {
    for (;;) {
      const asked = performance.now();
      const [job] = await boss.fetch(QUEUE);
      if (!job) return;
      await boss.complete(QUEUE, job.id);
      took.push(performance.now() - asked);
    }
  }));
  const wall = performance.now() - began;
  if (took.length !== count) throw new Error(`${took.length} of ${count} jobs`);
  print(took, wall);
  process.exit(0);
}

async function idle(workers, count) {
  const boss = await open(workers + 2), took = [], sent = new Map();
  let finished;
  const all = new Promise((done) => { finished = done; });
  await boss.work(QUEUE, { pollingIntervalSeconds: 0.5, batchSize: 10 }, async (jobs) => {
    for (const job of jobs) took.push(performance.now() - sent.get(job.data.number));
    if (took.length >= count) finished();
  });
  for (let n = 0; n < count; n++) {
    sent.set(n, performance.now());
    await boss.send(QUEUE, { number: n });
    await sleep(100 + Math.random() * 50);
  }
  await all;
  print(took, 1000);
  process.exit(0);
}

if (mode === "fill") await fill(Number(first));
else if (mode === "run") await work(Number(first), Number(second));
else if (mode === "idle") await idle(Number(first), Number(second));
else throw new Error(`no mode ${mode}`);
