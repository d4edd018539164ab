import { DurableObject } from 'cloudflare:workers';
import { type BudgetStore, type DaySpent, dayOf, spendTokens } from './auth/token-budget.ts';

/** What one API key has spent of its day: the one place in the world where it is counted. */
export class TokenBudgets extends DurableObject implements BudgetStore {
  async spend(tokens: number, perDay: number): Promise<boolean> {
    const { kv } = this.ctx.storage;
    const after = spendTokens(kv.get<DaySpent>('spent'), dayOf(Date.now()), tokens, perDay);
    if (after) kv.put('spent', after);
    return after !== undefined;
  }
}
