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

/** Holds the key of the keyboard and waits for the floor. */
export async function press(page: Page): Promise<void> {
  await page.keyboard.down(' ');
  await page.getByRole('button', { name: 'Speak now' }).waitFor();
}

/** Lets it go and waits until the floor is free. */
export async function letGo(page: Page): Promise<void> {
  await page.keyboard.up(' ');
  await page.getByText('Nobody is talking').waitFor();
}
