import type { M3edgeError } from '../../src/client/errors.ts';

/** An error where it arose, in the service's own words. */
export function Problem({ error, id }: { readonly error: M3edgeError; readonly id?: string }) {
  const { message, code, status, requestId } = error;
  return (
    <p class="problem" role="alert" id={id}>
      {message}
      <small>
        {[status > 0 ? `${status} ${code}` : code, requestId && `request ${requestId}`].filter(Boolean).join(' · ')}
      </small>
    </p>
  );
}

/** Of a key, not of a text. */
export const isRefusal = (error: M3edgeError | undefined): error is M3edgeError =>
  error?.code === 'unauthorized' || error?.code === 'forbidden';
