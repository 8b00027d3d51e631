// What an ML engineer does with a model that is judged: reads it, follows a feature, tries a threshold, sets a KPI.
import { expect, test } from '@playwright/test';
import { Plimsoll, complaints, firstPerson, open, signIn } from './plimsoll';

const plimsoll = new Plimsoll();
const email = 'mara@larkfield.example';

test.describe.configure({ mode: 'serial' });

/** Numbers from 0 to 1, the same in every run. */
function source(seed: number) {
  let state = seed;
  return () => (state = (state * 48271) % 2147483647) / 2147483647;
}

/** A credit model; `moved` reads weekly pay as monthly for the one way in. */
function rows(next: () => number, prefix: string, from: number, hours: number, moved: boolean, label: boolean) {
  return Array.from({ length: hours * 400 }, (_, i) => {
    const source = ['payroll', 'letter', 'self'][Math.floor(next() * 3)];
    let income = 3000 + 1200 * (next() + next() + next() - 1.5);
    const debt = next();
    if (moved && source === 'payroll') income *= 12 / 52;
    const p = 1 / (1 + Math.exp(-((income - 3000) / 700 - 2 * (debt - 0.5))));
    const row: Record<string, unknown> = {
      prediction_id: `${prefix}${i}`, timestamp: from + i * 9, monthly_income: Math.round(income), debt: Math.round(debt * 1000) / 1000,
      source, probability: Math.round(p * 1e4) / 1e4, prediction: p >= 0.5 ? 1 : 0, 'member.tree': p >= 0.5 ? 1 : 0, 'member.line': p + 0.1 * (next() - 0.5) >= 0.5 ? 1 : 0,
    };
    if (label) row.label = next() < p ? 1 : 0;
    return JSON.stringify(row);
  }).join('\n');
}

test.beforeAll(async ({ browser, request }) => {
  test.setTimeout(180_000);
  await plimsoll.start();
  await firstPerson(browser, plimsoll);
  const key = plimsoll.run('key', 'create', 'bench', '--scope', 'admin').trim();
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' };
  const next = source(11);
  const hour = Math.floor(Date.now() / 3_600_000) * 3600;
  const path = `${plimsoll.url}/api/v1/models/credit-risk`;
  expect((await request.post(`${path}/baseline`, { headers, data: rows(next, 'b', hour - 80 * 3600, 30, false, true) })).status()).toBe(200);
  const patch = (data: unknown) => request.patch(path, { headers: { authorization: headers.authorization }, data });
  expect((await patch({ window: '1h' })).status()).toBe(200);
  const schema = (await (await request.get(path, { headers })).json()).schema;
  expect((await patch({ schema: { ...schema, groups: ['source'] } })).status()).toBe(200);
  expect((await request.post(`${path}/predictions`, { headers, data: rows(next, 'c', hour - 30 * 3600, 10, false, false) })).status()).toBe(200);
  expect((await request.post(`${path}/predictions`, { headers, data: rows(next, 'm', hour - 20 * 3600, 4, true, false) })).status()).toBe(200);
  const feedback = Array.from({ length: 40 }, (_, i) => JSON.stringify({ feedback: i % 5 ? 'accepted' : 'rejected', prediction_id: `c${i}`, system: 'credit-risk' })).join('\n');
  expect((await request.post(`${plimsoll.url}/api/v1/feedback`, { headers, data: feedback })).status()).toBe(200);
  const slow = Array.from({ length: 240 }, (_, i) => (i >= 100 && i < 150 ? 1 : 0) + 0.05 * next());
  const samples = slow.flatMap((v, i) => [['spec_throttled', v], ['spec_latency', 100 + 80 * (slow[i - 4] ?? 0) + 5 * next()]].map(([name, value]) =>
    JSON.stringify({ name, value, timestamp: Date.now() / 1000 - (240 - i) * 60 })));
  expect((await request.post(`${plimsoll.url}/api/v1/samples`, { headers, data: samples.join('\n') })).status()).toBe(200);
  await expect(async () => {
    const windows = await (await request.get(`${path}/windows`, { headers })).json();
    expect(windows).toHaveLength(14);
    expect(windows.every((w: any) => w.multivariate.autoencoder && w.state !== 'open')).toBe(true);
  }).toPass({ timeout: 90_000 });
});
test.afterAll(async () => {
  await plimsoll.stop();
  plimsoll.clean();
});

test('a model whose input was misread says so before any outcome is known', async ({ page }) => {
  const errors = complaints(page);
  await signIn(page, plimsoll, email);
  await open(page, `${plimsoll.url}/models/credit-risk`);
  await expect(page.getByRole('list', { name: 'In figures' })).toContainText('Estimated accuracy');
  await expect(page.getByRole('list', { name: 'In figures' })).toContainText('no outcomes known yet');
  await expect(page.getByRole('region', { name: 'Ensemble agreement' })).toContainText('tree');
  await page.getByRole('link', { name: /^Drift/ }).click();
  const features = page.getByRole('region', { name: 'Drift by feature' }).getByRole('row');
  await expect(features.nth(1)).toContainText('monthly_income');
  await expect(features.nth(1)).toContainText('Large');
  await expect(page.getByRole('region', { name: 'All columns together' })).toContainText('Autoencoder error ratio');
  await expect(page.getByRole('region', { name: 'All columns together' })).toContainText(/The autoencoder was learnt from [\d,]+ baseline rows, \d/);
  await features.nth(1).getByRole('link').click();
  await expect(page.getByRole('heading', { name: 'monthly_income' })).toBeVisible();
  await expect(page.getByRole('img', { name: /Quantiles of monthly_income/ })).toBeVisible();
  await expect(page.getByRole('region', { name: 'Newest rows' }).getByRole('row')).toHaveCount(13);
  await page.goBack();
  await page.getByRole('link', { name: /^Fairness/ }).click();
  await expect(page.getByRole('region', { name: 'source', exact: true })).toContainText('reference');
  await page.getByRole('link', { name: /^Data/ }).click();
  await expect(page.getByRole('region', { name: 'Columns' })).toContainText('monthly_income');
  // From the segment that fares worst to its predictions, and to one of them.
  await page.getByRole('link', { name: 'Quality', exact: true }).click();
  const worst = page.getByRole('region', { name: 'Weakest segments' }).getByRole('row').nth(1).getByRole('link');
  await worst.click();
  const rows = page.getByRole('region', { name: 'Predictions' }).getByRole('row');
  await expect.poll(() => rows.count()).toBeGreaterThan(10);
  const narrowed = await page.getByLabel('Conditions').inputValue();
  expect(narrowed).toMatch(/^feature\./);
  await page.getByLabel('Conditions').fill(`${narrowed}; probability>=0.5`);
  await page.getByRole('button', { name: 'Narrow' }).click();
  await expect(page.getByRole('link', { name: 'Without probability>=0.5' })).toBeVisible();
  await rows.nth(1).getByRole('link').click();
  await expect(page.getByRole('region', { name: 'What it was given' })).toContainText('monthly_income');
  await page.goBack();
  await expect(page.getByLabel('Conditions')).toHaveValue(`${narrowed}; probability>=0.5`);
  expect(errors).toEqual([]);
});

test('a threshold is tried on history, then kept', async ({ page }) => {
  await signIn(page, plimsoll, email);
  await open(page, `${plimsoll.url}/models/credit-risk/thresholds`);
  await page.getByRole('link', { name: 'Estimated accuracy' }).click();
  const drawn = page.getByRole('region', { name: 'Estimated accuracy' });
  await expect(drawn).toContainText('windows of production are outside');
  await page.getByRole('combobox', { name: 'Rule' }).selectOption('budget');
  await page.getByLabel('Deviations, %, or windows').fill('20');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByRole('region', { name: 'Rule' })).toContainText('one false alarm in 20 windows');
  await page.getByRole('combobox', { name: 'Rule' }).selectOption('fixed');
  await page.getByLabel('Fixed lower').fill('0.9');
  await page.getByLabel('Fixed upper').fill('0.2');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByRole('alert')).toContainText('the lower end lies below the upper one');
  await page.getByLabel('Fixed upper').fill('');
  await page.getByLabel('Then').selectOption('yes');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page.getByRole('row', { name: /Estimated accuracy/ })).toContainText('set by hand');
  await expect(page.getByRole('row', { name: /Estimated accuracy/ })).toContainText('from 0.900');
});

test('a KPI is set, shown to executives, and its system holds every layer', async ({ page }) => {
  const errors = complaints(page);
  await signIn(page, plimsoll, email);
  await open(page, `${plimsoll.url}/settings/kpis`);
  await page.getByLabel('Name').first().fill('Decided without a person');
  await page.getByLabel('Query').first().fill('1 - 0.25');
  await page.getByLabel('System', { exact: true }).first().fill('credit-risk');
  await page.getByLabel('Target').first().fill('0.8');
  await page.getByLabel('Limit').first().fill('0.9');
  await page.getByLabel('Shown as').first().selectOption('share');
  await page.getByRole('button', { name: 'Save KPIs' }).click();
  await expect(page.getByRole('alert')).toContainText('the limit lies below the target');
  await page.getByLabel('Limit').first().fill('0.6');
  await page.getByRole('button', { name: 'Save KPIs' }).click();
  await expect(page.getByRole('status')).toContainText('The KPIs are kept');
  await open(page, `${plimsoll.url}/overview`);
  await expect(page.getByRole('region', { name: 'KPIs' })).toContainText('75.0%');
  await open(page, `${plimsoll.url}/systems/credit-risk`);
  await expect(page.getByRole('region', { name: 'Users' })).toContainText('Accepted');
  await expect(page.getByRole('region', { name: 'Layers' })).toContainText('Business impact');
  expect(errors).toEqual([]);
});

test('any signal is looked at closely, and what moved with it is named', async ({ page }) => {
  await signIn(page, plimsoll, email);
  await open(page, `${plimsoll.url}/explore?view=signals&q=spec_latency&from=now-4h`);
  await page.getByRole('link', { name: 'Look closer' }).click();
  await expect(page.getByRole('region', { name: /Looked at closely/ }).first()).toContainText('Values that do not belong');
  await page.getByRole('link', { name: 'What moved with it' }).click();
  const moved = page.getByRole('region', { name: 'What moved with it' });
  await expect(moved.getByRole('row').nth(1)).toContainText('spec_throttled');
  await expect(moved.getByRole('row').nth(1)).toContainText('before');
});
