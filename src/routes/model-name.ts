import { ServiceError } from '../errors.ts';
import type { Manifest } from '../format/manifest.ts';
import { shortName } from './json-body.ts';

/**
 * Vectors of two models must not be compared, so a request for another one is refused.
 *
 * @throws ServiceError `not_found` where `name` is neither the served name nor that of the model it was made from.
 */
export function checkModelName(name: string, { model }: Manifest): void {
  const known = [model.name, model.upstream, model.upstream.split('/').at(-1)];
  if (known.includes(name)) return;
  throw new ServiceError('not_found', `model ${shortName(name)} is not served here; ${model.name} is`, {
    param: 'model',
  });
}
