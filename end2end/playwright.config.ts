// Real Chromium against the real program. The program and the browser come from `cargo xtask test`.
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: './tests',
  timeout: 180_000,
  // Machines that run this beside other work are slow; what is waited for comes, or never does.
  expect: { timeout: 10_000 },
  // Each file has a program of its own; two at a time is what the smallest machine of a team has cores for.
  workers: 2,
  retries: 0,
  reporter: 'list',
  use: {
    locale: 'en-GB',
    timezoneId: 'UTC',
    launchOptions: {
      executablePath: process.env.PLIMSOLL_CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync'],
    },
    screenshot: 'only-on-failure',
  },
});
