import { ServiceError } from '../errors.ts';

/** One key's tokens of a day. */
export interface TokenBudget {
  /** @throws ServiceError `rate_limited` where they are not left; `budget_exceeded` where a whole day has not so many. */
  take(tokens: number): Promise<void>;
  /** What was taken and then not computed. */
  giveBack(tokens: number): Promise<void>;
}

/** What is remembered of a key. */
export interface DaySpent {
  /** `2026-10-15`, in UTC. */
  readonly day: string;
  readonly tokens: number;
}

/** Where it is remembered, for one key, one change after another: a Durable Object. */
export interface BudgetStore {
  /** @returns Whether the tokens were left; then they are spent. Negative `tokens` come back. */
  spend(tokens: number, perDay: number): Promise<boolean>;
}

/** @returns What is to be remembered; undefined where so many are not left. */
export function spendTokens(
  spent: DaySpent | undefined,
  day: string,
  tokens: number,
  perDay: number,
): DaySpent | undefined {
  const before = spent?.day === day ? spent.tokens : 0;
  const after = Math.max(0, before + tokens);
  return tokens > 0 && after > perDay ? undefined : { day, tokens: after };
}

export const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 'YYYY-MM-DD'.length);

const DAY_MS = 24 * 60 * 60 * 1000;

export function createTokenBudget(store: BudgetStore, perDay: number, now: () => number = Date.now): TokenBudget {
  return {
    async take(tokens) {
      if (tokens > perDay) {
        throw new ServiceError('budget_exceeded', `these texts have ${tokens} tokens, the API key has ${perDay} a day`);
      }
      if (await store.spend(tokens, perDay)) return;
      throw new ServiceError('rate_limited', `of the API key's ${perDay} tokens a day, ${tokens} are not left`, {
        retryAfterSeconds: (DAY_MS - (now() % DAY_MS)) / 1000,
      });
    },
    async giveBack(tokens) {
      await store.spend(-tokens, perDay);
    },
  };
}
