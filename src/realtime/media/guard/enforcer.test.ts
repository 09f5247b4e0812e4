import { describe, expect, test } from 'vitest';
import type { Right } from '../group-rooms.ts';
import { type Floor, freeFloor } from './desired-right.ts';
import { Enforcer } from './enforcer.ts';

const GROUP = 'group';
const WHO = 'u_1.2';
const hisFloor: Floor = { talk: { talkId: 'talk', identity: WHO }, reserved: null };
const hisReservation: Floor = { talk: null, reserved: { talkId: 'talk', identity: WHO, over: null } };

/** A room with one identity in it, and the floor; hooks change them while the enforcer is at work. */
class Scene {
  floor: Floor = freeFloor;
  right: Right = 'speak';
  readonly calls: Right[] = [];
  reads = 0;
  onRead: (read: number) => void = () => undefined;
  /** Called when the media server has got the call and has not carried it out. */
  onCall: (right: Right) => void = () => undefined;
  /** Called when it is carried out and not yet confirmed. */
  afterCall: (right: Right) => void = () => undefined;
  isAbsent = false;
  /** So many calls are overruled by others. */
  overruled = 0;
  readonly enforcer = new Enforcer(
    {
      floor: async () => {
        // What happens at a reading happens while it is under way.
        await Promise.resolve();
        this.reads += 1;
        this.onRead(this.reads);
        return this.floor;
      },
      setRight: async (_group, _identity, right) => {
        this.calls.push(right);
        this.onCall(right);
        if (this.overruled > 0) {
          this.overruled -= 1;
          return 'overruled';
        }
        this.right = right;
        this.afterCall(right);
        return this.isAbsent ? 'absent' : 'confirmed';
      },
    },
    1_000,
  );
}

describe('enforcing the floor on one identity', () => {
  test('who has not got the floor listens', async () => {
    const scene = new Scene();
    expect(await scene.enforcer.enforce(GROUP, WHO)).toBe('listens');
    expect(scene.calls).toEqual(['listen']);
  });

  test('who has it is let be', async () => {
    const scene = new Scene();
    scene.floor = hisFloor;
    expect(await scene.enforcer.enforce(GROUP, WHO)).toBe('allowed');
    expect(scene.calls).toEqual([]);
  });

  test('who is not there is told so', async () => {
    const scene = new Scene();
    scene.isAbsent = true;
    expect(await scene.enforcer.enforce(GROUP, WHO)).toBe('absent');
  });

  test('who is given the floor while LISTEN is on its way has his right back', async () => {
    const scene = new Scene();
    scene.onCall = (right) => {
      if (right === 'listen') scene.floor = hisFloor;
    };
    expect(await scene.enforcer.enforce(GROUP, WHO)).toBe('allowed');
    expect(scene.calls).toEqual(['listen', 'speak']);
    expect(scene.right).toBe('speak');
  });

  test('and loses it again when the floor is lost while that SPEAK is on its way', async () => {
    const scene = new Scene();
    scene.onCall = (right) => {
      scene.floor = right === 'listen' && scene.calls.length === 1 ? hisFloor : freeFloor;
    };
    expect(await scene.enforcer.enforce(GROUP, WHO)).toBe('listens');
    expect(scene.right).toBe('listen');
  });

  test('a grant on its way is waited for, and given its right where it comes to be', async () => {
    const scene = new Scene();
    scene.onCall = (right) => {
      if (right === 'listen') scene.floor = hisReservation;
    };
    scene.onRead = (read) => {
      if (read === 4) scene.floor = hisFloor;
    };
    expect(await scene.enforcer.enforce(GROUP, WHO)).toBe('allowed');
    expect(scene.calls).toEqual(['listen', 'speak']);
  });

  test('and not where it does not', async () => {
    const scene = new Scene();
    scene.onCall = () => {
      scene.floor = hisReservation;
    };
    scene.onRead = (read) => {
      if (read === 4) scene.floor = freeFloor;
    };
    expect(await scene.enforcer.enforce(GROUP, WHO)).toBe('listens');
    expect(scene.calls).toEqual(['listen']);
  });

  test('a floor that is never decided is given up', async () => {
    const scene = new Scene();
    scene.floor = hisReservation;
    const enforcer = new Enforcer(
      { floor: async () => scene.floor, setRight: async () => Promise.reject(new Error('not wanted')) },
      50,
    );
    await expect(enforcer.enforce(GROUP, WHO)).rejects.toThrow('not decided');
  });

  test('who comes again while he is put to LISTEN is put to it again', async () => {
    const scene = new Scene();
    let again: Promise<string> | undefined;
    scene.afterCall = () => {
      scene.afterCall = () => undefined;
      scene.right = 'speak';
      again = scene.enforcer.enforce(GROUP, WHO);
    };
    await scene.enforcer.enforce(GROUP, WHO);
    expect(await again).toBe('listens');
    expect(scene.right).toBe('listen');
  });

  test('who was put to LISTEN by another call and has the floor gets his right back', async () => {
    const scene = new Scene();
    scene.floor = hisFloor;
    scene.right = 'listen';
    expect(await scene.enforcer.recheck(GROUP, WHO)).toBe('allowed');
    expect(scene.right).toBe('speak');
  });

  test('also when he is looked at already', async () => {
    const scene = new Scene();
    scene.floor = hisFloor;
    let rechecked: Promise<string> | undefined;
    scene.onRead = () => {
      scene.onRead = () => undefined;
      scene.right = 'listen';
      rechecked = scene.enforcer.recheck(GROUP, WHO);
    };
    await scene.enforcer.enforce(GROUP, WHO);
    expect(await rechecked).toBe('allowed');
    expect(scene.right).toBe('speak');
  });

  test('and who has not stays as he is, without a call', async () => {
    const scene = new Scene();
    expect(await scene.enforcer.recheck(GROUP, WHO)).toBe('listens');
    expect(scene.calls).toEqual([]);
  });

  test('asserting sets the right whatever was set before', async () => {
    const scene = new Scene();
    scene.floor = hisFloor;
    expect(await scene.enforcer.assert(GROUP, WHO)).toBe('allowed');
    scene.floor = freeFloor;
    expect(await scene.enforcer.assert(GROUP, WHO)).toBe('listens');
    expect(scene.calls).toEqual(['speak', 'listen']);
  });

  test('a right that another call has overruled is set again', async () => {
    const scene = new Scene();
    scene.overruled = 2;
    expect(await scene.enforcer.enforce(GROUP, WHO)).toBe('listens');
    expect(scene.calls).toEqual(['listen', 'listen', 'listen']);
    expect(scene.right).toBe('listen');
  });

  test('and not for ever', async () => {
    const scene = new Scene();
    scene.overruled = Number.POSITIVE_INFINITY;
    await expect(scene.enforcer.enforce(GROUP, WHO)).rejects.toThrow('not obeyed');
  });

  test('a call that fails is told, and the next one begins anew', async () => {
    const scene = new Scene();
    scene.onCall = () => {
      scene.onCall = () => undefined;
      throw new Error('away');
    };
    await expect(scene.enforcer.enforce(GROUP, WHO)).rejects.toThrow('away');
    expect(await scene.enforcer.enforce(GROUP, WHO)).toBe('listens');
  });
});
