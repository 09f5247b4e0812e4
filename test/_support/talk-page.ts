import type { Page } from 'playwright-core';

/** What a person does on the talk page, by the names that a screen reader reads. */

export async function openTalkPage(page: Page, origin: string): Promise<void> {
  await page.goto(`${origin}/talk`);
}

/** Signs a demo user in and waits for the groups. */
export async function signIn(page: Page, origin: string, username: string, password = 'push-to-talk'): Promise<void> {
  await openTalkPage(page, origin);
  await page.getByRole('textbox', { name: 'User name' }).fill(username);
  await page.getByRole('textbox', { name: 'Password' }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Your groups' }).waitFor();
  await page
    .locator('#group-list')
    .getByRole('button')
    .or(page.getByText('You are in no group yet.'))
    .first()
    .waitFor();
}

/** Chooses the group and waits until it is known who talks there. */
export async function enterGroup(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name }).click();
  await page.getByRole('heading', { name, level: 1 }).waitFor();
  await page.getByText(/is talking|are talking/).waitFor();
}
