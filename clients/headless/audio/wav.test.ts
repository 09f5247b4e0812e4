import { describe, expect, test } from 'vitest';
import { readWav, resample, writeWav } from './wav.ts';

const sound = { sampleRateHz: 22_050, samples: Int16Array.of(0, 1, -1, 32_767, -32_768) };

describe('WAV files', () => {
  test('what was written is read again', () => {
    expect(readWav(writeWav(sound))).toEqual(sound);
  });

  test('chunks that are not understood are skipped, padding included', () => {
    const file = writeWav(sound);
    const note = Buffer.from('LIST\x03\0\0\0abc\0', 'latin1');
    expect(readWav(Buffer.concat([file.subarray(0, 36), note, file.subarray(36)]))).toEqual(sound);
  });

  test('a file that was cut off gives what is there', () => {
    expect(readWav(writeWav(sound).subarray(0, -3)).samples).toEqual(Int16Array.of(0, 1, -1));
  });

  test.each([
    ['another kind of file', Buffer.from('<html><body>not a sound</body></html>')],
    ['an empty file', Buffer.alloc(0)],
    ['a header alone', writeWav(sound).subarray(0, 36)],
    ['two channels', Buffer.from(writeWav(sound)).fill(2, 22, 23)],
  ])('%s is refused', (_name, file) => {
    expect(() => readWav(file)).toThrow(Error);
  });

  test('another sample rate keeps the sound', () => {
    const slow = { sampleRateHz: 8_000, samples: Int16Array.of(0, 300, 0) };
    expect([...resample(slow, 24_000).samples]).toEqual([0, 100, 200, 300, 200, 100, 0, 0, 0]);
  });
});
