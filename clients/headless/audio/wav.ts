/** Sound as 16-bit samples of one channel. */
export interface Pcm {
  readonly sampleRateHz: number;
  readonly samples: Int16Array;
}

const HEADER_BYTES = 44;
const PCM_FORMAT = 1;

/** Reads a RIFF/WAVE file of 16-bit PCM with one channel. Throws on anything else. */
export function readWav(file: Buffer): Pcm {
  if (file.toString('latin1', 0, 4) !== 'RIFF' || file.toString('latin1', 8, 12) !== 'WAVE') {
    throw new Error('not a RIFF/WAVE file');
  }
  let sampleRateHz = 0;
  for (let at = 12; at + 8 <= file.length;) {
    const name = file.toString('latin1', at, at + 4);
    const length = file.readUInt32LE(at + 4);
    const body = at + 8;
    if (name === 'fmt ') {
      const format = file.readUInt16LE(body);
      const channels = file.readUInt16LE(body + 2);
      const bits = file.readUInt16LE(body + 14);
      if (format !== PCM_FORMAT || channels !== 1 || bits !== 16) {
        throw new Error(`format ${format} with ${channels} channels of ${bits} bits: only mono 16-bit PCM is read`);
      }
      sampleRateHz = file.readUInt32LE(body + 4);
    } else if (name === 'data') {
      if (sampleRateHz === 0) throw new Error('the data come before their format');
      const count = Math.floor(Math.min(length, file.length - body) / 2);
      return {
        sampleRateHz,
        samples: Int16Array.from({ length: count }, (_, index) => file.readInt16LE(body + 2 * index)),
      };
    }
    // Chunks are padded to even lengths.
    at = body + length + (length % 2);
  }
  throw new Error('the file holds no data');
}

/** A RIFF/WAVE file of the sound. */
export function writeWav(pcm: Pcm): Buffer {
  const dataBytes = pcm.samples.length * 2;
  const file = Buffer.alloc(HEADER_BYTES + dataBytes);
  file.write('RIFF', 0, 'latin1');
  file.writeUInt32LE(HEADER_BYTES - 8 + dataBytes, 4);
  file.write('WAVEfmt ', 8, 'latin1');
  file.writeUInt32LE(16, 16);
  file.writeUInt16LE(PCM_FORMAT, 20);
  file.writeUInt16LE(1, 22);
  file.writeUInt32LE(pcm.sampleRateHz, 24);
  file.writeUInt32LE(pcm.sampleRateHz * 2, 28);
  file.writeUInt16LE(2, 32);
  file.writeUInt16LE(16, 34);
  file.write('data', 36, 'latin1');
  file.writeUInt32LE(dataBytes, 40);
  pcm.samples.forEach((sample, index) => file.writeInt16LE(sample, HEADER_BYTES + 2 * index));
  return file;
}

/** The same sound at another sample rate, by linear interpolation: good enough for speech going up. */
export function resample(pcm: Pcm, sampleRateHz: number): Pcm {
  if (pcm.sampleRateHz === sampleRateHz) return pcm;
  const step = pcm.sampleRateHz / sampleRateHz;
  const samples = Int16Array.from({ length: Math.floor(pcm.samples.length / step) }, (_, index) => {
    const position = index * step;
    const before = Math.floor(position);
    const left = pcm.samples[before] ?? 0;
    const right = pcm.samples[before + 1] ?? left;
    return Math.round(left + (right - left) * (position - before));
  });
  return { sampleRateHz, samples };
}
