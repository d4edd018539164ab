/** A class or function a pickle names; nothing is looked up and nothing is called. */
interface PickleGlobal {
  readonly kind: 'global';
  readonly name: string;
}
/** What a persistent id names: a run of elements in the archive's `data/<key>`. */
export interface PickleStorage {
  readonly kind: 'storage';
  readonly elementName: string;
  readonly key: string;
  readonly elementCount: number;
}
/** A view of a storage, in elements. */
export interface PickleTensor {
  readonly kind: 'tensor';
  readonly storage: PickleStorage;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}
type PickleMap = Map<PickleValue, PickleValue>;
type PickleTuple = readonly PickleValue[];
/** Everything that can lie on the machine's stack. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleTuple
  | PickleMap
  | PickleGlobal
  | PickleStorage
  | PickleTensor;

const REBUILD_TENSOR = 'torch._utils._rebuild_tensor_v2';
const REBUILD_PARAMETER = 'torch._utils._rebuild_parameter';
const ORDERED_DICT = 'collections.OrderedDict';
/** Storage classes, of which `torch.LongStorage` only ever holds `position_ids`. */
const STORAGES: ReadonlySet<string> = new Set([
  'torch.FloatStorage',
  'torch.HalfStorage',
  'torch.BFloat16Storage',
  'torch.LongStorage',
]);
/** All that a pickle may name. */
export const GLOBALS: ReadonlySet<string> = new Set([REBUILD_TENSOR, REBUILD_PARAMETER, ORDERED_DICT, ...STORAGES]);

/** BGE-M3's `data.pkl` is 50 KB and 15,000 instructions; hostile files end here instead of in memory. */
export const PICKLE_LIMITS = {
  bytes: 4 * 1024 * 1024,
  instructions: 1_000_000,
  stackDepth: 65_536,
  markDepth: 64,
  memoEntries: 262_144,
  textBytes: 1024,
  dimensions: 8,
} as const;

/** Ends the run with the instruction's place and this reason. */
export type Refuse = (what: string) => never;

/** `('storage', torch.HalfStorage, '17', 'cpu', 1024)`. */
export function toStorage(id: PickleValue, refuse: Refuse): PickleStorage {
  if (!Array.isArray(id) || id.length !== 5)
    return refuse('a persistent id that is not (storage, class, key, device, count)');
  const [tag, type, key, , elementCount] = id as PickleTuple;
  if (tag !== 'storage') refuse(`a persistent id of kind ${describe(tag ?? null)}`);
  if (!isKind(type, 'global') || !STORAGES.has(type.name)) return refuse(`storage class ${describe(type ?? null)}`);
  if (typeof key !== 'string' || !/^\d{1,9}$/.test(key))
    return refuse(`storage key ${describe(key ?? null)}, wanted digits`);
  if (!isCount(elementCount)) return refuse(`storage size ${describe(elementCount ?? null)}`);
  return { kind: 'storage', elementName: type.name, key, elementCount };
}

/** What calling one of `GLOBALS` would give, described instead of made. */
export function rebuild(callable: PickleValue, args: PickleValue, refuse: Refuse): PickleValue {
  if (!isKind(callable, 'global')) return refuse(`a call of ${describe(callable)}`);
  if (!Array.isArray(args)) return refuse(`${callable.name} called with ${describe(args)}`);
  switch (callable.name) {
    case ORDERED_DICT:
      return args.length === 0 ? new Map() : refuse('OrderedDict with arguments');
    case REBUILD_PARAMETER: {
      const [tensor] = args as PickleTuple; // then requires_grad, backward_hooks
      return isKind(tensor, 'tensor') ? tensor : refuse(`a parameter made of ${describe(tensor ?? null)}`);
    }
    case REBUILD_TENSOR: {
      const [storage, offset, shape, strides] = args as PickleTuple; // then requires_grad, backward_hooks, metadata
      if (!isKind(storage, 'storage')) return refuse(`a tensor made of ${describe(storage ?? null)}`);
      if (!isCount(offset) || !isCounts(shape) || !isCounts(strides) || shape.length !== strides.length) {
        return refuse('a tensor whose offset, shape or strides are not whole numbers');
      }
      return { kind: 'tensor', storage, offset, shape, strides };
    }
    default:
      return refuse(`a call of ${callable.name}`);
  }
}

export function isKind<K extends 'global' | 'storage' | 'tensor'>(
  value: PickleValue | undefined,
  kind: K,
): value is Extract<PickleValue, { readonly kind: K }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

const isCount = (value: PickleValue | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

function isCounts(value: PickleValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.length <= PICKLE_LIMITS.dimensions && value.every(isCount);
}

/** For errors: what a value is, without what it holds. */
export function describe(value: PickleValue): string {
  if (value === null) return 'None';
  if (Array.isArray(value)) return `a tuple of ${value.length}`;
  if (value instanceof Map) return 'a dictionary';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  if (typeof value === 'object')
    return 'kind' in value ? (value.kind === 'global' ? value.name : `a ${value.kind}`) : 'a tuple';
  return String(value);
}
