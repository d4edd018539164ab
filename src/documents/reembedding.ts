import type { HintQueue } from './hints.ts';

/** What one run of the plan has done. */
export interface PlanReport {
  /** Documents to which a message was sent. */
  readonly hinted: number;
  /** Whether readers use this Worker's set since now. */
  readonly switched: boolean;
}

/** What keeps the store embedded, as the routes see it. */
export interface Reembedding {
  readonly queue: HintQueue | undefined;
  /** Of the model that this Worker embeds with. @throws ServiceError where it cannot be read. */
  getFingerprint(): Promise<string>;
  /**
   * What the cron does, now: nothing waits for a lost message any more.
   *
   * @returns undefined where another run is under way.
   */
  run(): Promise<PlanReport | undefined>;
}
