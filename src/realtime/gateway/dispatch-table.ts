import { clientMessages } from '../protocol/index.ts';
import type { AnyMessageModule, MessageModule } from './message-module.ts';

export type DispatchTable = ReadonlyMap<string, MessageModule>;

const accessRules: readonly string[] = ['session', 'member'] satisfies Array<MessageModule['access']>;

/**
 * The handlers by message type. Throws when a type has no module or two, or a module no access rule: a message
 * that nobody decided about must stop the start, not be found by a client.
 */
export function createDispatchTable(modules: readonly AnyMessageModule[]): DispatchTable {
  const table = new Map<string, MessageModule>();
  for (const module of modules) {
    if (table.has(module.type)) throw new Error(`two message modules for ${module.type}`);
    if (!accessRules.includes(module.access)) throw new Error(`the message module ${module.type} has no access rule`);
    table.set(module.type, module);
  }
  for (const type of Object.keys(clientMessages)) {
    if (!table.has(type)) throw new Error(`no message module for ${type}`);
  }
  return table;
}
