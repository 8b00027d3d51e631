// What is done about an alert: prepared by one person, proposed by the alert, approved by who read it, sent once,
// seen to have helped; and stopped as a whole.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Page, expect, test } from '@playwright/test';
import { Plimsoll, complaints, firstPerson, open, password, signIn } from './plimsoll';

const plimsoll = new Plimsoll();
const mara = 'mara@larkfield.example';
const calls: any[] = [];
let automation: Server;
let key = '';

test.describe.configure({ mode: 'serial' });
test.beforeAll(async ({ browser }) => {
  await plimsoll.start();
  automation = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => { body += part; });
    request.on('end', () => {
      const call = JSON.parse(body);
      calls.push(call);
      response.end(call.dry_run ? '3 pods would restart' : '3 pods restarted');
    });
  });
  await new Promise<void>((resolve) => { automation.listen(0, '127.0.0.1', resolve); });
  await firstPerson(browser, plimsoll);
  key = plimsoll.run('key', 'create', 'tests', '--scope', 'admin').trim();
});
test.afterAll(async () => {
  await plimsoll.stop();
  plimsoll.clean();
  automation.close();
});

const alert = (page: Page, more: object) => page.request.post(`${plimsoll.url}/api/v2/alerts`, {
  headers: { authorization: `Bearer ${key}` },
  data: [{ labels: { alertname: 'Feed stale', service: 'income-feed', system: 'credit', severity: 'critical' }, ...more }] });

test('a response is prepared in fields, and what is no JSON is said before it is kept', async ({ page }) => {
  const said = complaints(page);
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/responses`);
  await expect(page.getByText('No response yet')).toBeVisible();
  await page.getByText('Response', { exact: true }).click();
  await page.getByLabel('Name', { exact: true }).fill('Restart the feed');
  await page.getByLabel('What it does, for whoever decides').fill('Restarts the income feed, one pod after the other.');
  await page.getByLabel('For alerts with').fill('alertname="Feed stale"');
  const port = (automation.address() as AddressInfo).port;
  await page.getByLabel('Called by POST').fill(`http://127.0.0.1:${port}/restart`);
  await page.getByLabel('To take it back').fill(`http://127.0.0.1:${port}/undo`);
  await page.getByLabel(/^Parameters, JSON/).fill('{"service": ');
  await page.getByRole('button', { name: 'Then call' }).click();
  await page.getByLabel('Then called by POST').fill(`http://127.0.0.1:${port}/clear`);
  await page.getByLabel('What it does, in a few words').fill('clears the cache');
  await page.getByLabel('What it touches').fill('Services restarted: 3 pods in turn\nTraffic affected: none');
  await page.getByLabel(/is tried before/).check();
  await page.getByRole('button', { name: 'Keep the response' }).click();
  await expect(page.getByText(/the parameters are no JSON/)).toBeVisible();
  await page.getByLabel(/^Parameters, JSON/).fill('{"service": "{{labels.service}}"}');
  await page.getByRole('button', { name: 'Keep the response' }).click();
  await expect(page.getByText('The response is in force.')).toBeVisible();
  await expect(page.getByRole('region', { name: 'Prepared responses' })).toContainText('one person approves');
  expect(said).toEqual([]);
});

test('the alert proposes it, who read it approves, and it is seen to have helped', async ({ page }) => {
  const said = complaints(page);
  await signIn(page, plimsoll, mara);
  await alert(page, {});
  await expect(async () => {
    const runs = await page.request.get(`${plimsoll.url}/api/v1/response_runs`, { headers: { authorization: `Bearer ${key}` } });
    expect((await runs.json())[0]?.tried?.[1]).toBe(true);
  }).toPass();
  await open(page, `${plimsoll.url}/incidents/1`);
  const waits = page.getByRole('region', { name: 'Waiting for approval' });
  await expect(waits).toContainText('waits for a person');
  await expect(waits).toContainText('"service": "income-feed"');
  await expect(waits).toContainText('3 pods in turn');
  await expect(waits).toContainText('3 pods would restart');
  await expect(waits).toContainText('Call 2 of 2: clears the cache, without a way back');
  await waits.getByRole('button', { name: 'Try again' }).click();
  await expect.poll(() => calls.length).toBe(4);
  await waits.getByLabel('Reason').fill('weekly pay read as monthly');
  await waits.getByLabel('password').fill('not this one');
  await waits.getByRole('button', { name: 'Approve and run' }).click();
  await expect(page.getByText('The current password is wrong.')).toBeVisible();
  // What was typed stays while the page is read anew around it.
  await page.getByRole('textbox', { name: /A note/ }).fill('reading the plan');
  await page.getByRole('button', { name: 'Post' }).click();
  await expect(page.getByRole('region', { name: 'Notes' })).toContainText('reading the plan');
  await expect(waits.getByLabel('Reason')).toHaveValue('weekly pay read as monthly');
  await waits.getByLabel('password').fill(password);
  await waits.getByRole('button', { name: 'Approve and run' }).click();
  const done = page.getByRole('region', { name: 'Responses' });
  await expect(done).toContainText('ran; the alert is watched');
  expect(calls.map((c) => [c.dry_run, c.call.number]))
    .toEqual([[true, 1], [true, 2], [true, 1], [true, 2], [false, 1], [false, 2]]);
  expect(calls[4].parameters).toEqual({ service: 'income-feed' });
  expect(calls[4].approved).toEqual([{ who: 'Mara Lindqvist', reason: 'weekly pay read as monthly' }]);
  await alert(page, { endsAt: new Date().toISOString() });
  await expect(done).toContainText('ran, and the alert ended');
  await expect(page.getByRole('region', { name: 'Timeline' })).toContainText('Restart the feed ran, and the alert ended');
  await done.getByText('Undo').click();
  await done.getByLabel('Why it is taken back').fill('the old version was right');
  await done.getByRole('button', { name: 'Take it back' }).click();
  await expect(done).toContainText('was undone');
  expect([calls.at(-1).undo, calls.at(-1).call.number]).toEqual([true, 1]);
  expect(said.filter((words) => !words.includes('400'))).toEqual([]);
});

test('one switch stops all, and an executive sees what waits and decides nothing', async ({ page, browser }) => {
  await signIn(page, plimsoll, mara);
  await open(page, `${plimsoll.url}/responses`);
  await expect(page.getByRole('region', { name: 'Runs' })).toContainText('was undone');
  await page.getByText('Stop all', { exact: true }).click();
  await page.getByLabel('Why nothing shall be done').fill('a release');
  await page.getByRole('button', { name: 'Stop all responses' }).click();
  await expect(page.getByText('Nothing is proposed or sent')).toBeVisible();
  await page.getByRole('button', { name: 'Let them go on' }).click();
  await expect(page.getByText('Nothing is proposed or sent')).toBeHidden();
  // Who decided it, and why, is on record.
  await open(page, `${plimsoll.url}/settings/audit?q=response`);
  const approved = page.getByRole('row').filter({ hasText: 'response.approve' });
  await expect(approved).toContainText('weekly pay read as monthly');
  await expect(approved).toContainText('Mara Lindqvist, mara@larkfield.example');
  plimsoll.run('user', 'add', 'jonas@larkfield.example', '--name', 'Jonas Weber', '--role', 'executive');
  const other = await (await browser.newContext()).newPage();
  await signIn(other, plimsoll, 'jonas@larkfield.example');
  await open(other, `${plimsoll.url}/responses`);
  await other.getByText('Stop all', { exact: true }).click();
  await other.getByLabel('Why nothing shall be done').fill('I am afraid');
  await other.getByRole('button', { name: 'Stop all responses' }).click();
  await expect(other.getByText(/may not|needs/).first()).toBeVisible();
  await other.close();
});
