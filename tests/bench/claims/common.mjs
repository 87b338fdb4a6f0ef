// SPDX-License-Identifier: MIT
// What both peers print: one line of JSON, as tests/tools/claims_bench.c does.
import { readFileSync } from "node:fs";

export function print(took, wallMs) {
  const sorted = took.toSorted((a, b) => a - b);
  const used = process.cpuUsage();
  const peak = readFileSync("/proc/self/status", "utf8").match(/VmHWM:\s+(\d+)/)[1];
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  console.log(JSON.stringify({
    count: took.length, rate: took.length / wallMs * 1000, p50_ms: at(0.5), p99_ms: at(0.99), max_ms: sorted.at(-1),
    client_cpu_us: (used.user + used.system) / took.length, peak_kib: Number(peak),
  }));
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
