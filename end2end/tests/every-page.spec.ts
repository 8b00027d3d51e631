// A picture of every page in both themes, kept beside the tests for whoever compares them with the design. No page
// complains, and none breaks a rule of accessibility in either theme, with all that it can unfold unfolded.
import { type Page, expect, test } from '@playwright/test';
import { everyPage, walk } from './all-pages';
import { faults } from './plimsoll';

const all = everyPage();

async function unfolded(page: Page, rules?: string[]): Promise<string[]> {
  await page.evaluate(() => { for (const one of document.querySelectorAll('details')) one.open = true; });
  return faults(page, 'unfolded', rules);
}

test('every page at 1440, light and dark', async ({ browser }) => {
  expect(await walk(browser, all, { viewport: { width: 1440, height: 900 } }, [
    { suffix: 'light-1440', colorScheme: 'light', faults: (page) => unfolded(page) },
    // What is wrong in the dark alone is wrong with colours: all other rules have been asked in the light.
    { suffix: 'dark-1440', colorScheme: 'dark', faults: (page) => unfolded(page, ['color-contrast', 'link-in-text-block']) },
  ])).toEqual([]);
});
