import { z } from 'zod';
import { lineOfText, linesOfText, timestampText, uuidV7 } from '../http/contract.ts';

const groupRole = z.enum(['group_manager', 'member']);
export type GroupRole = z.infer<typeof groupRole>;

const talkRight = z.enum(['allowed', 'listen_only']);
export type TalkRight = z.infer<typeof talkRight>;

function wholeNumber(minimum: number, maximum: number) {
  const message = `must be a whole number from ${minimum} to ${maximum}`;
  return z.int(message).min(minimum, message).max(maximum, message);
}

const contendedMessage = 'must be 0 (off) or a whole number from 500 to 600000';

/** The limits of a group's floor; times in milliseconds. Source: the contract's "settings". */
const settingsFields = {
  maxTalkMs: wholeNumber(1_000, 600_000),
  contendedTalkMs: z.union(
    [z.literal(0), z.int(contendedMessage).min(500, contendedMessage).max(600_000, contendedMessage)],
    contendedMessage,
  ),
  queueLimit: wholeNumber(0, 100),
  cooldownMs: wholeNumber(0, 60_000),
  managerPreempts: z.boolean(),
  emergency: z.enum(['allowed', 'off']),
};

const groupSettings = z.object(settingsFields).meta({ id: 'GroupSettings' });
export type GroupSettings = z.infer<typeof groupSettings>;

export const defaultGroupSettings: GroupSettings = {
  maxTalkMs: 60_000,
  contendedTalkMs: 20_000,
  queueLimit: 10,
  cooldownMs: 2_000,
  managerPreempts: false,
  emergency: 'allowed',
};

const groupSettingsChange = z.strictObject(settingsFields).partial();
export type GroupSettingsChange = z.infer<typeof groupSettingsChange>;

/** A group as its members see it. */
export const group = z
  .object({
    id: uuidV7,
    name: z.string(),
    description: z.string(),
    settings: groupSettings,
    createdAt: timestampText,
  })
  .meta({ id: 'Group' });
export type Group = z.infer<typeof group>;

/** A group as admins see it. */
export const managedGroup = z.object({ ...group.shape, managerId: uuidV7 }).meta({ id: 'ManagedGroup' });
export type ManagedGroup = z.infer<typeof managedGroup>;

export const newGroup = z.strictObject({
  name: lineOfText(1, 64),
  description: linesOfText(0, 500).optional(),
  managerId: uuidV7,
  settings: groupSettingsChange.optional(),
});

export const groupChange = z.strictObject({
  name: lineOfText(1, 64).optional(),
  description: linesOfText(0, 500).optional(),
  settings: groupSettingsChange.optional(),
});

export const member = z
  .object({
    userId: uuidV7,
    username: z.string(),
    displayName: z.string(),
    role: groupRole,
    talk: talkRight,
    joinedAt: timestampText,
  })
  .meta({ id: 'Member' });
export type Member = z.infer<typeof member>;

export const memberChange = z.strictObject({ talk: talkRight.optional() });
export const newManager = z.strictObject({ userId: uuidV7 });
