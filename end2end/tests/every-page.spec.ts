// A picture of every page in both themes, wide and narrow, kept beside the tests for whoever compares them with the design.
// No page complains, none runs out of a narrow screen, and none breaks a rule of accessibility in either theme, with
// all that it can unfold unfolded.
import { type Page, expect, test } from '@playwright/test';
import { Plimsoll, complaints, faults, firstPerson, open, signIn } from './plimsoll';

const plimsoll = new Plimsoll();
/** Addresses; with a name where the address itself would be none. */
const pages: (string | [string, string])[] = ['/overview', '/operations?from=now-6h', '/alerts', '/alerts/silences', '/incidents', '/incidents/1', '/explore?q=orders_open&from=now-1h',
  '/explore?view=traces', '/explore?view=logs', '/explore?view=map', '/explore?view=changes', '/rules', '/rules/new', '/on-call', '/responses', '/links',
  '/models/employment-demo', '/models/employment-demo/drift', '/models/employment-demo/fairness', '/models/employment-demo/data', '/models/employment-demo/predictions',
  '/models/employment-demo/thresholds', '/models/employment-demo/setup', '/connect', '/settings', '/settings/kpis', '/settings/people', '/settings/keys',
  '/settings/connections', '/settings/scraping', '/settings/webhooks', '/settings/signals', '/settings/prices', '/settings/probes', '/settings/installation', '/settings/audit', ['/explore?q=orders_open&pin=orders_open&from=now-1h', 'explore-pinned'],
  ['/explore?q=orders_open&draw=heat&from=now-1h', 'explore-heat'], ['/models/employment-demo/thresholds?figure=accuracy', 'threshold'], ['/alerts?state=solved', 'alerts-solved']];
/** What people come to from a list: the list, the link to follow, the name of the picture. */
const deeper: [string, string, string][] = [
  ['/alerts', 'a[href^="/alerts/"]:not([href*="silences"])', 'alert'],
  ['/rules', 'main tr:has-text("Quality: Credit scoring") a[href^="/rules/"]', 'rule'],
  ['/operations?from=now-6h', 'main a[href^="/hosts/"]', 'host'],
  ['/overview', 'main a[href^="/systems/"]', 'system'],
  ['/models/employment-demo/drift', 'main a[href*="/feature?"]', 'feature'],
  ['/models/employment-demo/predictions', 'main a[href*="/prediction?"]', 'prediction'],
  ['/explore?view=traces', 'main a[href^="/traces/"]', 'trace'],
];
let shared = '';

const pathOf = (page: string | [string, string]) => typeof page === 'string' ? page : page[0];
const pictureOf = (page: string | [string, string]) => typeof page === 'string' ? page.slice(1).replace(/[^a-z-]+/g, '_') : page[1];

test.describe.configure({ mode: 'serial', timeout: 600_000 });
test.beforeAll(async ({ browser, request }) => {
  await plimsoll.start();
  await firstPerson(browser, plimsoll);
  plimsoll.run('demo');
  const key = plimsoll.run('key', 'create', 'pictures', '--scope', 'admin').trim();
  const headers = { authorization: `Bearer ${key}` };
  const now = Date.now() / 1000;
  const lines = Array.from({ length: 120 }, (_, i) => JSON.stringify({ name: 'orders_open', value: 40 + Math.sin(i / 9) * 10, timestamp: now - (120 - i) * 30 }));
  const samples = await request.post(`${plimsoll.url}/api/v1/samples`, { headers: { ...headers, 'content-type': 'application/x-ndjson' }, data: lines.join('\n') });
  expect(samples.status()).toBe(200);
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
  const alerts = [{ labels: { alertname: 'Basket empty', severity: 'critical', system: 'shop' }, annotations: { summary: 'Baskets are empty' } }];
  expect((await request.post(`${plimsoll.url}/api/v2/alerts`, { headers, data: alerts })).status()).toBe(200);
  const incident = { title: 'Baskets are empty', systems: ['shop'], environment: 'production' };
  expect((await request.post(`${plimsoll.url}/api/v1/incidents`, { headers, data: incident })).status()).toBe(201);
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
  await page.getByRole('link', { name: 'Share' }).click();
  await page.getByLabel(/Anyone with the link/).check();
  await page.getByRole('button', { name: 'Make a link' }).click();
  const field = page.getByLabel('Link', { exact: true });
  await expect(field).toHaveValue(/\/share\//);
  shared = await field.inputValue();
  await page.close();
});
test.afterAll(async () => {
  await plimsoll.stop();
  plimsoll.clean();
});

// 720 by 450 is what a screen of 1440 by 900 has left at 200 %. The system's own colours, and no motion.
test('every page at 200 %, in forced colours', async ({ browser }) => {
  const context = await browser.newContext({ viewport: { width: 720, height: 450 }, deviceScaleFactor: 2, forcedColors: 'active', reducedMotion: 'reduce' });
  const page = await context.newPage();
  await signIn(page, plimsoll, 'mara@larkfield.example');
  const said = complaints(page);
  const lost: string[] = [];
  for (const one of pages) {
    const path = pathOf(one);
    await open(page, `${plimsoll.url}${path}`);
    lost.push(...await page.evaluate((path) => {
      const found: string[] = [];
      const over = document.documentElement.scrollWidth - window.innerWidth;
      if (over > 0) found.push(`${path} is wider by ${over}`);
      // What is drawn must differ from what it is drawn on, in the few colours that are left.
      for (const mark of document.querySelectorAll('.plot path, .plot line, .st svg, .key')) {
        const style = getComputedStyle(mark);
        if (style.display === 'none' || style.visibility === 'hidden') continue;
        const ink = [style.stroke, style.fill, style.backgroundColor, style.color].filter((c) => c !== 'none' && !/^rgba\(.*, 0\)$/.test(c));
        if (ink.every((c) => c === 'rgb(255, 255, 255)')) found.push(`${path}: ${mark.outerHTML.slice(0, 80)}`);
      }
      const moving = document.getAnimations().filter((a) => a.playState === 'running');
      if (moving.length > 0) found.push(`${path}: ${moving.length} moving`);
      return found;
    }, path));
    await page.screenshot({ path: `pictures/${pictureOf(one)}-forced-720.png`, fullPage: true });
  }
  expect(said).toEqual([]);
  expect(lost).toEqual([]);
  await context.close();
});

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [1440, 390]) {
    test(`every page at ${width}, ${colorScheme}`, async ({ browser }) => {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 } });
      const page = await context.newPage();
      await signIn(page, plimsoll, 'mara@larkfield.example');
      const said = complaints(page);
      const wide: string[] = [];
      const broken: string[] = [];
      const picture = async (page: Page, url: string, name: string) => {
        await open(page, url);
        const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (over > 0) wide.push(`${name} by ${over}`);
        await page.screenshot({ path: `pictures/${name}-${colorScheme}-${width}.png`, fullPage: true });
        if (width < 1440) return;
        await page.evaluate(() => { for (const one of document.querySelectorAll('details')) one.open = true; });
        broken.push(...await faults(page, name));
      };
      for (const one of pages) await picture(page, `${plimsoll.url}${pathOf(one)}`, pictureOf(one));
      // Whoever is not signed in sees these.
      const stranger = await browser.newContext({ colorScheme, viewport: { width, height: 900 } });
      const outside = await stranger.newPage();
      for (const [url, name] of [[`${plimsoll.url}/sign-in`, 'sign-in'], [shared, 'shared']]) await picture(outside, url, name);
      await stranger.close();
      expect(said).toEqual([]);
      expect(wide).toEqual([]);
      expect(broken).toEqual([]);
      await context.close();
    });
  }
}
