import * as v from 'valibot';
import { type ErrorCode, ServiceError } from '../errors.ts';
import { VISIBLE } from '../text-rules.ts';
import { shortName } from './json-body.ts';

type Issue = v.BaseIssue<unknown>;

/**
 * Checks a parsed body against a route's schema.
 *
 * @throws ServiceError naming the field as the caller wrote it, such as `texts[3]`; never with what the field held.
 */
export function parseRequest<Schema extends v.GenericSchema>(schema: Schema, body: unknown): v.InferOutput<Schema> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new ServiceError('bad_request', `the body must be a JSON object, not ${typeName(body)}`);
  }
  const result = v.safeParse(schema, body, { abortEarly: true });
  if (result.success) return result.output;
  const { issue, path } = deepest(result.issues[0]);
  const param = paramOf(path);
  throw new ServiceError(codeOf(issue), describe(issue, param), { param });
}

/** A problem, and where it is. */
interface Found {
  readonly issue: Issue;
  readonly path: readonly unknown[];
}

/** Of a union, the branch that got furthest: a number inside a list of texts is about the number, not about the list. */
function deepest(issue: Issue, outer: readonly unknown[] = []): Found {
  const path = [...outer, ...(issue.path ?? []).map(({ key }) => key)];
  if (issue.type !== 'union') return { issue, path };
  const branches = (issue.issues ?? []).map((branch) => deepest(branch, path));
  return branches.reduce((best, branch) => (isFurther(branch, best) ? branch : best), { issue, path });
}

/** Further on in the same list, or deeper in the same place; there, a wrong value is further than a wrong type. */
function isFurther(a: Found, b: Found): boolean {
  const at = a.path.findIndex((key, i) => key !== b.path[i]);
  if (at >= 0 && at < b.path.length) return Number(a.path[at]) > Number(b.path[at]);
  if (a.path.length !== b.path.length) return a.path.length > b.path.length;
  return a.issue.kind === 'validation' && b.issue.kind !== 'validation';
}

function paramOf(path: readonly unknown[]): string {
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${shortName(String(key))}`))
    .join('');
}

function codeOf(issue: Issue): ErrorCode {
  const { kind, type, input } = issue;
  if (kind !== 'validation') return 'bad_request';
  if (type === 'non_empty' || ('requirement' in issue && issue.requirement === VISIBLE)) return 'empty_input';
  if (type === 'max_length') return Array.isArray(input) ? 'batch_too_large' : 'input_too_long';
  return 'bad_request';
}

function describe(issue: Issue, param: string): string {
  if (issue.kind === 'validation') return `${param} ${issue.message}`;
  if (issue.expected === 'never') return `${param} is not a known field; docs/api.md lists them`;
  if (issue.input === undefined) return `${param} is missing`;
  const name = NAMES[issue.expected ?? ''];
  if (name) return `${param} must be ${name}, not ${typeName(issue.input)}`;
  const choices = (issue.expected ?? '').replace(/^\((.*)\)$/, '$1').replaceAll(' | ', ', ');
  return `${param} must be ${choices.includes(',') ? 'one of ' : ''}${choices}`;
}

/** valibot's names of what it expects, in the caller's words. */
const NAMES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  Array: 'a list',
  '(string | Array)': 'a string or a list of strings',
  '(string | Object)': 'a string or an object',
  '(number | string)': 'a number or a string',
  '(Array | string | Object)': 'a vector as /encode prints it',
};

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
