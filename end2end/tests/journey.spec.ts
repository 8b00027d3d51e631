// From a fresh installation to a judged model, as a person goes through it.
import { expect, test } from '@playwright/test';
import { Plimsoll, complaints, open, password, signIn } from './plimsoll';

const plimsoll = new Plimsoll();

test.describe.configure({ mode: 'serial' });
test.beforeAll(() => plimsoll.start());
test.afterAll(async () => {
  await plimsoll.stop();
  plimsoll.clean();
});

test('the first administrator is created with the token from the console, and by nobody else', async ({ page }) => {
  await page.goto(plimsoll.url);
  await expect(page).toHaveURL(/\/setup$/);
  await page.getByLabel('Set-up token').fill('a guess');
  await page.getByLabel('Name').fill('Mara Lindqvist');
  await page.getByLabel('Email').fill('mara@larkfield.example');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Create and sign in' }).click();
  await expect(page.getByRole('alert')).toContainText('not the set-up token');

  await page.goto(plimsoll.setupUrl);
  await page.getByLabel('Name').fill('Mara Lindqvist');
  await page.getByLabel('Email').fill('mara@larkfield.example');
  await page.getByLabel('Password').fill('short');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Create and sign in' }).click();
  await expect(page).toHaveURL(/\/connect$/);
  await page.goto(`${plimsoll.url}/setup`);
  await expect(page).not.toHaveURL(/\/setup/);
});

test('the host is measured live, without a reload', async ({ page }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/operations`);
  await expect(page.getByRole('img', { name: /Cores in use/ })).toBeVisible();
  const read = page.getByText(/Read at/);
  const before = await read.textContent();
  await expect(read).not.toHaveText(before ?? '', { timeout: 15_000 });
  await expect(page.getByText('none found').first()).toBeVisible();
});

test('a model sent by one request is judged against its baseline', async ({ page, request }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/settings/keys`);
  await page.getByLabel('What it is for').fill('the journey');
  await page.getByRole('button', { name: 'New key' }).click();
  const secret = await page.getByLabel('The new key').inputValue();
  expect(secret).toMatch(/^plk_ingest_\w{43}$/);

  const start = Date.now() - 4 * 3600_000;
  const rows = (from: number, to: number, shift: number) => Array.from({ length: to - from }, (_, i) => {
    const n = from + i;
    const income = 1000 + ((n * 7919) % 997) + shift;
    return { prediction_id: n, timestamp: new Date(start + n * 2000).toISOString(), prediction: n % 2, probability: (n % 2) * 0.5 + 0.25,
      features: { income, region: ['north', 'south', 'east'][(n * 31) % 3] } };
  });
  const send = (path: string, body: unknown) => request.post(`${plimsoll.url}/api/v1/models/credit-risk/${path}`,
    { headers: { authorization: `Bearer ${secret}` }, data: body });
  expect((await send('baseline', rows(0, 3000, 0))).status()).toBe(200);
  const answer = await send('predictions', rows(3000, 6000, 400));
  expect(await answer.json()).toMatchObject({ accepted: 3000, rejected: 0 });
  const labels = Array.from({ length: 3000 }, (_, i) => ({ prediction_id: 3000 + i, label: (3000 + i) % 10 === 0 ? 1 - (i % 2) : i % 2 }));
  expect((await send('labels', labels)).status()).toBe(200);

  const errors = complaints(page);
  await open(page, `${plimsoll.url}/models/credit-risk`);
  await expect(page.getByRole('img', { name: /Accuracy over time/ })).toBeVisible({ timeout: 30_000 });
  await page.getByRole('link', { name: /^Drift/ }).click();
  await expect(page.getByRole('row', { name: /income/ })).toContainText('Large', { timeout: 15_000 });
  await expect(page.getByRole('row', { name: /region/ })).toContainText('None');
  await page.getByRole('link', { name: 'region' }).click();
  await expect(page).toHaveURL(/column=feature%2Eregion|column=feature\.region/);
  await expect(page.getByRole('img', { name: /Distribution of region/ })).toBeVisible();
  // Down to a single prediction, and back.
  await page.getByRole('link', { name: '5999', exact: true }).click();
  await expect(page).toHaveURL(/\/prediction\?id=5999/);
  await expect(page.getByRole('row', { name: /income/ })).toContainText(/of 100/);
  await expect(page.getByText('the answer was wrong').or(page.getByText(/known .* later/)).first()).toBeVisible();
  await page.goBack();
  await expect(page.getByRole('img', { name: /Distribution of region/ })).toBeVisible();
  expect(errors).toEqual([]);
});

test('the lines to connect a system work as they stand', async ({ page, request }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/connect`);
  await page.getByLabel('Name of the model').fill('first-try');
  await page.getByLabel('Name of the model').press('Tab');
  await page.getByText('Any language').click();
  await page.getByRole('button', { name: 'Make a key' }).click();
  const lines = page.getByLabel('Lines to run');
  await expect(lines).toContainText(/plk_ingest_\w{43}/);
  await expect(page.getByText('Nothing has arrived for first-try yet')).toBeVisible();
  const text = await lines.innerText();
  const url = text.match(/curl (\S+)/)![1];
  const data = text.match(/--data-binary '([\s\S]+)'/)![1].replace(/\n\s*/g, ' ');
  const key = text.match(/Bearer (\w+)/)![1];
  expect((await request.post(url, { headers: { authorization: `Bearer ${key}` }, data })).status()).toBe(200);
  await expect(page.getByText('Receiving first-try')).toBeVisible({ timeout: 15_000 });
  await expect(page.getByRole('row', { name: /income/ })).toContainText('Feature');
});

test('a schema, windows and a baseline are changed on the page of a model', async ({ page }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/models/credit-risk/setup`);
  await page.getByLabel('Role of region').selectOption({ label: 'Group' });
  await page.getByLabel('Unit of income').fill('EUR');
  await page.getByRole('button', { name: 'Save columns' }).click();
  await expect(page.getByRole('status').filter({ hasText: 'Saved.' })).toBeVisible();
  await page.getByLabel('Weight of income').fill('much');
  await page.getByLabel('Role of income').selectOption({ label: 'Prediction' });
  await page.getByRole('button', { name: 'Save columns' }).click();
  await expect(page.getByRole('alert')).toContainText('the weight of “income” is a number from 0');
  // What was refused stays as it was filled in, also when the page is drawn again with something newer; so does what
  // is marked in a field that nobody has written in.
  const system = page.getByLabel('System it belongs to');
  await page.route('**/do/model_set_up*', (route) => setTimeout(() => route.continue(), 500));
  for (const title of ['Credit risk, north', 'Credit risk']) {
    await page.getByLabel('Title').fill(title);
    await page.getByRole('form', { name: 'General' }).getByRole('button', { name: 'Save' }).click();
    await system.focus();
    await system.evaluate((field: HTMLInputElement) => field.setSelectionRange(2, 4));
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(title);
    expect(await system.evaluate((field: HTMLInputElement) => [field.selectionStart, field.selectionEnd])).toEqual([2, 4]);
  }
  await expect(page.getByLabel('Weight of income')).toHaveValue('much');
  await expect(page.getByLabel('Role of income')).toHaveValue('prediction');
  await page.getByLabel('Weight of income').fill('');
  await page.getByRole('button', { name: 'Save columns' }).click();
  await expect(page.getByRole('alert')).toContainText('both read as Prediction');
  await open(page, `${plimsoll.url}/models/credit-risk/setup`);
  await expect(page.getByLabel('Role of region')).toHaveValue('group');
  await expect(page.getByLabel('Unit of income')).toHaveValue('EUR');

  await page.getByRole('combobox', { name: 'Windows', exact: true }).selectOption({ label: 'windows of 15m' });
  await page.getByRole('form', { name: 'Windows' }).getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('every window is being computed again')).toBeVisible();
  await page.getByRole('button', { name: 'Compare with these' }).click();
  await expect(page.getByRole('listitem').filter({ hasText: 'usual' })).toContainText('in use');
  await page.getByRole('button', { name: 'Use the baseline baseline' }).click();
  await expect(page.getByRole('listitem').filter({ hasText: 'uploaded rows' })).toContainText('in use');
});

test('a model is removed by typing its name', async ({ page }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/models/first-try/setup`);
  await page.getByLabel('Type first-try to confirm').fill('first');
  await page.getByRole('button', { name: /Remove the model/ }).click();
  await expect(page.getByRole('alert')).toContainText('not the model’s name');
  await page.getByLabel('Type first-try to confirm').fill('first-try');
  await page.getByRole('button', { name: /Remove the model/ }).click();
  await expect(page).toHaveURL(/overview/);
  await expect(page.getByRole('link', { name: /First try/ })).toHaveCount(0);
});

test('a chart is read with the keyboard', async ({ page }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/models/credit-risk/drift`);
  const chart = page.getByRole('group', { name: /Drift score over time/ });
  await chart.focus();
  await expect(async () => {
    await chart.press('ArrowLeft');
    await expect(chart.locator('.tip')).toBeVisible({ timeout: 500 });
  }).toPass();
  await expect(chart.locator('.tip')).toContainText('UTC');
  await chart.press('Escape');
  await expect(chart.locator('.tip')).toHaveCount(0);
});

test('what is typed before the script has loaded stays', async ({ page }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await page.route('**/*.wasm', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await route.continue();
  });
  await page.goto(`${plimsoll.url}/settings/keys`);
  await page.getByLabel('What it is for').fill('typed early');
  await page.locator('html[data-ready]').waitFor({ state: 'attached' });
  await expect(page.getByLabel('What it is for')).toHaveValue('typed early');
});

test('each role starts on its page and sees only what it may', async ({ browser }) => {
  for (const [role, start] of [['viewer', 'overview'], ['executive', 'overview'], ['operator', 'operations']]) {
    plimsoll.run('user', 'add', `${role}@larkfield.example`, '--name', `A ${role}`, '--role', role);
    const page = await (await browser.newContext()).newPage();
    await signIn(page, plimsoll, `${role}@larkfield.example`);
    await expect(page).toHaveURL(new RegExp(`/${start}$`));
    await expect(page.getByRole('link', { name: 'People and roles' })).toHaveCount(0);
    expect((await page.goto(`${plimsoll.url}/settings/people`))?.status()).toBe(403);
    await page.goto(`${plimsoll.url}/overview`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await expect(page).toHaveURL(/sign-in/);
    await page.goto(`${plimsoll.url}/overview`);
    await expect(page).toHaveURL(/sign-in\?next=/);
    await page.context().close();
  }
});

test('pages hydrate, and are read again as news come, without a complaint', async ({ page }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  const errors = complaints(page);
  for (const path of ['/overview', '/operations', '/models/credit-risk', '/models/credit-risk/setup', '/connect',
    '/settings', '/settings/people', '/settings/keys', '/settings/probes', '/settings/installation']) {
    await open(page, plimsoll.url + path);
    // Long enough for the live stream to have made the page read again.
    await page.waitForTimeout(1200);
  }
  expect(errors).toEqual([]);
});

test('nothing acknowledged is lost when the program is killed', async ({ page, request }) => {
  const key = plimsoll.run('key', 'create', 'kill', '--scope', 'ingest').trim();
  let acknowledged = 0;
  let going = true;
  const url = plimsoll.url;
  const sender = (async () => {
    for (let batch = 0; going; batch++) {
      const data = Array.from({ length: 50 }, (_, i) => ({ prediction_id: `k-${batch}-${i}`, prediction: i % 2, x: i }));
      const answer = await request.post(`${url}/api/v1/models/killed/predictions`, { headers: { authorization: `Bearer ${key}` }, data }).catch(() => null);
      if (answer?.ok()) acknowledged += (await answer.json()).accepted;
      else break;
    }
  })();
  await page.waitForTimeout(1500);
  await plimsoll.stop('SIGKILL');
  going = false;
  await sender;
  expect(acknowledged).toBeGreaterThan(0);
  await plimsoll.start();
  expect(plimsoll.run('check')).toContain('everything is whole');
  const read = plimsoll.run('key', 'create', 'read', '--scope', 'read').trim();
  await expect(async () => {
    const answer = await request.get(`${plimsoll.url}/api/v1/models/killed/windows`, { headers: { authorization: `Bearer ${read}` } });
    const windows: { rows: number }[] = await answer.json();
    const kept = windows.reduce((sum, window) => sum + window.rows, 0);
    expect(kept).toBeGreaterThanOrEqual(acknowledged);
    expect(kept).toBeLessThanOrEqual(acknowledged + 50);
  }).toPass({ timeout: 30_000 });
});
