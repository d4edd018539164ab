import { type Access, createAccess, type Limiter } from './access.ts';
import { parseApiKeys, ROLES, type Role } from './api-keys.ts';
import { type BudgetStore, createTokenBudget } from './token-budget.ts';

/** Variables and bindings that decide who may call; what a deployment does without is absent. */
export interface AccessBindings {
  /** Secret: JSON list of {id, tenant, sha256, role}. */
  readonly API_KEYS?: string;
  /** `true`: everybody may read. A role: everybody has it, for local work. */
  readonly ALLOW_ANONYMOUS?: string;
  readonly REQUEST_LIMIT?: Limiter;
  readonly LOGIN_LIMIT?: Limiter;
  /** One store a key. */
  readonly TOKEN_BUDGETS?: { getByName(name: string): BudgetStore };
}

/** Where a variable makes no sense nobody is let in: each `admit` throws an Error that says why, for the log. */
export function openAccess(bindings: AccessBindings): Access {
  let access: Access | undefined;
  return {
    async admit(...caller) {
      access ??= readAccess(bindings);
      return access.admit(...caller);
    },
  };
}

function readAccess(bindings: AccessBindings): Access {
  const { API_KEYS = '', TOKEN_BUDGETS, REQUEST_LIMIT, LOGIN_LIMIT } = bindings;
  return createAccess({
    keys: API_KEYS === '' ? [] : parseApiKeys(API_KEYS),
    anonymous: parseAnonymous(bindings.ALLOW_ANONYMOUS ?? ''),
    requests: REQUEST_LIMIT,
    failures: LOGIN_LIMIT,
    openBudget:
      TOKEN_BUDGETS && (({ id, tokensPerDay }) => createTokenBudget(TOKEN_BUDGETS.getByName(id), tokensPerDay)),
  });
}

function parseAnonymous(value: string): Role | undefined {
  if (value === '' || value === 'false') return undefined;
  if (value === 'true') return 'read';
  const role = ROLES.find((name) => name === value);
  if (!role) throw new Error(`ALLOW_ANONYMOUS must be true, false or a role: ${ROLES.join(', ')}`);
  return role;
}
