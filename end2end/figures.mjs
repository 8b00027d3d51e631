// What pages cost a browser: the first load on Lighthouse's desktop connection, and a pointer that moves over
// charts. One JSON line, as every benchmark's. `cargo xtask bench browser` runs it.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from '@playwright/test';

const program = process.env.PLIMSOLL_PROGRAM;
const folder = mkdtempSync(join(tmpdir(), 'plimsoll-figures-'));
const database = ['--database', `sqlite:${join(folder, 'p.db')}`, '--set', 'log.level=error'];
const password = 'four boats at noon';
const run = (...args) => execFileSync(program, [...database, ...args], { encoding: 'utf8', input: `${password}\n` });
const RUNS = 5;
const MOVES = 150;
const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(values.length * share) - 1)];

run('user', 'add', 'bench@bench.example', '--name', 'Bench', '--role', 'administrator');
run('demo');
const server = spawn(program, [...database, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'ignore'] });
const url = await new Promise((resolve) => server.stdout.on('data', (data) => {
  const found = data.toString().match(/http:\/\/[^\s/]+/);
  if (found) resolve(found[0]);
}));
// The host is measured a while, so that its charts have lines.
await new Promise((resolve) => setTimeout(resolve, 20_000));

const browser = await chromium.launch({ executablePath: process.env.PLIMSOLL_CHROMIUM, args: ['--no-sandbox'] });
async function signedIn() {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  await page.goto(`${url}/sign-in`);
  await page.getByLabel('Email').fill('bench@bench.example');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(/operations|overview/);
  return { context, page };
}

/** Largest contentful paint, the moment it answers, and the bytes of script and module, nothing being cached. */
async function firstLoad() {
  const { context, page } = await signedIn();
  const cdp = await context.newCDPSession(page);
  await cdp.send('Network.enable');
  await cdp.send('Network.setCacheDisabled', { cacheDisabled: true });
  await cdp.send('Network.emulateNetworkConditions', { offline: false, latency: 40, downloadThroughput: 10 * 1024 * 1024 / 8, uploadThroughput: 10 * 1024 * 1024 / 8 });
  await page.addInitScript(() => {
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.lcp = entry.startTime; }).observe({ type: 'largest-contentful-paint', buffered: true });
    new MutationObserver(() => {
      if (document.documentElement.hasAttribute('data-ready') && !window.usable) window.usable = performance.now();
    }).observe(document, { attributes: true, subtree: true, attributeFilter: ['data-ready'] });
  });
  await page.goto(`${url}/overview`);
  await page.locator('html[data-ready]').waitFor({ state: 'attached' });
  await page.waitForTimeout(500);
  const seen = await page.evaluate(() => ({
    lcp: window.lcp, usable: window.usable,
    kib: performance.getEntriesByType('resource').filter((r) => /\.(wasm|js)$/.test(r.name)).reduce((sum, r) => sum + r.encodedBodySize, 0) / 1024,
  }));
  await context.close();
  return seen;
}

/** What each pointer move costs the main thread with twenty panels open: all of its tasks from one move to the next. */
async function pointer() {
  const { context, page } = await signedIn();
  const measured = ['cpu_utilization', 'memory_utilization', 'cpu_load_average_1m', 'cpu_load_average_15m'].map((name) => `system_${name}`);
  const over = ['avg', 'max', 'min', 'stddev', 'count'];
  const pins = measured.flatMap((name) => over.map((f) => `${f}_over_time(${name}[10s])`));
  await page.goto(`${url}/explore?from=now-15m&pin=${encodeURIComponent(pins.join('\n'))}`);
  await page.locator('html[data-ready]').waitFor({ state: 'attached' });
  await page.locator('.plot.tm').nth(19).waitFor({ state: 'attached' });
  // Live news would be counted as the pointer's.
  await page.getByRole('button', { name: /^Live/ }).click();
  await page.waitForTimeout(1000);
  const charts = await page.locator('.plot').count();
  const box = await page.locator('.plot.tm').first().boundingBox();
  const cdp = await context.newCDPSession(page);
  const events = [];
  cdp.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  await cdp.send('Tracing.start', { traceConfig: { includedCategories: ['toplevel', 'devtools.timeline'] }, transferMode: 'ReportEvents' });
  for (let i = 0; i < MOVES; i += 1) {
    await page.mouse.move(box.x + 5 + (box.width - 10) * (i / MOVES), box.y + box.height / 2);
    await page.waitForTimeout(25);
  }
  const ended = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve));
  await cdp.send('Tracing.end');
  await ended;
  const moves = events.filter((e) => e.name === 'EventDispatch' && e.args?.data?.type === 'pointermove');
  const { pid, tid } = moves[0];
  const starts = moves.map((e) => e.ts).sort((a, b) => a - b);
  const tasks = events.filter((e) => e.pid === pid && e.tid === tid && e.dur && e.name === 'ThreadControllerImpl::RunTask');
  // A task that runs when the next move begins is part of that one, and of no other.
  const cost = starts.map(() => 0);
  for (const task of tasks) {
    const move = starts.findLastIndex((start) => start <= task.ts + task.dur);
    if (move >= 0) cost[move] += task.dur / 1000;
  }
  cost.pop();
  await context.close();
  return { charts, p95: quantile(cost, 0.95) };
}

const loads = [];
for (let i = 0; i < RUNS; i += 1) loads.push(await firstLoad());
const moved = await pointer();
const median = (name) => quantile(loads.map((l) => l[name]), 0.5);
const figures = { overview_lcp_ms: median('lcp'), overview_usable_ms: median('usable'), first_route_kib: median('kib'), pointer_ms: moved.p95, charts: moved.charts };
for (const name of Object.keys(figures)) figures[name] = Math.round(figures[name] * 1000) / 1000;
console.log(JSON.stringify({ bench: 'browser', database: 'sqlite', runs: RUNS, figures }));
await browser.close();
server.kill();
rmSync(folder, { recursive: true, force: true });
