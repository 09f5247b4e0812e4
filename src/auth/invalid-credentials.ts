import { AppError } from '../errors.ts';

/** One answer to whatever did not sign somebody in, so that it tells nobody what was wrong with it. */
export function invalidCredentials(): AppError {
  return new AppError(
    'invalid_credentials',
    'The username or the password is wrong, or the pairing code is wrong, used or expired.',
  );
}
