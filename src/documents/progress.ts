import { type Database, statement } from './database.ts';

/** How far a set has come. */
export interface SetProgress {
  readonly fingerprint: string;
  readonly embedded: number;
  readonly failed: number;
  readonly isServing: boolean;
}

export interface Progress {
  /** Documents of all tenants. */
  readonly total: number;
  readonly servingFingerprint: string | null;
  readonly previousFingerprint: string | null;
  readonly sets: readonly SetProgress[];
  /** Of the set asked about, lately; 0 where nothing was embedded. */
  readonly documentsPerMinute: number;
}

/** Embedded lately: within so many seconds. */
const RECENT_SECONDS = 600;

/** @param fingerprint Whose speed is asked for. */
export async function readProgress(db: Database, fingerprint: string): Promise<Progress> {
  const [totals, sets, recent] = await db.batch<unknown>([
    statement(
      db,
      `SELECT (SELECT COUNT(*) FROM documents) AS total, s.fingerprint AS serving, p.fingerprint AS previous
       FROM serving LEFT JOIN vector_sets s ON s.id = serving.set_id LEFT JOIN vector_sets p ON p.id = serving.previous_set_id`,
    ),
    statement(
      db,
      `SELECT s.fingerprint, s.id IS serving.set_id AS serving,
         (SELECT COUNT(*) FROM vectors v JOIN documents d ON d.key = v.document
          WHERE v.set_id = s.id AND v.content_hash = d.content_hash) AS embedded,
         (SELECT COUNT(*) FROM jobs WHERE set_id = s.id AND state = 'failed') AS failed
       FROM vector_sets s, serving WHERE s.fingerprint NOT LIKE 'swept %' ORDER BY s.id`,
    ),
    statement(
      db,
      `SELECT COUNT(*) AS documents, unixepoch() - MIN(embedded_at) AS seconds FROM vectors
       WHERE set_id = (SELECT id FROM vector_sets WHERE fingerprint = ?) AND embedded_at > unixepoch() - ?`,
      fingerprint,
      RECENT_SECONDS,
    ),
  ]);
  const [{ total, serving, previous }] = totals!.results as [
    { total: number; serving: string | null; previous: string | null },
  ];
  const [{ documents, seconds }] = recent!.results as [{ documents: number; seconds: number | null }];
  type SetRow = Omit<SetProgress, 'isServing'> & { readonly serving: number };
  return {
    total,
    servingFingerprint: serving,
    previousFingerprint: previous,
    sets: (sets!.results as SetRow[]).map((row) => ({
      fingerprint: row.fingerprint,
      embedded: row.embedded,
      failed: row.failed,
      isServing: row.serving === 1,
    })),
    documentsPerMinute: documents === 0 ? 0 : (60 * documents) / Math.max(1, seconds ?? 1),
  };
}
