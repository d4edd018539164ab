import { ServiceError } from '../errors.ts';
import { fingerprintOf } from '../format/fingerprint.ts';
import { MANIFEST_FILE } from '../format/layout.ts';
import { type Manifest, parseManifest } from '../format/manifest.ts';
import { LIMITS } from '../limits.ts';
import type { ShardSource } from './source.ts';

/**
 * Reads and checks the manifest.
 *
 * @param pinned The only fingerprint that is accepted, which authenticates every shard; empty accepts any.
 * @throws ServiceError `model_shard_missing`, `model_unavailable` or `model_shard_corrupt`.
 */
export async function loadManifest(source: ShardSource, pinned = ''): Promise<Manifest> {
  const decoder = new TextDecoder();
  let text = '';
  await source.readInto(MANIFEST_FILE, (chunk, offset) => {
    if (offset + chunk.length > LIMITS.manifestBytes) {
      throw new ServiceError('model_shard_corrupt', `${MANIFEST_FILE}: longer than ${LIMITS.manifestBytes} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  });
  const manifest = parseManifest(text + decoder.decode());
  const fingerprint = await fingerprintOf(manifest);
  if (pinned !== '' && pinned !== fingerprint) {
    throw new ServiceError(
      'model_shard_corrupt',
      `${MANIFEST_FILE}: fingerprint ${fingerprint}, but MODEL_FINGERPRINT is ${pinned}; deploy that model, or change the pin`,
    );
  }
  return manifest;
}
