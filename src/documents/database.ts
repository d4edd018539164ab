import { ServiceError } from '../errors.ts';

/** D1, as far as it is used; migrations/ holds the tables. */
export interface Database {
  prepare(sql: string): Statement;
  /** All statements in one transaction: all of them are done, or none. */
  batch<Row = unknown>(statements: Statement[]): Promise<Result<Row>[]>;
}

export interface Statement {
  bind(...values: unknown[]): Statement;
  all<Row = Record<string, unknown>>(): Promise<Result<Row>>;
  first<Row = Record<string, unknown>>(): Promise<Row | null>;
}

export interface Result<Row> {
  readonly results: Row[];
  readonly meta: { readonly changes: number };
}

/**
 * A binding whose failures are ServiceErrors `store_unavailable`; what D1 itself has said goes to `onFailure`.
 */
export function openDatabase(binding: Database, onFailure: (message: string) => void): Database {
  const inner = new WeakMap<Statement, Statement>();
  const guard = async <Value>(run: () => Promise<Value>): Promise<Value> => {
    try {
      return await run();
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      onFailure(message);
      const isEmpty = /no such table/.test(message);
      throw new ServiceError(
        'store_unavailable',
        isEmpty
          ? 'the database has no tables; run wrangler d1 migrations apply DOCUMENTS'
          : 'the database does not answer; try again',
        { cause },
      );
    }
  };
  const wrap = (statement: Statement): Statement => {
    const wrapped: Statement = {
      bind: (...values) => wrap(statement.bind(...values)),
      all: <Row>() => guard(() => statement.all<Row>()),
      first: <Row>() => guard(() => statement.first<Row>()),
    };
    inner.set(wrapped, statement);
    return wrapped;
  };
  return {
    prepare: (sql) => wrap(binding.prepare(sql)),
    batch: <Row>(statements: Statement[]) => guard(() => binding.batch<Row>(statements.map((one) => inner.get(one)!))),
  };
}

export type SqlValue = string | number | null | Uint8Array<ArrayBuffer>;

/** What D1 refuses, and its local form does not. */
export const D1_LIMITS = {
  /** `?` in one statement. */
  parameters: 100,
  /** Of a row, a string or a blob. */
  rowBytes: 2_000_000,
} as const;

/**
 * A statement with its values, checked before the call: locally D1 takes what it refuses once deployed.
 *
 * @throws ServiceError `budget_exceeded` where the values do not fit into a row. Too many parameters are a bug.
 */
export function statement(db: Database, sql: string, ...values: SqlValue[]): Statement {
  if (values.length > D1_LIMITS.parameters) throw new Error(`${values.length} parameters, D1 takes 100: ${sql}`);
  const bytes = values.reduce<number>((sum, value) => sum + bytesOf(value), 0);
  if (bytes > D1_LIMITS.rowBytes) {
    throw new ServiceError('budget_exceeded', `a row of ${bytes} bytes; the database takes ${D1_LIMITS.rowBytes}`);
  }
  return db.prepare(sql).bind(...values);
}

const encoder = new TextEncoder();

function bytesOf(value: SqlValue): number {
  if (typeof value === 'string') return encoder.encode(value).length;
  return value instanceof Uint8Array ? value.length : 8;
}

/** A blob as it comes back: D1 gives a list of numbers, SQL's `hex` half as many bytes; `hex(dense)` is read by this. */
export function hexBytes(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (digit(hex, 2 * i) << 4) | digit(hex, 2 * i + 1);
  return bytes;
}

/** 0-9, A-F. */
const digit = (hex: string, at: number): number => {
  const code = hex.charCodeAt(at);
  return code < 58 ? code - 48 : code - 55;
};
