/** The user's mistake: its message says what is wrong and the fix, is printed as it stands, and the exit code is 2. */
export class UserError extends Error {
  override name = 'UserError';
}
