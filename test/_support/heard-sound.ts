import type { Page } from 'playwright-core';

/** What a page plays, recorded at the loudspeaker from outside: the page knows nothing of it. */

/** Runs in the page before its own script: whatever is connected to a loudspeaker goes to a recorder as well. */
const TAP = `
  const connect = AudioNode.prototype.connect;
  const recorders = new WeakMap();
  globalThis.heardSound = { stop: null };
  AudioNode.prototype.connect = function (target, ...more) {
    if (target instanceof AudioDestinationNode) connect.call(this, recorderOf(this.context));
    return connect.call(this, target, ...more);
  };
  function recorderOf(context) {
    const known = recorders.get(context);
    if (known !== undefined) return known;
    const tap = context.createMediaStreamDestination();
    recorders.set(context, tap);
    const recorder = new MediaRecorder(tap.stream, { audioBitsPerSecond: 128000 });
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.start();
    heardSound.stop = async () => {
      const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
      recorder.stop();
      await stopped;
      const file = await new Blob(parts).arrayBuffer();
      const decoded = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(file);
      const samples = decoded.getChannelData(0);
      const pcm = new Uint8Array(samples.length * 2);
      const view = new DataView(pcm.buffer);
      samples.forEach((sample, index) =>
        view.setInt16(index * 2, Math.max(-1, Math.min(1, sample)) * 32767, true));
      let text = '';
      for (let at = 0; at < pcm.length; at += 8192) text += String.fromCharCode(...pcm.subarray(at, at + 8192));
      return btoa(text);
    };
    return tap;
  }
`;

/** To be called before the page is opened. Recording begins when the page starts its sound. */
export async function recordSound(page: Page): Promise<void> {
  await page.addInitScript(TAP);
}

/** Ends the recording. 48 kHz, mono, from when the page started its sound until now. */
export async function heardSound(page: Page): Promise<{ sampleRateHz: number; samples: Int16Array }> {
  const text: unknown = await page.evaluate('heardSound.stop()');
  if (typeof text !== 'string') throw new Error('the page has played nothing at all');
  const bytes = Buffer.from(text, 'base64');
  return {
    sampleRateHz: 48_000,
    samples: Int16Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readInt16LE(index * 2)),
  };
}
