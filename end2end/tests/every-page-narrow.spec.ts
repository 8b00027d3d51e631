// Every page on a phone in both themes, and at 200 % in the system's own colours: no page complains, and none runs
// out of the window. In a file of its own, so that two can be gone through at a time.
import { type Page, expect, test } from '@playwright/test';
import { everyPage, walk } from './all-pages';

const all = everyPage();

/** What cannot be told from what it is drawn on, in the few colours that are left, and what moves nevertheless. */
async function lost(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    for (const mark of document.querySelectorAll('.plot path, .plot line, .st svg, .key')) {
      const style = getComputedStyle(mark);
      if (style.display === 'none' || style.visibility === 'hidden') continue;
      const ink = [style.stroke, style.fill, style.backgroundColor, style.color].filter((c) => c !== 'none' && !/^rgba\(.*, 0\)$/.test(c));
      if (ink.every((c) => c === 'rgb(255, 255, 255)')) found.push(mark.outerHTML.slice(0, 80));
    }
    const moving = document.getAnimations().filter((a) => a.playState === 'running');
    if (moving.length > 0) found.push(`${moving.length} moving`);
    return found;
  });
}

// 720 by 450 is what a screen of 1440 by 900 has left at 200 %. The system's own colours, and no motion.
test('every page at 200 %, in forced colours', async ({ browser }) => {
  const options = { viewport: { width: 720, height: 450 }, deviceScaleFactor: 2, forcedColors: 'active', reducedMotion: 'reduce' } as const;
  expect(await walk(browser, all, options, [{ suffix: 'forced-720', faults: lost }])).toEqual([]);
});

// Loaded in the dark here, and in the light at 1440: no page complains in either.
test('every page at 390, dark and light', async ({ browser }) => {
  const looks = (['dark', 'light'] as const).map((colorScheme) => ({ suffix: `${colorScheme}-390`, colorScheme }));
  expect(await walk(browser, all, { viewport: { width: 390, height: 900 } }, looks)).toEqual([]);
});
