import { describeAudio } from './audio-scenarios.ts';
import { deployOneProcess } from './talk/one-process.ts';

describeAudio('one process without Redis', deployOneProcess);
