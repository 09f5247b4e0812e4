import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** One living process; zombies, which nobody has reaped yet, are not living. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  readonly command: string;
}

/** The living processes of this machine, from /proc (Linux). */
export function livingProcesses(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(readEntry)
    .filter((entry) => entry !== undefined);
}

/** `rootPid` and everything below it, parents first. */
export function processTree(rootPid: number): ProcessEntry[] {
  const all = livingProcesses();
  const tree = all.filter(({ pid }) => pid === rootPid);
  for (const parent of tree) tree.push(...all.filter(({ parentPid }) => parentPid === parent.pid));
  return tree;
}

/** True when the process was started with `text` in its environment, by itself or by inheritance. */
export function startedWith(pid: number, text: string): boolean {
  return read(pid, 'environ')?.includes(text) ?? false;
}

/** True when the process works in `directory` or names it on its command line. */
export function belongsTo(pid: number, directory: string): boolean {
  return (
    (read(pid, 'cmdline')?.includes(directory) ?? false) || (workingDirectory(pid)?.startsWith(directory) ?? false)
  );
}

function workingDirectory(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function readEntry(name: string): ProcessEntry | undefined {
  const pid = Number(name);
  // pid (command, which may hold spaces and brackets) state ppid pgrp …
  const match = /^\d+ \((?<command>.*)\) (?<state>\S) (?<parent>\d+) (?<group>\d+) /s.exec(read(pid, 'stat') ?? '');
  if (match?.groups === undefined || match.groups['state'] === 'Z') return undefined;
  const { command = '', parent, group } = match.groups;
  return { pid, command, parentPid: Number(parent), groupId: Number(group) };
}

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
