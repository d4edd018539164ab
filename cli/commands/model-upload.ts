import { defineCommand } from 'citty';
import { fingerprintOf } from '../../src/format/fingerprint.ts';
import { formatBytes } from '../format.ts';
import { LOCAL_STATE } from '../local-storage.ts';
import { readManifest } from '../model-directory.ts';
import { createProgress } from '../progress.ts';
import { type BucketAccess, openBucket } from '../upload/bucket.ts';
import { openLocalR2 } from '../upload/local-bucket.ts';
import { type UploadResult, uploadModel } from '../upload/upload-model.ts';
import { UserError } from '../user-error.ts';

/** More at once gains nothing: a home connection is full, and R2 has latency to hide only for the small pages. */
const PARALLEL = '8';

export const uploadCommand = defineCommand({
  meta: {
    name: 'upload',
    description:
      'Put a model directory into R2, or any store with its API. What is there already is kept. R2_ACCESS_KEY_ID, R2_SECRET_ACCESS_KEY and CLOUDFLARE_ACCOUNT_ID say where',
  },
  args: {
    dir: { type: 'positional', required: true, description: 'Model directory' },
    bucket: { type: 'string', required: true, valueHint: 'B', description: 'Bucket' },
    name: { type: 'string', valueHint: 'NAME', description: "Name to serve it by; default the manifest's" },
    endpoint: {
      type: 'string',
      valueHint: 'URL',
      description: "The store's S3 API, where it is not your account's R2",
    },
    parallel: { type: 'string', default: PARALLEL, valueHint: 'N', description: 'Files at once' },
    local: { type: 'boolean', description: "Into wrangler dev's R2 on this machine" },
    'persist-to': { type: 'string', valueHint: 'DIR', description: `With --local: as for wrangler dev` },
  },
  async run({ args }) {
    const manifest = readManifest(args.dir);
    const model = parseName(args.name ?? manifest.model.name);
    const parallel = parseParallel(args.parallel);
    const local = args.local ? await openLocalR2(args.bucket, args['persist-to'] ?? LOCAL_STATE) : undefined;
    const progress = createProgress('upload');
    try {
      const access = local?.access ?? accessFrom(process.env, args.bucket, args.endpoint);
      const bucket = openBucket(access);
      const result = await uploadModel({
        directory: args.dir,
        bucket,
        model,
        parallel,
        onProgress: progress.update,
      });
      progress.end();
      console.log(describe(result, args.bucket, model, await fingerprintOf(manifest)));
    } finally {
      await local?.close();
    }
  },
});

/** The name becomes part of a key, and of MODEL_SOURCE. */
function parseName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) return name;
  throw new UserError(
    `--name must be 1 to 63 letters, digits, dots, dashes and underscores, not ${JSON.stringify(name)}`,
  );
}

function parseParallel(value: string): number {
  const parallel = Number(value);
  if (Number.isInteger(parallel) && parallel >= 1 && parallel <= 64) return parallel;
  throw new UserError('--parallel must be a whole number from 1 to 64');
}

/** @throws UserError naming every variable that is missing, and where its value is found. */
function accessFrom(env: NodeJS.ProcessEnv, bucket: string, endpoint: string | undefined): BucketAccess {
  const { R2_ACCESS_KEY_ID: accessKeyId, R2_SECRET_ACCESS_KEY: secretAccessKey, CLOUDFLARE_ACCOUNT_ID: account } = env;
  const missing = [
    !accessKeyId && 'R2_ACCESS_KEY_ID',
    !secretAccessKey && 'R2_SECRET_ACCESS_KEY',
    !account && !endpoint && 'CLOUDFLARE_ACCOUNT_ID (or --endpoint)',
  ].filter(Boolean);
  if (missing.length > 0 || !accessKeyId || !secretAccessKey) {
    throw new UserError(
      `set ${missing.join(', ')}: R2 > Manage API tokens in the Cloudflare dashboard makes the keys (Object Read & Write); or --local`,
    );
  }
  return { endpoint: endpoint ?? `https://${account}.r2.cloudflarestorage.com`, bucket, accessKeyId, secretAccessKey };
}

function describe(result: UploadResult, bucket: string, model: string, fingerprint: string): string {
  return `${model}: ${result.uploaded} files (${formatBytes(result.uploadedBytes)}) uploaded to ${bucket}, ${result.kept} were there
serve it with these in wrangler.toml:
  MODEL_SOURCE = "r2:${model}"
  MODEL_FINGERPRINT = "${fingerprint}"
  [[r2_buckets]]
  binding = "MODELS"
  bucket_name = "${bucket}"`;
}
