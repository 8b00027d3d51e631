// From a sample to a person who knows what to do, and back to quiet: rule, back-test, alert, incident, notes,
// who is told, silence.
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { expect, test, type Page } from '@playwright/test';
import { Plimsoll, complaints, firstPerson, open, signIn } from './plimsoll';

const plimsoll = new Plimsoll();
const messages: any[] = [];
let hook: Server;
let key = '';

test.describe.configure({ mode: 'serial' });
test.beforeAll(async ({ browser }) => {
  await plimsoll.start();
  hook = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => { body += part; });
    request.on('end', () => { messages.push(JSON.parse(body)); response.end(); });
  });
  await new Promise<void>((resolve) => { hook.listen(0, '127.0.0.1', resolve); });
  await firstPerson(browser, plimsoll);
  key = plimsoll.run('key', 'create', 'tests', '--scope', 'admin').trim();
});
test.afterAll(async () => {
  await plimsoll.stop();
  plimsoll.clean();
  hook.close();
});

const headers = () => ({ authorization: `Bearer ${key}` });
const sample = (page: Page, value: number) => page.request.post(`${plimsoll.url}/api/v1/samples`, {
  headers: headers(), data: { name: 'queue_depth', labels: { queue: 'mail', system: 'checkout' }, value } });

test('where messages go is added, tested, and said to fare well', async ({ page }) => {
  const said = complaints(page);
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/on-call`);
  await expect(page.getByText('Nobody is told yet')).toBeVisible();
  const form = page.getByRole('region', { name: 'Where messages go' });
  await form.getByLabel('By').selectOption('webhook');
  await form.getByLabel('Address or key').fill(`http://127.0.0.1:${(hook.address() as AddressInfo).port}/`);
  await form.getByRole('button', { name: 'Add' }).click();
  await form.getByRole('button', { name: 'Test' }).click();
  await expect(page.getByText('The test arrived.')).toBeVisible();
  expect(messages[0].alerts[0].labels.alertname).toBe('Test');
  messages.length = 0;
  await page.getByText('Rotation', { exact: true }).click();
  await page.getByLabel('Name').first().fill('ml');
  await page.getByRole('region', { name: 'Rotations' }).getByRole('button', { name: 'Add' }).click();
  await expect(page.getByText(/^Now: Mara Lindqvist/)).toBeVisible();
  // A calendar program has the address, and nothing else.
  const address = (await page.getByRole('link', { name: 'Subscribe to ml in a calendar' }).getAttribute('href'))!;
  const turns = await fetch(plimsoll.url + address);
  expect(turns.headers.get('content-type')).toContain('text/calendar');
  expect(await turns.text()).toContain('SUMMARY:Mara Lindqvist: on call for ml\r\n');
  expect((await fetch(plimsoll.url + address.replace('person=1', 'person=2'))).status).toBe(400);
  await expect(page.getByRole('region', { name: 'Load, last 4 weeks' }).getByRole('listitem')).toContainText('Mara Lindqvist');
  // Somebody else for a day, and back.
  await page.getByText('Override', { exact: true }).click();
  await page.getByLabel('Who', { exact: true }).fill('noor@larkfield.example');
  const minute = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 16);
  await page.getByLabel('From, UTC').fill(minute(1));
  await page.getByLabel('To, UTC').fill(minute(2));
  await page.getByRole('region', { name: 'Rotations' }).getByRole('button', { name: 'Add' }).first().click();
  await expect(page.getByTitle(/^noor@larkfield.example, /)).toBeVisible();
  await page.getByRole('button', { name: /^Remove: noor/ }).click();
  await expect(page.getByTitle(/^noor@larkfield.example, /)).toHaveCount(0);
  // Who is called when: the rotation, then somebody else, and nobody is asked to write it as text.
  const steps = page.getByRole('region', { name: 'Escalation' });
  await steps.getByText('Policy', { exact: true }).click();
  await steps.getByLabel('Name', { exact: true }).fill('nights');
  await steps.getByLabel('When step 2 comes').selectOption('After 10 min');
  await steps.getByRole('button', { name: 'Do not call backup of ml' }).click();
  await expect(steps.getByLabel('Add to step 2')).toBeFocused();
  await steps.getByRole('button', { name: 'Keep the policy' }).click();
  await expect(steps.getByText('Each step calls somebody')).toBeVisible();
  await steps.getByLabel('Add to step 2').selectOption('Mara Lindqvist');
  await steps.getByRole('button', { name: 'Keep the policy' }).click();
  await expect(steps.getByRole('listitem').nth(1)).toContainText('After 10 minMara Lindqvist');
  // Whether the first of them would be reached is tried, and why not is said.
  await steps.getByRole('button', { name: 'Send a test page' }).click();
  await expect(page.getByText(/^mara@larkfield.example, on call for ml: by E-mail .*no mail server is configured/)).toBeVisible();
  await page.getByRole('link', { name: 'Week', exact: true }).click();
  await expect(page).toHaveURL(/days=7/);
  await page.getByRole('link', { name: 'Later' }).click();
  await expect(page).toHaveURL(/from=\d{4}-\d\d-\d\d&days=7/);
  await expect(page.getByText(/^Now: Mara Lindqvist/)).toBeVisible();
  await page.getByRole('button', { name: 'Ask' }).click();
  await expect(page.getByText(/Webhook 127\.0\.0\.1/).last()).toBeVisible();
  expect(said).toEqual([]);
});

test('a tracker and a SIEM are added by what a browser and a console show of them', async ({ page }) => {
  const said = complaints(page);
  const frames: string[] = [];
  const siem = createTcpServer((socket) => socket.on('data', (data) => frames.push(data.toString())));
  await new Promise<void>((resolve) => { siem.listen(0, '127.0.0.1', resolve); });
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/on-call`);
  const form = page.getByRole('region', { name: 'Where messages go' });
  await form.getByLabel('By').selectOption('Jira');
  await expect(form.getByText('https://example.atlassian.net/browse/OPS')).toBeVisible();
  await form.getByLabel('Receiver').fill('company');
  await form.getByLabel('Address or key').fill('https://larkfield.atlassian.net/dashboard');
  await form.getByRole('button', { name: 'Add' }).click();
  await expect(page.getByText('Jira needs the address of a project')).toBeVisible();
  await form.getByLabel('Address or key').fill('https://larkfield.atlassian.net/browse/OPS');
  await form.getByLabel('Secret or token').fill('mara@larkfield.example:a-token');
  await form.getByRole('button', { name: 'Add' }).click();
  const ticket = form.getByRole('row', { name: /OPS on larkfield.atlassian.net/ });
  await expect(ticket).toBeVisible();
  await expect(ticket).not.toContainText('a-token');
  await ticket.getByRole('button', { name: 'Remove' }).click();
  await expect(ticket).toHaveCount(0);
  await form.getByLabel('By').selectOption('SIEM (CEF)');
  await form.getByLabel('Receiver').fill('company');
  await form.getByLabel('Address or key').fill(`tcp://127.0.0.1:${(siem.address() as AddressInfo).port}`);
  await form.getByRole('button', { name: 'Add' }).click();
  await expect(form.getByRole('row', { name: /SIEM \(CEF\)/ })).toBeVisible();
  // Now every deed can be sent there, and those before are not left out.
  await open(page, `${plimsoll.url}/settings/audit`);
  await page.getByLabel('Every deed is sent to').selectOption('company');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText(/about to be sent|All have been sent/)).toBeVisible();
  await expect.poll(() => frames.join(''), { timeout: 20_000 }).toMatch(/\|deed:alerting\.change\|.* suser=Mara/);
  await open(page, `${plimsoll.url}/settings/audit`);
  await expect(page.getByText('All have been sent.')).toBeVisible();
  await page.getByLabel('Every deed is sent to').selectOption('nobody');
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByText('Nobody is told.')).toBeVisible();
  siem.close();
  expect(said).toEqual([]);
});

test('a rule is tried on the past, kept, and fires', async ({ page }) => {
  await sample(page, 1);
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/rules/new`);
  await page.getByLabel('Name').fill('Queue long');
  const first = page.getByRole('group', { name: 'Condition 1' });
  await first.getByLabel('Function').selectOption('newest value');
  await first.getByLabel('Over', { exact: true }).fill('');
  // Of a model's figure it is known what it rests on, and the rule can ask for enough.
  const surely = page.getByLabel('the whole 95 % interval lies beyond the limit');
  await expect(surely).toBeHidden();
  await first.getByLabel('Signal', { exact: true }).fill('model_accuracy');
  await first.getByLabel('Limit', { exact: true }).fill('10');
  await first.getByLabel('Limit', { exact: true }).press('Tab');
  await expect(surely).toBeChecked();
  await page.getByRole('checkbox', { name: 'at least' }).check();
  await expect(page.getByLabel('The rule in one line')).toHaveText('model_accuracy above 10, only if at least 200 events are behind it and its whole interval is beyond');
  await first.getByLabel('Signal', { exact: true }).fill('queue_depth');
  await first.getByLabel('Limit', { exact: true }).press('Tab');
  await expect(page.getByLabel('The rule in one line')).toHaveText('queue_depth above 10');
  // A second condition, then without it again; in JSON, and back in words.
  await page.getByRole('button', { name: 'And condition' }).click();
  const second = page.getByRole('group', { name: 'Condition 2' });
  await second.getByLabel('What is looked for').selectOption('a change');
  await second.getByLabel('Span of time').fill('2h');
  await second.getByLabel('Span of time').press('Tab');
  await expect(page.getByLabel('The rule in one line')).toHaveText('queue_depth above 10 and a change happened');
  await page.getByRole('button', { name: 'As code' }).click();
  await expect(page.getByLabel(/Condition as JSON/)).toHaveValue(/"is": "all"[^]*"within": "2h"/);
  await page.getByRole('button', { name: 'In words' }).first().click();
  await second.getByRole('button', { name: 'Remove condition 2' }).click();
  await expect(page.getByLabel('The rule in one line')).toHaveText('queue_depth above 10');
  await page.getByLabel('Say, in plain words').fill('{{value}} wait in {{labels.queue}}');
  await page.getByLabel('Severity').selectOption('critical');
  await page.getByLabel('Urgency').selectOption('now');
  await expect(page.getByText('times in 30 days')).toBeVisible();
  await page.getByRole('button', { name: 'Save rule' }).click();
  await expect(page).toHaveURL(/\/rules\/\d+$/);
  await sample(page, 50);
  await open(page, `${plimsoll.url}/alerts`);
  await expect(page.getByRole('link', { name: 'Queue long', exact: true })).toBeVisible({ timeout: 15_000 });
  await expect(page.getByRole('link', { name: /^INC-1 checkout: Queue long/ })).toBeVisible();
  await expect.poll(() => messages.length, { timeout: 45_000 }).toBeGreaterThan(0);
  expect(messages[0].alerts[0].annotations.summary).toBe('50 wait in mail');
});

test('an alert says why somebody was told, and is taken on by the keyboard', async ({ page }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/alerts`);
  await page.keyboard.press('a');
  await expect(page.getByText(/^Acknowledged/).first()).toBeVisible();
  await page.getByRole('link', { name: 'Queue long', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Why somebody was told' })).toBeVisible();
  await expect(page.getByText(/delivered in/).first()).toBeVisible();
  await expect(page.getByText('P1 Critical')).toBeVisible();
});

test('what fires while a page is still coming alive is on it', async ({ page }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  let go = () => {};
  const late = new Promise<void>(done => { go = done; });
  await page.route(/split_alerts.*\.wasm$/, async route => { await late; await route.continue(); });
  const asked = page.waitForRequest(/split_alerts.*\.wasm$/);
  await page.goto(`${plimsoll.url}/alerts`, { waitUntil: 'commit' });
  await asked;
  await page.request.post(`${plimsoll.url}/api/v2/alerts`, { headers: headers(),
    data: [{ labels: { alertname: 'Came meanwhile', severity: 'info', system: 'post' }, annotations: { summary: 'While nobody listened' } }] });
  // Changes are told once a second: this one before the page answers.
  await page.waitForTimeout(1500);
  go();
  await expect(page.getByRole('link', { name: 'Came meanwhile', exact: true })).toBeVisible();
  await page.request.post(`${plimsoll.url}/api/v2/alerts`, { headers: headers(),
    data: [{ labels: { alertname: 'Came meanwhile', severity: 'info', system: 'post' }, endsAt: new Date().toISOString() }] });
  await expect(page.getByRole('link', { name: 'Came meanwhile', exact: true })).toHaveCount(0);
});

test('alerts are put into an incident by hand', async ({ page }) => {
  await page.request.post(`${plimsoll.url}/api/v2/alerts`, { headers: headers(),
    data: [{ labels: { alertname: 'Letters unsent', severity: 'info', system: 'post' }, annotations: { summary: 'Letters lie about' } }] });
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/alerts`);
  await page.getByRole('checkbox', { name: /Select Letters unsent/ }).check();
  const bar = page.getByRole('toolbar', { name: 'Actions for selected alerts' });
  await bar.getByLabel('Which incident').selectOption({ label: 'INC-1 checkout: Queue long' });
  await bar.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.getByRole('cell', { name: /INC-1 checkout: Queue long/ })).toContainText('2 alerts');
  await open(page, `${plimsoll.url}/incidents/1`);
  await expect(page.getByText('Letters unsent was put into it')).toBeVisible();
});

test('an incident is annotated, updated, reviewed and closed', async ({ page }) => {
  const said = complaints(page);
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/incidents`);
  await page.getByRole('link', { name: /INC-1/ }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'checkout: Queue long' })).toBeVisible();
  await page.getByLabel('A note').fill('the mail server <b>was</b> full');
  await page.getByRole('button', { name: 'Post' }).click();
  await expect(page.getByText('the mail server <b>was</b> full').first()).toBeVisible();
  await page.getByText('Status update', { exact: true }).first().click();
  await page.getByLabel(/What it means for people/).fill('Letters go out an hour late.');
  await page.getByRole('button', { name: 'Tell' }).click();
  await expect(page.getByText('Letters go out an hour late.').first()).toBeVisible();
  await page.getByRole('button', { name: 'Draft from the timeline' }).click();
  await expect(page.getByRole('textbox', { name: 'Review' })).toHaveValue(/the mail server <b>was<\/b> full/);
  await page.locator('summary', { hasText: 'Resolve' }).click();
  await page.getByLabel('What resolved it').fill('More room.');
  await page.getByRole('button', { name: 'Resolve' }).click();
  await expect(page.getByText(/^Resolved, /)).toBeVisible();
  expect(said).toEqual([]);
});

test('a silence shows what it would cover before it is made', async ({ page }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/alerts/silences`);
  await page.getByLabel('Matchers').fill('alertname="Queue long"');
  await page.getByLabel('Why').fill('known');
  await expect(page.getByText(/It would cover 1 open/)).toBeVisible();
  await page.getByRole('button', { name: 'Silence' }).click();
  await expect(page.getByText('The silence is made.')).toBeVisible();
  await expect(page.getByText('active')).toBeVisible();
  await open(page, `${plimsoll.url}/alerts?state=silenced`);
  await expect(page.getByText(/^Silenced/).first()).toBeVisible();
  await sample(page, 2);
  await open(page, `${plimsoll.url}/alerts?state=solved`);
  await expect(page.getByRole('link', { name: 'Queue long', exact: true })).toBeVisible({ timeout: 15_000 });
});

test('a rule that asks for no planned maintenance does not fire in one', async ({ page }) => {
  await signIn(page, plimsoll, 'mara@larkfield.example');
  await open(page, `${plimsoll.url}/rules`);
  await page.getByRole('link', { name: 'Queue long', exact: true }).click();
  await page.getByLabel(/^no planned maintenance covers it/).check();
  await page.getByRole('button', { name: 'Save rule' }).click();
  await expect(page.getByText('The rule is kept and in force.')).toBeVisible();
  await open(page, `${plimsoll.url}/alerts/silences`);
  await page.getByLabel('Matchers').fill('queue="mail"');
  await page.getByLabel('Why').fill('the queue moves house');
  await page.getByLabel('Planned maintenance').check();
  await page.getByRole('button', { name: 'Silence' }).click();
  await expect(page.getByText('The silence is made.')).toBeVisible();
  await sample(page, 50);
  const rule = page.getByRole('row', { name: /Queue long/ });
  await open(page, `${plimsoll.url}/rules`);
  await expect(rule).toContainText('only if no maintenance is on');
  // The rule is looked at twice a second: by now it has found the value, and kept still.
  await page.waitForTimeout(3000);
  await page.reload();
  await expect(rule).toContainText('quiet');
  await open(page, `${plimsoll.url}/alerts/silences`);
  await page.getByRole('row', { name: /the queue moves house/ }).getByRole('button', { name: 'End' }).click();
  await expect(page.getByText('The silence is over.')).toBeVisible();
  await open(page, `${plimsoll.url}/rules`);
  await expect(rule).toContainText('1 firing', { timeout: 15_000 });
  await sample(page, 2);
  await expect(rule).toContainText('quiet', { timeout: 15_000 });
});
