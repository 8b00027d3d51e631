// What programs send is found again: signals, traces, logs, the map, changes; and a person connects a program.
import { readFileSync } from 'node:fs';
import { expect, test } from '@playwright/test';
import { Plimsoll, complaints, firstPerson, open, signIn } from './plimsoll';

const plimsoll = new Plimsoll();
const trace = '5b8efff798038103d269b633813fc60c';

test.describe.configure({ mode: 'serial' });
test.beforeAll(async ({ browser }) => {
  await plimsoll.start();
  await firstPerson(browser, plimsoll);
});
test.afterAll(async () => {
  await plimsoll.stop();
  plimsoll.clean();
});

const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
const nanos = (ms: number) => `${ms}000000`;

function spans(now: number) {
  const span = (spanId: string, parentSpanId: string, name: string, kind: number, at: number, took: number, attributes: unknown[], failed = false) =>
    ({ traceId: trace, spanId, parentSpanId, name, kind, startTimeUnixNano: nanos(now + at), endTimeUnixNano: nanos(now + at + took), attributes,
      status: failed ? { code: 2, message: 'no answer in time' } : {} });
  const resource = (service: string) => ({ attributes: [text('service.name', service), text('plimsoll.system', 'checkout')] });
  return { resourceSpans: [
    { resource: resource('shop'), scopeSpans: [{ spans: [
      span('eee19b7ec3c1b170', '', 'POST /pay', 2, 0, 900, [text('http.route', '/pay')]),
      span('eee19b7ec3c1b171', 'eee19b7ec3c1b170', 'chat gpt-4o-mini', 3, 20, 400,
        [text('gen_ai.operation.name', 'chat'), text('gen_ai.request.model', 'gpt-4o-mini'), text('gen_ai.provider.name', 'openai')]),
      span('eee19b7ec3c1b172', 'eee19b7ec3c1b170', 'POST pay', 3, 450, 430, [text('peer.service', 'pay')], true)] }] },
    { resource: resource('pay'), scopeSpans: [{ spans: [
      span('eee19b7ec3c1b173', 'eee19b7ec3c1b172', 'charge <b>card</b>', 2, 460, 410, [text('card.kind', '<img src=x onerror=alert(1)>')], true)] }] },
  ] };
}

test('the lines to paste hold a key, and what arrives turns the way green', async ({ page, request }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/settings/connections`);
  await expect(page.getByText('Nothing has arrived by this way yet')).toBeVisible();
  await page.getByRole('button', { name: 'Make a key for these lines' }).click();
  const lines = page.getByLabel('Lines to paste');
  await expect(lines).toContainText('plk_ingest_');
  const said = await lines.textContent() ?? '';
  const key = said.match(/plk_ingest_\w+/)![0];
  expect(said).toContain(`OTEL_EXPORTER_OTLP_ENDPOINT=${plimsoll.url}`);
  const headers = { authorization: `Bearer ${key}` };
  const now = Date.now();
  expect((await request.post(`${plimsoll.url}/v1/traces`, { headers, data: spans(now) })).status()).toBe(200);
  await expect(page.getByText('otlp traces: receiving')).toBeVisible({ timeout: 15_000 });
  const logs = { resourceLogs: [{ resource: { attributes: [text('service.name', 'pay')] }, scopeLogs: [{ logRecords: [
    { timeUnixNano: nanos(now + 870), severityNumber: 17, severityText: 'ERROR', body: { stringValue: 'card declined <script>alert(1)</script>' }, traceId: trace,
      spanId: 'eee19b7ec3c1b173', attributes: [text('bank', 'north')] }] }] }] };
  expect((await request.post(`${plimsoll.url}/v1/logs`, { headers, data: logs })).status()).toBe(200);
  const samples = Array.from({ length: 30 }, (_, i) => JSON.stringify({ name: 'queue_length', value: 10 + (i % 5), labels: { queue: 'offers' }, timestamp: (now - i * 10_000) / 1000 }));
  expect((await request.post(`${plimsoll.url}/api/v1/samples`, { headers, data: samples.join('\n') })).status()).toBe(200);
  const change = { kind: 'deploy', service: 'pay', version: '1.8.2', author: 'ada' };
  expect((await request.post(`${plimsoll.url}/api/v1/changes`, { headers, data: change })).status()).toBe(200);
  expect((await request.post(`${plimsoll.url}/api/v1/changes`, { headers, data: { kind: 'earthquake' } })).status()).toBe(422);
  await page.getByRole('link', { name: /Changes/ }).first().click();
  await expect(page.getByText('is no kind of change')).toBeVisible({ timeout: 15_000 });
});

test('a failed call is followed from the list to its span and its log', async ({ page }) => {
  const errors = complaints(page);
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/explore?view=traces`);
  await page.getByLabel('Words').fill('charge');
  await page.getByLabel('every span').check();
  await page.getByRole('button', { name: 'Find' }).click();
  await expect(page).toHaveURL(/q=charge/);
  await page.getByRole('link', { name: 'charge <b>card</b>' }).click();
  await expect(page).toHaveURL(new RegExp(`/traces/${trace}`));
  const rows = page.getByRole('region', { name: 'Spans' }).getByRole('row');
  await expect(rows).toHaveCount(5);
  await expect(rows.nth(1)).toContainText('POST /pay');
  const chosen = page.getByRole('complementary', { name: 'The chosen span' });
  await expect(chosen).toContainText('no answer in time');
  await expect(chosen).toContainText('<img src=x onerror=alert(1)>');
  await page.getByRole('link', { name: 'Lines of logs of this trace' }).click();
  await expect(page.getByText('card declined <script>alert(1)</script>')).toBeVisible();
  expect(errors).toEqual([]);
});

test('a query draws its series, and the map says who calls whom', async ({ page }) => {
  const errors = complaints(page);
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/explore`);
  await page.getByLabel('Find a metric').fill('queue');
  await page.getByRole('link', { name: 'queue_length' }).click();
  await expect(page.getByRole('img', { name: /queue_length/ }).first()).toBeVisible();
  await page.getByLabel('Query in PromQL').fill('max_over_time(queue_length[5m]) * 2');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByRole('region', { name: 'Values' }).getByRole('row', { name: /queue=offers/ })).toContainText('28');
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'CSV' }).click()]);
  expect(readFileSync(await file.path(), 'utf8')).toMatch(/^time,.*queue=offers.*\n\d{4}-\d\d-\d\dT/);
  await page.getByLabel('Query in PromQL').fill('sum((');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page.getByRole('alert')).toBeVisible();
  // What is typed while the page is still coming alive is not taken away.
  let typed = () => {};
  const typing = new Promise<void>(done => { typed = done; });
  await page.route('**/*.wasm', async route => { await typing; await route.continue(); });
  await page.goto(`${plimsoll.url}/explore?q=queue_length`);
  await page.getByLabel('Query in PromQL').fill('max(queue_length)');
  typed();
  await page.locator('html[data-ready]').waitFor({ state: 'attached' });
  await expect(page.getByLabel('Query in PromQL')).toHaveValue('max(queue_length)');
  await page.unroute('**/*.wasm');
  await open(page, `${plimsoll.url}/explore?view=map`);
  const calls = page.getByRole('region', { name: 'Calls' });
  await expect(calls.getByRole('row', { name: /shop pay/ })).toContainText('100');
  await expect(calls.getByRole('row', { name: /shop gpt-4o-mini/ })).toBeVisible();
  await open(page, `${plimsoll.url}/explore?view=changes`);
  await expect(page.getByRole('row', { name: /Deploy pay 1.8.2/ })).toContainText('ada');
  expect(errors).toEqual([]);
});

test('a query is put together by choosing, and the address holds it', async ({ page }) => {
  const errors = complaints(page);
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/explore?q=queue_length`);
  const parts = page.getByRole('group', { name: 'Parts of the query' });
  const text = page.getByLabel('Query in PromQL');
  await parts.locator('summary', { hasText: 'each value' }).click();
  await parts.getByRole('link', { name: 'highest' }).first().click();
  await expect(text).toHaveValue('max_over_time(queue_length[5m])');
  await expect(parts.locator('summary', { hasText: 'highest' })).toBeVisible();
  await parts.getByLabel('Only where', { exact: true }).click();
  await parts.locator('.sub summary', { hasText: 'queue' }).click();
  await parts.getByRole('link', { name: 'offers' }).click();
  await expect(text).toHaveValue('max_over_time(queue_length{queue="offers"}[5m])');
  await expect(page.getByRole('region', { name: 'Values' }).getByRole('row', { name: /queue=offers/ })).toContainText('14');
  await parts.getByLabel('By', { exact: true }).click();
  await parts.getByRole('link', { name: 'queue', exact: true }).click();
  await expect(page).toHaveURL(/avg/);
  await expect(text).toHaveValue('avg by (queue) (max_over_time(queue_length{queue="offers"}[5m]))');
  await parts.getByRole('link', { name: 'No longer only queue' }).click();
  await expect(text).toHaveValue('avg by (queue) (max_over_time(queue_length[5m]))');
  await page.goBack();
  await expect(text).toHaveValue('avg by (queue) (max_over_time(queue_length{queue="offers"}[5m]))');
  await open(page, `${plimsoll.url}/explore?q=queue_length%20*%202`);
  await expect(page.getByText('more than can be chosen here')).toBeVisible();
  expect(errors).toEqual([]);
});

test('a formula makes one query of two, and the address holds all three', async ({ page }) => {
  const errors = complaints(page);
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/explore?q=${encodeURIComponent('max(queue_length)')}`);
  await page.getByRole('link', { name: 'Formula with a second query' }).click();
  await page.getByLabel('Second query, B').fill('vector(2)');
  await page.getByLabel('Formula of A and B').fill('A / B * 100');
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(page).toHaveURL(/b=vector/);
  await expect(page.getByRole('region', { name: 'Values' })).toContainText('500');
  // Another way to draw it keeps its parts, and Make a rule takes it whole.
  await page.getByRole('navigation', { name: 'Drawn as' }).getByRole('link', { name: 'Bars' }).click();
  await expect(page.getByLabel('Formula of A and B')).toHaveValue('A / B * 100');
  await expect(page.getByRole('link', { name: 'Make a rule' })).toHaveAttribute('href', /vector/);
  await page.getByRole('link', { name: 'Without B and the formula' }).click();
  await expect(page.getByLabel('Second query, B')).toHaveCount(0);
  await expect(page.getByLabel('Query in PromQL')).toHaveValue('max(queue_length)');
  expect(errors).toEqual([]);
});

test('queries are pinned below each other, and the address holds them', async ({ page }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  const errors = complaints(page);
  await open(page, `${plimsoll.url}/explore?q=queue_length`);
  await page.getByRole('link', { name: 'Pin below' }).click();
  await page.getByLabel('Query in PromQL').fill('max(queue_length) * 3');
  await expect(page).toHaveURL(/pin=queue_length/);
  await page.getByRole('button', { name: 'Run', exact: true }).click();
  await page.getByRole('link', { name: 'Pin below' }).click();
  const pinned = page.getByRole('region', { name: /^Pinned: / });
  await expect(pinned).toHaveCount(2);
  await expect(pinned.nth(1).locator('.plot')).toBeVisible();
  await page.reload();
  await expect(pinned).toHaveCount(2);
  await page.getByRole('link', { name: 'Unpin queue_length' }).click();
  await expect(pinned).toHaveCount(1);
  await open(page, `${plimsoll.url}/explore?pin=${encodeURIComponent('rate(')}`);
  await expect(pinned.getByRole('alert')).toBeVisible();
  expect(errors).toEqual([]);
});

test('targets, prices, webhooks and what signals are is kept', async ({ page }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/settings/signals`);
  await page.getByLabel('Search signals').fill('queue');
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await page.getByRole('link', { name: /^Change queue/ }).first().click();
  await page.getByLabel('Owner').fill('Payments');
  await page.getByLabel('Layer').selectOption('Business impact');
  await page.getByLabel('Better').selectOption('lower is better');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('status')).toContainText('understood from now on');
  await expect(page.getByRole('row', { name: /queue.*Business impact.*lower.*Payments/ })).toBeVisible();
  await open(page, `${plimsoll.url}/settings/scraping`);
  await page.getByLabel('Job').fill('self');
  await page.getByLabel('Address', { exact: true }).fill(`${plimsoll.url}/metrics`);
  await page.getByRole('button', { name: 'Add' }).click();
  await expect(page.getByRole('row', { name: /self/ })).toBeVisible();
  await open(page, `${plimsoll.url}/settings/prices`);
  await page.getByLabel('model, new line 18').fill('our-own*');
  await page.getByLabel('input, new line 18').fill('1.5');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('status')).toContainText('in force');
  await page.reload();
  await expect(page.getByLabel('input, our-own*')).toHaveValue('1.5');
  await open(page, `${plimsoll.url}/settings/webhooks`);
  await page.getByLabel('Name').fill('acme/shop');
  await page.getByRole('button', { name: 'New webhook' }).click();
  await expect(page.getByLabel('Address to call')).toHaveValue(/\/hooks\/github\/\w{32}$/);
  await expect(page.getByRole('row', { name: /acme\/shop/ })).toContainText('never');
});
