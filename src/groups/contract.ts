import { z } from 'zod';
import { exampleId, timestampText, uuidV7 } from '../http/contract.ts';
import { linesOfText, nameText } from '../http/text/contract.ts';

const groupId = uuidV7.meta({ examples: [exampleId.group] });
const groupName = nameText(1, 64).meta({ examples: ['Harbour pilots'] });
const groupDescription = linesOfText(0, 500).meta({ examples: ['Pilots on duty, channel 12'] });

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
  maxTalkMs: wholeNumber(1_000, 600_000).meta({ description: 'the longest talk', examples: [60_000] }),
  contendedTalkMs: z
    .union(
      [z.literal(0), z.int(contendedMessage).min(500, contendedMessage).max(600_000, contendedMessage)],
      contendedMessage,
    )
    .meta({ description: 'the longest talk while others wait; 0 is off', examples: [20_000] }),
  queueLimit: wholeNumber(0, 100).meta({ description: 'how many may wait; 0 is off', examples: [10] }),
  cooldownMs: wholeNumber(0, 60_000).meta({
    description: 'the pause after a talk that was too long',
    examples: [2_000],
  }),
  managerPreempts: z.boolean().meta({ description: 'whether the manager takes the floor from others' }),
  emergency: z.enum(['allowed', 'off']).meta({ description: 'off: an emergency is an ordinary request' }),
};

const groupSettings = z
  .object(settingsFields)
  .meta({ id: 'GroupSettings', description: 'The limits of a floor; times in milliseconds' });
export type GroupSettings = z.infer<typeof groupSettings>;

export const defaultGroupSettings: GroupSettings = {
  maxTalkMs: 60_000,
  contendedTalkMs: 20_000,
  queueLimit: 10,
  cooldownMs: 2_000,
  managerPreempts: false,
  emergency: 'allowed',
};

const groupSettingsChange = z
  .strictObject(settingsFields)
  .partial()
  .meta({ description: 'what is left out stays', examples: [{ maxTalkMs: 30_000, queueLimit: 5 }] });
export type GroupSettingsChange = z.infer<typeof groupSettingsChange>;

/** A group as its members see it. */
export const group = z
  .object({
    id: groupId,
    name: z.string().meta({ examples: ['Harbour pilots'] }),
    description: z.string().meta({ examples: ['Pilots on duty, channel 12'] }),
    settings: groupSettings,
    createdAt: timestampText,
  })
  .meta({ id: 'Group', description: 'A group as its members see it' });
export type Group = z.infer<typeof group>;

/** A group as admins see it. */
export const managedGroup = z
  .object({ ...group.shape, managerId: uuidV7 })
  .meta({ id: 'ManagedGroup', description: 'A group as admins see it' });
export type ManagedGroup = z.infer<typeof managedGroup>;

export const newGroup = z.strictObject({
  name: groupName,
  description: groupDescription.optional(),
  managerId: uuidV7,
  settings: groupSettingsChange.optional(),
});

export const groupChange = z.strictObject({
  name: groupName.optional(),
  description: groupDescription.optional(),
  settings: groupSettingsChange.optional(),
});

export const member = z
  .object({
    userId: uuidV7,
    username: z.string().meta({ examples: ['dora'] }),
    displayName: z.string().meta({ examples: ['Dora Delta'] }),
    role: groupRole,
    talk: talkRight,
    joinedAt: timestampText,
  })
  .meta({ id: 'Member', description: 'A user in a group' });
export type Member = z.infer<typeof member>;

export const memberChange = z.strictObject({ talk: talkRight.optional() });
export const newManager = z.strictObject({ userId: uuidV7 });
