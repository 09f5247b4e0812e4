/** Short signals: speak now, and: your talk is over. */
export type Tone = 'go_ahead' | 'cut' | 'refused';

const NOTES: Readonly<Record<Tone, readonly number[]>> = {
  go_ahead: [880, 1175],
  cut: [523, 392],
  refused: [294, 294],
};
const NOTE_S = 0.07;
const GAIN = 0.12;

export function playTone(context: AudioContext, tone: Tone): void {
  NOTES[tone].forEach((frequencyHz, index) => {
    const fromS = context.currentTime + index * NOTE_S;
    const oscillator = new OscillatorNode(context, { frequency: frequencyHz });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(0, fromS);
    gain.gain.linearRampToValueAtTime(GAIN, fromS + 0.01);
    gain.gain.setValueAtTime(GAIN, fromS + NOTE_S - 0.02);
    gain.gain.linearRampToValueAtTime(0, fromS + NOTE_S);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(fromS);
    oscillator.stop(fromS + NOTE_S);
  });
}
