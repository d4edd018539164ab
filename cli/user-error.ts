/** The user's mistake: its message says what is wrong and the fix, is printed as it stands, and the exit code is 2. */
export class UserError extends Error {
  override name = 'UserError';
}

/** What the system refuses (no permission, no room, a file for a directory) is for the user to mend; every other error stays what it is. */
export function fromSystemError(error: unknown): unknown {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) return error;
  const fix = error.code === 'ENOSPC' ? 'make room on the disk' : 'check the path and its permissions';
  return new UserError(`${error.message}; ${fix}`, { cause: error });
}
