import { expect, test } from 'vitest';
import { SpeechSource } from './speech-source.ts';

const sentence = { sampleRateHz: 48_000, samples: Int16Array.of(1, 2, 3, 4, 5) };

test('it is silent until spoken to, and after the sentence', async () => {
  const source = new SpeechSource(sentence);
  expect([...source.read(2)]).toEqual([0, 0]);
  const spoken = source.speak();
  expect([...source.read(3)]).toEqual([1, 2, 3]);
  expect([...source.read(3)]).toEqual([4, 5, 0]);
  await spoken;
  expect([...source.read(2)]).toEqual([0, 0]);
});

test('it speaks on without a gap until hushed', async () => {
  const source = new SpeechSource(sentence);
  const once = source.speakOn();
  expect([...source.read(8)]).toEqual([1, 2, 3, 4, 5, 1, 2, 3]);
  await once;
  source.hush();
  expect([...source.read(2)]).toEqual([0, 0]);
});

test('a sentence of another rate is brought to 48 kHz', () => {
  const source = new SpeechSource({ sampleRateHz: 24_000, samples: Int16Array.of(0, 10, 20) });
  void source.speak();
  expect([...source.read(6)]).toEqual([0, 5, 10, 15, 20, 20]);
});
