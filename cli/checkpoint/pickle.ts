import { UserError } from '../user-error.ts';
import {
  describe,
  GLOBALS,
  isKind,
  PICKLE_LIMITS,
  type PickleTensor,
  type PickleValue,
  rebuild,
  toStorage,
} from './pickle-values.ts';

/**
 * Runs the part of the pickle machine that `torch.save(state_dict)` uses (protocols 2 to 5): tuples, dictionaries, numbers, strings, and a
 * closed list of tensor rebuilders that become descriptions. Every other opcode or global ends the run with its name.
 *
 * @returns The top dictionary's tensors, in file order.
 * @see CPython `Lib/pickletools.py` for the opcodes; PyTorch `torch/_utils.py` for the rebuilders' arguments
 */
export function parseTorchPickle(bytes: Uint8Array, file: string): Map<string, PickleTensor> {
  const top = runPickle(bytes, file);
  if (!(top instanceof Map))
    throw new UserError(`${file}: the pickle holds ${describe(top)}, wanted a dictionary of tensors (a state_dict)`);
  const tensors = new Map<string, PickleTensor>();
  for (const [name, value] of top) {
    if (typeof name !== 'string')
      throw new UserError(`${file}: a key of the state_dict is ${describe(name)}, wanted a string`);
    if (!isKind(value, 'tensor')) {
      throw new UserError(
        `${file}: ${JSON.stringify(name)} holds ${describe(value)}, wanted a tensor; save the model's state_dict alone`,
      );
    }
    tensors.set(name, value);
  }
  return tensors;
}

function runPickle(bytes: Uint8Array, file: string): PickleValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let opcodeAt = 0;
  const refuse = (what: string): never => {
    throw new UserError(`${file}: pickle byte ${opcodeAt}: ${what}`);
  };
  const advance = (length: number): number => {
    if (length > bytes.length - at) refuse('ends inside an instruction; download the file again');
    at += length;
    return at - length;
  };
  const u8 = () => view.getUint8(advance(1));
  const u16 = () => view.getUint16(advance(2), true);
  const u32 = () => view.getUint32(advance(4), true);
  const text = (length: number): string => {
    if (length > PICKLE_LIMITS.textBytes)
      refuse(`a string of ${length} bytes, at most ${PICKLE_LIMITS.textBytes} are read`);
    const start = advance(length);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(start, at));
    } catch {
      return refuse('a string that is not UTF-8');
    }
  };
  const line = (): string => {
    const end = bytes.indexOf(0x0a, at);
    const result = text(end < 0 ? bytes.length - at : end - at);
    advance(1);
    return result;
  };
  /** LONG1: little-endian two's complement; sizes fit in eight bytes. */
  const long = (): number => {
    const length = u8();
    if (length > 8) refuse(`an integer of ${length} bytes, at most 8 are read`);
    let value = 0n;
    for (let i = 0; i < length; i++) value |= BigInt(u8()) << BigInt(8 * i);
    const result = Number(BigInt.asIntN(8 * length, value));
    return Number.isSafeInteger(result) ? result : refuse('an integer beyond 2^53');
  };

  const stack: PickleValue[] = [];
  const marks: number[] = [];
  const memo = new Map<number, PickleValue>();
  const push = (value: PickleValue) => {
    if (stack.length >= PICKLE_LIMITS.stackDepth) refuse(`more than ${PICKLE_LIMITS.stackDepth} values on the stack`);
    stack.push(value);
  };
  /** Takes `count` values, none from below the last mark. */
  const pop = (count: number): PickleValue[] => {
    if (stack.length - count < (marks.at(-1) ?? 0)) refuse('a value was taken from an empty stack');
    return stack.splice(stack.length - count, count);
  };
  const popOne = (): PickleValue => pop(1)[0] as PickleValue;
  const popToMark = (): PickleValue[] => stack.splice(marks.pop() ?? refuse('no mark on the stack'));
  const remember = (index: number) => {
    if (memo.size >= PICKLE_LIMITS.memoEntries) refuse(`more than ${PICKLE_LIMITS.memoEntries} memo entries`);
    const value = popOne();
    memo.set(index, value);
    stack.push(value);
  };
  const recall = (index: number) =>
    push(memo.has(index) ? memo.get(index)! : refuse(`memo ${index} was never written`));
  const setItems = (items: PickleValue[]) => {
    const map = popOne();
    if (!(map instanceof Map)) return refuse(`items were set on ${describe(map)}`);
    if (items.length % 2 !== 0) refuse('a key without a value');
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]!;
      if (typeof key === 'string' && map.has(key)) refuse(`duplicate key ${JSON.stringify(key)}`);
      map.set(key, items[i + 1]!);
    }
    stack.push(map);
  };
  const pushGlobal = (module: string, name: string) => {
    const global = `${module}.${name}`;
    if (!GLOBALS.has(global)) {
      refuse(
        `refused global ${JSON.stringify(global)}: only tensors, their storages and OrderedDict are read, nothing is ever run`,
      );
    }
    push({ kind: 'global', name: global });
  };

  for (let count = 0; ; count++) {
    if (count >= PICKLE_LIMITS.instructions) refuse(`more than ${PICKLE_LIMITS.instructions} instructions`);
    opcodeAt = at;
    const opcode = u8();
    switch (opcode) {
      case 0x80: {
        // PROTO
        const protocol = u8();
        if (protocol < 2 || protocol > 5) refuse(`protocol ${protocol}, wanted 2 to 5`);
        break;
      }
      case 0x95: // FRAME: a hint for buffered readers
        advance(8);
        break;
      case 0x2e: // STOP
        if (at !== bytes.length) refuse(`${bytes.length - at} bytes after the end`);
        if (stack.length !== 1 || marks.length !== 0) refuse('the stack does not hold one value at the end');
        return stack[0]!;
      case 0x28: // MARK
        if (marks.length >= PICKLE_LIMITS.markDepth) refuse(`nesting deeper than ${PICKLE_LIMITS.markDepth}`);
        marks.push(stack.length);
        break;
      case 0x4e: // NONE
        push(null);
        break;
      case 0x88: // NEWTRUE
      case 0x89: // NEWFALSE
        push(opcode === 0x88);
        break;
      case 0x4a: // BININT
        push(view.getInt32(advance(4), true));
        break;
      case 0x4b: // BININT1
        push(u8());
        break;
      case 0x4d: // BININT2
        push(u16());
        break;
      case 0x8a: // LONG1
        push(long());
        break;
      case 0x58: // BINUNICODE
        push(text(u32()));
        break;
      case 0x8c: // SHORT_BINUNICODE
        push(text(u8()));
        break;
      case 0x29: // EMPTY_TUPLE
        push([]);
        break;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        push(pop(opcode - 0x84));
        break;
      case 0x74: // TUPLE
        push(popToMark());
        break;
      case 0x7d: // EMPTY_DICT
        push(new Map());
        break;
      case 0x73: // SETITEM
        setItems(pop(2));
        break;
      case 0x75: // SETITEMS
        setItems(popToMark());
        break;
      case 0x71: // BINPUT
        remember(u8());
        break;
      case 0x72: // LONG_BINPUT
        remember(u32());
        break;
      case 0x94: // MEMOIZE
        remember(memo.size);
        break;
      case 0x68: // BINGET
        recall(u8());
        break;
      case 0x6a: // LONG_BINGET
        recall(u32());
        break;
      case 0x63: // GLOBAL
        pushGlobal(line(), line());
        break;
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = pop(2);
        if (typeof module !== 'string' || typeof name !== 'string')
          return refuse('a global that is not named by strings');
        pushGlobal(module, name);
        break;
      }
      case 0x51: // BINPERSID
        push(toStorage(popOne(), refuse));
        break;
      case 0x52: {
        // REDUCE
        const [callable, args] = pop(2);
        push(rebuild(callable!, args!, refuse));
        break;
      }
      case 0x62: {
        // BUILD: a state_dict's `_metadata` of module versions, which says nothing about the tensors
        popOne();
        const target = stack.at(-1);
        if (!(target instanceof Map)) refuse(`state was set on ${describe(target ?? null)}`);
        break;
      }
      default:
        refuse(`refused opcode 0x${opcode.toString(16).padStart(2, '0')}: no state_dict needs it`);
    }
  }
}
