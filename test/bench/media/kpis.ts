import type { Kpi } from './samples.ts';

/** Targets: media.md "Numbers to beat or keep", after 3GPP TS 22.179 clause 6.15. Ratio: quality.md 17. */
export const kpis = {
  access: {
    name: 'access',
    title: 'press → SPEAK confirmed and TALK_GRANTED',
    bareTitle: 'press with media off + one bare updateParticipant',
    targetMs: 300,
    ratioGoal: 1.5,
  },
  firstSound: {
    name: 'first-sound',
    title: 'press → first sound at the listener',
    bareTitle: 'updateParticipant, publish → first sound',
    targetMs: null,
    ratioGoal: null,
  },
  mouthToEar: {
    name: 'mouth-to-ear',
    title: 'mouth to ear, on a standing track',
    bareTitle: 'the same, LiveKit alone',
    targetMs: 300,
    ratioGoal: null,
  },
  lateEntry: {
    name: 'late-entry',
    title: 'JOIN_GROUP in a talk → first sound',
    bareTitle: 'connect to the room → first sound',
    targetMs: 350,
    ratioGoal: null,
  },
  silence: {
    name: 'silence',
    title: 'REVOKE_TALK → last sound, the talker goes on sending',
    bareTitle: 'updateParticipant → last sound',
    targetMs: null,
    ratioGoal: null,
  },
  pages: {
    name: 'pages',
    title: 'press in one talk page → heard in another, over the WebSocket',
    bareTitle: '-',
    targetMs: null,
    ratioGoal: null,
  },
} as const satisfies Readonly<Record<string, Kpi>>;
