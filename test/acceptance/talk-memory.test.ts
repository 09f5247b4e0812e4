import { deployOneProcess } from './talk/one-process.ts';
import { describeTalk } from './talk-scenarios.ts';

describeTalk('one process without Redis', deployOneProcess);
