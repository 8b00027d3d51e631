// A link shows one page to anybody who has it, nothing else, and nothing once it is ended.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@playwright/test';
import { Plimsoll, complaints, faults, firstPerson, open, password, signIn } from './plimsoll';

const plimsoll = new Plimsoll();
let link = '';

test.describe.configure({ mode: 'serial' });
test.beforeAll(async ({ browser, request }) => {
  await plimsoll.start();
  await firstPerson(browser, plimsoll);
  plimsoll.run('user', 'add', 'jonas@larkfield.example', '--name', 'Jonas Weber', '--role', 'executive');
  const key = plimsoll.run('key', 'create', 'tests', '--scope', 'admin').trim();
  const headers = { authorization: `Bearer ${key}` };
  const made = await request.post(`${plimsoll.url}/api/v1/incidents`, { headers, data: { title: 'Wrong incomes', systems: ['credit'], environment: 'production' } });
  expect(made.status()).toBe(201);
  const flag = { at: Date.now() * 1000, text: 'only for us', subject: { incident: 1 } };
  expect((await request.post(`${plimsoll.url}/api/v1/annotations`, { headers, data: flag })).status()).toBe(201);
});
test.afterAll(async () => {
  await plimsoll.stop();
  plimsoll.clean();
});

test('an executive annotates an incident and shares it', async ({ page }) => {
  await signIn(page, plimsoll, 'jonas@larkfield.example');
  await open(page, `${plimsoll.url}/incidents/1`);
  await page.getByLabel('A note').fill('letters stop at 15:00');
  await page.getByRole('button', { name: 'Post' }).click();
  await expect(page.getByText('letters stop at 15:00').first()).toBeVisible();
  await page.getByRole('link', { name: 'Share' }).click();
  await expect(page.getByLabel('Page')).toHaveValue('/incidents/1');
  // What will be seen is drawn by the page itself; notes are in it only once they are shared.
  const preview = page.locator('.pv');
  await expect(preview).toContainText('Wrong incomes');
  await expect(preview).not.toContainText('letters stop at 15:00');
  await page.getByText('with the names of those who wrote them').click();
  await expect(preview).toContainText('letters stop at 15:00');
  await page.getByText('with the names of those who wrote them').click();
  await expect(preview).not.toContainText('letters stop at 15:00');
  await page.getByLabel(/Anyone with the link/).check();
  await page.getByLabel('What it is for').fill('board meeting');
  await page.getByRole('button', { name: 'Make a link' }).click();
  const field = page.getByLabel('Link', { exact: true });
  await expect(field).toHaveValue(/\/share\/\w{40}$/);
  link = await field.inputValue();
});

test('whoever has it sees that page and nothing else', async ({ browser }) => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const said = complaints(page);
  await open(page, link);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('INC-1 Wrong incomes');
  await expect(page.getByText(/Shared by Jonas Weber/)).toBeVisible();
  await expect(page.getByText('only for us')).toHaveCount(0);
  await expect(page.getByText('letters stop at 15:00')).toHaveCount(0);
  await expect(page.getByRole('button', { name: /Resolve|Post|Take on/ })).toHaveCount(0);
  expect(said).toEqual([]);
  expect(await faults(page, link)).toEqual([]);
  // Who opened it goes with the notes; what the page is made of does not tell it either.
  expect(await (await context.request.get(link)).text()).not.toContain('API key');
  for (const path of ['/incidents/1', '/overview', '/settings/people']) {
    await page.goto(`${plimsoll.url}${path}`);
    await expect(page).toHaveURL(/sign-in/);
  }
  for (const path of ['/api/v1/incidents', '/api/v1/models']) {
    expect((await context.request.get(`${plimsoll.url}${path}`)).status()).toBe(401);
  }
  expect((await context.request.post(`${plimsoll.url}/do/incident`, { data: { id: 1 } })).status()).toBe(401);
  await context.close();
});

test('its openings are counted, and ended it shows nothing', async ({ page, browser }) => {
  await signIn(page, plimsoll, 'jonas@larkfield.example');
  await open(page, `${plimsoll.url}/links`);
  await expect(page.getByText(/^[1-9]\d*, last/)).toBeVisible();
  await page.getByRole('button', { name: 'End' }).click();
  await expect(page.getByText('The link is ended.')).toBeVisible();
  const context = await browser.newContext();
  const stranger = await context.newPage();
  await stranger.goto(link);
  await expect(stranger.getByText('This link shows nothing', { exact: true })).toBeVisible();
  await context.close();
  expect(await faults(page, '/links')).toEqual([]);
});

test('a link for a role asks who one is, and says to its author who looked', async ({ page, browser }) => {
  plimsoll.run('user', 'add', 'vera@larkfield.example', '--name', 'Vera Holm', '--role', 'viewer');
  plimsoll.run('user', 'add', 'elena@larkfield.example', '--name', 'Elena Duarte', '--role', 'executive');
  await signIn(page, plimsoll, 'jonas@larkfield.example');
  await open(page, `${plimsoll.url}/links?of=/incidents/1`);
  await page.locator('select[name=role]').selectOption('executive');
  await page.getByRole('button', { name: 'Make a link' }).click();
  const field = page.getByLabel('Link', { exact: true });
  await expect(field).toHaveValue(/\/share\/\w{40}$/);
  const role = await field.inputValue();
  const visit = async (email: string) => {
    const context = await browser.newContext();
    const reader = await context.newPage();
    await open(reader, role);
    await expect(reader.getByText('This page is for people who sign in', { exact: true })).toBeVisible();
    await reader.getByRole('link', { name: 'Sign in' }).click();
    await reader.getByLabel('Email').fill(email);
    await reader.getByLabel('Password').fill(password);
    await reader.getByRole('button', { name: 'Sign in' }).click();
    await expect(reader).toHaveURL(/\/share\//);
    const said = await reader.locator('main').textContent();
    await context.close();
    return said;
  };
  expect(await visit('vera@larkfield.example')).toContain('it is shared with executives');
  expect(await visit('elena@larkfield.example')).toContain('INC-1 Wrong incomes');
  await open(page, `${plimsoll.url}/links`);
  await page.getByRole('row', { name: /executives and above/ }).getByText(/^1, last/).click();
  await expect(page.getByText(/Elena Duarte from 127\.0\.0\.1/)).toBeVisible();
  await expect(page.getByText(/Vera Holm/)).toHaveCount(0);
});

test('a link for named people shows nothing to others, and naming nobody makes none', async ({ page, browser }) => {
  await signIn(page, plimsoll, 'jonas@larkfield.example');
  await open(page, `${plimsoll.url}/links?of=/incidents/1`);
  await page.getByLabel(/Named people/).check();
  await page.getByRole('button', { name: 'Make a link' }).click();
  await expect(page.getByText('choose whom the link is for')).toBeVisible();
  await page.getByRole('list', { name: 'People' }).getByLabel(/Elena Duarte/).check();
  expect(await faults(page, 'a link for named people')).toEqual([]);
  await page.getByRole('button', { name: 'Make a link' }).click();
  const field = page.getByLabel('Link', { exact: true });
  await expect(field).toHaveValue(/\/share\/\w{40}$/);
  const named = await field.inputValue();
  const seen = async (email: string) => {
    const context = await browser.newContext();
    const reader = await context.newPage();
    await signIn(reader, plimsoll, email);
    await open(reader, named);
    const text = await reader.locator('main').textContent();
    await context.close();
    return text;
  };
  expect(await seen('elena@larkfield.example')).toContain('INC-1 Wrong incomes');
  expect(await seen('jonas@larkfield.example')).toContain('INC-1 Wrong incomes');
  // Not even the administrator is among those it was made for.
  expect(await seen('mara@larkfield.example')).toContain('it is shared with others by name');
  await expect(page.getByRole('row', { name: /elena@larkfield\.example/ })).toBeVisible();
});

test('a shared overview says that somebody is on it, and not who', async ({ page, browser, request }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/incidents/1`);
  await page.getByRole('button', { name: 'Take on' }).click();
  await expect(page.getByRole('button', { name: 'Take on' })).toHaveCount(0);
  const context = await browser.newContext();
  const jonas = await context.newPage();
  await signIn(jonas, plimsoll, 'jonas@larkfield.example');
  await open(jonas, `${plimsoll.url}/overview`);
  await expect(jonas.getByText('Mara Lindqvist is on it')).toBeVisible();
  await open(jonas, `${plimsoll.url}/links?of=/overview`);
  await jonas.getByLabel(/Anyone with the link/).check();
  await jonas.getByRole('button', { name: 'Make a link' }).click();
  const field = jonas.getByLabel('Link', { exact: true });
  await expect(field).toHaveValue(/\/share\/\w{40}$/);
  const shared = await (await request.get(await field.inputValue())).text();
  expect(shared).toContain('Somebody is on it');
  expect(shared).not.toContain('Mara');
  await context.close();
});

test('whoever is named in a note finds it', async ({ page, browser }) => {
  await signIn(page, plimsoll, 'jonas@larkfield.example');
  await open(page, `${plimsoll.url}/incidents/1`);
  await page.getByLabel('A note').fill('@mara, did the feed change? @nobody knows');
  await page.getByRole('button', { name: 'Post' }).click();
  await expect(page.getByText('did the feed change').first()).toBeVisible();
  const context = await browser.newContext();
  const mara = await context.newPage();
  await signIn(mara, plimsoll, 'mara@larkfield.example');
  await open(mara, `${plimsoll.url}/operations`);
  await mara.getByRole('link', { name: /1 new mention/ }).click();
  const mentions = mara.getByRole('region', { name: 'Mentions' });
  await expect(mentions).toContainText('did the feed change');
  await mentions.getByRole('link', { name: 'Jonas Weber' }).click();
  await expect(mara).toHaveURL(/\/incidents\/1$/);
  await open(mara, `${plimsoll.url}/operations`);
  await expect(mara.getByRole('link', { name: /new mention/ })).toHaveCount(0);
  await context.close();
});

test('a link is posted where people talk, and only links of this installation', async ({ page, request }) => {
  const got: { text: string; blocks: unknown[] }[] = [];
  const chat = createServer((asked, answer) => {
    let body = '';
    asked.on('data', (data) => { body += data; });
    asked.on('end', () => { got.push(JSON.parse(body)); answer.end('ok'); });
  });
  await new Promise<void>((resolve) => { chat.listen(0, '127.0.0.1', resolve); });
  const { port } = chat.address() as AddressInfo;
  const key = plimsoll.run('key', 'create', 'chat', '--scope', 'admin').trim();
  const document = { route: { receiver: 'Credit ML' }, receivers: [{ name: 'Credit ML', destinations: [{ to: 'slack', url: `http://127.0.0.1:${port}/` }] }] };
  expect((await request.put(`${plimsoll.url}/api/v1/alerting`, { headers: { authorization: `Bearer ${key}` }, data: document })).status()).toBeLessThan(300);
  await signIn(page, plimsoll, 'jonas@larkfield.example');
  await open(page, `${plimsoll.url}/links?of=/overview`);
  await page.getByRole('button', { name: 'Make a link' }).click();
  const form = page.getByRole('group', { name: 'Post the link' });
  await form.getByLabel('With words').fill('for the *board*');
  await form.getByRole('button', { name: 'Post' }).click();
  await expect(page.getByText('Posted.')).toBeVisible();
  expect(got[0].text).toBe('Jonas Weber shares Overview');
  expect(JSON.stringify(got[0].blocks)).toContain('/share/');
  expect(JSON.stringify(got[0].blocks)).not.toContain('*board*');
  const forged = await page.request.post(`${plimsoll.url}/do/post_link`, { headers: { origin: plimsoll.url },
    data: { receiver: 'Credit ML', title: 'x', text: '', link: 'https://evil.example/' } });
  expect(forged.status()).toBe(400);
  expect(got).toHaveLength(1);
  await open(page, `${plimsoll.url}/overview`);
  await page.getByText('Weekly summary').click();
  const summary = page.getByRole('form', { name: 'Weekly summary' });
  await summary.getByRole('button', { name: 'Do it' }).click();
  await expect(summary.getByText('Sent.')).toBeVisible();
  expect(JSON.stringify(got[1])).toContain('What needs attention');
  await summary.getByLabel('Send it').selectOption('weekly');
  await summary.locator('select[name=day]').selectOption('Friday');
  await summary.getByRole('button', { name: 'Do it' }).click();
  await expect(summary.getByText('Saved.')).toBeVisible();
  await open(page, `${plimsoll.url}/overview`);
  await page.getByText('Weekly summary').click();
  await expect(summary.getByLabel('Send it')).toHaveValue('weekly');
  await expect(summary.locator('select[name=day]')).toHaveValue('4');
  await new Promise((resolve) => { chat.close(resolve); });
});

test('a link shows within another site where its author says so, and only then', async ({ browser, page }) => {
  await signIn(page, plimsoll, 'jonas@larkfield.example');
  const make = async (within: boolean) => {
    await open(page, `${plimsoll.url}/links`);
    await page.getByLabel('Page').fill('/overview');
    await page.getByLabel(/Anyone with the link/).check();
    if (within) await page.getByLabel('Within other sites').check();
    await page.getByRole('button', { name: 'Make a link' }).click();
    const field = page.getByLabel('Link', { exact: true });
    await expect(field).toHaveValue(/\/share\/\w{40}$/);
    return field.inputValue();
  };
  const [shown, hidden] = [await make(true), await make(false)];
  const stranger = await (await browser.newContext()).newPage();
  const site = createServer((_, answer) => {
    answer.setHeader('content-type', 'text/html');
    answer.end(`<iframe title="shown" src="${shown}"></iframe><iframe title="hidden" src="${hidden}"></iframe>`);
  });
  await new Promise<void>((resolve) => { site.listen(0, '127.0.0.1', resolve); });
  await stranger.goto(`http://localhost:${(site.address() as AddressInfo).port}/`);
  await expect(stranger.frameLocator('iframe[title=shown]').getByRole('heading', { level: 1 })).toBeVisible();
  await expect(stranger.frameLocator('iframe[title=hidden]').getByRole('heading', { level: 1 })).toHaveCount(0);
  await stranger.close();
  await new Promise((resolve) => { site.close(resolve); });
});
