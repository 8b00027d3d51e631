// Starts the program on a database of its own and gives what a test needs to use it: SQLite, or where
// PLIMSOLL_TEST_POSTGRES names a server, a database made on that.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import { type Browser, type Cookie, type Page, expect } from '@playwright/test';

const program = process.env.PLIMSOLL_PROGRAM;
if (!program) throw new Error('PLIMSOLL_PROGRAM must name the program; `cargo xtask test` sets it');

const postgres = process.env.PLIMSOLL_TEST_POSTGRES;
export const password = 'four boats at noon';
let made = 0;

function psql(sql: string): void {
  execFileSync('psql', [`${postgres}/postgres`, '--quiet', '--command', sql], { stdio: ['ignore', 'ignore', 'inherit'] });
}

export class Plimsoll {
  private child?: ChildProcess;
  private folder?: string;
  private name = `plimsoll_e2e_${process.pid}_${(made += 1)}`;
  url = '';
  setupUrl = '';

  /** Where its database is. Made when it is first needed: a file of tests is also read to learn what tests it holds. */
  private get database(): string {
    if (!this.folder) {
      this.folder = mkdtempSync(join(tmpdir(), 'plimsoll-e2e-'));
      if (postgres) psql(`CREATE DATABASE ${this.name}`);
    }
    return postgres ? `${postgres}/${this.name}` : `sqlite:${join(this.folder, 'p.db')}`;
  }

  run(...args: string[]): string {
    return execFileSync(program!, ['--database', this.database, '--set', 'log.level=error', ...args],
      { encoding: 'utf8', input: `${password}\n` });
  }

  /** At a port of its own, or at the one it had before. */
  async start(port = '0'): Promise<void> {
    this.child = spawn(program!, ['--database', this.database, '--listen', `127.0.0.1:${port}`],
      { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      this.child!.on('exit', (code) => reject(new Error(`the program ended with ${code}`)));
      let text = '';
      this.child!.stdout!.on('data', (data: Buffer) => {
        text += data.toString();
        const found = text.match(/(http:\/\/[^\s/]+)(\/setup\?token=\w+)?/);
        if (found && text.endsWith('\n\n')) {
          this.url = found[1];
          this.setupUrl = found[0];
          resolve();
        }
      });
    });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.child;
    if (!child) return;
    this.child = undefined;
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.removeAllListeners('exit');
    child.on('exit', () => undefined);
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await Promise.race([ended, gone]);
  }

  clean(): void {
    if (!this.folder) return;
    rmSync(this.folder, { recursive: true, force: true });
    if (postgres) psql(`DROP DATABASE ${this.name} WITH (FORCE)`);
  }
}

/** Collects what a page says in its console that no page should say. */
export function complaints(page: Page): string[] {
  const found: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) found.push(message.text());
  });
  page.on('pageerror', (error) => found.push(error.message));
  return found;
}

/** What axe finds wrong with a page as it stands, a line for each rule; by some rules, where they are named. */
export async function faults(page: Page, where: string, rules?: string[]): Promise<string[]> {
  // Within the page itself: otherwise what is found travels to a page of its own to be put together, which takes as long
  // again. That is for frames of other sites, and there are none.
  const axe = new AxeBuilder({ page }).options({ resultTypes: ['violations'] }).setLegacyMode(true);
  const { violations } = await (rules ? axe.withRules(rules) : axe).analyze();
  return violations.map((v) => `${where}: ${v.id} ${v.nodes.map((n) => n.target).slice(0, 3).join('; ')}`);
}

/** Creates the first administrator, Mara Lindqvist, with the token that the start printed. */
export async function firstPerson(browser: Browser, plimsoll: Plimsoll): Promise<void> {
  const page = await browser.newPage();
  await page.goto(plimsoll.setupUrl);
  await page.getByLabel('Name').fill('Mara Lindqvist');
  await page.getByLabel('Email').fill('mara@larkfield.example');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Create and sign in' }).click();
  await expect(page).toHaveURL(/\/connect$/);
  await page.close();
}

/** Sessions by installation and person: one person signs in only so often a minute. */
const sessions = new Map<string, Cookie[]>();

export async function signIn(page: Page, plimsoll: Plimsoll, email: string): Promise<void> {
  const who = `${plimsoll.setupUrl} ${email}`;
  const known = sessions.get(who);
  if (known) {
    await page.context().addCookies(known);
    await page.goto(`${plimsoll.url}/`);
    if (!page.url().includes('/sign-in')) return;
  }
  await page.goto(`${plimsoll.url}/sign-in`);
  await page.getByLabel('Email').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page).not.toHaveURL(/sign-in/);
  sessions.set(who, await page.context().cookies(plimsoll.url));
}

/** Opens a page and waits until it answers. */
export async function open(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.locator('html[data-ready]').waitFor({ state: 'attached' });
}
