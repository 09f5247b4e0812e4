// black-box-tests-import-no-source
import { failures } from '../../src/errors.ts';

export const talk = failures;
