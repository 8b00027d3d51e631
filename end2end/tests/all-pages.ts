// Every page there is, on an installation that has something to show on each.
import { type APIRequestContext, type Browser, type BrowserContextOptions, type Page, expect, test } from '@playwright/test';
import { Plimsoll, complaints, firstPerson, open, signIn } from './plimsoll';

/** Addresses; with a name where the address itself would be none. */
const known: (string | [string, string])[] = ['/overview', '/operations?from=now-6h', '/alerts', '/alerts/silences', '/incidents', '/incidents/1', '/explore?q=orders_open&from=now-1h',
  '/explore?view=traces', '/explore?view=logs', '/explore?view=map', '/explore?view=changes', '/rules', '/rules/new', '/on-call', '/responses', '/links',
  '/models/employment-demo', '/models/employment-demo/drift', '/models/employment-demo/fairness', '/models/employment-demo/data', '/models/employment-demo/predictions',
  '/models/employment-demo/thresholds', '/models/employment-demo/setup', '/connect', '/settings', '/settings/kpis', '/settings/people', '/settings/keys',
  '/settings/connections', '/settings/scraping', '/settings/webhooks', '/settings/signals', '/settings/prices', '/settings/probes', '/settings/installation', '/settings/audit', ['/explore?q=orders_open&pin=orders_open&from=now-1h', 'explore-pinned'],
  ['/explore?q=orders_open&draw=heat&from=now-1h', 'explore-heat'], ['/models/employment-demo/thresholds?figure=accuracy', 'threshold'], ['/alerts?state=solved', 'alerts-solved']];
/** What people come to from a list: the list, the link to follow, the name of the picture. */
const deeper: [string, string, string][] = [
  ['/alerts', 'main a[href^="/alerts/"]:has-text("Orders stop coming")', 'alert'],
  ['/rules', 'main tr:has-text("Quality: Credit scoring") a[href^="/rules/"]', 'rule'],
  ['/operations?from=now-6h', 'main a[href^="/hosts/"]', 'host'],
  ['/overview', 'main a[href^="/systems/"]', 'system'],
  ['/models/employment-demo/drift', 'main a[href*="/feature?"]', 'feature'],
  ['/models/employment-demo/predictions', 'main a[href*="/prediction?"]', 'prediction'],
  ['/explore?view=traces', 'main a[href^="/traces/"]', 'trace'],
];

/** An address and the name of its picture. */
export type Known = [path: string, name: string];

/** An installation with the pages of who is signed in, and those of whoever is not. */
export type Filled = { plimsoll: Plimsoll; pages: Known[]; outside: Known[] };

/** One for the tests of a file, filled before the first of them. */
export function everyPage(): Filled {
  const here: Filled = { plimsoll: new Plimsoll(), pages: [], outside: [] };
  test.describe.configure({ mode: 'serial', timeout: 600_000 });
  test.beforeAll(async ({ browser, request }) => fill(here, browser, request));
  test.afterAll(async () => {
    await here.plimsoll.stop();
    here.plimsoll.clean();
  });
  return here;
}

async function fill({ plimsoll, pages, outside }: Filled, browser: Browser, request: APIRequestContext): Promise<void> {
  await plimsoll.start();
  await firstPerson(browser, plimsoll);
  plimsoll.run('demo');
  const key = plimsoll.run('key', 'create', 'pictures', '--scope', 'admin').trim();
  const headers = { authorization: `Bearer ${key}` };
  const now = Date.now() / 1000;
  await trouble(plimsoll, request, headers, now);
  // Who is on call, who is called when nobody answers, and what can be done: otherwise these pages were pictures of nothing.
  const people = ['mara', 'jonas', 'priya'].map((name) => `${name}@larkfield.example`);
  for (const [address, name] of [[people[1], 'Jonas Weber'], [people[2], 'Priya Raman']]) plimsoll.run('user', 'add', address, '--name', name, '--role', 'operator');
  const alerting = await (await request.get(`${plimsoll.url}/api/v1/alerting`, { headers })).json();
  const monday = new Date(Date.now() - ((new Date().getUTCDay() + 6) % 7) * 86_400_000).toISOString().slice(0, 10);
  alerting.schedules = [{ name: 'Credit ML', zone: 'Europe/Berlin', people, first_day: monday, handover: 540, days: 7,
    overrides: [{ person: people[2], from: new Date(Date.now() + 86_400_000).toISOString(), to: new Date(Date.now() + 129_600_000).toISOString(), reason: 'a day off' }] }];
  alerting.policies = [{ name: 'Credit ML', repeat: 2, acknowledged_for: '30m', steps: [{ after: '0s', targets: [{ on_call: 'Credit ML' }] },
    { after: '5m', targets: [{ backup: 'Credit ML' }] }, { after: '10m', targets: [{ person: people[0] }] }] }];
  alerting.receivers[0].policy = 'Credit ML';
  const kept = await request.put(`${plimsoll.url}/api/v1/alerting`, { headers, data: alerting });
  expect(kept.ok(), await kept.text()).toBe(true);
  const response = { name: 'Return to the previous basket', description: 'Sends the shop back to the release before this one.', matchers: [{ name: 'alertname', value: 'Basket empty' }],
    url: 'https://automation.example/rollback', undo_url: 'https://automation.example/forward', touches: [['Traffic affected', 'none']] };
  const prepared = await request.put(`${plimsoll.url}/api/v1/responses`, { headers, data: response });
  expect(prepared.ok(), await prepared.text()).toBe(true);
  const alerts = [{ labels: { alertname: 'Basket empty', severity: 'critical', system: 'shop' }, annotations: { summary: 'Baskets are empty' },
    endsAt: new Date(Date.now() + 3_600_000).toISOString() }];
  expect((await request.post(`${plimsoll.url}/api/v2/alerts`, { headers, data: alerts })).status()).toBe(200);
  // One incident for what goes wrong together, found by three: and one that a person opened.
  await joined(plimsoll, request, headers, 3);
  const incident = { title: 'Baskets are empty', systems: ['shop'], environment: 'production' };
  expect((await request.post(`${plimsoll.url}/api/v1/incidents`, { headers, data: incident })).status()).toBe(201);
  for (const page of known) pages.push(typeof page === 'string' ? [page, page.slice(1).replace(/[^a-z-]+/g, '_')] : page);
  const page = await browser.newPage();
  await signIn(page, plimsoll, 'mara@larkfield.example');
  for (const [list, link, name] of deeper) {
    await expect(async () => {
      await open(page, `${plimsoll.url}${list}`);
      const href = await page.locator(link).first().getAttribute('href', { timeout: 2000 });
      pages.push([href ?? '', name]);
    }, name).toPass({ timeout: 60_000 });
  }
  await open(page, `${plimsoll.url}/incidents/1`);
  const note = 'Release 3.8 changed how baskets are read. @jonas can we go back?';
  await page.getByLabel('A note').fill(note);
  await page.getByRole('button', { name: 'Post', exact: true }).click();
  await expect(page.getByText('Release 3.8 changed').first()).toBeVisible();
  await page.getByRole('link', { name: 'Share' }).click();
  await page.getByLabel(/Anyone with the link/).check();
  await page.getByRole('button', { name: 'Make a link' }).click();
  const field = page.getByLabel('Link', { exact: true });
  await expect(field).toHaveValue(/\/share\//);
  outside.push(['/sign-in', 'sign-in'], [new URL(await field.inputValue()).pathname, 'shared']);
  await page.close();
}

const sample = (name: string, timestamp: number, value: number) =>
  JSON.stringify({ name, labels: { system: 'shop', service: 'shop' }, value: Math.round(value * 1000) / 1000, timestamp });

/** Waits until the first incident holds so many alerts. */
async function joined({ url }: Plimsoll, request: APIRequestContext, headers: Record<string, string>, alerts: number): Promise<void> {
  await expect.poll(async () => (await (await request.get(`${url}/api/v1/incidents/1`, { headers })).json()).alerts?.length, { timeout: 60_000 }).toBe(alerts);
}

/** A release of the shop, two minutes ago, after which orders fail to come and baskets are slow; and rules that find it. */
async function trouble(plimsoll: Plimsoll, request: APIRequestContext, headers: Record<string, string>, now: number): Promise<void> {
  const { url } = plimsoll;
  const since = (i: number) => Math.max(0, i - 118);
  const lines = Array.from({ length: 121 }, (_, i) => [
    sample('orders_open', now - (120 - i) * 30, (40 + Math.sin(i / 9) * 6) * Math.exp(-since(i) / 0.7) + 4),
    sample('basket_seconds', now - (120 - i) * 30, 0.2 + Math.sin(i / 5) * 0.02 + Math.min(1.7, since(i) * 0.85))].join('\n'));
  const send = async (data: string[]) =>
    expect((await request.post(`${url}/api/v1/samples`, { headers: { ...headers, 'content-type': 'application/x-ndjson' }, data: data.join('\n') })).status()).toBe(200);
  await send(lines);
  const change = { kind: 'deploy', title: 'shop 3.8 goes live', service: 'shop', system: 'shop', environment: 'production', version: '3.8', author: 'Priya Raman', at: new Date((now - 110) * 1000).toISOString() };
  expect((await request.post(`${url}/api/v1/changes`, { headers, data: change })).status()).toBe(200);
  for (const [name, query, compare, value, severity, text] of [
    ['Orders stop coming', 'orders_open', 'below', 20, 'critical', 'Only {{value}} orders are open'],
    ['Baskets are slow', 'basket_seconds', 'above', 1, 'warning', 'A basket takes {{value}} s']] as const) {
    const rule = { name, every: '1s', for: 0, no_data: 'keep', severity, urgency: 'now', labels: { system: 'shop' }, annotations: { summary: text },
      condition: { is: 'signal', query: `${query}{system="shop"}`, compare, limit: { from: 'fixed', value } } };
    const made = await request.post(`${url}/api/v1/alerting/rules`, { headers, data: rule });
    expect(made.status(), await made.text()).toBe(201);
  }
  await joined(plimsoll, request, headers, 2);
  // It goes on after it was found.
  await send([1, 2, 3].flatMap((i) => [sample('orders_open', Date.now() / 1000 + i, 4.2), sample('basket_seconds', Date.now() / 1000 + i, 1.9)]));
}

/** One way to look at a page: in a theme, its picture under this suffix, and what is found wrong with it then. */
export type Look = { suffix: string; colorScheme?: 'light' | 'dark'; faults?: (page: Page) => Promise<string[]> };

/**
 * Goes through all pages in a window of its own, takes a picture of each for every look, and gives what is wrong: what
 * a page complained of, by how many pixels it runs out of the window, and what a look finds in it. A page is loaded
 * once for all of them: whoever changes the theme of their system does not load it anew either.
 */
export async function walk(
  browser: Browser, { plimsoll, pages: within, outside }: Filled, options: BrowserContextOptions, looks: Look[],
): Promise<string[]> {
  const wrong: string[] = [];
  for (const [pages, inside] of [[within, true], [outside, false]] as const) {
    const context = await browser.newContext({ ...options, colorScheme: looks[0].colorScheme });
    const page = await context.newPage();
    if (inside) await signIn(page, plimsoll, 'mara@larkfield.example');
    const said = complaints(page);
    for (const [path, name] of pages) {
      await page.emulateMedia({ colorScheme: looks[0].colorScheme });
      await open(page, `${plimsoll.url}${path}`);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      if (over > 0) wrong.push(`${name} is wider by ${over}`);
      // All pictures before anything is looked into, which may unfold what was folded.
      for (const { suffix, colorScheme } of looks) {
        await page.emulateMedia({ colorScheme });
        // A change of theme is not pictured half way. What moves by itself is left to whoever looks for it.
        const animations = colorScheme ? 'disabled' : 'allow';
        await page.screenshot({ path: `pictures/${name}-${suffix}.png`, fullPage: true, animations });
      }
      for (const { suffix, colorScheme, faults } of looks) {
        if (!faults) continue;
        await page.emulateMedia({ colorScheme });
        wrong.push(...(await faults(page)).map((found) => `${name}, ${suffix}: ${found}`));
      }
      wrong.push(...said.splice(0).map((complaint) => `${name} says ${complaint}`));
    }
    await context.close();
  }
  return wrong;
}
