/** Every source and sink works at this rate, mono, 16 bit. */
export const SAMPLE_RATE_HZ = 48_000;

/** Where a talker's sound comes from. The transport pulls it in real time while it talks. */
export interface AudioSource {
  /** The next `count` samples; silence where there is no sound. Never waits. */
  read(count: number): Int16Array;
}

/** Where received sound goes. */
export interface AudioSink {
  /** Samples that came from `talker` (the transport's name for him), in order. Never waits. */
  write(talker: string, samples: Int16Array): void;
}
