// What a page is to those who read it: one crosshair, marked spans, notes on every chart, anything by a few letters.
import { type Page, expect, test } from '@playwright/test';
import { Plimsoll, complaints, faults, firstPerson, open, password, signIn } from './plimsoll';

const plimsoll = new Plimsoll();
const mara = 'mara@larkfield.example';
let key = '';

test.describe.configure({ mode: 'serial' });
test.beforeAll(async ({ browser, request }) => {
  await plimsoll.start();
  await firstPerson(browser, plimsoll);
  key = plimsoll.run('key', 'create', 'together', '--scope', 'admin').trim();
  const send = (path: string, data: string, type: string) => request.post(`${plimsoll.url}${path}`,
    { headers: { authorization: `Bearer ${key}`, 'content-type': type }, data });
  const now = Date.now() / 1000;
  const lines = Array.from({ length: 120 }, (_, i) => JSON.stringify(
    { name: 'orders_open', labels: { service: 'shop' }, value: 40 + Math.sin(i / 9) * 10, timestamp: now - (120 - i) * 30 }));
  expect((await send('/api/v1/samples', lines.join('\n'), 'application/x-ndjson')).status()).toBe(200);
  const money = Array.from({ length: 40 * 5 }, (_, i) => JSON.stringify(
    { event: 'revenue', amount: 900 + (i % 7) * 30, currency: 'EUR', system: 'shop', timestamp: now - (1 + i / 5) * 86400 }));
  expect((await send('/api/v1/business', money.join('\n'), 'application/x-ndjson')).status()).toBe(200);
  const nanos = (seconds: number) => String(Math.round(seconds * 1e9));
  const hex = (n: number, width: number) => n.toString(16).padStart(width, '0');
  const spans = Array.from({ length: 200 }, (_, i) => ({ traceId: hex(i + 1, 32), spanId: hex(i + 1, 16), name: 'GET /basket', kind: 2,
    startTimeUnixNano: nanos(now - i * 15), endTimeUnixNano: nanos(now - i * 15 + 0.05 + (i % 9) * 0.02), status: { code: i % 40 ? 1 : 2 } }));
  const traces = { resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] }, scopeSpans: [{ spans }] }] };
  expect((await send('/v1/traces', JSON.stringify(traces), 'application/json')).status()).toBe(200);
  const change = { kind: 'deploy', title: 'shop 3.8 goes live', service: 'shop', at: new Date((now - 1200) * 1000).toISOString() };
  expect((await send('/api/v1/changes', JSON.stringify(change), 'application/json')).status()).toBe(200);
  const alerts = [{ labels: { alertname: 'Basket empty', severity: 'critical', system: 'shop' }, annotations: { summary: 'Baskets are empty' } }];
  expect((await send('/api/v2/alerts', JSON.stringify(alerts), 'application/json')).status()).toBe(200);
});
test.afterAll(async () => {
  await plimsoll.stop();
  plimsoll.clean();
});

const chart = (page: Page, name: RegExp) => page.getByRole('group', { name });

async function drag(page: Page, name: RegExp, from: number, to: number): Promise<void> {
  const box = (await chart(page, name).boundingBox())!;
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * from, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * (from + to) / 2, y);
  await page.mouse.move(box.x + box.width * to, y);
  await page.mouse.up();
}

test('what is pressed before the page answers is done once it does, and a page that never will says so', async ({ page }) => {
  await signIn(page, plimsoll, mara);
  let release = () => {};
  const held = new Promise<void>((resolve) => { release = resolve; });
  await page.route(/\.wasm$/, async (route) => { await held; await route.continue(); });
  await page.goto(`${plimsoll.url}/incidents/1`);
  await page.getByLabel('A note').fill('pressed early');
  const post = page.getByRole('button', { name: 'Post', exact: true });
  await post.click();
  await expect(post).toHaveAttribute('aria-busy', 'true');
  await expect(page).toHaveURL(/incidents\/1$/);
  release();
  await expect(page.getByText('pressed early', { exact: true }).first()).toBeVisible();
  await expect(post).not.toHaveAttribute('aria-busy');
  await page.unroute(/\.wasm$/);
  await page.route(/\.wasm$/, (route) => route.abort());
  await page.goto(`${plimsoll.url}/alerts`);
  await expect(page.getByRole('alert')).toContainText('does not answer');
});

test('Operations shows services, the map, the timeline and the newest events', async ({ page }) => {
  const errors = complaints(page);
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/operations?from=now-1h`);
  await expect(page.getByRole('region', { name: 'Services' }).getByRole('row', { name: /shop/ })).toContainText('ms');
  await expect(page.getByRole('group', { name: 'Map of calls' })).toContainText('shop');
  await expect(page.getByRole('region', { name: 'Alerts and incidents' })).toContainText('Baskets are empty');
  await expect(page.getByRole('region', { name: 'Alerts and incidents' })).toContainText('shop 3.8 goes live');
  await expect(page.getByRole('region', { name: 'Live events' })).toContainText('shop 3.8 goes live');
  await expect(page.getByRole('img', { name: /Response time\. 200 calls/ })).toBeVisible();
  await page.getByRole('button', { name: 'Memory', exact: true }).click();
  await expect(page.getByRole('img', { name: /Memory in use/ })).toBeVisible();
  expect(errors).toEqual([]);
});

test('one crosshair stands on all charts, and one tooltip', async ({ page }) => {
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/operations?from=now-1h`);
  await chart(page, /Response time/).hover();
  await expect.poll(() => page.locator('.xline:visible').count()).toBeGreaterThan(1);
  await expect(page.locator('.tip')).toHaveCount(1);
});

test('a marked span becomes a note that stands on every chart', async ({ page }) => {
  const errors = complaints(page);
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/explore?q=orders_open&from=now-1h`);
  await drag(page, /orders_open/, 0.3, 0.5);
  await expect(page.getByRole('button', { name: /Paused/ })).toBeVisible();
  await page.getByRole('toolbar', { name: 'Marked span' }).getByRole('button', { name: 'Annotate' }).click();
  const form = page.getByRole('dialog', { name: 'Annotate' });
  await expect(form.getByLabel('Until, empty for an instant')).toHaveValue(/^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$/);
  await form.getByLabel('What is there to know').fill('Half-price day');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form).toBeHidden();
  await expect(page.locator('.fls').getByText('Half-price day')).toBeAttached();
  await open(page, `${plimsoll.url}/operations?from=now-1h`);
  await expect(page.getByRole('region', { name: 'Live events' })).toContainText('Half-price day');
  await expect(page.locator('.fls [title*="Half-price day"]').first()).toBeAttached();
  expect(errors).toEqual([]);
});

test('a chart answers the pointer while what it shows is read anew', async ({ page }) => {
  const errors = complaints(page);
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/explore?q=orders_open&from=now-1h`);
  const at = (await chart(page, /orders_open/).boundingBox())!;
  await chart(page, /orders_open/).hover();
  await expect(page.locator('.tip')).toBeVisible();
  // The answer is held back until the pointer has gone over the chart that it will replace.
  let answer = () => {};
  const held = new Promise<void>((done) => { answer = done; });
  await page.route(/run_query/, async (route) => { await held; await route.continue(); });
  const asked = page.waitForRequest(/run_query/);
  await drag(page, /orders_open/, 0.3, 0.5);
  await page.getByRole('toolbar', { name: 'Marked span' }).getByRole('button', { name: 'Zoom' }).click();
  await asked;
  for (const share of [0.2, 0.4, 0.6, 0.8]) await page.mouse.move(at.x + at.width * share, at.y + at.height / 2);
  await expect(page.locator('.tip')).toBeVisible();
  const before = await page.locator('.plot .xl').allInnerTexts();
  answer();
  await expect.poll(() => page.locator('.plot .xl').allInnerTexts()).not.toEqual(before);
  expect(errors).toEqual([]);
});

test('a chart is read, marked, noted and shown as a table by keys alone', async ({ page }) => {
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/explore?q=orders_open&from=now-1h`);
  await chart(page, /orders_open/).focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Shift+ArrowLeft');
  await expect(page.locator('.tip')).toContainText('UTC');
  await page.keyboard.press('c');
  const form = page.getByRole('dialog', { name: 'Annotate' });
  await expect(form.getByLabel('What is there to know')).toBeFocused();
  await page.keyboard.type('Written by keys');
  await form.getByLabel('What is there to know').press('Tab');
  await form.getByRole('button', { name: 'Save' }).press('Enter');
  await expect(form).toBeHidden();
  await chart(page, /orders_open/).focus();
  await page.keyboard.press('t');
  await expect(page.getByRole('table', { name: /orders_open/ })).toBeVisible();
});

test('keys stay on a chart that is drawn again with what came meanwhile', async ({ page }) => {
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/explore?q=system_memory_utilization&from=now-15m`);
  const live = chart(page, /system_memory_utilization/);
  await live.focus();
  const drawn = await live.locator('svg').innerHTML();
  await expect.poll(() => live.locator('svg').innerHTML()).not.toBe(drawn);
  await expect(live).toBeFocused();
  await page.keyboard.press('ArrowLeft');
  await expect(page.locator('.tip')).toContainText('UTC');
});

test('a query is drawn beside what it was, in each way there is, and against what was before the mark', async ({ page }) => {
  const errors = complaints(page);
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/explore?q=orders_open&from=now-1h`);
  const values = page.getByRole('region', { name: 'Values' });
  await drag(page, /orders_open/, 0.5, 0.7);
  await expect(values.getByText(/means of \d\d:\d\d:\d\d–/)).toBeVisible();
  await expect(values.getByRole('columnheader')).toHaveText(['Series', 'Marked', 'Before', 'Change', 'Points', 'Range', 'Traces']);
  await expect(values.getByRole('row', { name: /orders_open/ })).toContainText('%');
  // Its labels name a service: the traces are those of the marked span.
  await expect(values.getByRole('link', { name: 'Traces of shop, all' })).toHaveAttribute('href', /view=traces&service=shop/);
  await expect(values.getByRole('link', { name: 'Traces of shop, all' })).toHaveAttribute('href', /from=20\d\d-/);
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'A day before' }).click();
  await expect(page).toHaveURL(/cmp=1d/);
  await expect(values.getByRole('columnheader', { name: 'Mean before' })).toBeVisible();
  await page.getByRole('link', { name: 'Stack', exact: true }).click();
  await expect(page.locator('.plot .stack').first()).toBeAttached();
  await page.getByRole('link', { name: 'Bars', exact: true }).click();
  await expect(page.locator('.plot .bar-r').first()).toBeAttached();
  await page.getByRole('link', { name: 'Heat', exact: true }).click();
  await expect(page.locator('.plot .hc0, .plot .hc3, .plot .hc6').first()).toBeAttached();
  await expect(page.getByRole('region', { name: 'Chart' }).locator('.leg')).toBeVisible();
  await page.getByRole('link', { name: 'Make a rule' }).click();
  await expect(page.getByLabel('Signal', { exact: true })).toHaveValue('orders_open');
  expect(errors).toEqual([]);
});

test('a span is zoomed into, and Back shows what was there before', async ({ page }) => {
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/explore?q=orders_open&from=now-1h`);
  await drag(page, /orders_open/, 0.4, 0.7);
  await page.getByRole('toolbar', { name: 'Marked span' }).getByRole('button', { name: 'Zoom' }).click();
  await expect(page).toHaveURL(/q=orders_open.*from=20.*to=20|from=20.*to=20.*q=orders_open/);
  await expect(page.getByRole('img', { name: /orders_open\. / })).toBeVisible();
  await page.goBack();
  await expect(page).toHaveURL(/from=now-1h/);
});

test('anything is found by a few letters, and pages by two', async ({ page }) => {
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/overview`);
  await page.keyboard.press('Control+k');
  const palette = page.getByRole('combobox', { name: 'Search or run a command' });
  await expect(palette).toBeFocused();
  await palette.fill('baskets');
  await expect(page.getByRole('option', { name: /Baskets are empty/ })).toBeVisible();
  await palette.fill('orders_o');
  await page.getByRole('option', { name: /orders_open/ }).click();
  await expect(page).toHaveURL(/\/explore\?q=orders_open/);
  await page.locator('body').press('g');
  await page.locator('body').press('a');
  await expect(page).toHaveURL(/\/alerts$/);
  await page.locator('body').press('?');
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog', { name: 'Keyboard shortcuts' })).toBeHidden();
});

test('a view is saved with its filters and found again', async ({ page }) => {
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/alerts?state=unowned`);
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Search or run a command' }).fill('save this');
  await page.keyboard.press('Enter');
  const form = page.getByRole('dialog', { name: 'Save this view' });
  await form.getByLabel('Name').fill('Nobody has these');
  await form.getByRole('button', { name: 'Save' }).click();
  await expect(form).toBeHidden();
  await expect(page.getByRole('complementary', { name: 'Views' }).getByRole('link', { name: 'Nobody has these' })).toBeVisible();
  await open(page, `${plimsoll.url}/overview`);
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: 'Search or run a command' }).fill('nobody has');
  await page.getByRole('option', { name: /Nobody has these/ }).click();
  await expect(page).toHaveURL(/\/alerts\?state=unowned/);
});

test('theme and start page follow the person', async ({ browser, page }) => {
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/settings`);
  await page.getByLabel('Theme').selectOption({ label: 'Dark' });
  await page.getByLabel('Page after signing in').selectOption({ label: 'Alerts' });
  await page.getByRole('region', { name: 'How it looks' }).getByRole('button', { name: 'Save' }).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  const other = await browser.newPage();
  await signIn(other, plimsoll, mara);
  await expect(other).toHaveURL(/\/alerts$/);
  await expect(other.locator('html')).toHaveAttribute('data-theme', 'dark');
  await other.close();
  await page.getByLabel('Theme').selectOption({ label: 'As the system is set' });
  await page.getByRole('region', { name: 'How it looks' }).getByRole('button', { name: 'Save' }).click();
  await expect(page.locator('html')).not.toHaveAttribute('data-theme', 'dark');
});

test('times are in the zone of the person, or of the address', async ({ page }) => {
  const errors = complaints(page);
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/settings`);
  const look = page.getByRole('region', { name: 'How it looks' });
  await look.getByLabel('Times are shown in').fill('Europe/Atlantis');
  await look.getByRole('button', { name: 'Save' }).click();
  await expect(look).toContainText('there is no time zone “Europe/Atlantis”');
  await look.getByLabel('Times are shown in').fill('Asia/Kolkata');
  await Promise.all([page.waitForEvent('load'), look.getByRole('button', { name: 'Save' }).click()]);
  await open(page, `${plimsoll.url}/explore?q=orders_open&from=now-1h`);
  await chart(page, /orders_open/).focus();
  await page.keyboard.press('ArrowLeft');
  await expect(page.locator('.tip')).toContainText('Kolkata');
  const shown = (await page.locator('.tip').textContent())!.match(/(\d\d):(\d\d) Kolkata/)!;
  const read = Number(shown[1]) * 60 + Number(shown[2]);
  const kolkata = Math.floor(Date.now() / 60_000 + 330) % 1440;
  expect((kolkata - read + 1440) % 1440).toBeLessThan(10);
  // What is typed is read by the same clock, and the address says whose it was.
  await page.getByText('Last 1 h').first().click();
  await page.getByLabel('From, Kolkata').fill('2026-01-01T05:30');
  await page.getByLabel('To, Kolkata').fill('2026-01-02T05:30');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  await expect(page).toHaveURL(/tz=Asia%2FKolkata/);
  await expect(page.getByText('1 Jan 2026, 05:30 – 2 Jan 2026, 05:30')).toBeVisible();
  await open(page, `${plimsoll.url}/explore?q=orders_open&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&tz=America/New_York`);
  await expect(page.getByText('31 Dec 2025, 19:00 – 1 Jan 2026, 19:00')).toBeVisible();
  await open(page, `${plimsoll.url}/settings`);
  await look.getByLabel('Times are shown in').fill('');
  await Promise.all([page.waitForEvent('load'), look.getByRole('button', { name: 'Save' }).click()]);
  // The browser says on its own that the zone that is none was refused.
  expect(errors.filter((text) => !text.includes('400 (Bad Request)'))).toEqual([]);
});

test('figures that cannot be read anew stay, and say of when they are', async ({ page }) => {
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/operations?from=now-1h`);
  await page.route('**/do/**', (route) => route.abort());
  await page.getByRole('button', { name: /^Live/ }).waitFor();
  const alert = [{ labels: { alertname: 'Till slow', severity: 'warning', system: 'shop' }, annotations: { summary: 'Tills are slow' } }];
  await page.request.post(`${plimsoll.url}/api/v2/alerts`, { headers: { authorization: `Bearer ${key}` }, data: alert });
  await expect(page.getByRole('status').filter({ hasText: 'These figures are not current' })).toContainText(/Read at \d\d:\d\d:\d\d UTC/);
  await expect(page.getByRole('region', { name: 'Services' }).getByRole('row', { name: /shop/ })).toContainText('ms');
  await expect(page.getByRole('button', { name: 'Not current' })).toBeVisible();
  await page.unroute('**/do/**');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByText('These figures are not current')).toBeHidden();
  await expect(page.getByRole('region', { name: 'Live events' })).toContainText('Till slow');
});

test('a server that is away is said, and what it says when it is back is shown', async ({ page }) => {
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/operations?from=now-1h`);
  await page.getByRole('button', { name: /^Live/ }).waitFor();
  await page.context().setOffline(true);
  await plimsoll.stop('SIGKILL');
  await expect(page.getByText('These figures are not current')).toBeVisible({ timeout: 20_000 });
  await expect(page.getByRole('region', { name: 'Services' }).getByRole('row', { name: /shop/ })).toContainText('ms');
  await plimsoll.start(new URL(plimsoll.url).port);
  await page.context().setOffline(false);
  await expect(page.getByText('These figures are not current')).toBeHidden({ timeout: 30_000 });
});

test('a page that is long in coming says so and can be given up', async ({ page }) => {
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/overview`);
  await page.route('**/do/incidents**', async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 8000));
    await route.continue().catch(() => undefined);
  });
  await page.getByRole('link', { name: 'Incidents' }).first().click();
  await expect(page.getByText(/Still reading, \d s/)).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page).toHaveURL(/\/overview$/);
});

test('an executive reads money with a forecast and what needs attention, and prints it', async ({ browser }) => {
  plimsoll.run('user', 'add', 'elena@larkfield.example', '--name', 'Elena Duarte', '--role', 'executive');
  const page = await browser.newPage();
  await signIn(page, plimsoll, 'elena@larkfield.example');
  await expect(page).toHaveURL(/\/overview$/);
  await expect(page.getByRole('img', { name: /What the systems bring, per day/ })).toBeVisible();
  await expect(page.getByText(/most likely €/)).toBeVisible();
  await expect(page.getByRole('region', { name: 'What needs attention' })).toContainText('Basket empty');
  await expect(page.locator('main')).not.toContainText(/AUC|PSI|p95|p-value/);
  await page.emulateMedia({ media: 'print' });
  await expect(page.getByRole('navigation', { name: 'Breadcrumb' })).toBeHidden();
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await page.close();
});

test('a chart of the first page is a picture until somebody points at it, and then answers', async ({ browser }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await signIn(page, plimsoll, 'elena@larkfield.example');
  // Nothing moves in a page of its own.
  const still = await context.newPage();
  const loaded: string[] = [];
  still.on('request', (request) => { if (request.url().includes('answering')) loaded.push(request.url()); });
  await open(still, `${plimsoll.url}/overview`);
  await expect(still.getByRole('img', { name: /What the systems bring, per day/ })).toBeVisible();
  expect(loaded).toEqual([]);
  const plot = still.getByRole('group', { name: /What the systems bring/ });
  await plot.hover();
  await expect.poll(() => loaded.length).toBe(1);
  // What answers takes the place of what stood there: the first move after that is seen.
  let x = 120;
  await expect(async () => {
    x += 7;
    await plot.hover({ position: { x, y: 60 } });
    await expect(still.locator('.tip')).toContainText('€', { timeout: 500 });
  }).toPass();
  await context.close();
});

test('without a script the pages still say how things stand', async ({ browser }) => {
  const page = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  await signIn(page, plimsoll, mara);
  await page.goto(`${plimsoll.url}/operations?from=now-1h`);
  await expect(page.getByRole('region', { name: 'Services' }).getByRole('row', { name: /shop/ })).toContainText('ms');
  await expect(page.getByRole('img', { name: /Response time\. 200 calls/ })).toBeVisible();
  await page.getByText('Last 1 h').first().click();
  await page.getByLabel('From, UTC').fill('2026-01-01T00:00');
  await page.getByLabel('To, UTC').fill('2026-01-02T00:00');
  await page.getByRole('button', { name: 'Show' }).click();
  await expect(page).toHaveURL(/from=2026-01-01T00%3A00&to=2026-01-02T00%3A00/);
  await expect(page.getByText('1 Jan 2026, 00:00 – 2 Jan 2026, 00:00')).toBeVisible();
  await page.close();
});

test('an incident is found, annotated and shared by keys alone', async ({ browser }) => {
  const page = await (await browser.newContext()).newPage();
  const tabTo = async (role: 'textbox' | 'button' | 'link', name: RegExp) => {
    const wanted = page.getByRole(role, { name }).first();
    for (let i = 0; i < 120; i += 1) {
      if (await wanted.evaluate((e) => e === document.activeElement).catch(() => false)) return;
      await page.keyboard.press('Tab');
    }
    throw new Error(`no ${role} ${name} within 120 steps`);
  };
  await open(page, `${plimsoll.url}/sign-in`);
  await tabTo('textbox', /Email/);
  await page.keyboard.type(mara);
  await page.keyboard.press('Tab');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await expect(page).not.toHaveURL(/sign-in/);
  await page.locator('html[data-ready]').waitFor({ state: 'attached' });
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('combobox', { name: 'Search or run a command' })).toBeFocused();
  await page.keyboard.type('INC-1');
  await expect(page.getByRole('option').first()).toContainText('INC-1');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/incidents\/1$/);
  await tabTo('textbox', /A note/);
  await page.keyboard.type('Seen by keys');
  await tabTo('button', /^Post/);
  await page.keyboard.press('Enter');
  await expect(page.getByText('Seen by keys').first()).toBeVisible();
  await tabTo('link', /^Share/);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/links/);
  await tabTo('button', /Make a link/);
  await page.keyboard.press('Enter');
  await expect(page.getByLabel('Link', { exact: true })).toHaveValue(/\/share\/\w{40}$/);
  await page.close();
});

test('whoever looks at an incident sees who else does', async ({ browser, page }) => {
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/incidents/1`);
  const other = await (await browser.newContext()).newPage();
  await signIn(other, plimsoll, 'elena@larkfield.example');
  await open(other, `${plimsoll.url}/incidents/1`);
  await expect(other.getByText('Mara Lindqvist looks at this too')).toBeVisible();
  await expect(page.getByText('Elena Duarte looks at this too')).toBeVisible({ timeout: 20_000 });
  await other.close();
});

for (const scheme of ['light', 'dark'] as const) {
  test(`the palette breaks no rule of accessibility, ${scheme}`, async ({ browser }) => {
    const context = await browser.newContext({ colorScheme: scheme });
    const page = await context.newPage();
    await signIn(page, plimsoll, mara);
    await open(page, `${plimsoll.url}/overview`);
    await page.keyboard.press('Control+k');
    await expect(page.getByRole('combobox', { name: 'Search or run a command' })).toBeFocused();
    expect(await faults(page, 'palette')).toEqual([]);
    await context.close();
  });
}

test('at 320 pixels nothing runs out of the page', async ({ browser }) => {
  const page = await browser.newPage({ viewport: { width: 320, height: 700 } });
  await signIn(page, plimsoll, mara);
  for (const path of ['/overview', '/operations?from=now-1h', '/explore?q=orders_open&from=now-1h', '/settings', '/alerts', '/incidents/1']) {
    await open(page, `${plimsoll.url}${path}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    expect(over, path).toBeLessThanOrEqual(0);
  }
  await page.close();
});
